"""The oracle: accepted events in, the value of any KPI in any window out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import duckdb

from kpi_windows.definitions import Definitions
from kpi_windows.windows import Grid
from tests.oracle import (
    ads,
    carts,
    customers,
    lists,
    orders,
    production,
    projects,
    stock,
    tickets,
    visits,
)
from tests.oracle.cubes import Number, Series, Sums, Values
from tests.oracle.kpis import KPIS, Asked, Formula
from tests.oracle.log import Accepted, read
from tests.oracle.windows import (
    HOUR_MS,
    LENGTHS,
    MINUTE_MS,
    Window,
    day_end,
    hour_start,
    period_start,
    previous_whole,
    window,
)

ALL = ("5m", "1h", "24h", "7d", "30d", "hour", "day", "week", "month", "quarter", "year")


FORMULAS: dict[str, dict[str, Formula]] = {**KPIS, **ads.KPIS}
"""Of all KPIs."""


class Told(NamedTuple):
    """What a KPI should be for one set of label values."""

    value: Number
    over: Number
    under: Number


class Oracle:
    """All KPIs when time has come to `at_ms`; by partition, `until` says how far for a key.

    `asked_ms` is an earlier time whose windows are asked for; `extra` are windows of any name.
    """

    def __init__(
        self,
        definitions: Definitions,
        events: Iterable[Accepted],
        at_ms: int,
        until: Callable[[str], int] | None = None,
        windows: Sequence[str] = ALL,
        asked_ms: int | None = None,
        extra: Mapping[str, Window] | None = None,
    ) -> None:
        self.definitions = definitions
        self.at_ms = at_ms
        self.asked_ms = at_ms if asked_ms is None else asked_ms
        log = read(events, definitions)

        def come(key: str) -> int:
            """A partition's watermark."""
            return at_ms if until is None else until(key)

        def told(key: str, last_ms: int) -> int:
            """What an event shows: time has come so far at least."""
            return max(last_ms, come(key))

        self.db = duckdb.connect()
        self.db.execute("SET threads = 1")
        carts.make(self.db, log, definitions, come)  # which of a cart's snapshots add to it
        visits.make(self.db, log, definitions)
        orders.make(self.db, log, definitions)
        customers.make(self.db, log, definitions, told)
        tickets.make(self.db, log, definitions, told)
        lists.make(self.db, log, definitions)
        stock.make(self.db, log, definitions)
        production.make(self.db, log, definitions)
        projects.make(self.db, log, definitions)
        ads.make(self.db, log, definitions)
        grid, zone = Grid(definitions.zone), definitions.zone
        self.windows: dict[str, tuple[Window, Window, Window]] = {}
        self.earlier: dict[str, tuple[Window, ...]] = {}
        for name in windows:
            now = self._kept(window(zone, name, self.asked_ms))
            if name in LENGTHS:
                before = self._kept(Window(2 * now.start_ms - now.end_ms, now.start_ms))
                self.windows[name] = now, before, before
            else:
                as_far = self._kept(Window(*grid.previous(name, self.asked_ms)))
                self.windows[name] = now, as_far, previous_whole(zone, name, self.asked_ms)
            earlier = _earlier(grid, name, now) if log.operations else ()
            self.earlier[name] = tuple(map(self._kept, earlier)) or (now,)
        for name, each in (extra or {}).items():
            self.windows[name] = each, each, each
            self.earlier[name] = (each,)
        kept = (*self.windows.values(), *self.earlier.values())
        asked = {each for told in kept for each in told}
        asked |= {self.in_days(told[0]) for told in self.windows.values()}
        self.sums = Sums(self.db, asked, lambda end_ms: day_end(zone, end_ms - 1))

    def in_days(self, asked: Window) -> Window:
        """With the whole last day."""
        return Window(asked.start_ms, day_end(self.definitions.zone, asked.end_ms - 1))

    def _kept(self, asked: Window) -> Window:
        """Minutes are kept for three days, hours for a hundred.

        Beyond them a window begins and ends with an hour, and beyond these with a day.
        """
        zone, (start_ms, end_ms) = self.definitions.zone, asked
        oldest_ms = self._first_hour(self.definitions.minute_panes_ms)
        if start_ms < oldest_ms:
            while hour_start(zone, start_ms) != start_ms:
                start_ms += MINUTE_MS
        if end_ms <= oldest_ms:
            end_ms = hour_start(zone, end_ms)
        oldest_ms = self._first_hour(self.definitions.hour_panes_ms)
        if start_ms < oldest_ms:
            start_ms = day_end(zone, start_ms - 1)
        if end_ms <= oldest_ms:
            end_ms = period_start(zone, "day", end_ms)
        return Window(start_ms, max(start_ms, end_ms))

    def _first_hour(self, kept_ms: int) -> int:
        """The first of which all is kept that is kept for so long."""
        return (self.at_ms - kept_ms) // HOUR_MS * HOUR_MS + HOUR_MS

    def evaluate(
        self,
        kpi: str,
        name: str,
        window_name: str,
        by: tuple[str, ...] = (),
        where: Mapping[str, str] | None = None,
    ) -> dict[Values, Told]:
        """Label values -> the number, its numerator and denominator, wherever there is anything."""
        now, before, whole = self.windows[window_name]
        earlier = self.earlier[window_name]
        asked = Asked(self.sums, window_name, now, before, whole, by, where, earlier=earlier)
        answer = FORMULAS[kpi][name](asked)
        over, under = answer if isinstance(answer, tuple) else (answer, None)
        result = over if under is None else over / under
        groups = _groups(by, over, under)
        return {
            values: Told(
                result.at(by, values),
                over.at(by, values),
                None if under is None else under.at(by, values),
            )
            for values in groups
        }


def _earlier(grid: Grid, name: str, window: Window) -> Iterator[Window]:
    """The four windows before, each as far as the one after it; after a whole one the whole one."""
    for _ in range(4):
        if name in LENGTHS:
            window = Window(2 * window.start_ms - window.end_ms, window.start_ms)
        else:
            at_ms = max(window.start_ms, window.end_ms - 1)
            is_whole = window.end_ms == grid.whole(name, at_ms).end_ms
            before = grid.previous_whole if is_whole else grid.previous
            window = Window(*before(name, at_ms))
        yield window


def _groups(by: tuple[str, ...], over: Series, under: Series | None) -> set[Values]:
    if not by:
        return {()}
    return {v for part in (over, under) if part is not None and part.by == by for v in part.told}
