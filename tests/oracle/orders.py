"""Orders by SQL; what refunds and cancellations give back is told order by order."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import duckdb

from kpi_windows.definitions import Definitions
from tests.oracle.log import SCHEMAS, Log, in_shop, insert, micros, rate

KINDS = ("production", "wages", "overhead")


def make(db: duckdb.DuckDBPyConnection, log: Log, definitions: Definitions) -> None:
    """The tables about orders."""
    insert(db, "orders", SCHEMAS["orders"], log.orders)
    insert(db, "order_goods", SCHEMAS["order_goods"], log.order_goods)
    whole, by_product = _given_back(log, definitions)
    insert(db, "given_back", _WHOLE, whole)
    insert(db, "goods_given_back", _GOODS, by_product)
    for statement in _SQL.format(most=definitions.pair_products).split(";"):
        if statement.strip():
            db.execute(statement)


_WHOLE = {
    "at_ms": "BIGINT",
    **dict.fromkeys(("channel", "team", "employee"), "VARCHAR"),
    "refunds": "INTEGER",
    "cancellations": "INTEGER",
    "micros": "HUGEINT",
    **dict.fromkeys(KINDS, "HUGEINT"),
    "known": "BOOLEAN",
}
_GOODS = {
    "at_ms": "BIGINT",
    "product": "VARCHAR",
    "category": "VARCHAR",
    "micros": "HUGEINT",
    "cost": "HUGEINT",
}

_SQL = """
CREATE TABLE order_facts AS
SELECT at_ms, coalesce(channel, '(none)') AS channel, coalesce(team, '(none)') AS team,
    coalesce(employee, '(none)') AS employee,
    1 AS orders, units, gross, discount, tax, shipping, 0 AS refunds, 0 AS cancellations,
    0::HUGEINT AS refund, production, wages, overhead,
    if(customer IS NULL, 0, value - production - wages - overhead) AS profit
FROM orders
UNION ALL
SELECT at_ms, coalesce(channel, '(none)'), coalesce(team, '(none)'), coalesce(employee, '(none)'),
    0, 0, 0, 0, 0, 0, refunds, cancellations, micros, -production, -wages, -overhead,
    if(known, -micros + production + wages + overhead, 0)
FROM given_back;

CREATE TABLE line_facts AS
SELECT at_ms, coalesce(product, '(none)') AS product, coalesce(category, '(none)') AS category,
    1 AS orders, units, gross, discount, 0::HUGEINT AS refund,
    production + wages + overhead AS cost
FROM order_goods
UNION ALL
SELECT at_ms, '(none)', '(none)', 0, 0, 0, discount - (
    SELECT coalesce(sum(g.discount), 0) FROM order_goods g WHERE g.order_id = o.order_id
), 0, 0 FROM orders o
UNION ALL
SELECT at_ms, coalesce(product, '(none)'), coalesce(category, '(none)'), 0, 0, 0, 0, micros, -cost
FROM goods_given_back;

