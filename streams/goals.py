"""Where goals stand: as metrics, and as plain objects for the API and the commands.

It must not know how a goal is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from kpi_windows.formula import number
from kpi_windows.goals import Goal, GoalState, State, state_of
from kpi_windows.kpi import Kpi
from kpi_windows.view import View
from streams import metrics
from streams.collectors import Sample, family
from streams.follower import Whole
from streams.questions import Answer
from streams.units import show_time

_NUMBERS = {
    metrics.GOAL_VALUE: "value",
    metrics.GOAL_BASELINE: "baseline",
    metrics.GOAL_TARGET: "target",
    metrics.GOAL_PROGRESS: "progress",
    metrics.GOAL_LANDING: "landing",
    metrics.GOAL_PACE: "pace",
    metrics.GOAL_PACE_NEEDED: "pace_needed",
}
_SUPPORT = "day"
"""Supporting KPIs are looked at every day."""


class GoalCollector(Collector):
    """All goals, judged when they are scraped."""

    def __init__(self, whole: Whole) -> None:
        self._whole = whole

    def collect(self) -> Iterator[Metric]:
        """Judges all goals; none before the exporter is ready."""
        goals = self._whole.settings.goals
        if not goals or not self._whole.ready:
            return
        states = [state_of(goal, self._whole.view) for goal in goals]
        for series, name in _NUMBERS.items():
            yield family(series, _samples(states, name))
        yield family(
            metrics.GOAL_STATE,
            (
                ((each.goal.name, state.value), float(each.state is state))
                for each in states
                for state in State
            ),
        )
        yield family(
            metrics.GOAL_DEADLINE, (((goal.name,), goal.deadline_ms / 1_000) for goal in goals)
        )


def _samples(states: Iterable[GoalState], name: str) -> Iterator[Sample]:
    for each in states:
        told = number(getattr(each, name))
        if told is not None:
            yield (each.goal.name,), told


def told_of(goals: Iterable[Goal], view: View) -> list[Answer]:
    """All goals, judged, as plain objects."""
    return [_told(state_of(goal, view), view) for goal in goals]


def _told(state: GoalState, view: View) -> Answer:
    goal, zone = state.goal, view.definitions.zone
    judged = view.grid.whole(goal.window, goal.deadline_ms - 1)
    return {
        "goal": goal.name,
        "title": goal.title,
        "kpi": goal.kpi.id,
        "definition": goal.definition,
        "where": {label: list(values) for label, values in goal.where.items()},
        "unit": goal.kpi.reading(goal.definition).unit.value,
        "window": goal.window,
        "start": show_time(judged.start_ms, zone),
        "deadline": show_time(goal.deadline_ms, zone),
        "last_day": show_time(goal.deadline_ms - 1, zone)[:10],
        "at": None if state.at_ms is None else show_time(state.at_ms, zone),
        "state": state.state.value,
        "reason": state.reason,
        **{name: number(getattr(state, name)) for name in _NUMBERS.values()},
        "supporting": [_support(kpi, view) for kpi in goal.supporting],
    }


def _support(kpi: Kpi, view: View) -> dict[str, Any]:
    """A KPI today so far, and yesterday until the same time."""
    window = _SUPPORT if _SUPPORT in kpi.windows else kpi.windows[0]
    values = (view.evaluate(kpi, window, previous=previous) for previous in (False, True))
    now, before = (next((told.value for told in each), None) for each in values)
    return {
        "kpi": kpi.id,
        "title": kpi.title,
        "window": window,
        "value": now,
        "previous": before,
    }
