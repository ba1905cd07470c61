"""Units and reports by SQL: the first start, the last finish, and of each report the last one."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import duckdb

from kpi_windows.definitions import Definitions
from tests.oracle.log import Log, counted_ms, insert, last_of, micros

PLACE = ("line", "machine", "product", "shift")


def make(db: duckdb.DuckDBPyConnection, log: Log, definitions: Definitions) -> None:
    """The tables about production."""
    events = log.operations
    units = [_unit(event) for event in events if event["type"] in ("unit_started", "unit_finished")]
    insert(db, "unit_events", _UNITS, units)
    for kind, row, schema in (
        ("machine_reported", _machine, _MACHINES),
        ("labour_reported", _labour, _LABOUR),
        ("incident_reported", _incident, _INCIDENTS),
    ):
        told = last_of([event for event in events if event["type"] == kind], _IDS[kind])
        insert(db, kind, schema, [row(event) for event in told])
    for statement in _SQL.split(";"):
        if statement.strip():
            db.execute(statement)


_IDS = {
    "machine_reported": "report_id",
    "labour_reported": "report_id",
    "incident_reported": "incident_id",
}
_UNITS = {
    "at_ms": "BIGINT",
    **dict.fromkeys(("unit", "id", "type", *PLACE), "VARCHAR"),
    **dict.fromkeys(("good", "reworked"), "BOOLEAN"),
}
_MACHINES = {
    "at_ms": "BIGINT",
    **dict.fromkeys(PLACE, "VARCHAR"),
    **dict.fromkeys(("planned", "run", "ideal", "valuable", "produced", "good"), "BIGINT"),
}
_LABOUR = {
    "at_ms": "BIGINT",
    **dict.fromkeys(("line", "team", "shift"), "VARCHAR"),
    **dict.fromkeys(("planned", "worked", "standard", "produced", "good"), "BIGINT"),
}
_INCIDENTS = {"at_ms": "BIGINT", "kind": "VARCHAR", "line": "VARCHAR", "incidents": "INTEGER"}


def _labels(event: dict[str, Any], *names: str) -> dict[str, str]:
    return {
        name: event.get("product_id" if name == "product" else name) or "(none)" for name in names
    }


def _unit(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "at_ms": event["at_ms"],
        "unit": event["unit_id"],
        "id": event.get("event_id") or "",
        "type": event["type"],
        **_labels(event, *PLACE),
        "good": event.get("good", True),
        "reworked": event.get("reworked", False),
    }


def whole(amount: Decimal) -> int:
    """A whole number, half to even."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def _machine(event: dict[str, Any]) -> dict[str, Any]:
    ideal = Decimal(event["ideal_cycle_seconds"])
    return {
        "at_ms": counted_ms(event),
        **_labels(event, *PLACE),
        "planned": whole(Decimal(event["planned_seconds"]) * 1_000),
        "run": whole(Decimal(event["run_seconds"]) * 1_000),
        "ideal": whole(ideal * event["produced"] * 1_000),
        "valuable": whole(ideal * event["good"] * 1_000),
        "produced": event["produced"],
        "good": event["good"],
    }


def _labour(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "at_ms": counted_ms(event),
        **_labels(event, "line", "team", "shift"),
        "planned": whole(Decimal(event["planned_hours"]) * 3_600_000),
        "worked": whole(Decimal(event["worked_hours"]) * 3_600_000),
        "standard": micros(Decimal(event["standard_output"])),
        "produced": event["produced"],
        "good": event["good"],
    }


def _incident(event: dict[str, Any]) -> dict[str, Any]:
    return {"at_ms": counted_ms(event), **_labels(event, "kind", "line"), "incidents": 1}


_SQL = """
CREATE TABLE first_starts AS
SELECT * FROM unit_events WHERE type = 'unit_started'
QUALIFY row_number() OVER (
    PARTITION BY unit ORDER BY at_ms, id, line, machine, product, shift) = 1;

CREATE TABLE last_finishes AS
SELECT * FROM unit_events WHERE type = 'unit_finished'
QUALIFY row_number() OVER (
    PARTITION BY unit ORDER BY at_ms DESC, id DESC, good DESC, reworked DESC) = 1;

CREATE TABLE unit_starts AS
SELECT s.at_ms, s.line, s.machine, s.product, s.shift, 1 AS started,
    coalesce((f.good AND f.at_ms >= s.at_ms)::INT, 0) AS became_good,
    coalesce((f.good AND NOT f.reworked AND f.at_ms >= s.at_ms)::INT, 0) AS first_pass
FROM first_starts s LEFT JOIN last_finishes f USING (unit);

CREATE TABLE unit_ends AS
SELECT f.at_ms, coalesce(s.line, '(none)') AS line, coalesce(s.machine, '(none)') AS machine,
    coalesce(s.product, '(none)') AS product, coalesce(s.shift, '(none)') AS shift,
    1 AS finished, f.good::INT AS good, (f.good AND f.reworked)::INT AS reworked,
    f.at_ms - s.at_ms AS cycle_ms
FROM last_finishes f LEFT JOIN first_starts s ON f.unit = s.unit AND f.at_ms >= s.at_ms;

CREATE TABLE cycles AS
SELECT *, 1 AS cycles FROM unit_ends WHERE cycle_ms IS NOT NULL
"""
