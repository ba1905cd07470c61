"""Cuts time in panes and windows by a shop's local clock; knows no events, no state and no now.

Everything is int milliseconds UTC and half open, ``[start, end)``. Panes nest: a year is months,
a month days, a day hours, an hour minutes, without gap or overlap. The rules behind that:

* a zone's offset is taken as whole minutes, so minute panes are UTC minutes everywhere;
* an instant at which the offset changes always ends an hour pane. After a change of half an hour
  (Australia/Lord_Howe) or in mid-hour (America/St_Johns) some hour panes are therefore shorter;
* a local date starts at its first instant, and local dates never run backwards: when the clock
  goes from 00:01 back to 23:01, the second 23:01 still belongs to the new date;
* a date that a zone skipped (Pacific/Apia, 2011-12-30) has no pane.

Where a zone's offset changes, `local_time` says.
"""

from __future__ import annotations

import difflib
from bisect import bisect_right
from datetime import date
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS
from kpi_windows.local_time import (
    EPOCH,
    FOREVER,
    Stretch,
    first_of_month,
    months_before,
    offsets_of,
    room,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Level(IntEnum):
    """The sizes of panes, finest first."""

    MINUTE = 0
    HOUR = 1
    DAY = 2
    MONTH = 3
    YEAR = 4


class Window(NamedTuple):
    """A stretch of time, ``[start_ms, end_ms)``."""

    start_ms: int
    end_ms: int


# A rolling window: its length, and the pane at whose end it ends.
_ROLLING: Final[dict[str, tuple[int, Level]]] = {
    "5m": (5 * MINUTE_MS, Level.MINUTE),
    "1h": (HOUR_MS, Level.MINUTE),
    "24h": (DAY_MS, Level.MINUTE),
    "7d": (7 * DAY_MS, Level.HOUR),
    "30d": (30 * DAY_MS, Level.HOUR),
}
ROLLING: Final[tuple[str, ...]] = tuple(_ROLLING)
CALENDAR: Final[tuple[str, ...]] = ("hour", "day", "week", "month", "quarter", "year")
WINDOWS: Final[tuple[str, ...]] = ROLLING + CALENDAR

_PERIOD: Final[dict[str, int]] = {name: place for place, name in enumerate(CALENDAR)}
_NAME: Final = {Level.HOUR: "hour", Level.DAY: "day", Level.MONTH: "month", Level.YEAR: "year"}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


def is_calendar(name: str) -> bool:
    """Whether a window follows the calendar (``week``) or rolls (``7d``).

    >>> is_calendar("week"), is_calendar("7d")
    (True, False)

    Raises ValueError for a name that is no window's.
    """
    if name in _PERIOD:
        return True
    if name in _ROLLING:
        return False
    raise _unknown("window", name, WINDOWS)


def _unknown(what: str, name: str, valid: tuple[str, ...]) -> ValueError:
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.3)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return ValueError(f"unknown {what} {name!r}: use one of {', '.join(valid)}{hint}")


