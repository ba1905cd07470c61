"""What known visitors cost: memory and the time to load their states back, without Kafka.

States are those of simulated visitors, some while their visit is at hand (its events are kept) and
all others at rest, loaded under as many keys as asked for, each with bytes of its own, as a restore
does.  A process of its own for each size; prints what it measured as JSON.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from itertools import cycle, islice

import psutil

from kpi_windows.definitions import MINUTE_MS, Definitions
from kpi_windows.engine import Record, Shard
from streams.cycles import look_seldom
from tests.bench.clickstream import clicks
from tests.bench.processes import memory_mb
from tests.bench.sizes import START_MS, Sizes

_SAMPLE = Sizes(visitors=2_000, events=24_000)
_RATE = 40.0
"""Events a second of the sample: ten minutes in all, longer than a visit."""


def states(*, at_rest: bool) -> list[bytes]:
    """Packed journeys of visitors, with the events of a visit at hand or after it."""
    shard = Shard(Definitions(), 0, 1, ("clickstream",))
    messages = islice(clicks(_SAMPLE, _RATE), _SAMPLE.events)
    records = [Record(n, m.arrival_ms, m.key, m.value) for n, m in enumerate(messages)]
    shard.ingest("clickstream", records)
    cut = shard.cut()
    if at_rest:
        end_ms = START_MS + 120 * MINUTE_MS
        clock = json.dumps({"type": "clock", "timestamp": end_ms}).encode()
        shard.ingest("clickstream", [Record(len(records), end_ms, None, clock)])
        cut = shard.cut()
    assert cut is not None
    return [value for key, value in cut.state if value is not None and key[:1] == b"v"]


def measure(visitors: int, partitions: int, active: int) -> dict[str, float]:
    """`active` of the visitors have a visit at hand."""
    gc.freeze()
    look_seldom()
    kinds = ((states(at_rest=False), active), (states(at_rest=True), visitors - active))
    process = psutil.Process()
    shards = [Shard(Definitions(), p, partitions, ("clickstream",)) for p in range(partitions)]
    before_mb, _ = memory_mb(process)
    number = size = 0
    began = time.process_time()
    for values, count in kinds:
        for value in islice(cycle(values), count):
            own = bytes(bytearray(value))  # as each record of a log is
            shards[number % partitions].load("state", b"vvisitor-%d" % number, own)
            number += 1
            size += len(own)
    for shard in shards:
        shard.loaded()
    load_s = time.process_time() - began
    after_mb, _ = memory_mb(process)
    return {
        "visitors": visitors,
        "active": active,
        "partitions": partitions,
        "state_bytes_each": size / visitors,
        "load_cpu_s": load_s,
        "grown_mb": after_mb - before_mb,
        "rss_mb": after_mb,
    }


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:]))))
