"""A shop whose events come in bit by bit, served by an exporter that can stop and start again."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from kpi_windows.definitions import HOUR_MS
from kpi_windows.engine import Record, Shard
from kpi_windows.events import TOPICS
from streams.exporter import exporter_app
from streams.follower import Whole
from streams.settings import Kafka, Settings
from streams.simulator import Shop, ShopOptions
from streams.site import Site, serve
from tests.streams.visible import NOON_MS

Event = dict[str, Any]


class Played:
    """One partition of a shop."""

    def __init__(self, settings: Settings | None = None, now_ms: int = NOON_MS) -> None:
        self.settings = settings or Settings(kafka=Kafka(partitions=1))
        self.now_ms = now_ms
        self.whole = Whole(self.settings, now_ms=lambda: self.now_ms)
        self._shard = Shard(self.settings.definitions, 0, 1)
        self._offset = 0
        self.demo = False

    def ready(self) -> Played:
        self.whole.catch_up(0)
        return self

    def take(self, events: Iterable[tuple[str, bytes]], until_ms: int) -> Played:
        """So many events, and all time until then."""
        clock = msgspec.json.encode({"type": "clock", "timestamp": until_ms})
        for topic, value in [*events, *((topic, clock) for topic in TOPICS)]:
            self._offset += 1
            self._shard.ingest(topic, [Record(self._offset, -1, None, value)])
        cut = self._shard.cut()
        assert cut is not None
        self.now_ms = max(self.now_ms, until_ms)
        self.whole.take(0, cut.panes, cut.checkpoint, live=True)
        return self

    def add(self, events: Iterable[Event], until_ms: int) -> Played:
        told = ((each["topic"], json.dumps(each).encode()) for each in events)
        return self.take(told, until_ms)

    def simulate(self, hours: float, visits: float = 60, seed: int = 3) -> Played:
        """The simulated shop's last hours until noon."""
        shop = Shop(seed, ShopOptions(visits_per_hour=visits))
        events = shop.events(NOON_MS - int(hours * HOUR_MS), NOON_MS)
        by_topic: dict[str, list[Record]] = {}
        for each in events:
            self._offset += 1
            record = Record(self._offset, -1, None, each.value)
            by_topic.setdefault(each.topic, []).append(record)
        for topic, records in by_topic.items():
            self._shard.ingest(topic, records)
        return self.take([], NOON_MS)


class Served:
    """The exporter over it; what touches its state runs in its loop, as a follower does."""

    def __init__(self, played: Played) -> None:
        self.played = played
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._site: Site | None = None
        self.start(0)

    def start(self, port: int) -> None:
        web = exporter_app(self.played.whole, demo=self.played.demo)
        opening = serve(web, "127.0.0.1", port)
        self._site = asyncio.run_coroutine_threadsafe(opening, self._loop).result(20)
        self.url, self.port = self._site.url, self._site.port

    def stop(self) -> None:
        if self._site is not None:
            asyncio.run_coroutine_threadsafe(self._site.close(), self._loop).result(20)
            self._site = None

    def do(self, change: Callable[[], object]) -> None:
        async def changed() -> None:
            change()

        asyncio.run_coroutine_threadsafe(changed(), self._loop).result(20)

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def get(self, path: str, headers: dict[str, str] | None = None, **asked: Any) -> Any:
        """(status, headers, body) of a request."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        try:
            connection.request("GET", f"{path}?{urlencode(asked)}", headers=headers or {})
            reply = connection.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read()
        finally:
            connection.close()

    def told(self, path: str, **asked: Any) -> Any:
        status, _, body = self.get(path, **asked)
        assert status == 200, body
        return json.loads(body)


@contextmanager
def served(played: Played) -> Iterator[Served]:
    site = Served(played)
    try:
        yield site
    finally:
        site.close()
