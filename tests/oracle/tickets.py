"""Tickets by SQL: what each was at any time follows from its last event before.

Before its opening nothing happens to a ticket but a rating; a second opening is ignored.  It is
new until a person answers publicly or it is reassigned; on hold until anything else happens to it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import duckdb

from kpi_windows.definitions import Definitions
from tests.oracle.log import (
    ANSWERED,
    ESCALATED,
    HELD,
    OPENED,
    RATED,
    REASSIGNED,
    REOPENED,
    RESOLVED,
    SCHEMAS,
    Log,
    insert,
)
from tests.oracle.windows import wall

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_STEP_MS = 15 * 60_000


def make(
    db: duckdb.DuckDBPyConnection,
    log: Log,
    definitions: Definitions,
    until: Callable[[str, int], int],
) -> None:
    """The tables about tickets; `until` says how far time has come for one."""
    insert(db, "ticket_events", SCHEMAS["ticket_events"], log.ticket_events)
    last: dict[str, int] = {}
    for row in log.ticket_events:
        last[row["ticket"]] = max(row["at_ms"], last.get(row["ticket"], 0))
    insert(
        db,
        "ticket_until",
        {"ticket": "VARCHAR", "until": "BIGINT"},
        [{"ticket": ticket, "until": until(ticket, at)} for ticket, at in last.items()],
    )
    priorities = {row["priority"] or "(none)" for row in log.ticket_events}
    insert(
        db,
        "targets",
        {"priority": "VARCHAR", "response": "BIGINT", "resolution": "BIGINT"},
        [
            {
                "priority": name,
                "response": definitions.targets_of(name).first_response_ms,
                "resolution": definitions.targets_of(name).resolution_ms,
            }
            for name in priorities | {"(none)"}
        ],
    )
    bounds = sorted(definitions.ticket_ages_ms)
    insert(
        db,
        "ages",
        {"from_ms": "BIGINT", "age": "VARCHAR"},
        [
            {"from_ms": low, "age": name}
            for low, name in zip([-1, *bounds], _names(bounds), strict=True)
        ],
    )
    times = [row["at_ms"] for row in log.ticket_events]
    insert(
        db,
        "open_hours",
        {"start": "BIGINT", "stop": "BIGINT"},
        _open_hours(definitions, min(times, default=0), max(times, default=0)),
    )
    for statement in _SQL.format(
        OPENED=OPENED, REASSIGNED=REASSIGNED, ANSWERED=ANSWERED, ESCALATED=ESCALATED, HELD=HELD,
        RESOLVED=RESOLVED, REOPENED=REOPENED, RATED=RATED,
    ).split(";"):  # fmt: skip
        if statement.strip():
            db.execute(statement)


def _names(bounds: list[int]) -> list[str]:
    def name(ms: int) -> str:
        for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
            if ms % length == 0:
                return f"{ms // length}{unit}"
        return f"{ms}ms"

    said = [name(bound) for bound in bounds]
    between = [f"{low}-{high}" for low, high in pairwise(said)]
    return [f"<{said[0]}", *between, f">{said[-1]}"]


def _open_hours(definitions: Definitions, from_ms: int, to_ms: int) -> list[dict[str, int]]:
    """Stretches in which the clock on the wall shows opening hours; hours end on quarters."""
    stretches: list[dict[str, int]] = []
    at = from_ms - from_ms % _STEP_MS
    while at <= to_ms:
        clock = wall(definitions.zone, at)
        minute = timedelta(hours=clock.hour, minutes=clock.minute) // timedelta(minutes=1)
        spans = definitions.business_hours.get(_DAYS[clock.weekday()], ())
        if clock.date().isoformat() not in definitions.holidays and any(
            _minutes(span[:5]) <= minute < _minutes(span[6:]) for span in spans
        ):
            if stretches and stretches[-1]["stop"] == at:
                stretches[-1]["stop"] += _STEP_MS
            else:
                stretches.append({"start": at, "stop": at + _STEP_MS})
        at += _STEP_MS
    return stretches


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


_SQL = """
CREATE TABLE t0 AS
SELECT *, row_number() OVER (PARTITION BY ticket ORDER BY at_ms, kind, id) AS n FROM ticket_events;

CREATE TABLE births AS
SELECT ticket, n AS born_n, at_ms AS opened, coalesce(channel, '(none)') AS channel, product, customer
FROM t0 WHERE kind = {OPENED} QUALIFY n = min(n) OVER (PARTITION BY ticket);

CREATE TABLE life AS
SELECT t0.ticket, n, at_ms, kind, author, public, opened, b.channel, r.until,
    last_value(if(kind IN ({OPENED}, {REASSIGNED}), t0.priority, NULL) IGNORE NULLS) OVER past
        AS priority_then,
    last_value(if(kind IN ({OPENED}, {REASSIGNED}), t0.concern, NULL) IGNORE NULLS) OVER past
        AS concern_then,
    coalesce(priority_then, '(none)') AS priority,
    coalesce(concern_then, '(none)') AS concern,
    last_value(CASE kind WHEN {RESOLVED} THEN true WHEN {REOPENED} THEN false END IGNORE NULLS)
        OVER past AS resolved_then,
    coalesce(resolved_then, false) AS is_resolved,
    kind = {HELD} AS is_held,
    bool_or(kind IN ({REASSIGNED}, {HELD}, {RESOLVED})
        OR kind = {ANSWERED} AND author = 'person' AND public)
        OVER past AS is_begun
