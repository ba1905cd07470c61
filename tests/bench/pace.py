"""A producer at a steady rate: the simulated clickstream, moved to now.

A process of its own. The events are made first, into a file; then it prints `sending`, and at the
end, or when told to stop, what it did as JSON.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from streams.simulator import Shop, ShopOptions
from tests.bench.clickstream import produce, producer
from tests.bench.sizes import CLICKS, START_MS

_TICK_S = 0.01
_FIELD = b'"timestamp":'
_DIGITS = 13


def write(file: Path, rate: int, seconds: int, visitors: int) -> None:
    """Lines of arrival (ms since the start), key, what precedes the time, the time, the rest."""
    options = ShopOptions(
        clickstream_only=True, visitors=visitors, events_per_second=rate, late_by_ms=20_000
    )
    with file.open("wb") as out:
        for each in islice(Shop(2, options).events(START_MS), rate * seconds):
            at = each.value.index(_FIELD) + len(_FIELD)
            front, rest = each.value[:at], each.value[at + _DIGITS :]
            due, happened = each.arrival_ms - START_MS, each.at_ms - START_MS
            out.write(b"%d\t%s\t%s\t%d\t%s\n" % (due, each.key, front, happened, rest))


def lines(file: Path) -> Iterator[tuple[int, bytes, bytes, int, bytes]]:
    with file.open("rb") as source:
        for line in source:
            due, key, front, happened, rest = line.rstrip(b"\n").split(b"\t")
            yield int(due), key, front, int(happened), rest


def send(bootstrap: str, file: Path) -> dict[str, float]:
    """In step with the clock; `behind_s` is by how much it ever fell behind."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    to = producer(bootstrap)
    began_ms = time.time_ns() / 1e6
    events = 0
    behind_ms = 0.0
    for due_ms, key, front, happened_ms, rest in lines(file):
        while (ahead_ms := began_ms + due_ms - time.time_ns() / 1e6) > 0 and not stopped:
            time.sleep(max(_TICK_S, ahead_ms / 1e3))
        if stopped:
            break
        behind_ms = max(behind_ms, -ahead_ms)
        at_ms = int(began_ms) + happened_ms
        value = b"%s%d%s" % (front, at_ms, rest)
        produce(to, CLICKS, key, value, int(began_ms) + due_ms)
        events += 1
    wall_s = time.time() - began_ms / 1e3
    to.flush(30)
    return {"events": events, "wall_s": wall_s, "behind_s": behind_ms / 1e3}


if __name__ == "__main__":
    bootstrap, rate, seconds, visitors, path = sys.argv[1:]
    write(Path(path), int(rate), int(seconds), int(visitors))
    print("sending", flush=True)
    print(json.dumps(send(bootstrap, Path(path))), flush=True)
