"""What all events share: their common fields, times, money and their limits.

It must not know any single event.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

SCHEMA_VERSION: Literal[1] = 1

EARLIEST_MS = 631_152_000_000
"""1990-01-01: an earlier integer is nearly always a time in seconds."""
LATEST_MS = 4_102_444_800_000
"""2100-01-01: a later integer is nearly always a time in microseconds."""
MONEY_LIMIT = Decimal(10) ** 9
"""Amounts of a thousand million and more are taken for mistakes."""
TOP_LINES = 10_000
"""An order with more lines is rejected: it is a batch, not an order."""

Time = int | Annotated[datetime, Meta(tz=True)]
Id = Annotated[str, Meta(min_length=1, max_length=200)]
Label = Annotated[str, Meta(max_length=200)]
Quantity = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000_000)]


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type"):
    """What all events share."""

    KEY: ClassVar[str] = ""
    """The field whose value is the key of the event's Kafka message."""

    timestamp: Time
    event_id: Id | None = None
    schema_version: Literal[1] = SCHEMA_VERSION
    is_bot: bool = False
    is_test: bool = False
    properties: dict[str, str | int | float | bool | None] | None = None
    """The shop's own: for measures that it defines itself."""


class Clock(Event, frozen=True, kw_only=True, gc=False, tag="clock"):
    """Nothing happened until `timestamp`: moves the watermark of the partition that it is in."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(time: int | datetime) -> int:
    """Milliseconds since 1970 UTC, microseconds cut off.

    >>> to_ms(datetime(2011, 12, 9, 12, 50, tzinfo=UTC))
    1323435000000
    """
    if isinstance(time, int):
        return time
    past = time - _EPOCH
    return past.days * 86_400_000 + past.seconds * 1_000 + past.microseconds // 1_000


def micros(amount: Decimal) -> int:
    """Millionths of a currency unit; half a millionth goes to the even neighbour.

    >>> micros(Decimal("10655622.484"))
    10655622484000
    """
    return int((amount * 1_000_000).to_integral_value())
