"""A producer at a steady rate: the simulated clickstream, moved to now.

A process of its own. The events are made first, into a file; then it prints `sending`, and at the
end, or when told to stop, what it did as JSON. What lasts longer than the file sends it again and
again: the same visitors come back, with events of their own ids.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from streams.simulator import Shop, ShopOptions
from tests.bench.clickstream import produce, producer
from tests.bench.sizes import CLICKS, START_MS

_TICK_S = 0.01
_FIELD = b'"timestamp":'
_ID = b'"event_id":"'
_DIGITS = 13
Click = tuple[int, bytes, bytes, int, bytes]
"""Arrival (ms since the start), key, what precedes the time, the time, the rest."""


def clicks(rate: int, visitors: int, events: int) -> Iterator[Click]:
    """The simulated clickstream, with times since its start."""
    options = ShopOptions(
        clickstream_only=True, visitors=visitors, events_per_second=rate, late_by_ms=20_000
    )
    for each in islice(Shop(2, options).events(START_MS), events):
        at = each.value.index(_FIELD) + len(_FIELD)
        front, rest = each.value[:at], each.value[at + _DIGITS :]
        yield each.arrival_ms - START_MS, each.key, front, each.at_ms - START_MS, rest


def write(file: Path, rate: int, seconds: int, visitors: int) -> None:
    """A line for each click."""
    with file.open("wb") as out:
        for click in clicks(rate, visitors, rate * seconds):
            out.write(b"%d\t%s\t%s\t%d\t%s\n" % click)


def lines(file: Path, again_ms: int) -> Iterator[Click]:
    """For ever; `again_ms` is how long one round of the file takes."""
    for number in count():
        shift_ms, id_begins = number * again_ms, b"%s%d." % (_ID, number)
        with file.open("rb") as source:
            for line in source:
                due, key, front, happened, rest = line.rstrip(b"\n").split(b"\t")
                rest = rest.replace(_ID, id_begins, 1)
                yield int(due) + shift_ms, key, front, int(happened) + shift_ms, rest


def send(bootstrap: str, file: Path, seconds: int, again_s: int) -> dict[str, float]:
    """In step with the clock; `behind_s` is by how much it ever fell behind."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    to = producer(bootstrap)
    began_ms = time.time_ns() / 1e6
    events = 0
    behind_ms = 0.0
    for due_ms, key, front, happened_ms, rest in lines(file, again_s * 1_000):
        while (ahead_ms := began_ms + due_ms - time.time_ns() / 1e6) > 0 and not stopped:
            time.sleep(max(_TICK_S, ahead_ms / 1e3))
        if stopped or due_ms >= seconds * 1_000:
            break
        behind_ms = max(behind_ms, -ahead_ms)
        at_ms = int(began_ms) + happened_ms
        value = b"%s%d%s" % (front, at_ms, rest)
        produce(to, CLICKS, key, value, int(began_ms) + due_ms)
        events += 1
    wall_s = time.time() - began_ms / 1e3
    to.flush(30)
    return {"events": events, "wall_s": wall_s, "behind_s": behind_ms / 1e3}


def main(
    bootstrap: str, rate: str, seconds: str, visitors: str, path: str, again: str = ""
) -> None:
    """`again`: the seconds that the file has, when it is sent more than once."""
    in_file = int(again or seconds)
    write(Path(path), int(rate), in_file, int(visitors))
    print("sending", flush=True)
    print(json.dumps(send(bootstrap, Path(path), int(seconds), in_file)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
