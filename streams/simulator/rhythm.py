"""How busy a shop is at each hour, and how long it is until the next of something.

It must not know what comes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import log

from streams.simulator.options import HOUR_MS, MINUTE_MS, ShopOptions

_BUSY = (35, 20, 12, 8, 8, 14, 30, 60, 85, 105, 120, 125, 130, 120, 115, 118, 122, 130, 150, 190)
_RHYTHM = (*_BUSY, 215, 210, 165, 90)
"""How busy each hour of the customers' clock is, beside the others."""
_MEAN = sum(_RHYTHM) / len(_RHYTHM)


def gap_ms(drawn: float, an_hour: float, at_ms: float, options: ShopOptions) -> float:
    """Milliseconds to the next of something that comes so often in a mean hour."""
    busy = _busy(int(at_ms) + options.ahead_hours * HOUR_MS) if options.rhythm else 1.0
    return -log(1.0 - drawn) * HOUR_MS / (an_hour * busy)


def _busy(at_ms: int) -> float:
    """How busy it is, 1 being the mean; between the hours in a straight line."""
    hour, minute = divmod(at_ms // MINUTE_MS % 1440, 60)
    here, there = _RHYTHM[hour], _RHYTHM[(hour + 1) % 24]
    return (here + (there - here) * minute / 60) / _MEAN


def next_tick(start_ms: int, every_ms: int) -> int:
    """The first full step of the clock after a time.

    >>> next_tick(1_800_001, 600_000)
    2400000
    """
    return (start_ms // every_ms + 1) * every_ms


def hour_name(hour: int) -> str:
    """An hour since 1970 as text, for ids.

    >>> hour_name(492_000)
    '2026-02-16T00'
    """
    return f"{datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC):%Y-%m-%dT%H}"
