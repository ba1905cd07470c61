"""Where a KPI will stand at the end of a window, if the days to come are like the last four weeks.

It must not know goals, nor the clock: now is the end of the watermark's minute.  All numbers are
exact.  A day to come is the mean of the same weekday among the last 28 whole days; the rest of
today is the mean of what those days brought after this hour of the day.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from kpi_windows.amounts import Amount, Entries, Level, Quantile
from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS
from kpi_windows.facts import Fact
from kpi_windows.formula import (
    Combined,
    Constant,
    Labels,
    Node,
    Number,
    Scale,
    Scope,
    Where,
    ratio_of,
)
from kpi_windows.question import Question
from kpi_windows.relations import Days, Whole
from kpi_windows.standing import CountAbove, LevelOfTold
from kpi_windows.view import View
from kpi_windows.windows import Level as Pane
from kpi_windows.windows import Window

PROFILE_DAYS = 28
"""Whole days that are looked back on: four of each weekday."""
_PLAIN = (Constant, Combined, Scale, Whole, Days)
_SUMS = (Amount, Entries, Quantile)
_HEIGHTS = (Level, LevelOfTold, CountAbove)


class Kind(Enum):
    """What is known of the days of a KPI, and so how it is projected."""

    SUM = "sum"
    """Its values by the day add up: what is in, and what the days to come will bring."""
    RATIO = "ratio"
    """Made of such sums: each is projected, then the formula is read."""
    LEVEL = "level"
    """A height: now, and its change a day in the last 28 days."""
    STANDING = "standing"
    """Nothing adds up over days (different things, what is kept by the period): no trend."""


def kind_of(formula: Node) -> Kind:
    """How a formula is projected.

    >>> from kpi_windows.catalogue import CATALOGUE
    >>> [kind_of(CATALOGUE[name].formula).value for name in ("sales", "bounce_rate", "backlog")]
    ['sum', 'ratio', 'level']
    """
    leaves = [node for node in _all(formula) if not isinstance(node, _PLAIN)]
    if all(isinstance(leaf, _HEIGHTS) for leaf in leaves):
        return Kind.LEVEL
    if all(isinstance(leaf, _SUMS) for leaf in leaves):
        return Kind.SUM if formula.is_additive() else Kind.RATIO
    return Kind.STANDING


def _all(node: Node) -> Iterator[Node]:
    yield node
    for part in node.below():
        yield from _all(part)


class _Part(NamedTuple):
    weight: Fraction
    scope: Scope


class Blend:
    """Scopes, each with a weight, as one: amounts are their weighted sums."""

    def __init__(self, parts: list[_Part], window: str) -> None:
        self._parts = parts
        self.window = window
        self.start_ms = min((part.scope.start_ms for part in parts), default=0)
        self.end_ms = max((part.scope.end_ms for part in parts), default=0)

    def amount(self, fact: Fact, amount: str, where: Where) -> Any:
        """A sum or a histogram; None where nothing was added."""
        total: Any = None
        for weight, scope in self._parts:
            told = scope.amount(fact, amount, where)
            if isinstance(told, dict):
                total = {} if total is None else total
                for bucket, count in told.items():
                    total[bucket] = total.get(bucket, 0) + weight * count
            elif told is not None:
                total = (total or 0) + weight * told
        return total

    def without(self, labels: Labels) -> Blend:
        """The same, whatever these labels are."""
        parts = [_Part(weight, scope.without(labels)) for weight, scope in self._parts]
        return Blend(parts, self.window)

    def level(self, fact: Fact, amount: str, where: Where, at: str) -> int:
        """None: heights don't add up."""
        raise NotImplementedError

    def rise(self, fact: Fact, histogram: str) -> int:
        """None, either."""
        raise NotImplementedError

    def sizes(self, fact: Fact, amount: str, at: str, where: Where) -> dict[Labels, float]:
        """None: it isn't broken down."""
        raise NotImplementedError

    def table(self, fact: Fact, amount: str, by: Labels) -> dict[Labels, Any]:
        """None, either."""
        raise NotImplementedError

    def latest(self, fact: Fact, histogram: str, where: Where) -> int | None:
        """None, either."""
        raise NotImplementedError

    def heights(self, fact: Fact, amount: str, label: str, where: Where) -> dict[str, int]:
        """None, either."""
        raise NotImplementedError

    def previous(self, whole: bool, times: int = 1) -> Scope:
        """None: what looks back isn't projected."""
        raise NotImplementedError


