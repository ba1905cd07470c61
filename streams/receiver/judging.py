"""Whether a value is an event that the worker will take, under which key, and with which id.

It decides by the worker's own decoder and rules, so that what is taken here isn't rejected there.
What only the worker knows, whether an event is late or was there before, is left to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from kpi_windows.decoding import Rejected, decode
from kpi_windows.definitions import Definitions
from kpi_windows.events import Clock, Event, Id, key_of
from kpi_windows.routes import uncountable
from streams.intake.ids import with_id

LONGEST_EVENT = 1_000_000
"""In bytes, with its key: what a broker takes, unless it is told otherwise."""


class Judged(NamedTuple):
    """A value that may be written, unless `reason` says what was expected."""

    value: bytes
    key: bytes
    kind: str
    """The event's type."""
    event_id: str | None
    reason: str | None = None


def judge(
    topic: str,
    values: Sequence[bytes],
    definitions: Definitions,
    now_ms: int,
    request_key: str | None = None,
) -> list[Judged]:
    """One result a value, in the same order.

    An event without an id gets one from the request's key and its place in it; without such a
    key it is refused, since it would count twice when it is sent twice.
    """
    return [
        _rejected(value, event.reason, _id_in(value))
        if isinstance(event, Rejected)
        else _judged(
            value, event, definitions, now_ms, f"{request_key}:{place}" if request_key else None
        )
        for place, (value, event) in enumerate(zip(values, decode(topic, values), strict=True))
    ]


class _Named(msgspec.Struct):
    event_id: Id


_NAMED = msgspec.json.Decoder(_Named)


def _id_in(value: bytes) -> str | None:
    """The id of what is no event, as far as it has one: its sender looks for it."""
    try:
        return _NAMED.decode(value).event_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _rejected(value: bytes, reason: str, event_id: str | None) -> Judged:
    return Judged(value, b"", "", event_id, reason)


def _judged(
    value: bytes, event: Event, definitions: Definitions, now_ms: int, derived: str | None
) -> Judged:
    event_id = event.event_id or derived
    reason = _reason(event, event_id, definitions, now_ms)
    if reason is not None:
        return _rejected(value, reason, event.event_id)
    if event.event_id is None and derived is not None:
        value = with_id(value, derived)
    key = key_of(event).encode()
    if len(key) + len(value) > LONGEST_EVENT:
        return _rejected(value, f"expected an event of at most {LONGEST_EVENT:,} bytes", event_id)
    # A line break in JSON is a blank: without any the worker decodes many events at once.
    value = value.replace(b"\n", b" ") if b"\n" in value else value
    return Judged(value, key, event.__struct_config__.tag, event_id)  # type: ignore[arg-type]


def _reason(
    event: Event, event_id: str | None, definitions: Definitions, now_ms: int
) -> str | None:
    """Why the event isn't taken, or None."""
    if isinstance(event, Clock):
        return "a clock must reach every partition: `kpi feed --end-at` sends one"
    if event_id is None:
        return (
            "expected an `event_id`, or a header Idempotency-Key for the request: without one "
            "an event that is sent again counts again - at `$.event_id`"
        )
    ahead_ms = event.timestamp - now_ms  # type: ignore[operator]  # decoded: milliseconds
    if ahead_ms > definitions.future_skew_ms:
        return (
            f"{ahead_ms:,} ms in the future: expected at most {definitions.future_skew_ms:,} ms, "
            "by the clock of the intake - at `$.timestamp`"
        )
    return uncountable(event, definitions)
