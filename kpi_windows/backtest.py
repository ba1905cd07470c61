"""Thresholds against the past: when each would have fired, for how long, and how bad it was.

The same judgement as that of live alerts, minute by minute; only that a value is looked up again
when it can have changed.  It must not know where events or thresholds come from.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kpi_windows.alerting import STEP_MS, Event, State, Watch, follow, judge, latest
from kpi_windows.definitions import DAY_MS
from kpi_windows.kpi import Kpi
from kpi_windows.thresholds import Threshold
from kpi_windows.view import Value, View

WEEK_MS = 7 * DAY_MS
_NONE = math.nan
_DIGITS = 3


@dataclass
class Episode:
    """One breach, until its recovery."""

    since_ms: int
    """Since when the value had been bad."""
    breached_ms: int
    """When it would have been told."""
    recovered_ms: int | None
    """When the recovery would have been told; None: it still fires."""
    worst: float
    worst_ms: int
    """The minute before which the value was worst, from `since_ms` on."""

    def lasted_ms(self, until_ms: int) -> int:
        """From breach to recovery; of one that still fires, to here."""
        return (until_ms if self.recovered_ms is None else self.recovered_ms) - self.breached_ms


@dataclass
class Trial:
    """What became of one threshold."""

    threshold: Threshold
    kpi: Kpi
    first_ms: int = 0
    """The first minute that was judged."""
    values: array[float] = field(default_factory=lambda: array("d"))
    """Minute by minute; NaN where there was no verdict."""
    episodes: list[Episode] = field(default_factory=list)

    @property
    def last_ms(self) -> int:
        """The last minute that was judged."""
        return self.first_ms + (len(self.values) - 1) * STEP_MS

    @property
    def weeks(self) -> float:
        """How long was judged."""
        return len(self.values) * STEP_MS / WEEK_MS

    @property
    def judged(self) -> int:
        """Minutes that had a verdict."""
        return sum(1 for value in self.values if value == value)  # NaN isn't equal to itself

    @property
    def firing_ms(self) -> int:
        """For how long it would have fired in all."""
        return sum(each.lasted_ms(self.last_ms) for each in self.episodes)

    @property
    def worst(self) -> float | None:
        """The worst value that had a verdict, whether it fired or not."""
        told = [value for value in self.values if value == value]
        if not told:
            return None
        return min(told) if self.threshold.above is None else max(told)

    def fires_at(self, bound: float) -> int:
        """How often it would have fired with another bound, by the same judgement."""
        threshold = _bounded(self.threshold, bound)
        count, watch = 0, Watch(threshold)
        at_ms = self.first_ms
        for value in self.values:
            told = None if value != value else value
            watch, event = follow(watch, threshold, self.kpi, told, at_ms)
            if event is Event.BREACH:
                count += 1
            elif event is Event.RECOVERY:
                watch = Watch(threshold)
            at_ms += STEP_MS
        return count

    def suggestion(self) -> float | None:
        """A bound at which it would have fired once a week at most; None when it does already.

        Looked for by halving between today's bound and the worst value, at which nothing fires,
        and told with three digits where these do.
        """
        most = max(1.0, self.weeks)
        worst = self.worst
        if worst is None or len(self.episodes) <= most:
            return None
        is_above = self.threshold.above is not None
        ranked = sorted({each for each in self.values if each == each}, reverse=not is_above)
        beyond = [each for each in ranked if self._is_beyond(each)]
        low, high = 0, len(beyond) - 1
        while low < high:
            middle = (low + high) // 2
            if self.fires_at(beyond[middle]) <= most:
                high = middle
            else:
                low = middle + 1
        short = _outwards(beyond[low], up=is_above)
        return short if self.fires_at(short) <= most else beyond[low]

    def _is_beyond(self, value: float) -> bool:
        bound = self.threshold.bound
        return value > bound if self.threshold.above is not None else value < bound


def _bounded(threshold: Threshold, bound: float) -> Threshold:
    if threshold.above is None:
        return replace(threshold, below=bound)
    return replace(threshold, above=bound)


def _outwards(value: float, *, up: bool) -> float:
    """To three digits, away from 0 or towards it, so that less is beyond.

    >>> _outwards(0.81234, up=True), _outwards(0.81234, up=False), _outwards(14_566.0, up=True)
    (0.813, 0.812, 14600.0)
    """
    if value == 0 or not math.isfinite(value):
        return value
    places = _DIGITS - 1 - math.floor(math.log10(abs(value)))
    factor = 10.0**places
    return (math.ceil if up else math.floor)(value * factor) / factor


class Backtest:
    """All thresholds, judged minute by minute."""

    def __init__(self, thresholds: Iterable[Threshold], catalogue: Mapping[str, Kpi]) -> None:
        self._catalogue = catalogue
        self._state = State()
        self._looked: dict[str, tuple[object, Value | None]] = {}
        self._now: dict[str, float | None] = {}
        self._worst: dict[str, tuple[float, int]] = {}
        self.tested = {each.name: Trial(each, catalogue[each.kpi]) for each in thresholds}

    def judge(self, view: View, at_ms: int) -> None:
        """The next minute, of a view whose watermark has come to it."""
        if self._state.at_ms is None:
            for tested in self.tested.values():
                tested.first_ms = at_ms
        thresholds = [each.threshold for each in self.tested.values()]
        self._state, alerts = judge(
            self._state, at_ms, view, thresholds, self._catalogue, look=self._look
        )
        for name, tested in self.tested.items():
            value = self._now[name]
            tested.values.append(_NONE if value is None else value)
            if name in self._state.watches:
                self._worse(tested.threshold, value, at_ms)
        for alert in alerts:
            tested = self.tested[alert.threshold.name]
            if alert.event is Event.BREACH:
                worst, worst_ms = self._worst[alert.threshold.name]
                tested.episodes.append(
                    Episode(alert.since_ms, alert.breached_ms, None, worst, worst_ms)
                )
            else:
                tested.episodes[-1].recovered_ms = alert.at_ms
        for name in self._worst.keys() - self._state.watches.keys():
            del self._worst[name]

    def _look(self, view: View, threshold: Threshold, kpi: Kpi, at_ms: int) -> Value | None:
        before_ms = at_ms - view.matures_ms(kpi)
        stand = view.stand_before(kpi, threshold.window, threshold.definition, before_ms)
        known = self._looked.get(threshold.name)
        if known is None or known[0] != stand:
            known = stand, latest(view, threshold, kpi, at_ms)
            self._looked[threshold.name] = known
        value = known[1]
        self._now[threshold.name] = None if value is None else value.value
        return value

    def _worse(self, threshold: Threshold, value: float | None, at_ms: int) -> None:
        """Keeps the worst value of what is bad."""
        if value is None:
            return
        name = threshold.name
        known = self._worst.get(name)
        is_worse = known is None or (
            value < known[0] if threshold.above is None else value > known[0]
        )
        if is_worse:
            self._worst[name] = value, at_ms
            episodes = self.tested[name].episodes
            if episodes and episodes[-1].recovered_ms is None:
                episodes[-1].worst, episodes[-1].worst_ms = value, at_ms
