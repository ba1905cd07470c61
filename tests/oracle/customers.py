"""Customers, told one by one: who is new, who comes back, who is lost, and when.

A live subscription keeps a customer, and the end of the last one loses the customer at once;
without one the latest order does, `lost_ms` later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import duckdb

from kpi_windows.definitions import Definitions
from tests.oracle.log import Log, insert
from tests.oracle.windows import period_start, previous_whole

PERIODS = ("hour", "day", "week", "month", "quarter", "year")
_KINDS = (
    "order",
    "subscription_started",
    "subscription_renewed",
    "subscription_cancelled",
    "customer_forgotten",
)
_FOREVER = 1 << 62
_DAY_MS = 86_400_000


def make(
    db: duckdb.DuckDBPyConnection,
    log: Log,
    definitions: Definitions,
    until: Callable[[str, int], int],
) -> None:
    """The tables about customers; `until` says how far time has come for one."""
    products: defaultdict[str, list[str]] = defaultdict(list)
    for row in log.order_goods:
        if row["product"]:
            products[row["order_id"]].append(row["product"])
    told: defaultdict[str, list[tuple[int, int, str, dict[str, Any]]]] = defaultdict(list)
    for row in log.orders:
        if row["customer"]:
            told[row["customer"]].append((row["at_ms"], 0, row["order_id"], row))
    for event in log.customer_events:
        kind, event_id = _KINDS.index(event["type"]), event.get("event_id") or ""
        told[event["customer_id"]].append((event["at_ms"], kind, event_id, event))
    tables = Tables(definitions)
    tables.buyers = [
        {"at_ms": row["at_ms"], "customer": "guest", "orders": 1, "micros": row["value"]}
        for row in log.orders
        if not row["customer"]
    ]
    most = definitions.pair_products
    for customer, events in told.items():
        events.sort(key=lambda each: each[:3])
        story = _Story(tables, {o: p if len(p) <= most else [] for o, p in products.items()})
        for at, kind, _, event in events:
            story.pass_time(at)
            story.hear(at, kind, event)
        story.pass_time(until(customer, events[-1][0]))
    tables.insert(db)


class Tables:
    """Rows of all customers."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.buyers: list[dict[str, Any]] = []
        self.customers: list[dict[str, Any]] = []
        self.periods: list[dict[str, Any]] = []
        self.follows: list[dict[str, Any]] = []
        self.starts: list[dict[str, Any]] = []

    def insert(self, db: duckdb.DuckDBPyConnection) -> None:
        """All tables."""
        buyers = {
            "at_ms": "BIGINT",
            "customer": "VARCHAR",
            "orders": "INTEGER",
            "micros": "HUGEINT",
        }
        insert(db, "buyers", buyers, self.buyers)
        insert(
            db,
            "customers",
            {"at_ms": "BIGINT", "customers": "INTEGER", "active": "INTEGER"},
            self.customers,
        )
        amounts = dict.fromkeys(("active", "retained", "new", "lost"), "INTEGER")
        insert(db, "periods", {"at_ms": "BIGINT", "period": "VARCHAR", **amounts}, self.periods)
        follows = {"at_ms": "BIGINT", "product": "VARCHAR", "next": "VARCHAR", "days": "INTEGER"}
        insert(db, "follows", follows, self.follows)
        insert(db, "starts", {"at_ms": "BIGINT", "product": "VARCHAR"}, self.starts)


class _Story:
    """One customer."""

    def __init__(self, tables: Tables, products: dict[str, list[str]]) -> None:
        self.tables = tables
        self.products = products
        self.forget()

    def forget(self) -> None:
        """Nothing is known."""
        self.heard_ms: int | None = None
        self.ordered_ms: int | None = None
        self.latest: list[str] = []
        self.paid: dict[str, int] = {}
        self.is_active = False

    def pass_time(self, at: int) -> None:
        """What comes of itself up to a time."""
        while True:
            ends = min(self.paid.values(), default=_FOREVER)
            lost = _FOREVER
            if self.is_active and not self.paid and self.ordered_ms is not None:
                lost = self.ordered_ms + self.tables.definitions.lost_ms
            if min(ends, lost) > at:
                return
            if ends <= lost:
                for name in [n for n, until in self.paid.items() if until == ends]:
                    del self.paid[name]
                self.heard_ms = max(self.heard_ms or 0, ends)
                if not self.paid:
                    self.lose(ends)
            else:
                self.lose(lost)

    def lose(self, at: int) -> None:
        """No customer any more."""
        if self.is_active:
            self.is_active = False
            self.tables.customers.append({"at_ms": at, "customers": 0, "active": -1})
            self._period(at, PERIODS, lost=1)

    def hear(self, at: int, kind: int, event: dict[str, Any]) -> None:
        """One event."""
        if kind == 4:
            if self.is_active:
                self.tables.customers.append({"at_ms": at, "customers": 0, "active": -1})
            self.forget()
            return
        again_ms = self.tables.definitions.new_again_ms
        if self.heard_ms is not None and at - self.heard_ms > again_ms and not self.paid:
            self.heard_ms = None
        if kind == 3:
            if self.paid.pop(event["subscription_id"], None) is not None:
                self.heard_ms = at
                if not self.paid:
                    self.lose(at)
            return
        is_new = self.heard_ms is None
        if is_new or not self.is_active:
            row = {"at_ms": at, "customers": int(is_new), "active": int(not self.is_active)}
            self.tables.customers.append(row)
        self.is_active = True
        self.heard_ms = at
        if kind == 0:
            self._order(at, event, is_new)
        else:
            until = event.get("paid_until")
            self.paid[event["subscription_id"]] = _FOREVER if until is None else _time(until) + 1
            if is_new:
                self._period(at, PERIODS, new=1)
            self.pass_time(at)

    def _order(self, at: int, order: dict[str, Any], is_new: bool) -> None:
        tables, zone = self.tables, self.tables.definitions.zone
        last_ms = self.ordered_ms
        again = last_ms is not None and at - last_ms <= tables.definitions.new_again_ms
        who = "returning" if again else "new"
        tables.buyers.append({"at_ms": at, "customer": who, "orders": 1, "micros": order["value"]})
        for period in PERIODS:
            start = period_start(zone, period, at)
            if last_ms is not None and last_ms >= start:
                continue
            before = previous_whole(zone, period, at)
            retained = again and last_ms is not None and last_ms >= before.start_ms
            self._period(at, (period,), active=1, retained=int(retained))
        if is_new:
            self._period(at, PERIODS, new=1)
        products = self.products.get(order["order_id"], [])
        for product in self.latest if again else ():
            for following in products:
                assert last_ms is not None
                days = (at - last_ms) // _DAY_MS
                row = {"at_ms": last_ms, "product": product, "next": following}
                tables.follows.append(row | {"days": days})
        tables.starts += [{"at_ms": at, "product": product} for product in products]
        self.ordered_ms, self.latest = at, products

    def _period(self, at: int, periods: tuple[str, ...], **amounts: int) -> None:
        row = {"at_ms": at, "active": 0, "retained": 0, "new": 0, "lost": 0, **amounts}
        self.tables.periods += [{**row, "period": period} for period in periods]


def _time(time: int | str) -> int:
    from tests.oracle.log import _ms

    return _ms(time)
