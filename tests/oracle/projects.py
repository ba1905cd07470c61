"""Projects by SQL: of each booking the last one, and what each plan has told so far."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb

from kpi_windows.definitions import Definitions
from tests.oracle.log import Log, counted_ms, in_shop, insert, last_of, micros
from tests.oracle.production import whole

TOLD = ("budget", "estimated", "planned", "earned")
_BOOKINGS = {"hours_booked": "hours", "cost_booked": "cost", "income_booked": "income"}


def make(db: duckdb.DuckDBPyConnection, log: Log, definitions: Definitions) -> None:
    """The tables about projects."""
    rows = []
    for kind, amount in _BOOKINGS.items():
        told = last_of([e for e in log.operations if e["type"] == kind], "booking_id")
        rows += [_booking(event, amount, definitions) for event in told]
    insert(db, "booked", _BOOKED, rows)
    plans = [_plan(e, definitions) for e in log.operations if e["type"] == "project_planned"]
    insert(db, "plan_events", _PLANS, plans)
    for statement in _SQL.split(";"):
        if statement.strip():
            db.execute(statement)


_BOOKED = {
    "at_ms": "BIGINT",
    **dict.fromkeys(("project", "team"), "VARCHAR"),
    **dict.fromkeys(("hours", "cost", "income"), "BIGINT"),
}
_PLANS = {
    "at_ms": "BIGINT",
    **dict.fromkeys(("id", "project", "team"), "VARCHAR"),
    **dict.fromkeys(TOLD, "BIGINT"),
}


def _hours(hours: Any) -> int:
    return whole(Decimal(hours) * 3_600_000)


def _booking(event: dict[str, Any], amount: str, definitions: Definitions) -> dict[str, Any]:
    at_ms = counted_ms(event)
    if amount == "hours":
        booked = _hours(event["hours"])
    else:
        money = micros(Decimal(event["amount"]))
        booked = in_shop(money, event.get("currency"), at_ms, definitions)
    nothing = dict.fromkeys(("hours", "cost", "income"), 0)
    labels = {"project": event["project_id"], "team": event.get("team") or "(none)"}
    return {"at_ms": at_ms, **labels, **nothing, amount: booked}


def _plan(event: dict[str, Any], definitions: Definitions) -> dict[str, Any]:
    def money(name: str) -> int | None:
        if event.get(name) is None:
            return None
        amount = micros(Decimal(event[name]))
        return in_shop(amount, event.get("currency"), event["at_ms"], definitions)

    hours = event.get("estimated_hours")
    return {
        "at_ms": event["at_ms"],
        "id": event.get("event_id") or "",
        "project": event["project_id"],
        "team": event.get("team") or None,
        "budget": money("budget"),
        "estimated": None if hours is None else _hours(hours),
        "planned": money("planned_cost"),
        "earned": money("earned_value"),
    }


_SQL = """
CREATE TABLE plans AS
SELECT project, at_ms, row_number() OVER past AS n,
    coalesce(last_value(team IGNORE NULLS) OVER past, '(none)') AS team,
    last_value(budget IGNORE NULLS) OVER past AS budget,
    last_value(estimated IGNORE NULLS) OVER past AS estimated,
    last_value(planned IGNORE NULLS) OVER past AS planned,
    last_value(earned IGNORE NULLS) OVER past AS earned
FROM plan_events
WINDOW past AS (PARTITION BY project ORDER BY at_ms, id ROWS UNBOUNDED PRECEDING);

CREATE TABLE plan_changes AS
SELECT at_ms, project, team, coalesce(budget, 0) AS budget, coalesce(estimated, 0) AS estimated,
    coalesce(planned, 0) AS planned, coalesce(earned, 0) AS earned
FROM plans
UNION ALL
SELECT lead(at_ms) OVER (PARTITION BY project ORDER BY n), project, team, -coalesce(budget, 0),
    -coalesce(estimated, 0), -coalesce(planned, 0), -coalesce(earned, 0)
FROM plans QUALIFY lead(at_ms) OVER (PARTITION BY project ORDER BY n) IS NOT NULL;

CREATE TABLE told_from AS
SELECT project, min(at_ms) FILTER (budget IS NOT NULL) AS budget_from,
    min(at_ms) FILTER (estimated IS NOT NULL) AS estimated_from,
    min(at_ms) FILTER (planned IS NOT NULL) AS planned_from,
    min(at_ms) FILTER (earned IS NOT NULL) AS earned_from
FROM plans GROUP BY project;

CREATE TABLE bookings AS
SELECT booked.*, budget_from, estimated_from, planned_from, earned_from
FROM booked LEFT JOIN told_from USING (project);

CREATE TABLE project_points AS
SELECT project, at_ms AS point FROM booked UNION SELECT project, at_ms FROM plans;

CREATE TABLE spending AS
SELECT p.project, point, coalesce(sum(cost), 0) AS spent
FROM project_points p LEFT JOIN booked b ON b.project = p.project AND b.at_ms <= point
GROUP BY p.project, point;

CREATE TABLE excess AS
SELECT project, point, team, spent > budget AS above,
    lead(point) OVER (PARTITION BY project ORDER BY point) AS next
FROM (
    SELECT s.*, budget, team FROM spending s JOIN plans l ON l.project = s.project AND at_ms <= point
    QUALIFY n = max(n) OVER (PARTITION BY s.project, point)
);

CREATE TABLE above_budget AS
SELECT point AS at_ms, project, team, 1 AS above FROM excess WHERE above
UNION ALL
SELECT next, project, team, -1 FROM excess WHERE above AND next IS NOT NULL
"""
