"""The shop's projects: their plans, and the hours, costs and income booked on them.

It must not know the shop's sales.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from streams.simulator.chance import Choice, one_of
from streams.simulator.options import HOUR_MS, MINUTE_MS
from streams.simulator.rhythm import gap_ms
from streams.simulator.stage import Moment, Stage, Story, until

_PLAN_MS = 12 * HOUR_MS
_DAY_MS = 24 * HOUR_MS
_MOST_AN_HOUR = 4.0
_SHARES: dict[str, float] = {"hours_booked": 10, "cost_booked": 10, "income_booked": 2}
_KINDS = Choice(_SHARES)
_INCOME = 1.3
"""For each unit of money that is planned to be spent."""


class Project(NamedTuple):
    """A project, and how many hours and how much money are planned for each of its days."""

    id: str
    team: str
    days: int
    hours: int
    money: int
    earns: float
    """Value earned for each planned unit of money."""


_PROJECTS = (
    Project("webshop-2", "web", 60, 16, 1_200, 0.94),
    Project("warehouse-move", "logistics", 30, 24, 2_500, 1.05),
    Project("spring-range", "buying", 45, 8, 900, 0.99),
)


def plans(_: Stage, start_ms: int) -> Story:
    """The whole plan at the beginning; what should be spent and is earned by now, as it grows."""
    at_ms = start_ms
    while True:
        part = (at_ms - start_ms) / _DAY_MS
        for project in _PROJECTS:
            days = min(part + 0.25, project.days)
            event: dict[str, Any] = {
                "type": "project_planned",
                "timestamp": at_ms,
                "project_id": project.id,
                "planned_cost": round(days * project.money, 2),
                "earned_value": round(days * project.money * project.earns, 2),
            }
            if part == 0:
                event["team"] = project.team
                event["budget"] = project.days * project.money
                event["estimated_hours"] = project.days * project.hours
            yield (at_ms, "projects", project.id.encode(), event)
        at_ms += _PLAN_MS


def bookings(stage: Stage, start_ms: int) -> Story:
    """Hours, costs and income in turn; some hours are booked anew."""
    aside, options = stage.aside, stage.options
    an_hour = min(_MOST_AN_HOUR, options.hourly_visits / 40)
    at: float = start_ms + 3 * MINUTE_MS
    number = 0
    while True:
        yield until(int(at))
        project = _PROJECTS[number % 3] if number < 9 else one_of(aside, _PROJECTS)
        kind = _KINDS.values[number // 3 % 3] if number < 9 else _KINDS.of(aside)
        moment = _booked(stage, project, kind, int(at), an_hour)
        yield moment
        stage.truth.count(kind, int(at))
        if kind == "hours_booked" and aside() < 0.08:
            again_ms = int(at) + 1
            hours = round(moment[3]["hours"] / 2, 2)
            yield (again_ms, *moment[1:3], {**moment[3], "timestamp": again_ms, "hours": hours})
        number += 1
        at += 1 + gap_ms(aside(), 12 * an_hour if number < 9 else an_hour, at, options)


def _booked(stage: Stage, project: Project, kind: str, at_ms: int, an_hour: float) -> Moment:
    """The bookings of a day come to about what is planned for it."""
    a_day = 24 * an_hour * _SHARES[kind] / sum(_SHARES.values()) / len(_PROJECTS)
    part = (0.4 + 1.2 * stage.aside()) / max(1.0, a_day)
    told = {
        "hours_booked": {"hours": round(project.hours * part, 2)},
        "cost_booked": {"amount": round(project.money * part, 2)},
        "income_booked": {"amount": round(_INCOME * project.money * part, 2)},
    }[kind]
    booking_id = f"b-{stage.number()}"
    event = {
        "type": kind,
        **told,
        "timestamp": at_ms,
        "booking_id": booking_id,
        "project_id": project.id,
        "team": project.team,
        "counted_at": at_ms - at_ms % HOUR_MS,
    }
    return (at_ms, "projects", booking_id.encode(), event)
