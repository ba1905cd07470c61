"""Rules that put a dead letter right: its text, its fields, its topic.

All rules that fit a letter are applied, in order.  It must not know Kafka, where rules were read
from, nor whether what comes out would count.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from streams.dead_letters.letters import Letter, Wanted
from streams.units import is_written_out

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Mended(NamedTuple):
    """What a letter has become; `changed` unless it is as it was."""

    topic: str
    value: bytes
    changed: bool


class Unmendable(NamedTuple):
    """Why the rules that fit can't be applied."""

    reason: str


class _StopError(Exception):
    """A rule can't be applied to this letter."""


@dataclass(frozen=True)
class Rule:
    """One `[[mend]]`; fields are named with dots, and meant in every element of a list."""

    topic: tuple[str, ...] = ()
    """Only letters of these topics; none: of all."""
    reason: str = ""
    """Only letters with this in their reason."""
    where: Mapping[str, Any] = field(default_factory=dict)
    """Only JSON with these values, before this rule."""
    charset: str = ""
    """How bytes are written that aren't UTF-8."""
    replace: tuple[tuple[str, str], ...] = ()
    """Texts by other texts, before the JSON is read."""
    rename: Mapping[str, str] = field(default_factory=dict)
    """A field -> its right name."""
    map: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """A field -> other values for some of its values, these as text."""
    times: Mapping[str, Decimal] = field(default_factory=dict)
    """A number -> a factor, as 1000 for seconds, 0.01 for cents."""
    zone: Mapping[str, str] = field(default_factory=dict)
    """A time without a zone -> its zone."""
    default: Mapping[str, Any] = field(default_factory=dict)
    """A field -> its value where it is missing or null."""
    set: Mapping[str, Any] = field(default_factory=dict)
    """A field -> its value, whatever it was."""
    drop: tuple[str, ...] = ()
    """Fields to leave out."""
    to: str = ""
    """The topic where the event belongs."""

    def apply(self, letter: Letter, now: Mended) -> Mended:
        """The letter after this rule; as it was where the rule isn't for it."""
        if not Wanted(self.topic, self.reason).fits(letter):
            return now
        value = self._text(now.value)
        if any(getattr(self, name) for name in ("where", "drop", *_STEPS)):
            try:
                event = _event(value)
            except _StopError:
                if self.where:  # what can't be read doesn't have these values
                    return now
                raise
            if not all(_has(event, path, wanted) for path, wanted in self.where.items()):
                return now
            before = _bytes(event)
            for name, step in _STEPS.items():
                for path, told in getattr(self, name).items():
                    step(event, path, told)
            for path in self.drop:
                for place, last in list(_places(event, path)):
                    place.pop(last, None)
            after = _bytes(event)
            value = value if after == before else after
        topic = self.to or now.topic
        changed = now.changed or value != now.value or topic != now.topic
        return Mended(topic, value, changed)

    def _text(self, value: bytes) -> bytes:
        if self.charset and not _is_text(value):
            try:
                value = value.decode(self.charset).removeprefix("\ufeff").encode()
            except UnicodeError as error:
                raise _StopError(f"not text in {self.charset}: {error}") from None
        for old, new in self.replace:
            value = value.replace(old.encode(), new.encode())
        return value


def mend(letter: Letter, rules: Sequence[Rule]) -> Mended | Unmendable:
    """What the rules make of a letter."""
    if letter.value is None:
        return Unmendable("there is no value")
    if letter.cut:
        return Unmendable("only the beginning of its value was kept: it was too long")
    now = Mended(letter.topic, letter.value, changed=False)
    try:
        for rule in rules:
            now = rule.apply(letter, now)
    except _StopError as error:
        return Unmendable(str(error))
    return now


# ------------------------------------------------------------------ fields


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in value  # else it is most likely UTF-16


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _event(value: bytes) -> Any:
    """The JSON, its numbers exact."""
    try:
        return json.loads(value.decode(), parse_float=Decimal, parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise _StopError(f"not UTF-8: {error}; charset says how it is written") from None
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise _StopError(f"not JSON: {error}; replace may put its text right") from None


def _bytes(event: Any) -> bytes:
    try:
        return _encode(event)
    except (OverflowError, UnicodeEncodeError, RecursionError, ValueError) as error:
        raise _StopError(f"can't be written as JSON: {error}") from None


def _places(node: Any, path: str, *, make: bool = False) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects that have, or may have, the field at the end of a path, and its name there."""
    first, _, rest = path.partition(".")
    if isinstance(node, list):
        for each in node:
            yield from _places(each, path, make=make)
    elif isinstance(node, dict):
        if not rest:
            yield node, first
        elif first in node or make:
            yield from _places(node.setdefault(first, {}), rest, make=make)


def _has(event: Any, path: str, wanted: Any) -> bool:
    one_of = wanted if isinstance(wanted, list) else [wanted]
    return any(place.get(last) in one_of for place, last in _places(event, path))


def _rename(event: Any, path: str, name: str) -> None:
    above, _, _ = path.rpartition(".")
    same_place = name.rpartition(".")[0] == above
    for place, last in list(_places(event, path)):
        if last not in place:
            continue
        value = place.pop(last)
        targets = (
            [(place, name.rpartition(".")[2])] if same_place else _places(event, name, make=True)
        )
        for target, new in targets:
            target[new] = value


def _map(event: Any, path: str, values: Mapping[str, Any]) -> None:
    for place, last in _places(event, path):
        if last in place:
            place[last] = values.get(str(place[last]), place[last])


def _times(event: Any, path: str, factor: Decimal) -> None:
    for place, last in _places(event, path):
        told = place.get(last)
        if isinstance(told, bool) or not isinstance(told, (int, Decimal, str)):
            continue
        try:
            number = Decimal(told)
            if not is_written_out(number):
                raise ValueError(told)
            number *= factor
            place[last] = int(number) if number == number.to_integral_value() else number
        except (InvalidOperation, ValueError, OverflowError):
            raise _StopError(f"{path}: {str(told)[:40]!r} is no number") from None


def _zone(event: Any, path: str, zone: str) -> None:
    for place, last in _places(event, path):
        told = place.get(last)
        if not isinstance(told, str):
            continue
        try:
            at = datetime.fromisoformat(told.strip())
        except ValueError:
            raise _StopError(f"{path}: {told[:40]!r} is no time in ISO 8601") from None
        if at.tzinfo is None:
            place[last] = at.replace(tzinfo=ZoneInfo(zone)).isoformat()


def _default(event: Any, path: str, value: Any) -> None:
    for place, last in _places(event, path, make=True):
        if place.get(last) is None:
            place[last] = deepcopy(value)


def _set(event: Any, path: str, value: Any) -> None:
    for place, last in _places(event, path, make=True):
        place[last] = deepcopy(value)


_STEPS: dict[str, Callable[[Any, str, Any], None]] = {
    "rename": _rename,
    "map": _map,
    "times": _times,
    "zone": _zone,
    "default": _default,
    "set": _set,
}
"""What is done to fields, in this order."""
