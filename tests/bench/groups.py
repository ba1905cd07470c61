"""What each topic and each group of KPIs costs: a whole shop's log through one shard, without Kafka.

Decoding, admission and journeys serve all groups that read a topic, so their CPU time is told by
topic.  What a group adds is told by group: in the worker the panes of its facts, in the exporter
the evaluation of its KPIs.  A fact that two groups read counts in both.

A process of its own; prints what it measured as JSON.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from kpi_windows.codec import pack_checkpoint
from kpi_windows.engine import Record, Shard
from kpi_windows.events import TOPICS
from kpi_windows.facts import Deltas
from kpi_windows.kpi import Kpi
from kpi_windows.kpis import Catalogue
from kpi_windows.rollup import Change, Panes
from streams.cycles import look_seldom
from streams.exposition import KpiCollector
from streams.follower import Whole
from streams.settings import Kafka, Settings
from streams.simulator import Message, Shop, ShopOptions
from tests.bench.sizes import START_MS

_FETCHED = 100
"""Events of all topics together: two or three seconds of the shop."""
_FETCHES = 40
"""Between two cuts."""
_SCRAPES = 3


class Costs:
    """CPU seconds by topic, by fact, and of what all share."""

    def __init__(self) -> None:
        self.events: defaultdict[str, int] = defaultdict(int)
        self.of_topic: defaultdict[str, float] = defaultdict(float)
        self.of_fact: defaultdict[str, float] = defaultdict(float)
        self.cut_s = 0.0

    def watch_panes(self) -> None:
        """From now on the panes of each fact are added by themselves, with a look at the clock."""
        cut = Panes.cut

        def watched(panes: Panes, deltas: Deltas, watermark_ms: int) -> list[Change]:
            changes: list[Change] = []
            for name, cells in deltas.cells.items():
                if cells:
                    began = time.process_time()
                    one = Deltas({})
                    one.cells[name] = cells
                    changes += cut(panes, one, watermark_ms)
                    self.of_fact[name] += time.process_time() - began
            return changes

        Panes.cut = watched  # type: ignore[method-assign]


def _log(events: int) -> Iterator[Message]:
    return islice(Shop(1, ShopOptions(events_per_second=40.0)).events(START_MS), events)


def measure(events: int) -> dict[str, Any]:
    settings = Settings(kafka=Kafka(partitions=1))
    shard = Shard(settings.definitions, 0, 1)
    whole = Whole(settings, now_ms=lambda: START_MS)
    costs = Costs()
    costs.watch_panes()
    log = _log(events)
    while sum(costs.events.values()) < events:
        for _ in range(_FETCHES):
            _ingest(shard, list(islice(log, _FETCHED)), costs)
        silent = TOPICS.keys() - costs.events.keys()
        shard.tick(START_MS, silent, dict.fromkeys(silent, 0))
        began = time.process_time()
        cut = shard.cut()
        costs.cut_s += time.process_time() - began
        if cut is not None:
            whole.take(0, cut.panes, cut.checkpoint, live=False)
    whole.catch_up(0)
    evaluations = _evaluate(whole)
    total_s = sum(costs.of_topic.values()) + costs.cut_s
    panes_s = sum(costs.of_fact.values())
    per_event = 1e6 / sum(costs.events.values())
    return {
        "events": sum(costs.events.values()),
        "cpu_us_per_event": total_s * per_event,
        "topics": {
            topic: {
                "events": costs.events[topic],
                "cpu_us_per_event": spent_s / costs.events[topic] * 1e6,
                "share": spent_s / total_s,
            }
            for topic, spent_s in costs.of_topic.items()
        },
        "cut": _share(costs.cut_s - panes_s, total_s, per_event),
        "panes": _share(panes_s, total_s, per_event),
        "kpi_groups": {
            name: {
                "kpis": len(kpis),
                "panes_cpu_us_per_event": _panes_s(kpis, costs) * per_event,
                "share": _panes_s(kpis, costs) / total_s,
                "scrape_cpu_ms": evaluations[name] * 1e3,
            }
            for name, kpis in settings.catalogue.groups.items()
        },
    }


def _share(spent_s: float, total_s: float, per_event: float) -> dict[str, float]:
    return {"cpu_us_per_event": spent_s * per_event, "share": spent_s / total_s}


def _ingest(shard: Shard, messages: list[Message], costs: Costs) -> None:
    ordered = sorted(messages, key=attrgetter("topic"))  # stable: in order of arrival within each
    for topic, group in groupby(ordered, key=attrgetter("topic")):
        first = shard.positions.get(topic, 0)
        records = [
            Record(first + number, each.arrival_ms, each.key, each.value)
            for number, each in enumerate(group)
        ]
        began = time.process_time()
        shard.ingest(topic, records)
        costs.of_topic[topic] += time.process_time() - began
        costs.events[topic] += len(records)


def _panes_s(kpis: tuple[Kpi, ...], costs: Costs) -> float:
    facts = {
        fact.name
        for kpi in kpis
        for reading in kpi.readings.values()
        for fact in reading.formula.facts()
    }
    return sum(costs.of_fact.get(name, 0.0) for name in facts)


def _evaluate(whole: Whole) -> dict[str, float]:
    """CPU seconds that a scrape spends on each group, of a view that has just moved."""
    settings = whole.settings
    checkpoint = max(whole.seen.values(), key=attrgetter("cuts")).checkpoint
    spent: dict[str, float] = {}
    collectors = {}
    for name, kpis in settings.catalogue.groups.items():
        whole.settings = replace(settings, catalogue=Catalogue({name: kpis}))
        collectors[name] = KpiCollector(whole)
    whole.settings = settings
    packed = pack_checkpoint(checkpoint)
    for _ in range(_SCRAPES):
        for name, collector in collectors.items():
            whole.view.apply(0, [], packed)
            began = time.process_time()
            list(collector.collect())
            took_s = time.process_time() - began
            spent[name] = min(took_s, spent.get(name, took_s))
    return spent


if __name__ == "__main__":
    gc.freeze()  # as the worker does
    look_seldom()
    print(json.dumps(measure(int(sys.argv[1]))))
