"""Which levels each snapshot counts anew.

It must not know what stood before.
"""

from __future__ import annotations

from kpi_windows.definitions import HOUR_MS, Definitions
from kpi_windows.events import (
    Event,
    FollowersCounted,
    ProjectPlanned,
    SubscribersCounted,
    to_ms,
)
from kpi_windows.facts.marketing import COUNTED_SUBSCRIBERS, FOLLOWERS
from kpi_windows.facts.operations import PLAN
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.reports import money

SNAPSHOTS = (FollowersCounted, SubscribersCounted, ProjectPlanned)
"""The events that count a level."""


def entry_of(event: Event, definitions: Definitions) -> Entry:
    """(at_ms, 0, event id, series, fact, labels, slots, amounts); an empty label stays as it was."""
    at_ms, event_id = to_ms(event.timestamp), event.event_id or ""
    if isinstance(event, FollowersCounted):
        told: list[str] = [event.network]
        return (at_ms, 0, event_id, "", FOLLOWERS.name, told, [0], [event.followers])
    if isinstance(event, SubscribersCounted):
        told = [event.channel, event.list]
        amounts = [event.subscribers]
        return (at_ms, 0, event_id, event.channel, COUNTED_SUBSCRIBERS.name, told, [0], amounts)
    assert isinstance(event, ProjectPlanned)
    told = [event.project_id, event.team or ""]
    given = _plan(event, at_ms, definitions)
    return (at_ms, 0, event_id, "", PLAN.name, told, list(given), list(given.values()))


def _plan(event: ProjectPlanned, at_ms: int, definitions: Definitions) -> dict[int, int]:
    """Slot -> amount of what the plan says."""
    given: dict[str, int] = {}
    for name, told, value in (
        ("budget_micros", "budgets", event.budget),
        ("planned_micros", "plans", event.planned_cost),
        ("earned_micros", "earnings", event.earned_value),
    ):
        if value is not None:
            given |= {name: money(value, event.currency, at_ms, definitions), told: 1}
    if event.estimated_hours is not None:
        given |= {"estimated_ms": round(event.estimated_hours * HOUR_MS), "estimates": 1}
    return {PLAN.slot(name): amount for name, amount in given.items()}
