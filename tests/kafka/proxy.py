"""The network between clients and brokers, which can be cut, held up, delayed and throttled.

It forwards bytes between ports of this machine, in a thread of its own, and knows nothing of Kafka.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_HOST = "127.0.0.1"
_CHUNK = 64 << 10


@dataclass(eq=False)
class Link:
    """What happens to the bytes from one port to another; set it while they flow."""

    port: int
    to_port: int
    refuses: bool = False
    """Whoever connects is turned away at once."""
    stalls: bool = False
    """Nothing comes through in either direction, and nobody is told."""
    delay_s: float = 0.0
    """Of each piece of up to 64 KiB."""
    bytes_per_s: float = 0.0
    """0: as fast as it goes."""
    open: set[asyncio.Transport] = field(default_factory=set)
    """Both ends of each connection."""

    async def passed(self, size: int) -> None:
        """Returns when a piece of this size may go on."""
        while self.stalls:  # noqa: ASYNC110  it is set by other threads
            await asyncio.sleep(0.02)
        held_s = self.delay_s + (size / self.bytes_per_s if self.bytes_per_s else 0)
        if held_s:
            await asyncio.sleep(held_s)


class Proxy:
    """Links that work from `with` on; what is asked of it has happened when the call returns."""

    def __init__(self, links: Iterable[Link]) -> None:
        self.links = list(links)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._flows: set[asyncio.Future[Any]] = set()

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self, links: Iterable[Link]) -> None:
        """Break the connections of these links, and refuse new ones until `heal`."""
        self._do(self._cut(list(links)))

    def heal(self) -> None:
        """Everything flows again."""
        for link in self.links:
            link.refuses = link.stalls = False
            link.delay_s = link.bytes_per_s = 0.0

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        for link in self.links:
            server = await asyncio.start_server(self._met(link), _HOST, link.port)
            self._flows.add(asyncio.ensure_future(server.serve_forever()))

    async def _end(self) -> None:
        await self._cut(self.links)
        for flow in self._flows:
            flow.cancel()
        await asyncio.gather(*self._flows, return_exceptions=True)

    async def _cut(self, links: list[Link]) -> None:
        for link in links:
            link.refuses = True
            for end in list(link.open):
                end.abort()

    def _met(self, link: Link) -> Any:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            flow = asyncio.ensure_future(_joined(link, reader, writer))
            self._flows.add(flow)
            flow.add_done_callback(self._flows.discard)

        return connected


async def _joined(link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, from its beginning to its end; when one side ends, so does the other."""
    ends: list[Any] = [writer.transport]
    link.open.update(ends)
    try:
        if link.refuses:
            return
        to_reader, to_writer = await asyncio.open_connection(_HOST, link.to_port)
        ends.append(to_writer.transport)
        link.open.update(ends)
        both = [_flow(link, reader, to_writer), _flow(link, to_reader, writer)]
        flows = [asyncio.ensure_future(flow) for flow in both]
        try:
            await asyncio.wait(flows, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for flow in flows:
                flow.cancel()
            await asyncio.gather(*flows, return_exceptions=True)
    except OSError:
        pass  # nobody there: the client hears it as the broker would tell
    finally:
        link.open.difference_update(ends)
        for end in ends:
            end.abort()


async def _flow(link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_CHUNK):
        await link.passed(len(piece))
        writer.write(piece)
        await writer.drain()
