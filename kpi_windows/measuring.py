"""Counts a shop's own measures: one function a type of event, made once, called for each that counts.

    event --where?--> labels, amount --> cell of the measure's fact, at the event's own time

It keeps no state: an event counts when its journey took it in, so never twice, and events of bots
and tests never do.  It must not know panes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

from kpi_windows import routes
from kpi_windows.definitions import Definitions, Measure
from kpi_windows.events import Event, micros
from kpi_windows.facts import NONE, Deltas
from kpi_windows.journeys.takings import in_shop
from kpi_windows.measures import (
    MONEY,
    NUMBER,
    PRODUCTS,
    PROPERTIES,
    TEXT,
    TYPES,
    WHOLE,
    fact_of,
    factors_of,
    is_fine,
    kind_of,
    kinds_of,
)
from kpi_windows.narrowing import nearest
from kpi_windows.sketches import hash64

Step = Callable[[Any], None]
Read = Callable[[Any], Any]

_LONGEST = 200
_LARGEST = 10**12
_TAKEN = frozenset({"window", "period", "kpi", "le"})
"""Labels that series have already."""


def steps_of(definitions: Definitions, deltas: Deltas) -> dict[type[Event], Step]:
    """By type of event: what its measures do with it."""
    steps: dict[type[Event], list[Step]] = {}
    for measure in definitions.measures:
        for name in measure.events:
            cls = TYPES[name]
            steps.setdefault(cls, []).append(_step(measure, cls, definitions, deltas))
    return {cls: found[0] if len(found) == 1 else _all(found) for cls, found in steps.items()}


def _all(steps: Sequence[Step]) -> Step:
    def step(event: Any) -> None:
        for one in steps:
            one(event)

    return step


def _step(measure: Measure, cls: type[Event], definitions: Definitions, deltas: Deltas) -> Step:
    cell_of = deltas.adder(fact_of(measure))
    wanted = [(_reader(path), frozenset(values)) for path, values in measure.where]
    labels = [_reader(path) for _, path in measure.labels]
    amounts = _amounts(measure, cls, definitions)

    def step(event: Any) -> None:
        for read, values in wanted:
            if text(read(event)) not in values:
                return
        told = amounts(event)
        if told:
            cell = cell_of(event.timestamp, *[text(read(event)) for read in labels])
            for amount in told:
                cell[0] += amount

    def step_distinct(event: Any) -> None:
        for read, values in wanted:
            if text(read(event)) not in values:
                return
        told = amounts(event)
        if told:
            cell = cell_of(event.timestamp, *[text(read(event)) for read in labels])
            for hashed in told:
                cell[0].add(hashed)

    return step_distinct if measure.kind == "distinct" else step


def text(value: Any) -> str:
    """A value as a label's.

    >>> text(True), text(2.0), text(None), text("gift")
    ('true', '2', '(none)', 'gift')
    """
    if value is None or value == "":
        return NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)[:_LONGEST]


def _reader(path: str) -> Read:
    if not path.startswith(PROPERTIES):
        return attrgetter(path)
    name = path.removeprefix(PROPERTIES)

    def read(event: Any) -> Any:
        properties = event.properties
        return None if properties is None else properties.get(name)

    return read


def _amounts(
    measure: Measure, cls: type[Event], definitions: Definitions
) -> Callable[[Any], Sequence[int]]:
    """What the measure adds for an event: amounts, or hashes of what is told apart."""
    if measure.kind == "count":
        return lambda _: (1,)
    parts = _lines if PRODUCTS in measure.of else lambda event: (event,)
    if measure.kind == "distinct":
        read = _reader(measure.of.removeprefix(PRODUCTS))
        return lambda event: [
            hash64(text(value)) for part in parts(event) if (value := read(part)) is not None
        ]
    return _sums(measure, cls, definitions, parts)


def _sums(
    measure: Measure, cls: type[Event], definitions: Definitions, parts: Read
) -> Callable[[Any], Sequence[int]]:
    paths = factors_of(measure.of)
    on_event = [_factor(cls, path) for path in paths if not path.startswith(PRODUCTS)]
    on_line = [_factor(cls, path) for path in paths if path.startswith(PRODUCTS)]
    has_rate = any(kind_of(cls, path) == MONEY for path in paths) and (
        "currency" in cls.__struct_fields__
    )
    unit = 1_000_000 if is_fine(measure) and all(kind_of(cls, p) == WHOLE for p in paths) else 1

    def amounts(event: Any) -> Sequence[int]:
        rate = definitions.rate_at(event.currency, event.timestamp) if has_rate else None
        told = []
        for part in parts(event):
            amount: int | None = _product(on_event, event, unit)
            if amount is not None and on_line:
                amount = _product(on_line, part, amount)
            if amount:
                told.append(amount if rate is None else in_shop(amount, rate))
        return told

    return amounts


def _lines(event: Any) -> Any:
    return event.products


def _product(factors: Sequence[Read], of: Any, amount: int) -> int | None:
    for read in factors:
        factor: int | None = read(of)
        if factor is None:
            return None
        amount *= factor
    return amount


def _factor(cls: type[Event], path: str) -> Read:
    """A reader of an int: whole numbers as they are, all others in millionths; None: not there."""
    read = _reader(path.removeprefix(PRODUCTS))
    if kind_of(cls, path) == WHOLE:
        return read
    return lambda of: _micros(read(of))


def _micros(value: Any) -> int | None:
    if isinstance(value, Decimal):
        return micros(value)
    if isinstance(value, int) and abs(value) < _LARGEST:
        return int(value) * 1_000_000
    if isinstance(value, float) and math.isfinite(value) and abs(value) < _LARGEST:
        return micros(Decimal(repr(value)))
    return None  # a text, or beyond reason: adds nothing


# ---------------------------------------------------------------------------- mistakes


def mistakes(measure: Measure) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it) of a measure."""
    countable = [name for name, cls in TYPES.items() if routes.counts_once(cls)]
    for name in measure.events:
        if name not in TYPES:
            yield "event", f"no such type of event: {name}; {nearest(name, TYPES)}"
            return
        if name not in countable:
            yield (
                "event",
                f"{name} can be told anew, and only the latest counts: it has no measures",
            )
            return
    if not measure.events:
        yield "event", "expected a type of event, or a list of them"
        return
    for path, _ in measure.where:
        yield from _bad_field(measure, "where", path)
    for label, path in measure.labels:
        if label in _TAKEN:
            yield "labels", f"{label} is taken: call the label something else"
        yield from _bad_field(measure, "labels", path)
    if measure.kind == "distinct":
        yield from _bad_distinct(measure)
    elif measure.kind == "sum":
        yield from _bad_sum(measure)


