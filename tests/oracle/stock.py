"""Stock and prices by SQL.

What lies at a location is what was received last: of all that ever came, numbered one by one, the
units from the number of those that have gone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb

from kpi_windows.definitions import Definitions
from tests.oracle.log import Log, in_shop, insert, micros


def make(db: duckdb.DuckDBPyConnection, log: Log, definitions: Definitions) -> None:
    """The tables about stock and prices."""
    events = log.operations
    counts = [_count(event) for event in events if event["type"] == "stock_counted"]
    insert(db, "stock_counts", _COUNTS, counts)
    kinds = ("price_set", "competitor_price_seen")
    prices = [_price(event, definitions) for event in events if event["type"] in kinds]
    insert(db, "price_rows", _PRICES, prices)
    for statement in _SQL.split(";"):
        if statement.strip():
            db.execute(statement)


_COUNTS = {
    "at_ms": "BIGINT",
    **dict.fromkeys(("id", "product", "location"), "VARCHAR"),
    "units": "BIGINT",
}
_PRICES = {
    "at_ms": "BIGINT",
    **dict.fromkeys(("id", "product", "competitor"), "VARCHAR"),
    "own": "BOOLEAN",
    "price": "BIGINT",
}


def _count(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "at_ms": event["at_ms"],
        "id": event.get("event_id") or "",
        "product": event["product_id"],
        "location": event.get("location") or "(none)",
        "units": event["units"],
    }


def _price(event: dict[str, Any], definitions: Definitions) -> dict[str, Any]:
    price = -1
    if event["price"] is not None:
        amount = micros(Decimal(event["price"]))
        price = in_shop(amount, event.get("currency"), event["at_ms"], definitions)
    return {
        "at_ms": event["at_ms"],
        "id": event.get("event_id") or "",
        "product": event["product_id"],
        "competitor": event.get("competitor", ""),
        "own": event["type"] == "price_set",
        "price": price,
    }


_SQL = """
CREATE TABLE counts AS
SELECT *, row_number() OVER past AS n, units - coalesce(lag(units) OVER past, 0) AS change
FROM stock_counts
WINDOW past AS (PARTITION BY product, location ORDER BY at_ms, id, units);

CREATE TABLE flows AS
SELECT *, sum(greatest(change, 0)) OVER past AS came, sum(greatest(-change, 0)) OVER past AS gone
FROM counts WINDOW past AS (PARTITION BY product, location ORDER BY n);

CREATE TABLE stock_levels AS
SELECT f.product, f.location, f.n, f.at_ms, f.units,
    coalesce(sum(greatest(0, r.came - greatest(r.came - r.change, f.gone)) * r.at_ms::HUGEINT), 0)
        AS received
FROM flows f LEFT JOIN flows r
ON r.product = f.product AND r.location = f.location AND r.n <= f.n AND r.change > 0
GROUP BY ALL;

CREATE TABLE stock_changes AS
SELECT at_ms, product, location, units - coalesce(lag(units) OVER past, 0) AS units,
    received - coalesce(lag(received) OVER past, 0) AS received
FROM stock_levels WINDOW past AS (PARTITION BY product, location ORDER BY n);

CREATE TABLE totals AS
SELECT product, at_ms, sum(sum(change)) OVER (PARTITION BY product ORDER BY at_ms) AS total
FROM counts GROUP BY product, at_ms;

CREATE TABLE assortment AS
SELECT at_ms, product, (before IS NULL)::INT AS products,
    (total = 0)::INT - coalesce((before = 0)::INT, 0) AS out,
    coalesce((before > 0 AND total = 0)::INT, 0) AS stock_outs
FROM (
    SELECT *, lag(total) OVER (PARTITION BY product ORDER BY at_ms) AS before FROM totals
);

CREATE TABLE price_events AS
SELECT *, row_number() OVER (
    PARTITION BY product ORDER BY at_ms, own DESC, id, competitor, price) AS n
FROM price_rows;

CREATE TABLE stood AS
SELECT p.product, p.n, p.at_ms, o.own, o.competitor, arg_max(o.price, o.n) AS price
FROM price_events p JOIN price_events o ON o.product = p.product AND o.n <= p.n
GROUP BY ALL;

CREATE TABLE offers AS
SELECT product, n, at_ms, max(price) FILTER (own) AS here,
    sum(price) FILTER (NOT own) AS total, count(*) FILTER (NOT own) AS many
FROM stood WHERE price >= 0 GROUP BY product, n, at_ms;

CREATE TABLE price_levels AS
SELECT e.product, e.n, e.at_ms, if(c, here, 0) AS own, if(c, total // many + (
        2 * (total % many) > many OR 2 * (total % many) = many AND total // many % 2 = 1
    )::INT, 0) AS elsewhere,
    c::INT AS compared, (c AND here * many > total)::INT AS dearer
FROM (
    SELECT e.*, here, total, many, coalesce(here IS NOT NULL AND many > 0, false) AS c
    FROM price_events e LEFT JOIN offers USING (product, n)
) e;

CREATE TABLE price_changes AS
SELECT at_ms, product, own - coalesce(lag(own) OVER past, 0) AS own_price,
    elsewhere - coalesce(lag(elsewhere) OVER past, 0) AS elsewhere,
    compared - coalesce(lag(compared) OVER past, 0) AS compared,
    dearer - coalesce(lag(dearer) OVER past, 0) AS dearer
FROM price_levels WINDOW past AS (PARTITION BY product ORDER BY n)
"""
