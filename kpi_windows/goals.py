"""A goal: a KPI that is to reach a target by a deadline, and where it stands on its way.

It must not know where goals are written, nor the clock: now is the watermark.  All numbers are
exact.  What is judged is the KPI in the last window before the deadline: the quarter, the month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction

from kpi_windows.formula import Number
from kpi_windows.kpi import Better, Kpi
from kpi_windows.projection import Kind, Projection
from kpi_windows.question import Question
from kpi_windows.view import View
from kpi_windows.windows import Window


class State(Enum):
    """How a goal is doing."""

    REACHED = "reached"
    """After the deadline: the target is met.  Of a sum already when it is all in."""
    ON_TRACK = "on_track"
    """At today's pace the target will be met."""
    AT_RISK = "at_risk"
    """At today's pace it won't."""
    MISSED = "missed"
    """After the deadline: the target isn't met."""
    UNKNOWN = "unknown"
    """Something is missing to tell; the reason says what."""


class By(Enum):
    """What a target is told in."""

    ABSOLUTE = "absolute"
    """The KPI's own unit."""
    RELATIVE = "relative"
    """A part of the baseline: 0.1 is 10 % more than it."""
    POINTS = "points"
    """Added to a baseline that is a ratio: 0.02 is two percentage points more."""


@dataclass(frozen=True)
class Target:
    """What is to be reached."""

    amount: Fraction
    by: By = By.ABSOLUTE

    def of(self, baseline: Number | None) -> Number | None:
        """The value to reach; None when a baseline is needed and there is none, or it is 0."""
        if self.by is By.ABSOLUTE:
            return self.amount
        if baseline is None:
            return None
        if self.by is By.POINTS:
            return baseline + self.amount
        size = baseline if baseline > 0 else -baseline
        return baseline + size * self.amount if baseline else None


@dataclass(frozen=True)
class Goal:
    """What a shop wants of a KPI.

    `window` is the calendar window that is judged, and `deadline_ms` the end of its last one.
    The baseline is a value or a past period; None: there is none.
    """

    name: str
    kpi: Kpi
    window: str
    target: Target
    deadline_ms: int
    baseline: Fraction | Window | None = None
    title: str = ""
    definition: str = "default"
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    better: Better = Better.NEITHER
    """Which way is better; NEITHER: as the target and the KPI say."""
    supporting: tuple[Kpi, ...] = ()
    """KPIs to look at every day, for they move this one."""

    def asked(self) -> Question:
        """The question whose answer is judged.  Raises UnknownNameError when it can't be asked."""
        return Question(self.kpi, self.window, self.definition, where=self.where)

    def wants_more(self, baseline: Number | None) -> bool:
        """Whether the target is to be met from below.

        As told; else by the sign of what is to be added, else by which way is better, else by
        which side of the baseline the target is.
        """
        if self.better is not Better.NEITHER:
            return self.better is Better.HIGHER
        if self.target.by is not By.ABSOLUTE:
            return self.target.amount >= 0
        if self.kpi.better is not Better.NEITHER and self.definition == "default":
            return self.kpi.better is Better.HIGHER
        return baseline is None or self.target.amount >= baseline


@dataclass(frozen=True)
class GoalState:
    """Where a goal stands; None is a number that doesn't exist, and `reason` says why."""

    goal: Goal
    state: State
    reason: str = ""
    at_ms: int | None = None
    """Event time: until when everything is known."""
    window: Window | None = None
    """What is judged."""
    value: Number | None = None
    """In the judged window to date; before it begins, in the present one; after it, at its end."""
    baseline: Number | None = None
    target: Number | None = None
    progress: Number | None = None
    """The part of the way from baseline to target that is made at today's pace (a level: that is
    made); 1 is all of it, below 0 is the wrong way."""
    landing: Number | None = None
    """The judged window's value at the deadline, at today's pace."""
    pace: Number | None = None
    """In the last 28 days: of a sum its mean a day, of a level its change a day."""
    pace_needed: Number | None = None
    """From now on (from the judged window's start, when that is to come): of a sum the amount a
    day (0 or less: it is all in), of a ratio what it must be, of anything else its change a day."""