FROM t0 JOIN births b USING (ticket) JOIN ticket_until r USING (ticket)
WHERE n = born_n OR n > born_n AND kind NOT IN ({OPENED})
WINDOW past AS (PARTITION BY ticket ORDER BY n);

CREATE TABLE lives AS
SELECT *, CASE WHEN is_resolved THEN 'resolved' WHEN is_held THEN 'hold'
        WHEN is_begun THEN 'open' ELSE 'new' END AS status,
    coalesce(lag(is_resolved) OVER w, false) AS was_resolved,
    lead(at_ms) OVER w AS next_at
FROM life WINDOW w AS (PARTITION BY ticket ORDER BY n);

CREATE TABLE now AS
SELECT ticket, arg_max(priority, n) AS priority, arg_max(concern, n) AS concern,
    max((kind = {ESCALATED})::INT) AS escalated
FROM lives GROUP BY ticket;

CREATE TABLE tickets AS
SELECT opened AS at_ms, channel, concern, priority, 1 AS opened, escalated
FROM births JOIN now USING (ticket);

CREATE TABLE messages AS
SELECT opened AS at_ms, channel, concern, priority, 1 AS messages
FROM births JOIN now USING (ticket)
UNION ALL
SELECT at_ms, channel, concern, priority, 1 FROM lives WHERE kind = {ANSWERED} AND author = 'customer';

CREATE MACRO business(since, till) AS (
    SELECT coalesce(sum(least(stop, till) - greatest(start, since)), 0)
    FROM open_hours WHERE start < till AND stop > since
);

CREATE TABLE responses AS
SELECT at_ms, channel, priority, 1 AS answered, at_ms - opened AS ms, business(opened, at_ms) AS business_ms,
    (at_ms - opened <= response)::INT AS within
FROM lives JOIN targets USING (priority)
WHERE kind = {ANSWERED} AND author = 'person' AND public
QUALIFY n = min(n) OVER (PARTITION BY ticket);

CREATE TABLE resolutions AS
SELECT at_ms, channel, priority, 1 AS resolved, at_ms - opened AS ms, business(opened, at_ms) AS business_ms,
    (at_ms - opened <= resolution)::INT AS within
FROM lives JOIN targets USING (priority)
WHERE kind IN ({RESOLVED}, {REOPENED})
QUALIFY n = max(n) OVER (PARTITION BY ticket) AND kind = {RESOLVED};

CREATE TABLE first_resolutions AS
SELECT at_ms, channel, priority, 1 AS resolved, at_ms - opened AS ms
FROM lives WHERE kind = {RESOLVED}
QUALIFY n = min(n) OVER (PARTITION BY ticket);

CREATE TABLE flow AS
SELECT at_ms, (kind = {OPENED})::INT AS opened,
    (is_resolved AND NOT was_resolved)::INT AS resolved,
    (was_resolved AND NOT is_resolved)::INT AS reopened,
    (kind = {ESCALATED})::INT AS escalations
FROM lives;

CREATE TABLE points AS
SELECT DISTINCT ticket, at_ms AS point, until FROM lives
UNION
SELECT ticket, lives.opened + resolution, until
FROM lives JOIN targets USING (priority)
WHERE lives.opened + resolution BETWEEN at_ms AND least(until, coalesce(next_at, until));

CREATE TABLE changes AS
SELECT point AS at_ms, is_open - coalesce(lag(is_open) OVER w, 0) AS open,
    is_overdue - coalesce(lag(is_overdue) OVER w, 0) AS overdue
FROM (
    SELECT ticket, point, (status <> 'resolved')::INT AS is_open,
        (status <> 'resolved' AND point - opened >= resolution)::INT AS is_overdue
    FROM points JOIN lives USING (ticket) JOIN targets USING (priority)
    WHERE at_ms <= point QUALIFY n = max(n) OVER (PARTITION BY ticket, point)
) WINDOW w AS (PARTITION BY ticket ORDER BY point);

CREATE TABLE contacts AS
SELECT at_ms, coalesce(product, '(none)') AS product,
    coalesce(customer, visitor, ticket) AS customer
FROM t0 WHERE kind = {OPENED};

CREATE TABLE ratings AS
SELECT r.at_ms, coalesce(r.channel, b.channel, '(none)') AS channel,
    (survey = 'csat')::INT AS csat,
    (survey = 'csat' AND 4 * (score - min_score) >= 3 * (max_score - min_score))::INT AS satisfied,
    if(survey = 'csat', score - min_score, 0) AS place, max_score - min_score AS scale,
    (survey = 'nps' AND score >= 9)::INT AS promoters,
    (survey = 'nps' AND score BETWEEN 7 AND 8)::INT AS passives,
    (survey = 'nps' AND score <= 6)::INT AS detractors
FROM (
    SELECT * FROM t0 WHERE kind = {RATED}
    QUALIFY n = max(n) OVER (PARTITION BY ticket, survey)
) r LEFT JOIN births b ON r.ticket = b.ticket AND r.n > b.born_n
"""
