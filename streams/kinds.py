"""What a setting's value may be: a reader for TOML, one for text from the environment, and the
words that say what was expected.

It must not know which settings there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from kpi_windows.definitions import Rate, Targets
from streams.units import parse_duration, parse_time, show_duration


@dataclass(frozen=True)
class Kind:
    """A kind of value; `read` raises ValueError or TypeError when given anything else."""

    expected: str
    read: Callable[[Any], Any]
    from_text: Callable[[str], Any] | None = str
    """What TOML would have given for a variable's text; None: not to be set by a variable."""
    show: Callable[[Any], str] = str
    """A value as TOML."""


def setting(default: Any, kind: Kind, *, secret: bool = False) -> Any:
    """A field that can be set."""
    return field(default=default, repr=not secret, metadata={"kind": kind})


def _is(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError
        return value

    return read


def _quoted(value: Any) -> str:
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _list_of(read: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def read_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise TypeError
        return tuple(read(each) for each in value)

    return read_all


def _table_of(read: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    def read_all(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise TypeError
        return {name: _at(name, read, each) for name, each in value.items()}

    return read_all


def _at(name: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}" if str(error) else f"{name} = {value!r}") from None


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pairs(text: str) -> dict[str, str]:
    parts = [part.partition("=") for part in _split(text)]
    return {name.strip(): value.strip() for name, _, value in parts}


def _flag(text: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    return known[text.lower()]


def _duration(value: Any) -> int:
    return parse_duration(_is(str)(value))


def _within(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        number = int(_is(int)(value))
        if not low <= number <= high:
            raise ValueError(f"expected {low}..{high}, got {number}")
        return number

    return read


def _matching(pattern: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not re.fullmatch(pattern, _is(str)(value)):
            raise ValueError
        return str(value)

    return read


def _zone(value: Any) -> str:
    try:
        ZoneInfo(_is(str)(value))
    except (OSError, ValueError, KeyError):
        raise ValueError from None
    return str(value)


def _day(value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    try:
        return date.fromisoformat(_is(str)(value)).isoformat()
    except ValueError:
        raise ValueError from None


def _targets(value: Any) -> Targets:
    known = {"first_response": "first_response_ms", "resolution": "resolution_ms"}
    read = _table_of(_duration)(value)
    unknown = sorted(read.keys() - known.keys())
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; known are first_response and resolution")
    return Targets(**{known[name]: ms for name, ms in read.items()})


def _hours(value: Any) -> dict[str, tuple[str, ...]]:
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    read = _table_of(_list_of(_span))(value)
    unknown = sorted(read.keys() - set(days))
    if unknown:
        raise ValueError(f"unknown day {unknown[0]!r}; days are {', '.join(days)}")
    return read


def _span(value: Any) -> str:
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):([0-5]\d)|24:00)", value)
    start, _, end = str(value).partition("-")
    if not found or start >= end:
        raise ValueError(f'expected hours as "09:00-17:30", got {value!r}')
    return str(value)


def _rates(value: Any) -> tuple[Rate, ...]:
    rates = tuple(sorted(_list_of(_rate)(value), key=lambda rate: rate.valid_from_ms))
    if not rates:
        raise ValueError("expected at least one rate")
    return rates


def _rate(value: Any) -> Rate:
    if not isinstance(value, dict) or value.keys() != {"valid_from", "rate"}:
        raise ValueError('expected { valid_from = "2024-01-01", rate = "0.92" }')
    try:
        rate = Fraction(str(value["rate"]))
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise ValueError(f"expected a rate above 0, got {value['rate']}")
    told = value["valid_from"]
    return Rate(parse_time(told.isoformat() if isinstance(told, date) else str(told)), rate)


def _secret(least: int) -> Callable[[Any], str]:
    """Says what was expected, and never what was given."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or (value and len(value) < least):
            raise ValueError(f"expected text{f' of at least {least} characters' if least else ''}")
        return value

    return read


def _tokens(value: Any) -> tuple[str, ...]:
    """Says what was expected, and never what was given: it may be a secret."""
    pattern = r"[A-Za-z0-9._~+/-]{16,200}=*"  # what a header `Authorization: Bearer` can hold
    if not isinstance(value, list) or not all(
        isinstance(each, str) and re.fullmatch(pattern, each) for each in value
    ):
        raise ValueError(f"expected {TOKENS.expected}")
    return tuple(value)


def choice(*words: str) -> Kind:
    """One of some words."""

    def read(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return Kind("one of " + ", ".join(_quoted(word) for word in words), read, show=_quoted)


def whole(low: int, high: int) -> Kind:
    """A whole number within bounds."""
    return Kind(f"a whole number, {low}..{high}", _within(low, high), int)


TEXT = Kind("text", _is(str), show=_quoted)
PORT = whole(0, 65_535)
FLAG = Kind("true or false", _is(bool), _flag, lambda value: "true" if value else "false")
DURATION = Kind(
    'a duration as "30m", "1h 30m" or "2 days"',
    _duration,
    show=lambda ms: _quoted(show_duration(ms)),
)
DURATIONS = Kind(
    'a list of durations as ["1d", "3d"]',
    _list_of(_duration),
    _split,
    lambda value: "[" + ", ".join(DURATION.show(ms) for ms in value) + "]",
)
WORDS = Kind(
    'a list of texts as ["a", "b"]',
    _list_of(_is(str)),
    _split,
    lambda value: "[" + ", ".join(map(_quoted, value)) + "]",
)
SECRET = Kind("text", _secret(0), show=_quoted)
PEPPER = Kind("text of at least 16 characters", _secret(16), show=_quoted)
TOKENS = Kind(
    'a list of secrets as ["…"], each of 16 to 200 letters, digits and -._~+/=',
    _tokens,
    _split,
    WORDS.show,
)
ZONE = Kind('a time zone as "Europe/Amsterdam"', _zone, show=_quoted)
CURRENCY = Kind('a currency as "EUR"', _matching("[A-Z]{3}"), show=_quoted)
NAME = Kind(
    "a name of letters, digits, dots, dashes and underscores",
    _matching(r"[A-Za-z0-9._-]{1,200}"),
    show=_quoted,
)
SERVERS = Kind(
    'a list of brokers as ["host:9092"]',
    lambda value: (
        tuple(_split(value)) if isinstance(value, str) else _list_of(_matching(r".+:\d+"))(value)
    ),
    _split,
    WORDS.show,
)
DAYS = Kind('a list of days as ["2026-12-25"]', _list_of(_day), _split, WORDS.show)
TOPICS = Kind(
    'a table as { orders = "shop.orders" }',
    _table_of(NAME.read),
    _pairs,
    lambda value: "{ " + ", ".join(f"{k} = {_quoted(v)}" for k, v in value.items()) + " }",
)
LATENESS = Kind(
    'a table as { default = "10m", orders = "1d" }',
    _table_of(_duration),
    _pairs,
    lambda value: "{ " + ", ".join(f"{k} = {DURATION.show(v)}" for k, v in value.items()) + " }",
)
TARGETS = Kind(
    'tables as [shop.targets.default] with first_response = "4h" and resolution = "2d"',
    _table_of(_targets),
    None,
)
HOURS = Kind('a table as { mon = ["09:00-17:30"], tue = [] }', _hours, None)
RATES = Kind(
    'tables as [[shop.rates.USD]] with valid_from = "2024-01-01" and rate = "0.92"',
    _table_of(_rates),
    None,
)


def value_of(kind: Kind, value: Any) -> Any:
    """The setting's value; ValueError says what was expected."""
    try:
        return kind.read(value)
    except (ValueError, TypeError) as error:
        told = str(error)
        if not told:
            told = f"expected {kind.expected}, got {value!r}"
        raise ValueError(told) from None


def text_of(kind: Kind, text: str) -> Any:
    """The same, of a variable's text."""
    if kind.from_text is None:
        raise ValueError("can only be set in the file")
    try:
        value = kind.from_text(text)
    except (ValueError, KeyError):
        raise ValueError(f"expected {kind.expected}, got {text!r}") from None
    return value_of(kind, value)