def state_of(goal: Goal, view: View) -> GoalState:
    """Where the goal stands at the watermark."""
    watermark_ms = view.watermark_ms
    if watermark_ms is None:
        return GoalState(goal, State.UNKNOWN, "nothing has come in yet")
    projection = Projection(view, goal.asked(), goal.window, watermark_ms)
    judged = view.grid.whole(goal.window, goal.deadline_ms - 1)
    baseline, lacking = _baseline(goal, projection)
    target = goal.target.of(baseline)
    began = judged.start_ms < projection.now_ms
    value = projection.value(*(judged if began else projection.present()))
    landing = projection.landing(judged)
    if target is None and not lacking:
        lacking = "a target relative to a baseline of 0 is 0: set an absolute one"
    state, reason = State.UNKNOWN, lacking if target is None else ""
    if target is not None:
        more = goal.wants_more(baseline)
        over = goal.deadline_ms + view.matures_ms(goal.kpi) <= projection.now_ms
        in_now = projection.kind is Kind.SUM and began and more
        state = _judged(target, value if in_now else None, landing, more=more, over=over)
        reason = lacking if state is not State.UNKNOWN else _why(projection, judged)
        if projection.kind is Kind.STANDING and not over and not reason:
            reason = f"it doesn't add up by the day: no trend, but the last whole {goal.window}"
    reached_by_now = value if projection.kind is Kind.LEVEL else landing
    return GoalState(
        goal, state, reason, watermark_ms, judged, value, baseline, target,
        progress=_progress(baseline, target, reached_by_now),
        landing=landing,
        pace=projection.pace(),
        pace_needed=_needed(projection, judged, target, value if began else None, landing),
    )  # fmt: skip


def _baseline(goal: Goal, projection: Projection) -> tuple[Number | None, str]:
    """The baseline, and what there is to say about it."""
    told = goal.baseline
    if not isinstance(told, Window):
        return told, "" if told is not None or goal.target.by is By.ABSOLUTE else "no baseline"
    if told.start_ms >= projection.now_ms:
        return None, "the baseline's period hasn't begun yet: tell another, or when the goal starts"
    data_ms = projection.data_ms
    if data_ms is None or data_ms >= told.end_ms:
        return None, "there are no data of the baseline's period: tell it as a number"
    if data_ms > told.start_ms and projection.kind is not Kind.LEVEL:
        return None, "data begin within the baseline's period: tell it as a number"
    value = projection.landing(told)
    if value is None:
        return None, "the baseline's period has no value"
    over = told.end_ms <= projection.now_ms
    return value, "" if over else "the baseline's period isn't over: it is projected"


def _judged(
    target: Number, in_now: Number | None, landing: Number | None, *, more: bool, over: bool
) -> State:
    if landing is None:
        met_now = in_now is not None and in_now >= target
        return State.REACHED if met_now else State.UNKNOWN
    met = landing >= target if more else landing <= target
    if over:
        return State.REACHED if met else State.MISSED
    if in_now is not None and in_now >= target:
        return State.REACHED
    return State.ON_TRACK if met else State.AT_RISK


def _why(projection: Projection, judged: Window) -> str:
    """Why there is no landing."""
    if judged.end_ms <= projection.now_ms:
        return "the judged window has no value"
    if projection.kind is Kind.LEVEL and len(projection.days) < 2:
        return "to project, two days of data are needed"
    if projection.kind is not Kind.STANDING and not projection.days:
        return "to project, a day of data is needed"
    return "there is no value to project from"


def _progress(baseline: Number | None, target: Number | None, at: Number | None) -> Number | None:
    if baseline is None or target is None or at is None or baseline == target:
        return None
    return (at - baseline) / Fraction(target - baseline)


def _needed(
    projection: Projection,
    judged: Window,
    target: Number | None,
    value: Number | None,
    landing: Number | None,
) -> Number | None:
    """`value`: in the judged window; None when that is to come."""
    if target is None or judged.end_ms <= projection.now_ms:
        return None
    left = projection.days_left(judged.end_ms)
    if projection.kind is Kind.RATIO and projection.ratio:
        return projection.needed(judged, target)
    if projection.kind is Kind.SUM:
        if value is None:  # all of it, in the whole window
            left -= projection.days_left(judged.start_ms)
        return (target - (value or 0)) / left
    if projection.kind is Kind.LEVEL:
        landing = projection.value(*projection.present())
    return None if landing is None else (target - landing) / left
