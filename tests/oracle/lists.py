"""Lists and messages by SQL: who was on a list before each event, and whose delivery each act is.

Only which deliveries of one id are messages of their own is told event by event.
"""

from __future__ import annotations

from typing import Any

import duckdb

from kpi_windows.definitions import Definitions
from tests.oracle.log import Log, insert

_SUBSCRIBERS = ("subscriber_joined", "subscriber_left")
_ACTS = ("message_opened", "message_clicked", "subscriber_left")
_TEXT = ("whose", "id", "kind", "channel", "list", "segment", "campaign")


def make(db: duckdb.DuckDBPyConnection, log: Log, definitions: Definitions) -> None:
    """The tables about lists and messages."""
    events = [event for event in log.marketing_events if _is_ours(event)]
    schema = {
        **dict.fromkeys(_TEXT, "VARCHAR"),
        "at_ms": "BIGINT",
        "subscribers": "BIGINT",
        "by_machine": "BOOLEAN",
    }
    of_lists = [_row(e, "subscriber_id") for e in events if e["type"] in _SUBSCRIBERS]
    insert(db, "list_events", schema, of_lists + _left_all(log, of_lists))
    counts = [_row(e, "list", "newsletter") for e in events if e["type"] == "subscribers_counted"]
    insert(db, "list_counts", schema, counts)
    acts = [_row(e, "message_id") for e in events if e["type"] in _ACTS and e.get("message_id")]
    insert(db, "acts", schema, acts)
    insert(db, "deliveries", schema, _deliveries(events, definitions.message_kept_ms))
    for statement in _SQL.format(KEPT=definitions.message_kept_ms).split(";"):
        if statement.strip():
            db.execute(statement)


def _left_all(log: Log, of_lists: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who is forgotten leaves each list that they were ever told of; who isn't on one can't."""
    return [
        {
            **_row(event, "subscriber_id"),
            "kind": "subscriber_left",
            "channel": channel,
            "list": name,
        }
        for event in log.marketing_events
        if event["type"] == "customer_forgotten"
        for whose, channel, name in sorted(
            {(row["whose"], row["channel"], row["list"]) for row in of_lists}, key=str
        )
        if whose == event["subscriber_id"]
    ]


def _is_ours(event: dict[str, Any]) -> bool:
    return str(event["type"]).startswith(("subscriber", "message"))


def _row(event: dict[str, Any], whose: str, otherwise: str | None = None) -> dict[str, Any]:
    is_subscriber = event["type"].startswith("subscriber")
    return {
        "whose": event.get(whose, otherwise),
        "id": event.get("event_id") or "",
        "kind": event["type"],
        "at_ms": event["at_ms"],
        "channel": event.get("channel", "email"),
        "list": event.get("list", "newsletter" if is_subscriber else None) or None,
        "segment": event.get("segment") or None,
        "campaign": event.get("campaign") or None,
        "subscribers": event.get("subscribers"),
        "by_machine": event.get("by_machine", False),
    }


def _deliveries(events: list[dict[str, Any]], kept_ms: int) -> list[dict[str, Any]]:
    """Of each message the first delivery, and the first after that is forgotten."""
    rows = [_row(e, "message_id") for e in events if e["type"] == "message_delivered"]
    counted: list[dict[str, Any]] = []
    last: dict[str, int] = {}
    for row in sorted(rows, key=lambda each: (each["at_ms"], each["id"])):
        before_ms = last.get(row["whose"])
        if before_ms is None or row["at_ms"] > before_ms + kept_ms:
            last[row["whose"]] = row["at_ms"]
            counted.append(row)
    return counted


_SQL = """
CREATE TABLE steps AS
SELECT *, coalesce(lag(kind) OVER past = 'subscriber_joined', false) AS was_on,
    kind = 'subscriber_joined' AS is_on, row_number() OVER past AS n
FROM list_events
WINDOW past AS (PARTITION BY whose, channel, list ORDER BY at_ms, kind, id);

CREATE TABLE stays AS
SELECT *, sum((is_on AND NOT was_on)::INT) OVER (
    PARTITION BY whose, channel, list ORDER BY n) AS stay
FROM steps WHERE is_on OR was_on;

CREATE TABLE placed AS
SELECT *, coalesce(last_value(segment IGNORE NULLS) OVER past, '(none)') AS place
FROM stays WINDOW past AS (PARTITION BY whose, channel, list, stay ORDER BY n);

CREATE TABLE list_changes AS
SELECT at_ms, channel, coalesce(list, '(none)') AS list, place AS segment,
    1 AS subscribers, (NOT was_on)::INT AS joined, 0 AS gone
FROM placed WHERE is_on
UNION ALL
SELECT at_ms, channel, coalesce(list, '(none)'),
    lag(place) OVER (PARTITION BY whose, channel, list, stay ORDER BY n),
    -1, 0, (NOT is_on)::INT
FROM placed QUALIFY was_on;

CREATE TABLE reported AS
SELECT at_ms, channel, whose AS list, subscribers - coalesce(lag(subscribers) OVER (
    PARTITION BY channel, whose ORDER BY at_ms, id), 0) AS subscribers
FROM list_counts;

CREATE TABLE acts_due AS
SELECT a.* FROM acts a
WHERE NOT EXISTS (FROM deliveries d
    WHERE d.whose = a.whose AND a.at_ms BETWEEN d.at_ms AND d.at_ms + {KEPT});

CREATE TABLE mailings AS
SELECT d.at_ms, d.channel, coalesce(d.list, '(none)') AS list,
    coalesce(d.campaign, '(none)') AS campaign, 1 AS delivered,
    coalesce(max((a.kind LIKE 'message%')::INT), 0) AS opened,
    coalesce(max((a.kind LIKE 'message%' AND NOT a.by_machine)::INT), 0) AS opened_by_person,
    coalesce(max((a.kind = 'message_clicked')::INT), 0) AS clicked,
    coalesce(max((a.kind = 'subscriber_left')::INT), 0) AS gone
FROM deliveries d LEFT JOIN (
    SELECT *, false AS early FROM acts UNION ALL SELECT *, true FROM acts_due
) a ON a.whose = d.whose AND if(early,
    a.at_ms BETWEEN d.at_ms - {KEPT} AND d.at_ms, a.at_ms BETWEEN d.at_ms AND d.at_ms + {KEPT})
GROUP BY d.whose, d.at_ms, d.channel, d.list, d.campaign
"""
