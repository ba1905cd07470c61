"""What one visitor with half of all events costs, in order and out of order, without Kafka.

CPU time an event of a shard and its cuts each second, beside that of the same events of many
visitors.  A process of its own; prints what it measured as JSON.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from statistics import median

from kpi_windows.definitions import Definitions
from kpi_windows.engine import Record, Shard
from streams.cycles import look_seldom
from tests.bench.sizes import CLICKS, START_MS

_A_SECOND = 1_000
_VISITORS = 2_000
_LATE_SHARE, _LATE_MS = 0.02, 20_000


def _records(events: int, *, skew: bool, disorder: bool) -> list[Record]:
    """In order of arrival; with `disorder` some come late, with `skew` half are one visitor's."""
    chance = random.Random(1)
    made = []
    for number in range(events):
        at_ms = START_MS + number * 1_000 // _A_SECOND
        visitor = "whale" if skew and number % 2 else f"v{chance.randrange(_VISITORS)}"
        late_ms = chance.randrange(_LATE_MS) if chance.random() < _LATE_SHARE else 0
        event = {
            "type": "page_viewed",
            "timestamp": at_ms,
            "visitor_id": visitor,
            "event_id": f"e{number}",
            "page": f"/{number % 50}",
        }
        made.append((at_ms + disorder * late_ms, number, visitor, json.dumps(event).encode()))
    made.sort()
    return [
        Record(offset, arrival_ms, visitor.encode(), value)
        for offset, (arrival_ms, _, visitor, value) in enumerate(made)
    ]


def _cpu_us(records: list[Record]) -> float:
    shard = Shard(Definitions(), 0, 1, (CLICKS,))
    began = time.process_time()
    for first in range(0, len(records), _A_SECOND):
        shard.ingest(CLICKS, records[first : first + _A_SECOND])
        shard.cut()
    return (time.process_time() - began) / len(records) * 1e6


def measure(events: int, rounds: int = 3) -> dict[str, float]:
    """CPU µs an event, medians of so many rounds in turn, and the ratios to many visitors in order."""
    kinds = {
        "even": _records(events, skew=False, disorder=False),
        "even_disorder": _records(events, skew=False, disorder=True),
        "skew": _records(events, skew=True, disorder=False),
        "skew_disorder": _records(events, skew=True, disorder=True),
    }
    gc.freeze()
    look_seldom()
    runs = [{name: _cpu_us(records) for name, records in kinds.items()} for _ in range(rounds)]
    found = {f"{name}_us": median(run[name] for run in runs) for name in kinds}
    ratios = {f"{name}_ratio": found[f"{name}_us"] / found["even_us"] for name in kinds}
    return found | ratios


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