class Grid:
    """The panes and windows of one time zone.

    >>> grid = Grid("Asia/Kolkata")
    >>> grid.parents(0) == (-HOUR_MS // 2, -(5 * HOUR_MS + HOUR_MS // 2))
    True

    Raises ValueError for a zone that the tz database doesn't have.
    """

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._starts, self._offsets = starts, offsets = offsets_of(zone)
        self._ends = (*starts[1:], FOREVER)
        self._highest_day = [-FOREVER]  # the last local date reached before a segment
        self._hour_base = [0]  # local hour + base = the number of the hour pane
        self._skipped: list[int] = []  # local dates that never were
        for start, before, after in zip(starts[1:], offsets, offsets[1:], strict=False):
            highest = max(self._highest_day[-1], (start - 1 + before) // DAY_MS)
            self._highest_day.append(highest)
            self._skipped.extend(range(highest + 1, (start + after) // DAY_MS))
            panes = (start - 1 + before) // HOUR_MS + self._hour_base[-1] + 1
            self._hour_base.append(panes - (start + after) // HOUR_MS)
        self._first_hour = [
            (start + offset) // HOUR_MS + base
            for start, offset, base in zip(starts, offsets, self._hour_base, strict=True)
        ]
        self._parents: dict[int, tuple[int, int]] = {}
        self._periods: dict[int, tuple[int, ...]] = {}
        self._locals: dict[int, tuple[int, int]] = {}

    # --- the local clock -------------------------------------------------------------------

    def date_number(self, t_ms: int) -> int:
        """The local date that an instant belongs to, in days since 1970-01-01."""
        i = self._segment(t_ms)
        return max((t_ms + self._offsets[i]) // DAY_MS, self._highest_day[i])

    def first_at(self, wall_ms: int) -> int:
        """The first instant at which the local clock shows ``wall_ms`` or more.

        ``wall_ms`` counts from 1970-01-01T00:00 local. A time that occurs twice gives its first
        occurrence, a time that the clock skips gives the instant of the skip.
        """
        i = self._segment(wall_ms - DAY_MS)  # offsets are always less than 24 hours
        while (t_ms := max(self._starts[i], wall_ms - self._offsets[i])) >= self._ends[i]:
            i += 1
        return t_ms

    def stretches(self, start_ms: int, end_ms: int) -> Iterator[Stretch]:
        """``[start_ms, end_ms)`` in parts of one offset each, in order."""
        i = self._segment(start_ms)
        while start_ms < end_ms:
            stop_ms = min(end_ms, self._ends[i])
            yield Stretch(start_ms, stop_ms, self._offsets[i])
            start_ms, i = stop_ms, i + 1

    def local(self, t_ms: int) -> tuple[int, int]:
        """What the clock on the wall shows: weekday (Monday = 0) and hour (0 to 23).

        Called for every event, hence one look-up in a dict by minute.
        """
        minute_ms = t_ms - t_ms % MINUTE_MS
        found = self._locals.get(minute_ms)
        if found is None:
            day, rest = divmod(minute_ms + self._offsets[self._segment(minute_ms)], DAY_MS)
            found = ((day + 3) % 7, rest // HOUR_MS)
            room(self._locals)[minute_ms] = found
        return found

    # --- panes -----------------------------------------------------------------------------

    def parents(self, minute_ms: int) -> tuple[int, int]:
        """The starts of the hour and the day pane of a minute pane.

        Called for every changed cell, hence one look-up in a dict by minute.
        """
        found = self._parents.get(minute_ms)
        if found is None:
            i = self._segment(minute_ms)
            wall_ms = minute_ms + self._offsets[i]
            hour_ms = max(self._starts[i], minute_ms - wall_ms % HOUR_MS)
            found = (hour_ms, self.first_at(self.date_number(minute_ms) * DAY_MS))
            room(self._parents)[minute_ms] = found
        return found

    def pane_start(self, level: Level, t_ms: int) -> int:
        """The start of the pane that contains an instant."""
        minute_ms = t_ms - t_ms % MINUTE_MS
        if level == Level.MINUTE:
            return minute_ms
        if level <= Level.DAY:
            return self.parents(minute_ms)[level - 1]
        return self.period_start(_NAME[level], self.period_index(_NAME[level], t_ms))

    def pane_end(self, level: Level, start_ms: int) -> int:
        """The end of the pane that starts at (or contains) an instant: the next one's start."""
        if level == Level.MINUTE:
            return start_ms - start_ms % MINUTE_MS + MINUTE_MS
        if level == Level.DAY:
            return self.first_at((self.date_number(start_ms) + 1) * DAY_MS)
        return self.period_start(_NAME[level], self.period_index(_NAME[level], start_ms) + 1)

    def cover(
        self,
        start_ms: int,
        end_ms: int,
        *,
        finest: Level = Level.MINUTE,
        coarsest: Level = Level.YEAR,
        oldest_minute_ms: int | None = None,
        oldest_hour_ms: int | None = None,
    ) -> list[tuple[Level, int]]:
        """The fewest panes that tile ``[start_ms, end_ms)``, in order of time.

        With only these arguments, and both ends on whole minutes, the panes tile it exactly.
        ``finest`` and ``coarsest`` limit the levels. Minute panes that start before
        ``oldest_minute_ms`` and hour panes before ``oldest_hour_ms`` no longer exist: the start
        is then rounded UP to the next pane that does and fits, and an end that only missing
        panes could reach is rounded DOWN. What is returned has no gap; it covers from its first
        pane's start to its last pane's end, and is empty when no pane fits.
        """
        oldest = {Level.MINUTE: oldest_minute_ms, Level.HOUR: oldest_hour_ms}
        since = [
            (level, -FOREVER if (t := oldest.get(level)) is None else t)
            for level in Level
            if finest <= level <= coarsest
        ]
        panes: list[tuple[Level, int]] = []
        at_ms = start_ms
        while at_ms < end_ms:
            if found := self._coarsest(at_ms, end_ms, since):
                level, stop_ms = found
                panes.append((level, at_ms))
                at_ms = stop_ms
            elif panes:
                break
            else:
                at_ms = min(self.pane_end(level, max(at_ms, t_ms - 1)) for level, t_ms in since)
        return panes

    # --- periods of the calendar -----------------------------------------------------------

    def period_index(self, name: str, t_ms: int) -> int:
        """The number of the local hour, day, ISO week, month, quarter or year of an instant.

        The next period always has the next number. So hours number the hour panes, a short one
        after a half-hour change (Australia/Lord_Howe) included, and a date that the zone
        skipped takes no number. 0 is the period of 1970-01-01T00:00 local.
        """
        place = _PERIOD.get(name)
        if place is None:
            raise _unknown("period", name, CALENDAR)
        hour_ms = self.parents(t_ms - t_ms % MINUTE_MS)[0]
        found = self._periods.get(hour_ms)
        if found is None:
            found = self._numbers(hour_ms)
            room(self._periods)[hour_ms] = found
        return found[place]

    def period_start(self, name: str, index: int) -> int:
        """The first instant of the period with that number, see :meth:`period_index`."""
        if name == "hour":
            i = bisect_right(self._first_hour, index) - 1
            hour = index - self._hour_base[i]
            return max(self._starts[i], hour * HOUR_MS - self._offsets[i])
        if name == "day":
            numbers = [skipped - i for i, skipped in enumerate(self._skipped)]
            return self.first_at((index + bisect_right(numbers, index)) * DAY_MS)
        if name == "week":
            return self.first_at((index * 7 - 3) * DAY_MS)
        if name not in _MONTHS:
            raise _unknown("period", name, CALENDAR)
        return self.first_at(first_of_month(index * _MONTHS[name]) * DAY_MS)

    # --- windows ---------------------------------------------------------------------------

    def window(self, name: str, at_ms: int) -> Window:
        """The window at an instant: the last ``5m``, or this ``week`` to date.

        Ends at the end of the current minute, ``7d`` and ``30d`` at that of the current hour.
        """
        if is_calendar(name):
            start_ms = self.period_start(name, self.period_index(name, at_ms))
            return Window(start_ms, self.pane_end(Level.MINUTE, at_ms))
        length_ms, level = _ROLLING[name]
        end_ms = self.pane_end(level, at_ms)
        return Window(end_ms - length_ms, end_ms)

    def whole(self, name: str, at_ms: int) -> Window:
        """The current period to its end; for a rolling window the window itself."""
        if not is_calendar(name):
            return self.window(name, at_ms)
        return self._period(name, self.period_index(name, at_ms))

    def previous_whole(self, name: str, at_ms: int) -> Window:
        """All of the period before; for a rolling window the one of equal length before it."""
        if is_calendar(name):
            return self._period(name, self.period_index(name, at_ms) - 1)
        start_ms, end_ms = self.window(name, at_ms)
        return Window(2 * start_ms - end_ms, start_ms)

    def previous(self, name: str, at_ms: int) -> Window:
        """The period before, until it was as far as this one is now; see :meth:`window`.

        As far is by the clock on the wall: until Wednesday 14:30, until the 12th at 14:30, until
        12 March at 14:30. A date that the other month doesn't have (the 31st, 29 February) means
        that month's end, a wall time that was skipped the instant of the skip, one that occurred
        twice its first occurrence, and an hour that is repeated now adds nothing. Hours compare
        elapsed time. The result never leaves the previous period.
        """
        whole = self.previous_whole(name, at_ms)
        if not is_calendar(name):
            return whole
        now = self.window(name, at_ms)
        if name == "hour":
            end_ms = whole.start_ms + now.end_ms - now.start_ms
        else:
            end_ms = self._as_far(name, now.end_ms - MINUTE_MS)
        return Window(whole.start_ms, min(max(end_ms, whole.start_ms), whole.end_ms))

    def periods(self, name: str, from_ms: int, to_ms: int) -> Iterator[Window]:
        """Consecutive windows, oldest first, that together cover ``[from_ms, to_ms)``.

        Calendar: every whole period that overlaps it. Rolling: steps of the window's length, the
        last ending at ``to_ms``, rounded up to a whole minute.
        """
        if not is_calendar(name):
            length_ms, _ = _ROLLING[name]
            to_ms += -to_ms % MINUTE_MS
            for back in range(-((from_ms - to_ms) // length_ms), 0, -1):
                end_ms = to_ms - (back - 1) * length_ms
                yield Window(end_ms - length_ms, end_ms)
        elif from_ms < to_ms:
            first, last = self.period_index(name, from_ms), self.period_index(name, to_ms - 1)
            for index in range(first, last + 1):
                yield self._period(name, index)

    # --- inside ----------------------------------------------------------------------------

    def _coarsest(
        self, at_ms: int, end_ms: int, since: list[tuple[Level, int]]
    ) -> tuple[Level, int] | None:
        """Level and end of the coarsest existing pane that starts here and fits."""
        found = None
        for level, since_ms in since:  # finest first: where one doesn't fit, no coarser one does
            if self.pane_start(level, at_ms) != at_ms:
                break
            stop_ms = self.pane_end(level, at_ms)
            if stop_ms > end_ms:
                break
            if at_ms >= since_ms:
                found = level, stop_ms
        return found

    def _segment(self, t_ms: int) -> int:
        return bisect_right(self._starts, t_ms, 1) - 1

    def _period(self, name: str, index: int) -> Window:
        return Window(self.period_start(name, index), self.period_start(name, index + 1))

    def _numbers(self, hour_ms: int) -> tuple[int, ...]:
        i = self._segment(hour_ms)
        day = self.date_number(hour_ms)
        on = date.fromordinal(EPOCH + day)
        months = (on.year - 1970) * 12 + on.month - 1
        return (
            (hour_ms + self._offsets[i]) // HOUR_MS + self._hour_base[i],
            day - bisect_right(self._skipped, day),
            (day + 3) // 7,  # 1970-01-01 was a Thursday
            months,
            months // 3,
            on.year - 1970,
        )

    def _as_far(self, name: str, minute_ms: int) -> int:
        """The end of the minute that shows the same wall time one period earlier."""
        i = self._segment(minute_ms)
        wall_ms = minute_ms + self._offsets[i]
        repeats = i > 0 and wall_ms < self._starts[i] + self._offsets[i - 1]
        day, rest_ms = divmod(wall_ms, DAY_MS)
        if day < self.date_number(minute_ms):  # the clock went back over midnight
            return self._as_far(name, self._starts[i] - MINUTE_MS)
        if name in _MONTHS:
            earlier, last = months_before(day, _MONTHS[name])
            if earlier > last:
                return self.first_at((last + 1) * DAY_MS)
        elif name == "week":
            earlier = day - 7
        else:
            earlier = self.date_number(self.parents(minute_ms)[1] - 1)
        occurs = self._occurrences(earlier * DAY_MS + rest_ms)
        if repeats and len(occurs) < 2:
            return self._as_far(name, self._starts[i] - MINUTE_MS)
        if not occurs:
            return self.first_at(earlier * DAY_MS + rest_ms)
        return occurs[repeats] + MINUTE_MS

    def _occurrences(self, wall_ms: int) -> list[int]:
        """The instants, at most two, at which the local clock shows exactly this."""
        near = range(self._segment(wall_ms - DAY_MS), self._segment(wall_ms + DAY_MS) + 1)
        times = ((i, wall_ms - self._offsets[i]) for i in near)
        return [t_ms for i, t_ms in times if self._starts[i] <= t_ms < self._ends[i]]
