"""Counts the time that a shop is open; knows a week, its holidays and its zone, but no ticket.

Open is what the clock on the wall says: a minute counts when its local weekday and time are in
the week's hours and its local date is no holiday. So an hour that the clock skips is never open,
and one that it repeats is open twice.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Final, NamedTuple

from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS
from kpi_windows.windows import Grid

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_EPOCH: Final = date(1970, 1, 1).toordinal()
_HOURS: Final = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})", re.ASCII)
_BLOCK_DAYS: Final = 28  # a block is what is computed and kept at once
_BLOCKS_KEPT: Final = 1 << 12

Hours = tuple[tuple[int, int], ...]
"""Of one day: (opens, closes) in ms after local midnight, in order, without overlap."""


class _Block(NamedTuple):
    """The open intervals of 28 local days."""

    starts: list[int]
    ends: list[int]
    before: list[int]
    """Open time of the block before each interval."""
    total: int

    def until(self, t_ms: int) -> int:
        """Open time from the block's start to an instant in it."""
        i = bisect_right(self.starts, t_ms) - 1
        return self.before[i] + min(t_ms, self.ends[i]) - self.starts[i] if i >= 0 else 0


@dataclass(frozen=True)
class BusinessHours:
    """A shop's weekly opening hours in local time.

    >>> hours = BusinessHours.parse({"thu": ["09:00-17:30"]}, "UTC")
    >>> hours.between(0, DAY_MS) == 8.5 * HOUR_MS  # 1970-01-01 was a Thursday
    True
    """

    week: tuple[Hours, ...]
    """By weekday, Monday first."""
    zone: str
    holidays: frozenset[int] = frozenset()
    """Local dates, in days since 1970-01-01."""
    _grid: Grid = field(init=False, repr=False, compare=False)
    _blocks: dict[int, _Block] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_grid", Grid(self.zone))

    @classmethod
    def parse(
        cls,
        mapping: Mapping[str, Sequence[str]],
        zone: str,
        holidays: Iterable[str | date] = (),
    ) -> BusinessHours:
        """From ``{"mon": ["09:00-12:30", "13:00-17:30"], ...}``; a day left out is closed.

        A closing time may be ``24:00``. Holidays are ISO dates. Raises ValueError that names the
        day or date, what it has, and what would be right.
        """
        for name in mapping:
            if name not in WEEKDAYS:
                raise ValueError(f"unknown day {name!r}: use {', '.join(WEEKDAYS)}")
        week = tuple(_hours(name, mapping.get(name, ())) for name in WEEKDAYS)
        return cls(week, zone, frozenset(_day(holiday) for holiday in holidays))

    def between(self, start_ms: int, end_ms: int) -> int:
        """Open time in ``[start_ms, end_ms)``, in ms; the negative when the end comes first.

        Additive in every order of its arguments: between(a, b) + between(b, c) = between(a, c).
        """
        if end_ms < start_ms:
            return -self.between(end_ms, start_ms)
        first, last = self._number(start_ms), self._number(end_ms)
        whole = sum(self._block(number).total for number in range(first, last))
        return whole + self._block(last).until(end_ms) - self._block(first).until(start_ms)

    def deadline(self, start_ms: int, open_ms: int) -> int | None:
        """The first instant by which ``open_ms`` of open time has passed since ``start_ms``.

        The inverse of :meth:`between`: ``between(start_ms, deadline) == open_ms``. None when
        the shop never opens.
        """
        if open_ms <= 0:
            return start_ms
        if not any(self.week):
            return None
        number = self._number(start_ms)
        wanted = open_ms + self._block(number).until(start_ms)
        while wanted > (block := self._block(number)).total:
            wanted -= block.total
            number += 1
        i = bisect_right(block.before, wanted - 1) - 1
        return block.starts[i] + wanted - block.before[i]

    def _number(self, t_ms: int) -> int:
        return self._grid.date_number(t_ms) // _BLOCK_DAYS

    def _block(self, number: int) -> _Block:
        found = self._blocks.get(number)
        if found is None:
            if len(self._blocks) >= _BLOCKS_KEPT:
                self._blocks.clear()
            found = self._blocks[number] = self._new_block(number)
        return found

    def _new_block(self, number: int) -> _Block:
        first_day = number * _BLOCK_DAYS
        start_ms = self._grid.first_at(first_day * DAY_MS)
        end_ms = self._grid.first_at((first_day + _BLOCK_DAYS) * DAY_MS)
        block, total = _Block([], [], [], 0), 0
        for part_ms, stop_ms, offset_ms in self._grid.stretches(start_ms, end_ms):
            days = range((part_ms + offset_ms) // DAY_MS, (stop_ms - 1 + offset_ms) // DAY_MS + 1)
            for opens_ms, closes_ms in self._wall_hours(days):
                open_ms = max(part_ms, opens_ms - offset_ms)
                close_ms = min(stop_ms, closes_ms - offset_ms)
                if open_ms < close_ms:
                    block.starts.append(open_ms)
                    block.ends.append(close_ms)
                    block.before.append(total)
                    total += close_ms - open_ms
        return block._replace(total=total)

    def _wall_hours(self, days: range) -> Iterable[tuple[int, int]]:
        for day in days:
            if day not in self.holidays:
                for opens_ms, closes_ms in self.week[(day + 3) % 7]:
                    yield day * DAY_MS + opens_ms, day * DAY_MS + closes_ms


def _hours(name: str, texts: object) -> Hours:
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise ValueError(f'{name}: expected a list such as ["09:00-17:30"], got {texts!r}')
    hours = tuple(sorted(_range(name, text) for text in texts))
    for (_, closes_ms), (opens_ms, _) in pairwise(hours):
        if opens_ms < closes_ms:
            raise ValueError(f"{name}: {', '.join(texts)} overlap at {_clock(opens_ms)}")
    return hours


def _range(name: str, text: object) -> tuple[int, int]:
    found = _HOURS.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f'{name}: expected hours as "09:00-17:30", got {text!r}')
    hour, minute, until_hour, until_minute = map(int, found.groups())
    opens_ms = hour * HOUR_MS + minute * MINUTE_MS
    closes_ms = until_hour * HOUR_MS + until_minute * MINUTE_MS
    if max(minute, until_minute) > 59 or max(opens_ms, closes_ms) > DAY_MS:
        raise ValueError(f"{name}: {text!r} is no time of day; it ends at 24:00")
    if closes_ms <= opens_ms:
        raise ValueError(
            f"{name}: {text!r} closes before it opens; hours past midnight are two, "
            f'"{_clock(opens_ms)}-24:00" and, on the next day, "00:00-{_clock(closes_ms)}"'
        )
    return opens_ms, closes_ms


def _day(holiday: object) -> int:
    if isinstance(holiday, date) and not isinstance(holiday, datetime):
        return holiday.toordinal() - _EPOCH
    try:
        return date.fromisoformat(str(holiday)).toordinal() - _EPOCH
    except ValueError:
        raise ValueError(f'holiday: expected a date as "2026-12-25", got {holiday!r}') from None


def _clock(ms: int) -> str:
    return f"{ms // HOUR_MS:02}:{ms % HOUR_MS // MINUTE_MS:02}"
