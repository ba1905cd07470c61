"""A shop's own measures, from tables `[measures.NAME]`.

It must not know files or KPIs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kpi_windows import measuring
from kpi_windows.definitions import Measure
from streams import kinds
from streams.kinds import Kind
from streams.own.table import NAME, Table

_ONE_OR_MORE = Kind(
    'text, or a list of texts as ["a", "b"]',
    lambda value: (value,) if isinstance(value, str) else kinds.WORDS.read(value),
)
_HOW = ("count", "sum", "distinct")
KEYS = {
    "event": "A type of event, or several.",
    "count": "`true`: how many events.",
    "sum": "Instead: the sum of a field, of `properties.NAME`, or over the lines of `products.FIELD`; "
    'also of a product, as `"products.price * products.quantity"`. Money is converted.',
    "distinct": "Instead: how many different values a field has.",
    "where": 'Fields and the values that count, as `{ channel = ["online"], "properties.gift" = true }`.',
    "labels": 'What it can be broken down by: label = field, as `{ gift = "properties.gift" }`.',
    "title": "What it is called.",
}
"""Key -> what it says."""


def measure_of(name: str, values: Any) -> Measure:
    table = Table("measures", name, values, tuple(KEYS))
    events = table.needed("event", _ONE_OR_MORE)
    how = [key for key in _HOW if key in table.values]
    if len(how) != 1:
        told = " and ".join(how) or "none"
        table.wrong(how[-1] if how else "", f"expected one of count, sum and distinct, got {told}")
    kind = how[0]
    if kind == "count" and not table.read("count", kinds.FLAG):
        table.wrong("count", "expected true")
    measure = Measure(
        name,
        tuple(dict.fromkeys(events)),
        kind,
        table.read(kind, kinds.TEXT) if kind != "count" else "",
        table.read("where", _WHERE, ()),
        table.read("labels", LABELS, ()),
        table.read("title", kinds.TEXT, ""),
    )
    for key, told in measuring.mistakes(measure):
        table.wrong(key, told)
    return measure


def _where(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise TypeError
    return tuple((path, _texts(each)) for path, each in _flat(value, "").items())


def _flat(value: Mapping[str, Any], before: str) -> dict[str, Any]:
    """`properties.gift` is a path, whether its dot was quoted or not."""
    told: dict[str, Any] = {}
    for name, each in value.items():
        path = before + name
        told |= _flat(each, f"{path}.") if isinstance(each, dict) else {path: each}
    return told


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(each, str | int | float) for each in values):
        raise TypeError
    return tuple(measuring.text(each) for each in values)


def _labels(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise TypeError
    for label in value:
        if not re.fullmatch(NAME, label):
            raise ValueError(f"{label}: expected a name of small letters, digits and underscores")
    return tuple(value.items())


_WHERE = Kind('a table as { channel = ["store", "phone"], "properties.gift" = true }', _where)
LABELS = Kind('a table as { shop = "channel", gift = "properties.gift" }', _labels)
