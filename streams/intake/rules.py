"""Rows to events: a mapping's rules, bound to the columns of an actual file.

It must not know files, sorting or Kafka: a row in, a *piece* of an event out; the pieces of a group
in order of time in, its events out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from streams.config import nearest
from streams.intake.cells import Test, condition, reader
from streams.intake.plan import FileMapping, MappingError, Rule, Value, braced, columns_used

Row = Sequence[str]
Cell = Callable[[Row], str | None]
"""A column's text in a row; None when it is missing."""
_SKIP = object()


class BadRowError(Exception):
    """A row can't become the event that a rule wants; the message names the column."""


class Piece(NamedTuple):
    """What one row gives to a rule."""

    group: tuple[str, ...]
    at_ms: int
    event: dict[str, Any] | None
    """None: the row doesn't meet the conditions, and is only there to be compared with."""
    line: dict[str, Any] | None = None
    before: bool = True
    """Whether the row meets the conditions on a row before."""
    watched: tuple[str | None, ...] = ()


class BoundRule:
    """A rule that knows where its columns are.

    Raises MappingError when the file has no such column.
    """

    def __init__(self, rule: Rule, mapping: FileMapping, header: Sequence[str]) -> None:
        self.rule = rule
        self._mapping = mapping
        self._at = {name: index for index, name in enumerate(header)}
        for where, name in columns_used(rule):
            if name not in self._at:
                hint = nearest(name, list(header))
                raise MappingError(
                    f"{mapping.name}: {rule.title} {where}: the file has no column {name!r}; {hint}"
                )
        self._where = self._tests(rule.where)
        self._before = self._tests(rule.before)
        self._group = [(name, self._cell(name)) for name in rule.group]
        self._watch = [self._cell(name) for name in rule.watch]
        self._id = self._template(rule.id) if rule.id is not None else None
        self._fields = self._values(rule.fields)
        self._lines = self._values(rule.lines)
        self._last = [name for name, value in rule.fields.items() if value.last]
        self._timestamp = dict(self._fields)["timestamp"]

    def piece(self, row: Row) -> Piece | None:
        """What the row gives, None for nothing.  Raises BadRowError."""
        meets = True
        for test in self._where:  # all rows come by here, most rules want few of them
            if not test(row):
                meets = False
                break
        if not meets and not self._watch:
            return None
        group = tuple(self._key(name, cell(row)) for name, cell in self._group)
        before = all(test(row) for test in self._before)
        watched = tuple(cell(row) for cell in self._watch)
        if not meets:
            return Piece(group, self._timestamp(row), None, None, before, watched)
        event: dict[str, Any] = {"type": self.rule.type}
        _fill(event, self._fields, row)
        event_id = self._id(row) if self._id is not None else None
        if event_id is not None:
            event["event_id"] = event_id
        line: dict[str, Any] | None = None
        if self._lines:
            line = {}
            _fill(line, self._lines, row)
        return Piece(group, event["timestamp"], event, line, before, watched)

    def events(self, pieces: Iterable[tuple[int, Piece]]) -> Iterator[tuple[int, dict[str, Any]]]:
        """The events of a group, each with its line number, from its pieces in order of time."""
        if self._watch:
            return self._changes(pieces)
        return self._joined(pieces)

    def _joined(self, pieces: Iterable[tuple[int, Piece]]) -> Iterator[tuple[int, dict[str, Any]]]:
        first: tuple[int, dict[str, Any]] | None = None
        last: dict[str, Any] = {}
        products = []
        for number, piece in pieces:
            if first is None and piece.event is not None:
                first = (number, piece.event)
            last = piece.event or last
            if piece.line is not None:
                products.append(piece.line)
        if first is not None:
            first[1].update((name, last[name]) for name in self._last if name in last)
            if self._lines:
                first[1]["products"] = products
            yield first

    def _changes(self, pieces: Iterable[tuple[int, Piece]]) -> Iterator[tuple[int, dict[str, Any]]]:
        earlier: Piece | None = None
        for number, piece in pieces:
            changed = earlier is None or earlier.watched != piece.watched
            allowed = not self._before or (earlier is not None and earlier.before)
            if changed and allowed and piece.event is not None:
                yield number, piece.event
            earlier = piece

    def _key(self, name: str, told: str | None) -> str:
        if told is None:
            raise BadRowError(f"column {name!r} is missing: needed for the group")
        return told

    def _cell(self, name: str) -> Cell:
        index, missing = self._at[name], frozenset(self._mapping.column(name).missing)

        def cell(row: Row) -> str | None:
            told = row[index].strip()
            return None if told in missing else told

        return cell

    def _tests(self, told: Any) -> list[Callable[[Row], bool]]:
        tests: list[Callable[[Row], bool]] = []
        for name, wanted in told.items():
            test = _named(name, condition(wanted, self._mapping.column(name)))
            tests.append(_on(self._cell(name), test))
            if isinstance(wanted, dict) and "not_before" in wanted:
                tests.append(_in_order(self._time(name), self._time(wanted["not_before"])))
        return tests

    def _template(self, text: str) -> Cell:
        cells = {name: self._cell(name) for name in braced(text)}

        def cell(row: Row) -> str | None:
            made = text
            for name, of in cells.items():
                told = of(row)
                if told is None:
                    return None
                made = made.replace(f"{{{name}}}", told)
            return made

        return cell

    def _values(self, values: Any) -> list[tuple[str, Callable[[Row], Any]]]:
        return [(name, self._value(name, value)) for name, value in values.items()]

    def _value(self, field: str, value: Value) -> Callable[[Row], Any]:
        if value.value is not None:
            constant = value.value
            return lambda _: constant
        cell = (
            self._template(value.text or "") if value.column is None else self._cell(value.column)
        )
        pick = re.compile(value.pick).search if value.pick is not None else None
        named, otherwise, default = dict(value.map), value.otherwise, value.default
        told_by = f"column {value.column!r}" if value.column is not None else f"text {value.text!r}"
        column = self._mapping.column(value.column or "")
        read = _named_reader(told_by, reader(value.kind, column, value.times))
        bound = self._bound(value)

        def of(row: Row) -> Any:
            text = cell(row)
            if text is not None and pick is not None:
                found = pick(text)
                text = found[found.re.groups and 1] if found else None
            if text is not None and value.lower:
                text = text.lower()
            if text is not None and (text in named or otherwise is not None):
                return named.get(text, otherwise)
            if text is None:
                if default is None and value.required:
                    raise BadRowError(f"{told_by} is missing: needed for {field}")
                return _SKIP if default is None else default
            told = read(text)
            return told if bound is None else max(told, bound(row) or told)

        return of

    def _bound(self, value: Value) -> Callable[[Row], int | None] | None:
        """The time that this one may not be before."""
        return None if value.not_before is None else self._time(value.not_before)

    def _time(self, name: str) -> Callable[[Row], int | None]:
        cell = self._cell(name)
        read = _named_reader(f"column {name!r}", reader("time", self._mapping.column(name)))

        def of(row: Row) -> int | None:
            text = cell(row)
            return None if text is None else int(read(text))

        return of


def _fill(target: dict[str, Any], values: list[tuple[str, Callable[[Row], Any]]], row: Row) -> None:
    for name, of in values:
        told = of(row)
        if told is _SKIP:
            continue
        outer, dot, inner = name.partition(".")
        if dot:
            target.setdefault(outer, {})[inner] = told
        else:
            target[name] = told


def _on(cell: Cell, test: Test) -> Callable[[Row], bool]:
    return lambda row: test(cell(row))


def _in_order(
    later: Callable[[Row], int | None], earlier: Callable[[Row], int | None]
) -> Callable[[Row], bool]:
    """Neither is missing, and the first isn't before the second."""

    def test(row: Row) -> bool:
        at_ms, from_ms = later(row), earlier(row)
        return at_ms is not None and from_ms is not None and at_ms >= from_ms

    return test


def _named(name: str, test: Test) -> Test:
    def named(cell: str | None) -> bool:
        try:
            return test(cell)
        except ValueError as error:
            raise BadRowError(f"column {name!r}: {error}") from None

    return named


def _named_reader(name: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
    def named(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise BadRowError(f"{name}: {error}") from None

    return named