CREATE TABLE pairs AS
SELECT a.at_ms, a.product, b.product AS other
FROM order_goods a JOIN order_goods b ON a.order_id = b.order_id AND a.product < b.product
WHERE (SELECT count(*) FROM order_goods c WHERE c.order_id = a.order_id) <= {most}
"""


def _given_back(
    log: Log, definitions: Definitions
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    by_order: defaultdict[tuple[bool, str], list[dict[str, Any]]] = defaultdict(list)
    for event in log.order_events:
        named = event.get("order_id")
        by_order[named is not None, named or event["refund_id"]].append(event)
    placed = {row["order_id"]: row for row in log.orders}
    goods: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in log.order_goods:
        goods[row["order_id"]][row["product"] or ""] = row
    order = ("order_completed", "order_refunded", "order_cancelled")
    whole: list[dict[str, Any]] = []
    by_product: list[dict[str, Any]] = []
    for (is_order, name), events in by_order.items():
        events.sort(key=lambda e: (e["at_ms"], order.index(e["type"]), e.get("event_id") or ""))
        story = _Story(definitions, placed.get(name) if is_order else None, goods.get(name, {}))
        for event in events:
            getattr(story, event["type"])(event)
        whole += story.whole
        by_product += story.by_product
    return whole, by_product


class _Story:
    """What is left of one order."""

    def __init__(
        self,
        definitions: Definitions,
        order: dict[str, Any] | None,
        goods: dict[str, dict[str, Any]],
    ) -> None:
        self.definitions = definitions
        self.will_be = order
        self.goods = goods
        self.order: dict[str, Any] | None = None
        self.currency: str | None = None
        self.left = 0
        self.lefts: defaultdict[str, int] = defaultdict(int)
        self.units: dict[str, int] = {}
        self.costs: dict[str, list[int]] = {}
        self.ids: set[str] = set()
        self.cancelled: dict[str, Any] | None = None
        self.whole: list[dict[str, Any]] = []
        self.by_product: list[dict[str, Any]] = []

    def order_completed(self, event: dict[str, Any]) -> None:
        """It is here."""
        order = self.order = self.will_be
        assert order is not None
        self.currency = event.get("currency")
        self.left += order["value"]
        for product, each in self.goods.items():
            self.lefts[product] += each["gross"] - each["discount"]
            self.units[product] = each["units"]
            self.costs[product] = [each[kind] for kind in KINDS]
        if self.cancelled is not None:
            self._undo(event["at_ms"], self.cancelled)

    def order_refunded(self, event: dict[str, Any]) -> None:
        """Money goes back, and perhaps goods."""
        if event["refund_id"] in self.ids:
            return
        self.ids.add(event["refund_id"])
        order = self.order or {}
        currency = event.get("currency") or self.currency
        at = order.get("at_ms", event["at_ms"])

        def shop(amount: Decimal) -> int:
            if rate_known(currency, at, self.definitions):
                return in_shop(micros(amount), currency, at, self.definitions)
            return in_shop(micros(amount), currency, event["at_ms"], self.definitions)

        undone = self.cancelled if self.order is not None else None
        stays = undone is not None and undone.get("restocked", True)
        sold, back = 0, [0, 0, 0]
        for line in sorted(event.get("products", ()), key=_first_to_last):
            product, quantity = line["product_id"], line.get("quantity", 1)
            amount = 0 if undone else shop(Decimal(line.get("price") or 0) * quantity)
            costs = [0, 0, 0]
            if event.get("restocked") and not stays:
                costs, own = self._take(product, quantity), line.get("cost")
                if own is not None:
                    costs = [shop(Decimal(own.get(kind) or 0) * quantity) for kind in KINDS]
            sold += amount
            back = [a + b for a, b in zip(back, costs, strict=True)]
            self._line(event["at_ms"], product, line.get("category") or None, amount, sum(costs))
        total = sold if event.get("amount") is None else shop(Decimal(event["amount"]))
        total = 0 if undone else total
        self._rest(event["at_ms"], total - sold)
        self.left -= total
        self._whole(event, total, back, refunds=1)

    def order_cancelled(self, event: dict[str, Any]) -> None:
        """All that is left goes back."""
        if self.cancelled is not None:
            return
        self.cancelled = event
        self._whole(event, 0, [0, 0, 0], cancellations=1)
        if self.order is not None:
            self._undo(event["at_ms"], event)

    def _undo(self, at: int, event: dict[str, Any]) -> None:
        back = [0, 0, 0]
        total = rest = max(self.left, 0)
        for product in [*self.goods, *(p for p in self.lefts if p not in self.goods)]:
            costs = [0, 0, 0]
            if event.get("restocked", True):
                costs = self._take(product, self.units.get(product, 0))
            back = [a + b for a, b in zip(back, costs, strict=True)]
            rest -= self.lefts[product]
            self._line(at, product, None, self.lefts[product], sum(costs))
        self._rest(at, rest)
        self._whole({**event, "at_ms": at}, total, back, refunds=1)
        self.left -= total

    def _take(self, product: str, quantity: int) -> list[int]:
        there = self.units.get(product, 0)
        quantity = min(quantity, there)
        if not quantity:
            return [0, 0, 0]
        taken = [round(Fraction(cost * quantity, there)) for cost in self.costs[product]]
        self.units[product] = there - quantity
        self.costs[product] = [a - b for a, b in zip(self.costs[product], taken, strict=True)]
        return taken

    def _line(self, at: int, product: str, category: str | None, amount: int, cost: int) -> None:
        self.lefts[product] -= amount
        if category is None and self.order is not None and product in self.goods:
            category = self.goods[product]["category"]
        row = {"at_ms": at, "product": product or None, "category": category}
        self.by_product.append({**row, "micros": amount, "cost": cost})

    def _rest(self, at: int, amount: int) -> None:
        row = {"at_ms": at, "product": None, "category": None}
        self.by_product.append({**row, "micros": amount, "cost": 0})

    def _whole(
        self,
        event: dict[str, Any],
        amount: int,
        costs: list[int],
        refunds: int = 0,
        cancellations: int = 0,
    ) -> None:
        order = self.order or {}
        names = ("channel", "team", "employee")
        self.whole.append(
            {
                "at_ms": event["at_ms"],
                **{name: event.get(name) or order.get(name) for name in names},
                "refunds": refunds,
                "cancellations": cancellations,
                "micros": amount,
                **dict(zip(KINDS, costs, strict=True)),
                "known": bool(event.get("customer_id") or order.get("customer")),
            }
        )


def _first_to_last(line: dict[str, Any]) -> tuple[str, str, int, Decimal]:
    """In which order the lines of a refund take goods back, when there are too many."""
    quantity = line.get("quantity", 1)
    price = Decimal(line.get("price") or 0) * quantity
    return line["product_id"], line.get("category") or "", quantity, price


def rate_known(currency: str | None, at_ms: int, definitions: Definitions) -> bool:
    """Whether the currency had a rate at the time."""
    try:
        rate(currency, at_ms, definitions)
    except (KeyError, ValueError):
        return False
    return True
