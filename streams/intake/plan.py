"""What a mapping says, as frozen values: which rows mean which events.

It must not know the file that says it (`streams.mapping` reads that) nor the rows (`rules` does).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from streams.intake.cells import Column

_BRACED = re.compile(r"\{([^{}]+)\}")


class MappingError(Exception):
    """The mapping is wrong; the message names the file, the key and what would be right."""


@dataclass(frozen=True)
class Value:
    """Where a field's value comes from: a column, a text with columns in it, or a constant."""

    kind: str
    """`time`, `money`, `int`, `number`, `bool` or `text`, by the event's field."""
    required: bool = False
    column: str | None = None
    value: Any = None
    text: str | None = None
    """A template, as `c-{CustomerID}`; missing when one of its columns is."""
    default: Any = None
    """In place of a missing value."""
    map: Mapping[str, Any] = field(default_factory=dict)
    """Other names for values; what isn't listed stays, or becomes `otherwise`."""
    otherwise: Any = None
    pick: str | None = None
    """A regular expression: its first group, or all that it matches; no match is missing."""
    times: Decimal | None = None
    """A factor, as `-1` for returns or `0.01` for cents."""
    lower: bool = False
    not_before: str | None = None
    """Another column with a time: an earlier one is moved up to it."""
    last: bool = False
    """With `group`: what the last row says, and not the earliest."""


@dataclass(frozen=True)
class Rule:
    """One `[[event]]`: rows -> events of a type."""

    number: int
    type: str
    topic: str
    where: Mapping[str, Any] = field(default_factory=dict)
    """Conditions by column; a row that fails one gives no event."""
    before: Mapping[str, Any] = field(default_factory=dict)
    """With `watch`: conditions on the row before, in the same group."""
    group: tuple[str, ...] = ()
    """One event for all rows with equal values here, from the earliest one."""
    watch: tuple[str, ...] = ()
    """With `group`: an event whenever one of these differs from the row before."""
    id: str | None = None
    """A template for `event_id`; by default made of the source and the line."""
    fields: Mapping[str, Value] = field(default_factory=dict)
    lines: Mapping[str, Value] = field(default_factory=dict)
    """Of an order or a refund: each row of the group is one of its `products`."""

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"[[event]] {self.number} ({self.type})"


@dataclass(frozen=True)
class FileMapping:
    """All that a mapping file says."""

    name: str
    rules: tuple[Rule, ...]
    fingerprint: str
    format: str | None = None
    delimiter: str = ","
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    """Column names of a file that doesn't have them in its first line."""
    default: Column = field(default_factory=Column)
    columns: Mapping[str, Column] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """How a column is written."""
        return self.columns.get(name, self.default)


def columns_used(rule: Rule) -> Iterator[tuple[str, str]]:
    """Where a rule names a column, and the name."""
    for part, conditions in (("where", rule.where), ("before", rule.before)):
        for name, told in conditions.items():
            yield f"{part}.{name}", name
            if isinstance(told, Mapping) and "not_before" in told:
                yield f"{part}.{name}.not_before", str(told["not_before"])
    for part, names in (("group", rule.group), ("watch", rule.watch)):
        for name in names:
            yield part, name
    for part, values in (("fields", rule.fields), ("lines", rule.lines)):
        for target, value in values.items():
            for told in (value.column, value.not_before, *braced(value.text)):
                if told is not None:
                    yield f"{part}.{target}", told
    for name in braced(rule.id):
        yield "id", name


def braced(template: str | None) -> list[str]:
    """The columns in a template.

    >>> braced("c-{CustomerID}")
    ['CustomerID']
    """
    return _BRACED.findall(template or "")
