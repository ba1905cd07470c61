"""A file of rules for dead letters: read, and checked before a letter is looked at.

    topic, reason, where          which letters a rule is for
    charset, replace              bytes -> other bytes
    rename, map, times, zone      fields of the JSON -> other fields or values
    default, set, drop            what is missing, wrong or too much
    to                            another topic

It must not know letters.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kpi_windows.events import TOPICS
from streams.config import nearest
from streams.dead_letters.mending import Rule
from streams.intake.plan import MappingError


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Read and check a file of rules.  Raises MappingError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MappingError(f"{path}: not readable as TOML: {error}") from error
    try:
        _known(document, ("mend",), "")
        told = document.get("mend")
        if not isinstance(told, list) or not told:
            raise ValueError("expected at least one [[mend]]")
        return tuple(_rule(number, each) for number, each in enumerate(told, 1))
    except ValueError as error:
        raise MappingError(f"{path}: {error}") from None


def text_rule(charset: str | None, replace: Sequence[tuple[str, str]]) -> tuple[Rule, ...]:
    """The rule of `--charset` and `--replace-text`, if any.  Raises MappingError."""
    if not charset and not replace:
        return ()
    if charset:
        try:
            _charset(charset)
        except ValueError as error:
            raise MappingError(f"--charset: {error}") from None
    return (Rule(charset=charset or "", replace=tuple(replace)),)


def _rule(number: int, told: Any) -> Rule:
    where = f"[[mend]] {number}"
    if not isinstance(told, dict):
        raise ValueError(f"{where}: expected a table")
    _known(told, tuple(each.name for each in fields(Rule)), f"{where} ")
    values: dict[str, Any] = {}
    for name, value in told.items():
        try:
            values[name] = _READ[name](value)
        except ValueError as error:
            raise ValueError(f"{where} {name}: {error}") from None
    if not values.keys() - {"topic", "reason", "where"}:
        raise ValueError(f"{where}: says which letters, but not what to do with them")
    return Rule(**values)


def _known(told: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in told:
        if name not in names:
            raise ValueError(f"{where}{name}: no such key; {nearest(name, names)}")


def _text(told: Any) -> str:
    if not isinstance(told, str) or not told:
        raise ValueError(f"expected a text, got {told!r}")
    return told


def _topic(told: Any) -> str:
    if told not in TOPICS:
        raise ValueError(f"no topic {told!r}; {nearest(str(told), list(TOPICS))}")
    return _text(told)


def _charset(told: Any) -> str:
    name = _text(told)
    try:
        _ = "".encode(name)
    except LookupError:
        raise ValueError(f"there is no character set {name!r}") from None
    return name


def _list(told: Any) -> tuple[str, ...]:
    return tuple(_text(each) for each in (told if isinstance(told, list) else [told]))


def _pairs(told: Any) -> tuple[tuple[str, str], ...]:
    pairs = told if isinstance(told, list) else None
    if pairs is None or not all(
        isinstance(p, list) and len(p) == 2 and all(isinstance(t, str) for t in p) and p[0]
        for p in pairs
    ):
        raise ValueError('expected pairs of texts, as [["old", "new"]]')
    return tuple((old, new) for old, new in pairs)


def _flat(told: Any, above: str = "") -> dict[str, Any]:
    """A table by field; TOML's dots and quoted dots mean the same."""
    if not isinstance(told, dict):
        raise ValueError(f"expected a table of fields, got {told!r}")
    flat: dict[str, Any] = {}
    for name, value in told.items():
        path = f"{above}{name}"
        flat |= _flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return flat


def _each(read: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    return lambda told: {path: read(value) for path, value in _flat(told).items()}


def _maps(told: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(told, dict) or not all(isinstance(each, dict) for each in told.values()):
        raise ValueError('expected a table a field, as type = { pageview = "page_viewed" }')
    return {path: dict(values) for path, values in told.items()}


def _factor(told: Any) -> Decimal:
    if isinstance(told, bool) or not isinstance(told, (int, Decimal)):
        raise ValueError(f"expected a number, got {told!r}")
    return Decimal(told)


def _zone_name(told: Any) -> str:
    name = _text(told)
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None
    return name


_READ: dict[str, Callable[[Any], Any]] = {
    "topic": lambda told: tuple(_topic(each) for each in _list(told)),
    "reason": _text,
    "where": _flat,
    "charset": _charset,
    "replace": _pairs,
    "rename": _each(_text),
    "map": _maps,
    "times": _each(_factor),
    "zone": _each(_zone_name),
    "default": _flat,
    "set": _flat,
    "drop": _list,
    "to": _topic,
}
