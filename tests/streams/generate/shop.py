"""A simulated shop on a real Kafka, with worker, exporter, Prometheus, Alertmanager and a webhook.

The configuration is what `kpi generate` writes for examples/shop.toml and a threshold made quick.
Event time is compressed: it goes as far as it is told, as fast as the worker takes it.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from kpi_windows.definitions import HOUR_MS
from kpi_windows.events import TOPICS
from streams import topics
from streams.alerting import topics as alert_topics
from streams.config import load
from streams.generate import files
from streams.simulator import Message, Shop, ShopOptions
from tests.bench.clickstream import producer
from tests.bench.processes import Kpi
from tests.kafka.broker import KafkaBroker
from tests.streams.generate.monitoring import alertmanager, prometheus, until, webhook, written
from tests.streams.generate.names import ROOT

START_MS = 1_795_010_400_000
"""2026-11-18T14:00Z, a Wednesday: the past of whoever runs this, and every run is alike."""
PARTITIONS = 2
PAST_HOURS = 52
_TARGET, _SOONER = 'resolution = "2d"', 'resolution = "4h"'
"""So that a shop that is two days old has tickets past their target."""
_QUICK = """
[thresholds.checkout_fails]
for = "0s"
keep_firing_for = "0s"
min_volume = 5
hysteresis = 0.2
"""


class Watched:
    """All of it under way."""

    def __init__(
        self,
        folder: Path,
        kafka: KafkaBroker,
        options: ShopOptions,
        hook: str,
        told: list[dict[str, Any]],
    ) -> None:
        self.app_id = f"watched-{uuid.uuid4().hex[:8]}"
        self.now_ms = START_MS - PAST_HOURS * HOUR_MS
        self.told = told
        """All alerts that came to the webhook."""
        self.prometheus = self.alertmanager = self.exporter = ""
        self._to = producer(kafka.bootstrap)
        self._messages = Shop(1, options).events(self.now_ms)
        self._next: Message = next(self._messages)
        file = folder / "shop.toml"
        example = (ROOT / "examples/shop.toml").read_text("utf-8")
        assert _TARGET in example
        file.write_text(example.replace(_TARGET, _SOONER) + _QUICK)
        self.variables = {
            "config": str(file),
            "bootstrap_servers": kafka.bootstrap,
            "app_id": self.app_id,
            "partitions": str(PARTITIONS),
            "topics": ",".join(f"{topic}={self.app_id}-{topic}" for topic in TOPICS),
            "alerting_topic": f"{self.app_id}-alerts",
            "alerting_webhook": hook,
            "exporter_port": "0",
            "worker_port": "0",
        }
        named = {f"KPI_{name.upper()}": value for name, value in self.variables.items()}
        self.settings = load(environ=named)

    def play(self, to_ms: int) -> None:
        """The shop's life up to a time; returns when the exporter has all of it."""
        while self._next.arrival_ms < to_ms:
            each = self._next
            self._to.produce(f"{self.app_id}-{each.topic}", each.value, each.key)
            self._to.poll(0)
            self._next = next(self._messages)
        clock = json.dumps({"type": "clock", "timestamp": to_ms}).encode()
        for topic in TOPICS:
            for partition in range(PARTITIONS):
                self._to.produce(f"{self.app_id}-{topic}", clock, partition=partition)
        assert self._to.flush(60) == 0
        self.now_ms = to_ms
        until(lambda: self.watermark_ms() == to_ms, "all events are counted")

    def watermark_ms(self) -> int | None:
        """How far event time has come."""
        with urllib.request.urlopen(f"{self.exporter}/api/v1/status", timeout=30) as reply:
            at_ms: int | None = json.load(reply)["watermark_ms"]
            return at_ms

    def heard(self, name: str, status: str) -> list[dict[str, Any]]:
        """What the webhook was told of an alert."""
        told = [one for one in self.told if one["labels"]["alertname"] == name]
        return [one for one in told if one["status"] == status]

    def firing(self) -> set[str]:
        """The alerts that Alertmanager has."""
        with urllib.request.urlopen(f"{self.alertmanager}/api/v2/alerts", timeout=30) as reply:
            return {one["labels"]["alertname"] for one in json.load(reply)}


@contextmanager
def watched(
    folder: Path, kafka: KafkaBroker, options: ShopOptions, every: str = "3s"
) -> Iterator[Watched]:
    """From an empty Kafka on, scraped so often; ends its processes, and leaves the folder."""
    with ExitStack() as stack:
        hook, told = stack.enter_context(webhook())
        shop = Watched(folder, kafka, options, hook, told)
        asyncio.run(topics.ensure(shop.settings, create=True))
        asyncio.run(alert_topics.ensure(shop.settings, create=True))
        place = {"folder": folder, "settings": shop.variables}
        worker = stack.enter_context(Kpi("worker", **place))  # type: ignore[arg-type]
        exporter = stack.enter_context(Kpi("exporter", **place))  # type: ignore[arg-type]
        made = written(folder, files(shop.settings))
        shop.exporter = exporter.url()
        target = stack.enter_context(alertmanager(made))
        shop.alertmanager = f"http://{target}"
        ours, theirs = (url.removeprefix("http://") for url in (shop.exporter, worker.url()))
        shop.prometheus = stack.enter_context(prometheus(made, ours, theirs, target, every))
        yield shop
