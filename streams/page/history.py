"""Short histories for sparklines: a KPI in the last hours, days, weeks or months.

It must not know how they are drawn.  They are read from panes, so they are there as soon as
somebody looks; a history is read again only when it may have changed, and only so many at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from kpi_windows.definitions import MINUTE_MS
from kpi_windows.facts import Fact
from kpi_windows.kpi import Kpi
from kpi_windows.view import View
from kpi_windows.windows import Level, is_calendar

_BUCKETS: dict[str, tuple[str, int]] = {
    "5m": ("5m", 24),
    "1h": ("hour", 24),
    "hour": ("hour", 24),
    "24h": ("hour", 24),
    "day": ("hour", 24),
    "7d": ("day", 14),
    "week": ("day", 14),
    "30d": ("day", 30),
    "month": ("day", 30),
    "quarter": ("week", 13),
    "year": ("month", 12),
}
"""A window's buckets: their own window, and how many."""
_MINUTES = {"5m": 5, "hour": 60, "day": 1_440, "week": 10_080, "month": 44_640}
"""In minutes, of a month at most."""
_NEW_S, _AGAIN_S = 0.15, 0.012
"""So long a snapshot may read histories that nobody has seen yet, and renew others."""
_RENEW_S = 10.0
"""A history's last bucket is this old at most, whatever comes in."""


class Buckets(NamedTuple):
    """What a history is made of."""

    window: str
    number: int


@dataclass
class History:
    """A KPI's values, oldest first; None: no value, or before the first data."""

    points: list[float | None]
    stand: object
    """Of the view when it was read."""
    read_s: float


def buckets_of(kpi: Kpi, window: str) -> Buckets | None:
    """The buckets of a KPI's history beside its value in a window.

    >>> from kpi_windows.catalogue import CATALOGUE
    >>> buckets_of(CATALOGUE["visits"], "24h"), buckets_of(CATALOGUE["market_share"], "day")
    (Buckets(window='hour', number=24), Buckets(window='day', number=14))
    """
    name, count = _BUCKETS[window]
    if name not in kpi.windows:
        name, count = "day", 14
    return Buckets(name, count) if name in kpi.windows else None


class Histories:
    """The histories of all KPIs, in all windows that somebody looks at."""

    def __init__(self, view: Callable[[], View], clock: Callable[[], float]) -> None:
        self._view = view
        self._clock = clock
        self._kept: dict[tuple[str, Buckets], History] = {}
        self._began: dict[str, tuple[int, int | None]] = {}

    def of(self, kpis: Iterable[tuple[Kpi, Buckets]]) -> dict[str, History]:
        """KPI -> its history, as far as there was time: the oldest are renewed first."""
        wanted = [(kpi, buckets) for kpi, buckets in kpis]
        began_s = self._clock()
        for kpi, buckets in self._due(wanted, began_s):
            first_time = (kpi.id, buckets) not in self._kept
            if self._clock() - began_s > (_NEW_S if first_time else _AGAIN_S):
                break
            points = list(self.read(kpi, buckets))
            self._kept[(kpi.id, buckets)] = History(points, self._view().stand(kpi), self._clock())
        return {
            kpi.id: self._kept[(kpi.id, buckets)]
            for kpi, buckets in wanted
            if (kpi.id, buckets) in self._kept
        }

    def _due(
        self, wanted: Iterable[tuple[Kpi, Buckets]], now_s: float
    ) -> list[tuple[Kpi, Buckets]]:
        due: list[tuple[float, int, Kpi, Buckets]] = []
        for place, (kpi, buckets) in enumerate(wanted):
            kept = self._kept.get((kpi.id, buckets))
            if kept is None:
                due.append((-1.0, place, kpi, buckets))
            elif now_s - kept.read_s > _RENEW_S and kept.stand != self._view().stand(kpi):
                due.append((kept.read_s, place, kpi, buckets))
        return [(kpi, buckets) for _, _, kpi, buckets in sorted(due, key=lambda each: each[:2])]

    def read(self, kpi: Kpi, buckets: Buckets) -> Iterator[float | None]:
        """The values of so many buckets, the last one to date."""
        view, (window, count) = self._view(), buckets
        watermark_ms = view.watermark_ms
        if watermark_ms is None:
            return
        length_ms = _MINUTES[window] * MINUTE_MS
        to_ms = watermark_ms + 1
        if not is_calendar(window):  # on round times, so that finished buckets stay as they are
            to_ms = watermark_ms - watermark_ms % length_ms + length_ms
        values = view.query(kpi, window, to_ms - count * length_ms, to_ms)
        began_ms = self.began_ms(kpi)
        for value in values[-count:]:
            is_before = began_ms is None or value.end_ms <= began_ms
            yield None if is_before else value.value

    def began_ms(self, kpi: Kpi) -> int | None:
        """The start of the first hour with data of a KPI; None without any."""
        view = self._view()
        minute = (view.watermark_ms or 0) // MINUTE_MS
        known = self._began.get(kpi.id)
        if known is None or known[0] != minute:
            told = (_first_ms(view, fact) for fact in kpi.formula.facts())
            first_ms = min((at_ms for at_ms in told if at_ms is not None), default=None)
            known = self._began[kpi.id] = (minute, first_ms)
        return known[1]


def _first_ms(view: View, fact: Fact) -> int | None:
    """Of the first hour; of the first day when its hours are no longer kept."""
    hour_ms, day_ms = (view.panes.first_ms(fact, level) for level in (Level.HOUR, Level.DAY))
    if hour_ms is None or day_ms is None:
        return day_ms
    return hour_ms if view.grid.pane_start(Level.DAY, hour_ms) <= day_ms else day_ms
