"""A slow second opinion on one order: all its events at once, no state, sums over all pairs.

It holds for an order that is completed at most once, with refund ids that differ, products that
differ within each event, and amounts that convert without rounding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

from kpi_windows.definitions import Definitions
from kpi_windows.events import Cost, Event, OrderCancelled, OrderCompleted, OrderRefunded

NOBODY = ("(none)", "(none)", "(none)")
KINDS = ("production", "wages", "overhead")
Told = Iterator[tuple[str, int, tuple[str, ...], str, str, Any]]


def oracle(events: Sequence[Event], definitions: Definitions) -> dict[tuple[Any, ...], int]:
    """(fact, minute, labels, amount, bucket) -> what isn't 0."""
    sums: Counter[tuple[Any, ...]] = Counter()
    for fact, at_ms, labels, amount, bucket, value in Life(events, definitions).facts():
        sums[fact, at_ms // 60_000 * 60_000, labels, amount, bucket] += value
    assert all(Fraction(value).denominator == 1 for value in sums.values())
    return {key: int(value) for key, value in sums.items() if value}


class Life:
    def __init__(self, events: Sequence[Event], definitions: Definitions) -> None:
        self.rate_at = definitions.rate_at
        self.order = next((e for e in events if isinstance(e, OrderCompleted)), None)
        self.refunds = sorted(
            (e for e in events if isinstance(e, OrderRefunded)),
            key=lambda e: (e.timestamp, e.event_id or "", e.refund_id),
        )
        cancels = [e for e in events if isinstance(e, OrderCancelled)]
        self.cancel = min(
            cancels, key=lambda e: (e.timestamp, e.event_id or "", e.restocked), default=None
        )

    # what holds at a time

    def is_placed(self, at_ms: int) -> bool:
        return self.order is not None and self.order.timestamp <= at_ms

    def labels(self, at_ms: int) -> tuple[str, ...]:
        if not self.is_placed(at_ms):
            return NOBODY
        channel = self.order.channel or ("online" if self.order.visitor_id else None)
        named = (channel, self.order.team, self.order.employee)
        return tuple(label or "(none)" for label in named)

    def category(self, product: str, at_ms: int) -> str:
        if self.is_placed(at_ms):
            for line in self.order.products:
                if line.product_id == product and line.category:
                    return line.category
        return "(none)"

    def undone_ms(self) -> int | None:
        if self.cancel is None or self.order is None:
            return None
        return max(self.cancel.timestamp, self.order.timestamp)

    def before_undone(self, refund: OrderRefunded) -> bool:
        undone_ms = self.undone_ms()
        if undone_ms is None:
            return True
        if self.cancel.timestamp < self.order.timestamp:
            return refund.timestamp < undone_ms
        return refund.timestamp <= undone_ms

    # money

    def order_rate(self) -> Fraction:
        return self.rate_at(self.order.currency, self.order.timestamp) * 1_000_000

    def refund_rate(self, refund: OrderRefunded) -> Fraction:
        if self.is_placed(refund.timestamp):
            currency = refund.currency or self.order.currency
            rate = self.rate_at(currency, self.order.timestamp)
            if rate is not None:
                return rate * 1_000_000
        return self.rate_at(refund.currency, refund.timestamp) * 1_000_000

    def refund_total(self, refund: OrderRefunded) -> Fraction:
        if not self.before_undone(refund):
            return Fraction(0)
        asked = sum(_price(line) for line in refund.products)
        if refund.amount is not None:
            asked = Fraction(refund.amount)
        return asked * self.refund_rate(refund)

    def sold(self, product: str) -> Any:
        found = [line for line in self.order.products if line.product_id == product]
        return found[0] if found else None

    def line_value(self, line: Any) -> Fraction:
        return (_price(line) - Fraction(line.discount)) * self.order_rate()

    def restocked_by(self, product: str, refunds: Sequence[OrderRefunded]) -> int:
        """Units of the order that these refunds have brought back to stock."""
        line = self.sold(product)
        returned = sum(
            back.quantity
            for refund in refunds
            if refund.restocked and self.is_placed(refund.timestamp)
            for back in refund.products
            if back.product_id == product
        )
        return min(line.quantity, returned) if line else 0

    def cost_back(self, refund: OrderRefunded, back: Any) -> list[Fraction]:
        gone = not self.before_undone(refund) and self.cancel.restocked
        if not refund.restocked or gone:
            return [Fraction(0)] * 3
        if back.cost is not None:
            return _costs(back.cost, back.quantity * self.refund_rate(refund))
        if not self.is_placed(refund.timestamp) or self.sold(back.product_id) is None:
            return [Fraction(0)] * 3
        until = self.refunds.index(refund)
        before = self.restocked_by(back.product_id, self.refunds[:until])
        units = self.restocked_by(back.product_id, self.refunds[: until + 1]) - before
        return _costs(self.sold(back.product_id).cost, units * self.order_rate())

    # facts

    def facts(self) -> Told:
        if self.order is not None:
            yield from self.of_order()
        for refund in self.refunds:
            yield from self.of_refund(refund)
        if self.cancel is not None:
            at_ms = self.cancel.timestamp
            yield "order", at_ms, self.labels(at_ms), "cancellations", "", 1
            if self.order is not None:
                yield from self.of_undoing()

    def of_order(self) -> Told:
        order, rate, at_ms = self.order, self.order_rate(), self.order.timestamp
        labels = self.labels(at_ms)
        gross = sum(_price(line) for line in order.products) * rate
        off = sum(Fraction(line.discount) for line in order.products) + Fraction(order.discount)
        costs = [Fraction(0)] * 3
        for line in order.products:
            of_line = _costs(line.cost, line.quantity * rate)
            costs = [a + b for a, b in zip(costs, of_line, strict=True)]
            under = (line.product_id, line.category or "(none)")
            yield "line", at_ms, under, "orders", "", 1
            yield "line", at_ms, under, "units", "", line.quantity
            yield "line", at_ms, under, "gross_micros", "", _price(line) * rate
            yield "line", at_ms, under, "discount_micros", "", Fraction(line.discount) * rate
            yield "line", at_ms, under, "cost_micros", "", sum(of_line)
        yield "line", at_ms, NOBODY[:2], "discount_micros", "", Fraction(order.discount) * rate
        yield "order", at_ms, labels, "orders", "", 1
        yield "order", at_ms, labels, "units", "", sum(line.quantity for line in order.products)
        yield "order", at_ms, labels, "gross_micros", "", gross
        yield "order", at_ms, labels, "discount_micros", "", off * rate
        yield "order", at_ms, labels, "tax_micros", "", Fraction(order.tax) * rate
        yield "order", at_ms, labels, "shipping_micros", "", Fraction(order.shipping) * rate
        for kind, cost in zip(KINDS, costs, strict=True):
            yield "order", at_ms, labels, f"cost_{kind}_micros", "", cost
        value = gross - off * rate
        if order.customer_id is None:
            yield "buyer", at_ms, ("guest",), "orders", "", 1
            yield "buyer", at_ms, ("guest",), "value_micros", "", value
        else:
            yield "customer_value", at_ms, (), "profit_micros", "", value - sum(costs)
        for one, other in combinations(sorted(line.product_id for line in order.products), 2):
            yield "pair", at_ms, (one,), "orders_with", other, 1

    def of_refund(self, refund: OrderRefunded) -> Told:
        at_ms, rate = refund.timestamp, self.refund_rate(refund)
        own = (refund.channel, refund.team, refund.employee)
        labels = tuple(a or b for a, b in zip(own, self.labels(at_ms), strict=True))
        total, costs = self.refund_total(refund), [Fraction(0)] * 3
        rest = total
        for back in refund.products:
            of_line = self.cost_back(refund, back)
            costs = [a + b for a, b in zip(costs, of_line, strict=True)]
            under = (back.product_id, back.category or self.category(back.product_id, at_ms))
            told = _price(back) * rate if self.before_undone(refund) else 0
            yield "line", at_ms, under, "refund_micros", "", told
            yield "line", at_ms, under, "cost_micros", "", -sum(of_line)
            rest -= told
        yield "line", at_ms, NOBODY[:2], "refund_micros", "", rest
        known = self.is_placed(at_ms) and self.order.customer_id is not None
        is_identified = known or refund.customer_id is not None
        yield from self.given_back(at_ms, labels, total, costs, is_identified)

    def of_undoing(self) -> Told:
        at_ms = self.undone_ms()
        before = [refund for refund in self.refunds if self.before_undone(refund)]
        value = sum(self.line_value(line) for line in self.order.products)
        value -= Fraction(self.order.discount) * self.order_rate()
        total = max(Fraction(0), value - sum(self.refund_total(refund) for refund in before))
        rest, costs = total, [Fraction(0)] * 3
        products = {line.product_id for line in self.order.products}
        for product in products | {back.product_id for r in before for back in r.products}:
            line, left, of_line = self.sold(product), Fraction(0), [Fraction(0)] * 3
            if line is not None:
                left = self.line_value(line)
                units = line.quantity - self.restocked_by(product, before)
                if self.cancel.restocked:
                    of_line = _costs(line.cost, units * self.order_rate())
            for refund in before:
                for back in refund.products:
                    if back.product_id == product:
                        left -= _price(back) * self.refund_rate(refund)
            under = (product, self.category(product, at_ms))
            yield "line", at_ms, under, "refund_micros", "", left
            yield "line", at_ms, under, "cost_micros", "", -sum(of_line)
            rest -= left
            costs = [a + b for a, b in zip(costs, of_line, strict=True)]
        yield "line", at_ms, NOBODY[:2], "refund_micros", "", rest
        is_identified = self.order.customer_id is not None
        yield from self.given_back(at_ms, self.labels(at_ms), total, costs, is_identified)

    def given_back(
        self, at_ms: int, labels: Any, total: Fraction, costs: list[Fraction], is_identified: bool
    ) -> Told:
        yield "order", at_ms, labels, "refunds", "", 1
        yield "order", at_ms, labels, "refund_micros", "", total
        for kind, cost in zip(KINDS, costs, strict=True):
            yield "order", at_ms, labels, f"cost_{kind}_micros", "", -cost
        if is_identified:
            yield "customer_value", at_ms, (), "profit_micros", "", sum(costs) - total


def _price(line: Any) -> Fraction:
    return Fraction(line.price) * line.quantity


def _costs(cost: Cost | None, times: Fraction) -> list[Fraction]:
    return [Fraction(getattr(cost, kind)) * times if cost else Fraction(0) for kind in KINDS]
