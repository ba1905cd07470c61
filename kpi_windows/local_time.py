"""Local time: when a zone's offset changes, and months as numbers; knows no panes and no windows.

Offset changes are known from 1970 to 2100. Outside, the nearest known offset holds for ever.
"""

from __future__ import annotations

import difflib
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from kpi_windows.definitions import MINUTE_MS

FOREVER: Final = 1 << 62
EPOCH: Final = date(1970, 1, 1).toordinal()
_LAST_S: Final = 4_102_444_800  # 2100-01-01
_CACHED: Final = 1 << 16  # entries a cache may hold before it starts anew
_PROBE_S: Final = 2 * 86_400  # the tz database has no offset that lasted less than a week
_V = TypeVar("_V")


class Stretch(NamedTuple):
    """A part of ``[start_ms, end_ms)`` in which the local clock is UTC + ``offset_ms``."""

    start_ms: int
    end_ms: int
    offset_ms: int


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, sorted(available_timezones()), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        msg = f"unknown time zone {name!r}: use an IANA name such as 'Europe/Amsterdam'{hint}"
        raise ValueError(msg) from None


@lru_cache(maxsize=64)
def offsets_of(zone: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where the offset changes, and the offset from each such instant on, both in ms."""
    tz = _zone(zone)

    def offset_ms(at_s: int) -> int:
        offset = datetime.fromtimestamp(at_s, tz).utcoffset() or timedelta()
        return offset // timedelta(minutes=1) * MINUTE_MS

    starts, offsets, known_s = [-FOREVER], [offset_ms(0)], 0
    for probe_s in range(_PROBE_S, _LAST_S, _PROBE_S):
        while offset_ms(probe_s) != offsets[-1]:
            low, high = known_s // 60, probe_s // 60
            while high - low > 1:
                middle = (low + high) // 2
                if offset_ms(middle * 60) == offsets[-1]:
                    low = middle
                else:
                    high = middle
            known_s = high * 60
            starts.append(known_s * 1000)
            offsets.append(offset_ms(known_s))
        known_s = probe_s
    return tuple(starts), tuple(offsets)


def first_of_month(months: int) -> int:
    """The day number of the first of the month that is so many months after January 1970."""
    return date(1970 + months // 12, months % 12 + 1, 1).toordinal() - EPOCH


def months_before(day: int, months: int) -> tuple[int, int]:
    """The same day of the month so many months earlier, and the last day of that month."""
    on = date.fromordinal(EPOCH + day)
    month = (on.year - 1970) * 12 + on.month - 1 - months
    return first_of_month(month) + on.day - 1, first_of_month(month + 1) - 1


def room(cache: dict[int, _V]) -> dict[int, _V]:
    """The cache, emptied first when it is full."""
    if len(cache) >= _CACHED:
        cache.clear()
    return cache
