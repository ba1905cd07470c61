"""What is made for the stock, unit by unit, on which machine, and by whom in which shift.

It must not know why something is made.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from math import log
from typing import Any, NamedTuple

from streams.simulator.catalogue import Product
from streams.simulator.chance import Choice, wait_ms
from streams.simulator.options import HOUR_MS, MINUTE_MS
from streams.simulator.rhythm import gap_ms, hour_name, next_tick
from streams.simulator.stage import Moment, Stage, Story, until

_TICK_MS = 15 * MINUTE_MS


class Machine(NamedTuple):
    """Where a category is made."""

    name: str
    line: str
    team: str


_MACHINES = {
    "garden": Machine("saw-1", "wood", "carpenters"),
    "kitchen": Machine("press-1", "metal", "smiths"),
    "living": Machine("loom-1", "textile", "weavers"),
    "sports": Machine("loom-2", "textile", "weavers"),
    "books": Machine("print-1", "paper", "printers"),
}
_SHIFTS = ("night", "early", "late")
_PEOPLE = 2
_FATES = Choice({"good": 92, "reworked": 5, "scrap": 3})
_INCIDENTS = Choice({"quality": 45, "safety": 30, "labour": 15, "licence": 10})


def _shift(hour: int) -> str:
    """Of an hour since 1970: night until six, early until two, late until ten."""
    return _SHIFTS[(hour % 24 + 2) // 8 % 3]


def _ideal_ms(stage: Stage) -> int:
    """Of one unit at best: a busier shop has faster machines."""
    return int(max(4_000, min(600_000, 90_000_000 / stage.options.hourly_visits)))


def make(
    stage: Stage, product: Product, units: int, at_ms: int
) -> Generator[Moment, None, tuple[int, int]]:
    """A batch, one unit after the other; returns when it was done and how many were good."""
    aside, books = stage.aside, stage.books
    machine, ideal_ms = _MACHINES[product.category], _ideal_ms(stage)
    lasts = [ideal_ms + 1 + int(-log(1 - aside()) * ideal_ms / 6) for _ in range(units)]
    at_ms = max(at_ms, books.free_ms.get(machine.name, 0)) + wait_ms(aside, ideal_ms, 5 * ideal_ms)
    books.free_ms[machine.name] = at_ms + sum(lasts)
    yield until(at_ms)
    good = 0
    for last_ms in lasts:
        unit_id = f"p-{stage.number()}"
        key = unit_id.encode()
        event: dict[str, Any] = {
            "type": "unit_started",
            "timestamp": at_ms,
            "unit_id": unit_id,
            "line": machine.line,
            "machine": machine.name,
            "product_id": product.id,
            "shift": _shift(at_ms // HOUR_MS),
        }
        yield (at_ms, "production", key, event)
        stage.truth.count("units_started", at_ms)
        _runs(stage, machine, at_ms, at_ms + last_ms)
        fate = _FATES.of(aside)
        at_ms += last_ms
        event = {"type": "unit_finished", "timestamp": at_ms, "unit_id": unit_id}
        if fate != "good":
            event["good" if fate == "scrap" else "reworked"] = fate != "scrap"
        yield (at_ms, "production", key, event)
        good += fate != "scrap"
        _done(stage, machine, at_ms, fate != "scrap")
    return at_ms, good


def _runs(stage: Stage, machine: Machine, from_ms: int, to_ms: int) -> None:
    """The time of a unit on its machine, in each hour."""
    while from_ms < to_ms:
        until_ms = min(to_ms, next_tick(from_ms, HOUR_MS))
        stage.books.add(("ran", machine.name), from_ms, until_ms - from_ms)
        from_ms = until_ms


def _done(stage: Stage, machine: Machine, at_ms: int, good: bool) -> None:
    stage.books.add(("made", machine.name), at_ms)
    stage.books.add(("good", machine.name), at_ms, int(good))
    stage.truth.count("units_finished", at_ms)
    stage.truth.count("units_good", at_ms, int(good))


def shifts(stage: Stage, start_ms: int) -> Story:
    """Reports of the machines that ran in an hour, and of their people, sent again as it passes."""
    at_ms = start_ms
    while True:
        at_ms = next_tick(at_ms, _TICK_MS)
        yield until(at_ms)
        hour = (at_ms - 1) // HOUR_MS
        lines: dict[str, tuple[str, int, int]] = {}
        for machine in _MACHINES.values():
            made = stage.books.of(hour, "made", machine.name)
            if stage.books.of(hour, "ran", machine.name) == 0:
                continue
            good = stage.books.of(hour, "good", machine.name)
            yield _machine(stage, machine, hour, at_ms)
            _, made_there, good_there = lines.get(machine.line, ("", 0, 0))
            lines[machine.line] = (machine.team, made_there + made, good_there + good)
        for line, (team, made, good) in lines.items():
            yield _labour(stage, line, team, (hour, at_ms), (made, good))


def _machine(stage: Stage, machine: Machine, hour: int, at_ms: int) -> Moment:
    books, passed_ms = stage.books, at_ms - hour * HOUR_MS
    report_id = f"{stage.run}/{machine.name}/{hour_name(hour)}"
    event = {
        "type": "machine_reported",
        "timestamp": at_ms,
        "report_id": report_id,
        "counted_at": hour * HOUR_MS,
        "line": machine.line,
        "machine": machine.name,
        "shift": _shift(hour),
        "planned_seconds": passed_ms / 1000,
        "run_seconds": min(passed_ms, books.of(hour, "ran", machine.name)) / 1000,
        "ideal_cycle_seconds": _ideal_ms(stage) / 1000,
        "produced": books.of(hour, "made", machine.name),
        "good": books.of(hour, "good", machine.name),
    }
    return (at_ms, "production", report_id.encode(), event)


def _labour(
    stage: Stage, line: str, team: str, when: tuple[int, int], made: tuple[int, int]
) -> Moment:
    hour, at_ms = when
    planned = _PEOPLE * (at_ms - hour * HOUR_MS) / HOUR_MS
    worked = round(planned * (88 + hour * 5 % 13) / 100, 3)
    report_id = f"{stage.run}/{team}/{hour_name(hour)}"
    event = {
        "type": "labour_reported",
        "timestamp": at_ms,
        "report_id": report_id,
        "counted_at": hour * HOUR_MS,
        "line": line,
        "shift": _shift(hour),
        "team": team,
        "planned_hours": planned,
        "worked_hours": worked,
        "standard_output": round(worked / _PEOPLE * HOUR_MS / _ideal_ms(stage), 3),
        "produced": made[0],
        "good": made[1],
    }
    return (at_ms, "production", report_id.encode(), event)


def incidents(stage: Stage, start_ms: int) -> Iterator[Moment]:
    """Soon the first, then now and then."""
    aside, options = stage.aside, stage.options
    lines = sorted({machine.line for machine in _MACHINES.values()})
    at: float = start_ms + 25 * MINUTE_MS
    while True:
        incident_id = f"i-{stage.number()}"
        at_ms = int(at)
        event = {
            "type": "incident_reported",
            "timestamp": at_ms,
            "incident_id": incident_id,
            "kind": _INCIDENTS.of(aside),
            "line": lines[int(aside() * len(lines))],
        }
        yield (at_ms, "production", incident_id.encode(), event)
        stage.truth.count("incidents", at_ms)
        at += gap_ms(aside(), options.hourly_visits / 500, at, options)
