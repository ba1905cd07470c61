"""Alerts on goals, as far as goals are exported.

It must not know how a goal is judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams import metrics
from streams.generate.alerts import COUNT, QUIET, Alert, Case, Firing, flat

_STATES = [
    one for one in metrics.EXPORTER if one.name.startswith("kpi_goal_") and "state" in one.labels
]
_TOLD = (
    ("GoalAtRisk", "at_risk", "At today's pace the goal {goal} will not be reached."),
    ("GoalMissed", "missed", "The goal {goal} was not reached by its deadline."),
)


def all_of() -> Iterator[Alert]:
    """One for each state that needs attention; none while no goal is exported."""
    for series in _STATES:
        for name, state, summary in _TOLD:
            labels = {"goal": "more sales"}
            told = ", ".join(f'{label}="{value}"' for label, value in labels.items())
            one = f'{series.name}{{{told}, state="{state}", instance="a"}}'
            fires = (Firing(labels, 1.0),)
            yield Alert(
                name=name,
                expr=f'max by (goal) ({series.name}{{state="{state}"}}) == 1',
                summary=summary,
                style=COUNT,
                labels={"severity": "warning", "scope": "business"},
                page="goals",
                todo=(
                    "See the goal on its dashboard: its value, its target, where it will land, and "
                    "whether its pace changed or its target was never near."
                ),
                dashboard="/d/kpi-goals",
                for_ms=60 * 60_000,
                carried=("goal",),
                cases=(
                    Case("fires", {one: flat(1)}, {58: (), 62: fires}),
                    Case("on its way", {one: flat(0)}, {QUIET: ()}),
                ),
            )
