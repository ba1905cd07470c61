"""The guide's customer service KPIs about tickets: how long they take and how many are open.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from kpi_windows.amounts import Level, Peak, Quantile, count, seconds, where_of
from kpi_windows.facts import Fact
from kpi_windows.facts.service import OPEN_TICKET, RESOLUTION, RESPONSE, TICKET_FLOW
from kpi_windows.formula import Node
from kpi_windows.kpi import Better, Kpi, Reading, Unit

STATE = ("status", "priority", "age", "overdue")

open_tickets = Level(OPEN_TICKET, "open", "open tickets")
overdue = Level(OPEN_TICKET, "open", "open tickets past their target", where_of({"overdue": "yes"}))
flow_opened = count(TICKET_FLOW, "opened", "tickets opened")
flow_resolved = count(TICKET_FLOW, "resolved", "tickets resolved")
flow_reopened = count(TICKET_FLOW, "reopened", "tickets reopened")


def _at_start(fact: Fact, amount: str, said: str, **where: str) -> Level:
    return Level(fact, amount, said, where_of({**where}), at="start")


def _times(fact: Fact, things: Node, said: str) -> dict[str, Reading]:
    """The statistics beside a mean time; `fact` has its times by the calendar and by business
    hours under these names."""
    name = fact.histograms[0]
    business = seconds(count(fact, "business_ms", f"{said} in business hours"))
    told = {
        "median": seconds(Quantile(fact, name, said, q=0.5)),
        "p90": seconds(Quantile(fact, name, said, q=0.9)),
        "business": business / things,
        "business_median": seconds(Quantile(fact, "business", f"{said} in business hours", q=0.5)),
        "business_p90": seconds(Quantile(fact, "business", f"{said} in business hours", q=0.9)),
    }
    readings = {name: Reading(formula, Unit.SECONDS) for name, formula in told.items()}
    readings["within_target"] = Reading(
        count(fact, "within_target", "those within the target") / things, Unit.RATIO
    )
    return readings


answered = count(RESPONSE, "answered", "first answers")
resolved = count(RESOLUTION, "resolved", "resolutions that last")
first_resolved = count(RESOLUTION, "first_resolved", "first resolutions")

FIRST_RESPONSE_TIME = Kpi(
    id="first_response_time",
    title="First response time",
    aliases=("Eerste reactietijd",),
    group="service",
    unit=Unit.SECONDS,
    better=Better.LOWER,
    formula=seconds(count(RESPONSE, "response_ms", "time from contact to first answer")) / answered,
    by=("channel", "priority"),
    beside={
        **_times(RESPONSE, answered, "time from contact to first answer"),
        "answered": Reading(answered, Unit.COUNT),
    },
    note="Until the first public answer by a person, counted at the answer; `business` is by "
    "business hours.",
)

AVERAGE_RESOLUTION_TIME = Kpi(
    id="average_resolution_time",
    title="Average resolution time",
    aliases=("Gemiddelde oplostijd", "Oplostijd"),
    group="service",
    unit=Unit.SECONDS,
    better=Better.LOWER,
    formula=seconds(count(RESOLUTION, "resolution_ms", "time from contact to resolution"))
    / resolved,
    by=("channel", "priority"),
    definitions={
        "first_resolved": Reading(
            seconds(count(RESOLUTION, "first_resolution_ms", "time to the first resolution"))
            / first_resolved,
            Unit.SECONDS,
            note="Until the first resolution, even when the ticket was reopened.",
        ),
    },
    beside={
        **_times(RESOLUTION, resolved, "time from contact to resolution"),
        "first_resolved_median": Reading(
            seconds(
                Quantile(RESOLUTION, "first_resolution", "time to the first resolution", q=0.5)
            ),
            Unit.SECONDS,
        ),
        "first_resolved_p90": Reading(
            seconds(
                Quantile(RESOLUTION, "first_resolution", "time to the first resolution", q=0.9)
            ),
            Unit.SECONDS,
        ),
        "resolved": Reading(resolved, Unit.COUNT),
    },
    note="Until the resolution that lasts, counted there: reopening takes it back.",
)

ACTIVE_ISSUES = Kpi(
    id="active_issues",
    title="Active issues",
    aliases=("Actieve problemen",),
    group="service",
    unit=Unit.COUNT,
    better=Better.LOWER,
    formula=open_tickets,
    by=STATE,
    beside={
        "peak": Reading(
            Peak(TICKET_FLOW, "open_by_minute", _at_start(OPEN_TICKET, "open", "open tickets")),
            Unit.COUNT,
            note="At the window's start or after any of its minutes.",
        ),
    },
    note="At the window's end, each ticket by its state and priority at that time.",
)

BACKLOG = Kpi(
    id="backlog",
    title="Backlog",
    aliases=("Achterstanden", "Achterstand"),
    group="service",
    unit=Unit.COUNT,
    better=Better.LOWER,
    formula=overdue,
    by=("status", "priority", "age"),
    beside={
        "share": Reading(overdue / open_tickets, Unit.RATIO),
        "peak": Reading(
            Peak(
                TICKET_FLOW,
                "overdue_by_minute",
                _at_start(OPEN_TICKET, "open", "open tickets past their target", overdue="yes"),
            ),
            Unit.COUNT,
            note="At the window's start or after any of its minutes.",
        ),
        "opened_less_resolved": Reading(flow_opened - flow_resolved, Unit.COUNT),
        "growth": Reading(
            flow_opened + flow_reopened - flow_resolved,
            Unit.COUNT,
            note="By how many the open tickets grew.",
        ),
        "opened": Reading(flow_opened, Unit.COUNT),
        "resolved": Reading(flow_resolved, Unit.COUNT),
        "reopened": Reading(flow_reopened, Unit.COUNT),
    },
    note="Open tickets older than their resolution target, at the window's end. By `age`, the age "
    "distribution; of all open tickets it's in `active_issues`.",
)