class _Day(NamedTuple):
    start_ms: int
    end_ms: int
    number: int
    """Of the local date."""
    local: bool = True
    """False: 24 hours that didn't begin at midnight."""

    @property
    def weekday(self) -> int:
        """Monday is 0."""
        return (self.number + 3) % 7


class Projection:
    """A question's last 28 days, and what they make of a window that isn't over."""

    def __init__(self, view: View, asked: Question, window: str, watermark_ms: int) -> None:
        self._view = view
        self._asked = asked
        self._window = window
        self._ripe_ms = view.matures_ms(asked.kpi)
        self.now_ms = watermark_ms - watermark_ms % MINUTE_MS + MINUTE_MS
        self.kind = kind_of(asked.formula)
        self.ratio = ratio_of(asked.formula)

    @cached_property
    def data_ms(self) -> int | None:
        """The start of the first local day with data of the formula; None without any."""
        return self._first_ms(Pane.DAY)

    def _first_ms(self, level: Pane) -> int | None:
        facts = self._asked.formula.sources
        first = [self._view.panes.first_ms(fact, level) for fact in facts]
        told = [at_ms for at_ms in first if at_ms is not None]
        return max(min(told), self._view.since_ms(self._asked.formula)) if told else None

    @cached_property
    def days(self) -> list[_Day]:
        """The last 28 whole local days, oldest first, as far as there are data and they are ripe.

        The first day with data isn't one of them: it may have begun in its middle.  As long as
        there is none, the last 24 hours stand for one, once there are so many.
        """
        if self.data_ms is None:
            return []
        known_ms = self.now_ms - self._ripe_ms
        since_ms = max(self.data_ms + 1, known_ms - (PROFILE_DAYS + 2) * DAY_MS)
        told = [
            day for day in self._days(since_ms, known_ms)
            if day.start_ms >= since_ms and day.end_ms <= known_ms
        ]  # fmt: skip
        return told[-PROFILE_DAYS:] or self._last_24_hours(known_ms - known_ms % MINUTE_MS)

    def _last_24_hours(self, end_ms: int) -> list[_Day]:
        first_ms, start_ms = self._first_ms(Pane.MINUTE), end_ms - DAY_MS
        if first_ms is None or first_ms > start_ms:
            return []
        return [_Day(start_ms, end_ms, self._view.grid.date_number(start_ms), local=False)]

    def _days(self, start_ms: int, end_ms: int) -> Iterator[_Day]:
        grid = self._view.grid
        for day in grid.periods("day", start_ms, end_ms):
            yield _Day(day.start_ms, day.end_ms, grid.date_number(day.start_ms))

    # ------------------------------------------------------------------ what is

    def value(self, start_ms: int, end_ms: int) -> Number | None:
        """In a stretch of time, up to now; None where it isn't kept, or there is none."""
        scope = self._scope(self._window, start_ms, min(end_ms, self.now_ms))
        return None if scope is None else self._asked.formula.value(scope)

    def days_left(self, end_ms: int) -> Fraction:
        """Local days from now to a time; the rest of today as its part of today's length."""
        left = Fraction(0)
        for day in self._days(self.now_ms, end_ms):
            start_ms = max(day.start_ms, self.now_ms)
            left += Fraction(day.end_ms - start_ms, day.end_ms - day.start_ms)
        return left

    def pace(self) -> Number | None:
        """A day, in the last 28 days: of a sum its mean, of a level its change."""
        if self.kind is Kind.SUM and self.days:
            share = Fraction(1, len(self.days))
            return self._read(Blend([_Part(share, s) for s in map(self._whole, self.days)], "day"))
        if self.kind is Kind.LEVEL and len(self.days) > 1:
            first, last = (self._read(self._whole(self.days[place])) for place in (0, -1))
            return (last - first) / Fraction(len(self.days) - 1)  # type: ignore[operator]
        return None

    # ------------------------------------------------------------------ what will be

    def landing(self, window: Window) -> Number | None:
        """At the window's end: its value once it is over, else what it is projected to be."""
        if window.end_ms <= self.now_ms:
            return self.value(*window)
        if self.kind is Kind.STANDING:
            return self.value(*self.last_whole())
        if self.kind is Kind.LEVEL:
            pace, height = self.pace(), self.value(*self.present())
            if pace is None or height is None:
                return None
            return height + pace * self.days_left(window.end_ms)
        so_far, rest = self._so_far(window), self._rest(window)
        if so_far is None or rest is None:
            return None
        return self._read(Blend([*so_far, *rest], self._window))

    def needed(self, window: Window, target: Number) -> Number | None:
        """Of a ratio: what it must be in the rest of the window to end at the target."""
        so_far, rest, ratio = self._so_far(window), self._rest(window), self.ratio
        if so_far is None or rest is None or ratio is None:
            return None
        over = ratio[0].value(Blend(so_far, self._window))
        under = ratio[1].value(Blend([*so_far, *rest], self._window))
        to_come = ratio[1].value(Blend(rest, self._window))
        if over is None or under is None or not to_come:
            return None
        return (target * under - over) / to_come

    def last_whole(self) -> Window:
        """The latest period that is over."""
        return self._view.grid.previous_whole(self._window, self.now_ms)

    def present(self) -> Window:
        """The period that isn't over."""
        return self._view.grid.whole(self._window, self.now_ms)

    def _so_far(self, window: Window) -> list[_Part] | None:
        """What is in of the window; None when that wasn't kept from its start on."""
        end_ms = min(self.now_ms, window.end_ms)
        if window.start_ms >= end_ms:
            return []
        scope = self._scope(self._window, window.start_ms, end_ms)
        return None if scope is None else [_Part(Fraction(1), scope)]

    def _rest(self, window: Window) -> list[_Part] | None:
        """What is to come from now, or from the window's start; None without a whole day."""
        if not self.days:
            return None
        weights: dict[_Day, Fraction] = {}
        parts: list[_Part] = []
        for day in self._days(max(self.now_ms, window.start_ms), window.end_ms):
            alike = [each for each in self.days if each.weekday == day.weekday] or self.days
            share = Fraction(1, len(alike))
            if day.start_ms < self.now_ms:
                parts += self._rest_of_today(day, alike)
                continue
            for each in alike:
                weights[each] = weights.get(each, Fraction(0)) + share
        return parts + [_Part(weight, self._whole(day)) for day, weight in weights.items()]

    def _rest_of_today(self, today: _Day, alike: list[_Day]) -> Iterator[_Part]:
        share = Fraction(1, len(alike))
        if not self._by_hours or not alike[0].local:
            left = Fraction(today.end_ms - self.now_ms, today.end_ms - today.start_ms)
            yield from (_Part(share * left, self._whole(day)) for day in alike)
            return
        grid = self._view.grid
        hour_ms = grid.pane_start(Pane.HOUR, self.now_ms)
        stop_ms = grid.pane_end(Pane.HOUR, hour_ms)
        left = Fraction(stop_ms - self.now_ms, stop_ms - hour_ms)
        _, hour = grid.local(self.now_ms)
        for day in alike:
            from_ms, to_ms = (
                min(
                    max(grid.first_at(day.number * DAY_MS + at * HOUR_MS), day.start_ms), day.end_ms
                )
                for at in (hour, hour + 1)
            )
            for weight, start_ms, end_ms in ((left, from_ms, to_ms), (1, to_ms, day.end_ms)):
                scope = self._scope("day", start_ms, end_ms) if start_ms < end_ms else None
                if scope is not None:
                    yield _Part(share * weight, scope)

    @cached_property
    def _by_hours(self) -> bool:
        """Whether the hours of the last 28 days are kept."""
        kept = self._view.definitions.hour_panes_ms > (PROFILE_DAYS + 3) * DAY_MS
        return kept and not any(fact.daily for fact in self._asked.formula.sources)

    def _whole(self, day: _Day) -> Scope:
        scope = self._scope("day", day.start_ms, day.end_ms)
        assert scope is not None  # days begin after the data
        return scope

    def _scope(self, window: str, start_ms: int, end_ms: int) -> Scope | None:
        return self._view.scope(self._asked, window, start_ms, end_ms)

    def _read(self, scope: Scope) -> Number | None:
        return self._asked.formula.value(scope)
