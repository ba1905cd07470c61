"""A shop's own measures as facts: their names, labels and amounts, and the fields that they read.

A changed definition is another fact, so that old and new numbers never add up.  It must not know
journeys or panes; `measuring` makes the functions that count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

from msgspec import inspect as types

from kpi_windows.amounts import Amount, DistinctCount
from kpi_windows.definitions import Definitions, Measure
from kpi_windows.events import TOPICS, Event
from kpi_windows.facts import FACTS, Fact
from kpi_windows.facts.fact import OWN
from kpi_windows.formula import Node, Scale

TYPES: dict[str, type[Event]] = {
    str(cls.__struct_config__.tag): cls for classes in TOPICS.values() for cls in classes
}
"""All types of events by name."""

PROPERTIES, PRODUCTS = "properties.", "products."
TEXT, WHOLE, NUMBER, MONEY, FLAG = "text", "whole number", "number", "money", "flag"


def facts_of(definitions: Definitions) -> dict[str, Fact]:
    """All facts of a shop by name: those that journeys state, and one a measure of its own."""
    return FACTS | {fact.name: fact for fact in map(fact_of, definitions.measures)}


def fact_of(measure: Measure) -> Fact:
    """The fact of a measure; its name holds a digest of all that changes its numbers."""
    told = (sorted(measure.events), measure.kind, measure.of, measure.where, measure.labels)
    digest = hashlib.blake2b(repr(told).encode(), digest_size=4).hexdigest()
    amount = (measure.name,)
    return Fact(
        f"{OWN}.{measure.name}.{digest}",
        tuple(label for label, _ in measure.labels),
        sums=() if measure.kind == "distinct" else amount,
        distincts=amount if measure.kind == "distinct" else (),
        shown=OWN,
        events=measure.events,
    )


def node_of(measure: Measure) -> Node:
    """What a formula means by the measure's name; sums of what isn't whole are in millionths."""
    fact = fact_of(measure)
    words = measure.title or measure.name.replace("_", " ")
    if measure.kind == "distinct":
        return DistinctCount(fact, measure.name, words)
    amount = Amount(fact, measure.name, words)
    return Scale(amount, Fraction(1, 1_000_000)) if is_fine(measure) else amount


def is_fine(measure: Measure) -> bool:
    """True when a sum isn't of whole numbers only, and is kept in millionths."""
    paths = factors_of(measure.of) if measure.kind == "sum" else ()
    return any(kind_of(TYPES[name], path) != WHOLE for name in measure.events for path in paths)


def factors_of(path: str) -> tuple[str, ...]:
    """The fields that a sum multiplies.

    >>> factors_of("products.price * products.quantity")
    ('products.price', 'products.quantity')
    """
    return tuple(part.strip() for part in path.split("*"))


def kind_of(cls: type[Event], path: str) -> str:
    """The kind of a field of an event; KeyError for one that it doesn't have."""
    return NUMBER if path.startswith(PROPERTIES) else kinds_of(cls)[path]


@cache
def kinds_of(cls: type[Event]) -> dict[str, str]:
    """The fields of a type of event that a measure can read, each with its kind.

    >>> kinds_of(TYPES["order_completed"])["products.quantity"]
    'whole number'
    """
    info = types.type_info(cls)
    assert isinstance(info, types.StructType)
    return dict(_kinds(info, ""))


def _kinds(info: types.StructType, before: str) -> Iterator[tuple[str, str]]:
    common = set(Event.__struct_fields__)
    for field in info.fields:
        if field.name in common:
            continue
        kind = field.type
        if isinstance(kind, types.UnionType):
            kinds = [one for one in kind.types if not isinstance(one, types.NoneType)]
            if len(kinds) != 1:  # a time, which is no amount and no label
                continue
            kind = kinds[0]
        match kind:
            case types.VarTupleType(item_type=types.StructType() as line) if not before:
                yield from _kinds(line, f"{field.name}.")
            case types.StrType() | types.LiteralType():
                yield before + field.name, TEXT
            case types.IntType():
                yield before + field.name, WHOLE
            case types.DecimalType():
                yield before + field.name, MONEY
            case types.FloatType():
                yield before + field.name, NUMBER
            case types.BoolType():
                yield before + field.name, FLAG
