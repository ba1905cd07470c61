"""A client that posts as fast as it is told, and sends again what wasn't acknowledged."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_AGAIN_S = 0.2
_BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass
class Load:
    """Bodies for one path, over connections that are kept."""

    url: str
    token: str
    bodies: Sequence[bytes]
    connections: int = 64
    rate: float = 0.0
    """Posts a second, as far as answers come; 0: as fast as they do."""
    topic: str = "clickstream"
    acknowledged: set[int] = field(default_factory=set)
    """Bodies, by their place, of which the answer was that Kafka has all."""
    statuses: Counter[int] = field(default_factory=Counter)
    """Answers; 0 for none."""
    _next: int = 0

    async def run(self) -> None:
        """Until all bodies are acknowledged."""
        self._started_s = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for _ in range(self.connections):
                group.create_task(self._connection())

    async def _connection(self) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        place = self._take()
        while place is not None:
            await self._pace(place)
            try:
                if streams is None:
                    where = urlsplit(self.url)
                    streams = await asyncio.open_connection(where.hostname, where.port)
                status = await self._post(*streams, self.bodies[place])
            except _BROKEN:
                status = 0
            self.statuses[status] += 1
            if status == 200:
                self.acknowledged.add(place)
                place = self._take()
                continue
            if status == 0 and streams is not None:
                streams[1].close()
                streams = None
            await asyncio.sleep(_AGAIN_S)
        if streams is not None:
            streams[1].close()

    def _take(self) -> int | None:
        place, self._next = self._next, self._next + 1
        return place if place < len(self.bodies) else None

    async def _pace(self, place: int) -> None:
        if self.rate:
            due_s = self._started_s + place / self.rate
            await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))

    async def _post(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes
    ) -> int:
        writer.write(
            b"POST /v1/events/%b HTTP/1.1\r\nHost: intake\r\nAuthorization: Bearer %b\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (self.topic.encode(), self.token.encode(), len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        await reader.readexactly(int(length[1]) if length else 0)
        return int(head.split(b" ", 2)[1])
