"""An intake with a writer in memory, for tests; and the events that they send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import aiohttp

from streams.receiver.reception import Outcome
from streams.receiver.routes import HTTP, intake_app
from streams.receiver.service import Service
from streams.servers import Intake
from streams.settings import Settings
from streams.site import serve

NOW_MS = 1_800_000_000_000
TOKEN = "correct-horse-battery"
OLD_TOKEN = "staple-staple-staple"
JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}


class Message(NamedTuple):
    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int


class Shelf:
    """A writer that keeps messages; `held` keeps the outcomes too, `fails` says why none is in."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.fails: str | None = None
        self.held: list[Outcome] | None = None

    def write(self, topic: str, key: bytes, value: bytes, timestamp_ms: int) -> Outcome:
        outcome: Outcome = asyncio.get_running_loop().create_future()
        self.messages.append(Message(topic, key, value, timestamp_ms))
        if self.held is not None:
            self.held.append(outcome)
        else:
            outcome.set_result(self.fails)
        return outcome

    async def until(self, count: int) -> None:
        """So many messages have been written."""
        await until(lambda: len(self.messages) >= count)


async def until(found: Callable[[], bool]) -> None:
    """Asks until it is so."""
    async with asyncio.timeout(20):
        while not found():  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0.001)


class Reply(NamedTuple):
    status: int
    told: Any
    headers: Any

    @property
    def statuses(self) -> list[str]:
        return [each["status"] for each in self.told["events"]]


@dataclass
class Desk:
    """The running intake and a client of it."""

    service: Service
    shelf: Shelf
    url: str
    port: int
    client: aiohttp.ClientSession
    clock_s: list[float] = field(default_factory=lambda: [0.0])

    async def post(
        self, path: str, body: Any, token: str | None = TOKEN, method: str = "POST", **headers: str
    ) -> Reply:
        told = {name.replace("_", "-"): text for name, text in headers.items()}
        told = {**({} if "Content-Type" in told else JSON), **told}
        if token is not None:
            told["Authorization"] = f"Bearer {token}"
        data = body if isinstance(body, bytes) or hasattr(body, "__aiter__") else json.dumps(body)
        async with self.client.request(
            method, self.url + path, data=data, headers=told, skip_auto_headers=["Content-Type"]
        ) as reply:
            text = await reply.read()
            assert b"Traceback" not in text
            return Reply(reply.status, json.loads(text), reply.headers)

    async def send(self, *events: Any, topic: str = "clickstream", **headers: str) -> Reply:
        return await self.post(f"/v1/events/{topic}", list(events), **headers)

    async def get(self, path: str) -> tuple[int, str]:
        plain = {"Accept-Encoding": "identity"}  # this client unpacks nothing
        async with self.client.get(self.url + path, headers=plain) as reply:
            return reply.status, await reply.text()


@asynccontextmanager
async def opened(
    ready: Callable[[], Awaitable[str | None]] | None = None, **changes: Any
) -> AsyncIterator[Desk]:
    """An intake on a free port; `changes` are settings of `[intake]`, or whole `settings`, or `adapters`."""
    settings = changes.pop("settings", Settings())
    adapters = changes.pop("adapters", None)
    http = {**HTTP, "lingering_time": 0.1, **changes.pop("http", {})}
    settings = replace(settings, intake=Intake(**{"tokens": (TOKEN, OLD_TOKEN), **changes}))
    shelf = Shelf()
    clock_s = [0.0]
    service = Service(settings, shelf, now_ms=lambda: NOW_MS, now_s=lambda: clock_s[0])

    async def fine() -> str | None:
        return None

    site = await serve(
        intake_app(service, ready or fine, adapters or {}),
        "127.0.0.1",
        0,
        **http,
        shutdown_timeout=20,
    )
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        try:
            yield Desk(service, shelf, site.url, site.port, client, clock_s)
        finally:
            service.stops = True
            await site.close()


def page(event_id: str | None = "1", **changes: Any) -> dict[str, Any]:
    """A page that was viewed just now."""
    told = {"type": "page_viewed", "timestamp": NOW_MS, "visitor_id": "v-1", "page": "/"}
    return {**told, **({} if event_id is None else {"event_id": event_id}), **changes}
