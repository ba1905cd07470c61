"""What a scrape costs: the shop of `kpi demo` under examples/shop.toml, 26 hours old, without Kafka.

*First*: nothing was asked before.  *Cold*: a minute has passed since the last scrape and every KPI
is said anew, the dearest steady case; the quarter of an hour measured begins with a new hour, whose
first scrape is among them.  *Warm*: nothing has changed.

A process of its own; prints what it measured as JSON.
"""

from __future__ import annotations

import gc
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from prometheus_client import CollectorRegistry

from kpi_windows.definitions import HOUR_MS, MINUTE_MS
from kpi_windows.engine import Record, Shard
from kpi_windows.events import TOPICS
from streams.config import load
from streams.cycles import look_seldom
from streams.demo import DemoOptions
from streams.exposition import KpiCollector, registry
from streams.follower import Whole
from streams.settings import Settings
from streams.simulator import Message, Shop, ShopOptions
from streams.written import scrape
from tests.bench.processes import REPOSITORY
from tests.bench.report import spread
from tests.bench.sizes import START_MS

_MINUTES = 15
_PLAIN = "text/plain"


class Young:
    """A shop and all that is visible of it, up to a minute."""

    def __init__(self, settings: Settings, options: DemoOptions) -> None:
        self.at_ms = START_MS - int(options.hours * HOUR_MS)
        shop = Shop(options.seed, ShopOptions(visits_per_hour=options.visits_per_hour))
        self._messages: Iterator[Message] = shop.events(self.at_ms)
        self._next = next(self._messages)
        self._shard = Shard(settings.definitions, 0, 1, tuple(settings.topics))
        self.whole = Whole(settings, now_ms=lambda: self.at_ms)
        self.whole.catch_up(0)
        self.events = 0

    def minute(self) -> None:
        """One more, committed."""
        self.at_ms += MINUTE_MS
        came: defaultdict[str, list[Record]] = defaultdict(list)
        while self._next.arrival_ms < self.at_ms:
            each = self._next
            came[each.topic].append(Record(self.events, each.arrival_ms, each.key, each.value))
            self.events += 1
            self._next = next(self._messages)
        for topic, records in came.items():
            self._shard.ingest(topic, records)
        silent = TOPICS.keys() - came.keys()
        self._shard.tick(self.at_ms, silent, dict.fromkeys(silent, 0))
        cut = self._shard.cut()
        if cut is not None:
            self.whole.take(0, cut.panes, cut.checkpoint, live=False)


def measure(options: DemoOptions, minutes: int = _MINUTES) -> dict[str, Any]:
    """CPU seconds of scrapes, and what they were of."""
    settings = load(str(REPOSITORY / "examples/shop.toml"), {})
    settings = replace(settings, kafka=replace(settings.kafka, partitions=1))
    young = Young(settings, options)
    while young.at_ms < START_MS:
        young.minute()
    kept = registry(KpiCollector(young.whole))
    first_s = _cpu_s(kept)
    warm_s = [_cpu_s(kept) for _ in range(minutes)]
    cold_s = []
    for _ in range(minutes):
        young.minute()
        cold_s.append(_cpu_s(registry(KpiCollector(young.whole))))  # it has said nothing yet
    page, _ = scrape(kept, _PLAIN)
    return {
        "events": young.events,
        "series": sum(1 for line in page.splitlines() if not line.startswith(b"#")),
        "page_mb": len(page) / 1e6,
        "first_cpu_s": first_s,
        "cold_cpu_s": spread(cold_s),
        "warm_cpu_s": spread(warm_s),
    }


def _cpu_s(kept: CollectorRegistry) -> float:
    began = time.process_time()
    scrape(kept, _PLAIN)
    return time.process_time() - began


if __name__ == "__main__":
    gc.freeze()  # as the exporter does
    look_seldom()
    print(json.dumps(measure(DemoOptions())))
