"""What a column's text means: times, amounts, numbers, flags, and conditions on them.

A reader is made once for a column and then called for every row; what can't be read is a
ValueError that says what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from kpi_windows.events import to_ms
from streams.units import is_written_out

Reader = Callable[[str], Any]
_REMEMBERED = 100_000
_YES = frozenset(("true", "t", "yes", "y", "1"))
_NO = frozenset(("false", "f", "no", "n", "0"))


@dataclass(frozen=True)
class Column:
    """How a column is written."""

    time: str = "iso"
    """`iso`, `unix` (seconds), `unix_ms`, or a format as `%d/%m/%Y %H:%M`."""
    zone: str = "UTC"
    """Of times that name none themselves."""
    decimal: str = "."
    thousands: str = ""
    missing: tuple[str, ...] = ("",)
    """Texts that mean that there is no value."""


def reader(kind: str, column: Column, times: Decimal | None = None) -> Reader:
    """Text to a value of a kind: `time`, `money`, `int`, `number`, `bool` or `text`."""
    if kind == "time":
        return _time_reader(column)
    if kind == "money":
        return _number_reader(column, times, whole=False)
    if kind == "int":
        return _number_reader(column, times, whole=True)
    if kind == "number":
        amount = _number_reader(column, times, whole=False)
        return lambda text: float(amount(text))
    if kind == "bool":
        return _flag
    return str


def _time_reader(column: Column) -> Reader:
    form, zone = column.time, ZoneInfo(column.zone)

    # Rows of one order, or all rows of a ticket, repeat a time: parsed once, remembered.
    @lru_cache(_REMEMBERED)
    def read(text: str) -> int:
        try:
            if form == "unix_ms":
                return int(text)
            if form == "unix":
                return int(number(text, Column()) * 1000)
            told = (
                datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
            )
            if told.tzinfo is None:
                told = told.replace(tzinfo=zone)
            return to_ms(told.astimezone(UTC))
        except (ValueError, InvalidOperation, OverflowError):
            raise ValueError(f"expected a time as {form!r}, got {text[:40]!r}") from None

    return read


def number(text: str, column: Column) -> Decimal:
    """A number as the column writes it.

    >>> number("1.234,50", Column(decimal=",", thousands="."))
    Decimal('1234.50')
    """
    plain = text.replace(column.thousands, "") if column.thousands else text
    if column.decimal != ".":
        if "." in plain:
            raise ValueError(f"expected a number with {column.decimal!r}, got {text[:40]!r}")
        plain = plain.replace(column.decimal, ".")
    try:
        told = Decimal(plain)
    except InvalidOperation:
        raise ValueError(f"expected a number, got {text[:40]!r}") from None
    if not is_written_out(told):
        raise ValueError(f"expected a number, got {text[:40]!r}")
    return told


def _number_reader(column: Column, times: Decimal | None, *, whole: bool) -> Reader:
    def read(text: str) -> Any:
        told = number(text, column)
        if times is not None:
            told *= times
            if not is_written_out(told):
                raise ValueError(f"expected a number, got {text[:40]!r} times {times}")
        if not whole:
            return f"{told:f}"
        if told != told.to_integral_value():
            raise ValueError(f"expected a whole number, got {text[:40]!r}")
        return int(told)

    return read


def _flag(text: str) -> bool:
    low = text.lower()
    if low in _YES:
        return True
    if low in _NO:
        return False
    raise ValueError(f"expected true or false, got {text[:40]!r}")


Test = Callable[[str | None], bool]

TESTS = ("is", "not", "matches", "above", "below", "at_least", "at_most", "present", "not_before")
"""What a condition on a column may say, beside a plain value or a list of them.  `not_before`
names another column with a time, and is tested where rows are known.
"""


def condition(told: Any, column: Column) -> Test:
    """A test of a cell; None is a missing one.

    A text: equal to it.  A list: one of them.  A table: all that it says.  Raises ValueError.

    >>> condition({"above": 0}, Column())("2.50"), condition({"not": "New"}, Column())("New")
    (True, False)
    """
    if not isinstance(told, Mapping):
        return _one_of(told)
    tests = [_test(name, wanted, column) for name, wanted in told.items() if name != "not_before"]
    if not told:
        raise ValueError(f"expected at least one of {', '.join(TESTS)}")
    if len(tests) == 1:
        return tests[0]
    return lambda cell: all(test(cell) for test in tests)


def _one_of(told: Any) -> Test:
    wanted = frozenset(_text(one) for one in (told if isinstance(told, list) else [told]))
    return lambda cell: cell in wanted


def _test(name: str, wanted: Any, column: Column) -> Test:
    if name == "is":
        return _one_of(wanted)
    if name == "not":
        unwanted = _one_of(wanted)
        return lambda cell: not unwanted(cell)
    if name == "present":
        if not isinstance(wanted, bool):
            raise ValueError("present: expected true or false")
        return lambda cell: (cell is not None) == wanted
    if name == "matches":
        return _matches(wanted)
    if name not in TESTS:
        raise ValueError(f"{name}: no such test; known are {', '.join(TESTS)}")
    if isinstance(wanted, bool) or not isinstance(wanted, int | float | str):
        raise ValueError(f"{name}: expected a number")
    return _compares(name, Decimal(str(wanted)), column)


def _matches(wanted: Any) -> Test:
    try:
        found = re.compile(wanted).search
    except (re.error, TypeError) as error:
        raise ValueError(f"matches: expected a regular expression: {error}") from None
    return lambda cell: cell is not None and found(cell) is not None


def _compares(name: str, bound: Decimal, column: Column) -> Test:
    def test(cell: str | None) -> bool:
        if cell is None:
            return False
        told = number(cell, column)
        if name == "above":
            return told > bound
        if name == "below":
            return told < bound
        return told >= bound if name == "at_least" else told <= bound

    return test


def _text(value: Any) -> str:
    """A TOML value as a cell has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
