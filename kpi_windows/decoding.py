"""Bytes to events, or to the reason why they are none; never an exception.

What types alone can't say is checked here too: a time in range, sane money, a rating within its
scale.  It must not know what an event means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from kpi_windows.checks import CHECKS
from kpi_windows.events import (
    EARLIEST_MS,
    LATEST_MS,
    SCHEMA_VERSION,
    TOPICS,
    Clock,
    Event,
    to_ms,
)

AT_ONCE = 256
"""Events decoded together: few enough to be in the processor's cache when they are counted."""


_LONGEST = 400
"""Characters of a reason that may be the sender's own."""


def shortened(text: str) -> str:
    """A text that quotes a sender, without the middle of what is beyond reason.

    >>> shortened("x" * 10_000) == "x" * 200 + "…" + "x" * 200
    True
    """
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}…{text[-half:]}"


class Rejected(NamedTuple):
    """Bytes that are no event, and what was expected instead."""

    reason: str


def _union(types: tuple[type[Event], ...]) -> Any:
    joined: Any = Clock
    for one in types:
        joined = joined | one
    return joined


_DECODERS: dict[str, msgspec.json.Decoder[Event]] = {
    topic: msgspec.json.Decoder(_union(types)) for topic, types in TOPICS.items()
}


def decode(topic: str, values: Sequence[bytes | None]) -> list[Event | Rejected]:
    """One result a value, in the same order; never raises for what a value holds.

    The whole batch is decoded at once, and value by value only when that fails or when a value
    holds a line break, so that one bad value costs its neighbours nothing but time.
    """
    decoder = _DECODERS[topic]
    if None not in values and b"" not in values:
        joined = b"\n".join(values)  # type: ignore[arg-type]
        if joined.count(b"\n") == len(values) - 1:
            try:
                events: list[Any] = decoder.decode_lines(joined)
            except Exception:  # noqa: BLE001  # any value may be at fault; found below, one by one
                events = []
            if len(events) == len(values) and not _NEEDS_CHECK[topic]:
                return [
                    e
                    if type(t := e.timestamp) is int and EARLIEST_MS <= t <= LATEST_MS
                    else _checked(e)
                    for e in events
                ]
            if len(events) == len(values):
                return [_checked(e) for e in events]
    return [_decode_one(topic, decoder, value) for value in values]


_NEEDS_CHECK = {topic: any(cls in CHECKS for cls in types) for topic, types in TOPICS.items()}
"""Topics whose events need more than their types and a time in range."""


def _decode_one(
    topic: str, decoder: msgspec.json.Decoder[Event], value: bytes | None
) -> Event | Rejected:
    if value is None:
        return Rejected("null value: expected a JSON object")
    if not value:
        return Rejected("empty value: expected a JSON object")
    try:
        return _checked(decoder.decode(value))
    except msgspec.ValidationError as error:
        return Rejected(_explain(topic, str(error)))
    except RecursionError:
        return Rejected("nested too deeply: expected a flat JSON object")
    except Exception as error:  # noqa: BLE001  # DecodeError, and whatever bytes may provoke
        return Rejected(f"not JSON in UTF-8: {error}")


def _explain(topic: str, message: str) -> str:
    message = shortened(message)
    if "$.type" in message or "`type`" in message:
        types: tuple[Any, ...] = (*TOPICS[topic], Clock)
        known = ", ".join(sorted(one.__struct_config__.tag for one in types))
        return f"{message}; topic {topic!r} takes the types {known}"
    if "$.schema_version" in message:
        return f"{message}; this version understands schema_version {SCHEMA_VERSION}"
    return message


def _checked(event: Event) -> Event | Rejected:
    """What types alone can't say: a time in range, sane money, a rating within its scale."""
    at = event.timestamp
    if type(at) is not int or not EARLIEST_MS <= at <= LATEST_MS:
        try:
            at_ms = to_ms(at)
        except OverflowError:
            at_ms = 0
        if not EARLIEST_MS <= at_ms <= LATEST_MS:
            return Rejected(
                "timestamp out of range: expected milliseconds since 1970 (or ISO 8601 text with "
                f"a zone) between 1990 and 2100, got {str(at)[:40]} - at `$.timestamp`"
            )
        event = msgspec.structs.replace(event, timestamp=at_ms)
    check = CHECKS.get(type(event))
    try:
        reason = check(event) if check else None
    except ArithmeticError:
        reason = "expected amounts within reason"
    return Rejected(shortened(reason)) if reason else event