def _bad_field(measure: Measure, key: str, path: str) -> Iterator[tuple[str, str]]:
    if path.startswith(PRODUCTS):
        yield key, f"{path}: an event has several of them; expected a field of the event itself"
    else:
        yield from _unknown(measure, key, path)


def _unknown(measure: Measure, key: str, path: str) -> Iterator[tuple[str, str]]:
    if path.startswith(PROPERTIES) and path != PROPERTIES:
        return
    for name in measure.events:
        known = kinds_of(TYPES[name])
        if path not in known:
            told = nearest(path, [*known, f"{PROPERTIES}NAME"])
            yield key, f"{name} has no field {path!r}; {told}"
            return


def _bad_distinct(measure: Measure) -> Iterator[tuple[str, str]]:
    wrong = list(_unknown(measure, "distinct", measure.of))
    yield from wrong
    if wrong or measure.of.startswith(PROPERTIES):
        return
    for name in measure.events:
        kind = kind_of(TYPES[name], measure.of)
        if kind not in (TEXT, WHOLE):
            yield "distinct", f"{measure.of} is {kind}; expected a field that names something"
            return


def _bad_sum(measure: Measure) -> Iterator[tuple[str, str]]:
    paths = factors_of(measure.of)
    for path in paths:
        wrong = list(_unknown(measure, "sum", path))
        if wrong:
            yield from wrong
            return
    for name in measure.events:
        kinds = {path: kind_of(TYPES[name], path) for path in paths}
        for path, kind in kinds.items():
            if kind not in (WHOLE, NUMBER, MONEY):
                yield "sum", f"{path} of {name} is {kind}; expected a number"
                return
        if sum(kind != WHOLE for kind in kinds.values()) > 1:
            yield "sum", f"{measure.of}: expected whole numbers and at most one that isn't"
            return
