"""Windows by asking the zone what the clock on the wall shows, minute by minute.

It must not know panes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
LENGTHS = {"5m": 5 * MINUTE_MS, "1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS}


class Window(NamedTuple):
    """A stretch of time."""

    start_ms: int
    end_ms: int


def wall(zone: str, at_ms: int) -> datetime:
    """What the clock shows."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone))


@lru_cache(maxsize=10_000)
def hour_start(zone: str, at_ms: int) -> int:
    """The latest minute that shows :00, or at which the clock was set."""
    at_ms -= at_ms % MINUTE_MS
    while wall(zone, at_ms).minute and (
        wall(zone, at_ms).utcoffset() == wall(zone, at_ms - 1).utcoffset()
    ):
        at_ms -= MINUTE_MS
    return at_ms


def first_instant(zone: str, day: date) -> int:
    """When a local date begins."""
    low = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000) - DAY_MS
    high = low + 2 * DAY_MS
    while high - low > MINUTE_MS:
        middle = (low + high) // 2 // MINUTE_MS * MINUTE_MS
        low, high = (low, middle) if wall(zone, middle).date() >= day else (middle, high)
    return high


def first_day(name: str, day: date) -> date:
    """The first date of the period that a date is in."""
    if name == "week":
        return day - timedelta(days=day.weekday())
    if name == "month":
        return day.replace(day=1)
    if name == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1) if name == "year" else day


def period_start(zone: str, name: str, at_ms: int) -> int:
    """The first instant of the period that an instant is in."""
    if name == "hour":
        return hour_start(zone, at_ms)
    return first_instant(zone, first_day(name, wall(zone, at_ms).date()))


def window(zone: str, name: str, at_ms: int) -> Window:
    """The window as of an instant: rolling, or a period to date."""
    end_ms = at_ms - at_ms % MINUTE_MS + MINUTE_MS
    if name not in LENGTHS:
        return Window(period_start(zone, name, at_ms), end_ms)
    if name in ("7d", "30d"):
        end_ms = hour_start(zone, at_ms) + MINUTE_MS
        while hour_start(zone, end_ms) != end_ms:
            end_ms += MINUTE_MS
    return Window(end_ms - LENGTHS[name], end_ms)


def day_end(zone: str, at_ms: int) -> int:
    """The end of the local date that an instant is in."""
    return first_instant(zone, wall(zone, at_ms).date() + timedelta(days=1))


def previous_whole(zone: str, name: str, at_ms: int) -> Window:
    """All of the period before."""
    start_ms = period_start(zone, name, at_ms)
    return Window(period_start(zone, name, start_ms - 1), start_ms)
