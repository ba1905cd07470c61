"""Orders and what becomes of them: online, by phone and in the store; refunds, cancellations,
subscriptions, and now and then a customer who wants to be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zlib import crc32

from streams.simulator.catalogue import PRODUCTS, Product
from streams.simulator.chance import Choice, one_of, wait_ms
from streams.simulator.options import HOUR_MS
from streams.simulator.social import affiliate_sold, review
from streams.simulator.stage import Moment, Person, Stage, Story, until
from streams.simulator.stock import moved
from streams.simulator.tickets import ticket

DAY_MS = 24 * HOUR_MS
_SELLERS = {
    "phone": (("inside-sales", "Noor"), ("inside-sales", "Bram")),
    "store": (("store-utrecht", "Fatima"), ("store-utrecht", "Jan"), ("store-gent", "Lotte")),
}
_GIFTS = 12
"""Of a hundred orders."""
_REVIEWED = 0.12
_DAILY = 0.4
_CHANNELS = Choice({"store": 60, "phone": 40})
_ABOUT_ORDERS = Choice({"email": 50, "phone": 30, "chat": 12, "social": 8})


class Basket:
    """Products with quantities, on their way to an order."""

    def __init__(self, person: Person, base: dict[str, Any]) -> None:
        self.person = person
        self.base = base
        self.cart_id = ""
        self.lines: dict[Product, int] = {}
        self.first_ms = 0
        self.touched_ms = 0

    def add(self, product: Product, quantity: int) -> None:
        """More of a product."""
        self.lines[product] = self.lines.get(product, 0) + quantity

    def take_out(self) -> tuple[Product, int]:
        """The product that was put in first, all of it."""
        product = next(iter(self.lines))
        return product, self.lines.pop(product)

    def change(self, kind: str, product: Product, quantity: int, at_ms: int) -> dict[str, Any]:
        """The event of a change to the cart."""
        return {
            "type": kind,
            "timestamp": at_ms,
            **self.base,
            "cart_id": self.cart_id,
            "product_id": product.id,
            "category": product.category,
            "quantity": quantity,
            "price": product.price_cents / 100,
        }


class Order:
    """An order as placed, with its sums in cents."""

    def __init__(self, stage: Stage, lines: dict[Product, int]) -> None:
        draw = stage.draw
        self.order_id = f"o-{stage.number()}"
        self.lines = lines
        self.gross = sum(product.price_cents * n for product, n in lines.items())
        self.on_order = self.gross // 10 if draw() < 0.15 else 0
        first, count = next(iter(lines.items()))
        self.on_line = first.price_cents * count // 20 if draw() < 0.1 else 0
        self.discount = self.on_order + self.on_line
        self.tax = (self.gross - self.discount) * 21 // 100
        self.affiliate: str | None = None
        self.placed_ms = 0

    def brought_by(self, stage: Stage, base: dict[str, Any], at_ms: int) -> None:
        """Where its visit came from: an ad network and an affiliate claim their part."""
        origin = tuple(base.get(name) for name in ("source", "medium", "campaign"))
        stage.books.add(("orders", *origin), at_ms)
        stage.books.add(("cents", *origin), at_ms, self.gross - self.discount)
        self.placed_ms = at_ms
        if origin[1] == "affiliate":
            self.affiliate = origin[0]

    def event(self, at_ms: int, shipping: int, fields: dict[str, Any]) -> dict[str, Any]:
        """`order_completed`."""
        products = [
            {
                "product_id": product.id,
                "category": product.category,
                "quantity": count,
                "price": product.price_cents / 100,
                "cost": product.cost,
            }
            for product, count in self.lines.items()
        ]
        if self.on_line:
            products[0]["discount"] = self.on_line / 100
        event: dict[str, Any] = {
            "type": "order_completed",
            "timestamp": at_ms,
            "order_id": self.order_id,
            **fields,
            "products": products,
            "tax": self.tax / 100,
            "shipping": shipping / 100,
        }
        if self.on_order:
            event["discount"] = self.on_order / 100
        mark = crc32(self.order_id.encode()) % 100
        if mark < _GIFTS:  # the shop's own, for measures that it defines itself
            occasion = ("birthday", "wedding", "thanks")[mark % 3]
            event["properties"] = {"gift": True, "occasion": occasion, "tip": mark / 4}
        return event


def online_order(stage: Stage, basket: Basket, at_ms: int) -> Iterator[Moment]:
    """The cart becomes an order; its aftermath begins."""
    person = basket.person
    guest = not person.bought and stage.draw() < 0.2
    fields: dict[str, Any] = {
        "visitor_id": person.visitor_id,
        "cart_id": basket.cart_id,
        "channel": "online",
    }
    if not guest:
        fields["customer_id"] = person.customer_id
    order = Order(stage, basket.lines)
    shipping = 495 if order.gross < 5000 else 0
    key = order.order_id.encode()
    yield (at_ms, "orders", key, order.event(at_ms, shipping, fields))
    _count(stage, order, at_ms, shipping, None if guest else person)
    order.brought_by(stage, basket.base, at_ms)
    stage.begin(_aftermath(stage, order, None if guest else person, at_ms))
    stage.begin(_told_elsewhere(stage, order, at_ms))


def counter(stage: Stage, at_ms: int) -> Story:
    """An order by phone or in a store: no visit, an employee, often somebody unknown."""
    draw = stage.draw
    channel = _CHANNELS.of(draw)
    team, employee = one_of(draw, _SELLERS[channel])
    person = Person(stage.number(), "") if draw() < 0.5 else None
    lines = {one_of(draw, PRODUCTS): 1 + int(draw() * 2) for _ in range(1 + int(draw() * 3))}
    order = Order(stage, lines)
    fields: dict[str, Any] = {"channel": channel, "team": team, "employee": employee}
    if person is not None:
        fields["customer_id"] = person.customer_id
    yield (at_ms, "orders", order.order_id.encode(), order.event(at_ms, 0, fields))
    _count(stage, order, at_ms, 0, person)
    stage.begin(_aftermath(stage, order, person, at_ms))
    stage.begin(_told_elsewhere(stage, order, at_ms))


def _told_elsewhere(stage: Stage, order: Order, at_ms: int) -> Story:
    """What the warehouse, the affiliates and the reviewers make of an order."""
    if order.affiliate is not None:
        cents = order.gross - order.discount
        yield from affiliate_sold(stage, order.affiliate, order.order_id, cents, at_ms, at_ms)
    yield from moved(stage, order.lines, at_ms, -1)
    if stage.aside() < _REVIEWED:
        yield from review(stage, one_of(stage.aside, list(order.lines)).id, at_ms)


def _count(stage: Stage, order: Order, at_ms: int, shipping: int, buyer: Person | None) -> None:
    count = stage.truth.count
    kind = "guest" if buyer is None else "returning" if buyer.bought else "new"
    if buyer is not None:
        buyer.bought = True
    count("orders", at_ms)
    count(f"orders_{kind}", at_ms)
    count("units", at_ms, sum(order.lines.values()))
    count("gross_cents", at_ms, order.gross)
    count("discount_cents", at_ms, order.discount)
    count("tax_cents", at_ms, order.tax)
    count("shipping_cents", at_ms, shipping)
    costs = (sum(product.cost_cents) * units for product, units in order.lines.items())
    count("cost_cents", at_ms, sum(costs))


def _aftermath(stage: Stage, order: Order, buyer: Person | None, at_ms: int) -> Story:
    """Most orders have none."""
    draw = stage.draw
    fate = draw()
    if fate < 0.07:
        channel = _ABOUT_ORDERS.of(draw)
        asked_ms = at_ms + wait_ms(draw, 8 * HOUR_MS, 6 * DAY_MS)
        product_id = next(iter(order.lines)).id
        stage.begin(ticket(stage, asked_ms, channel, buyer, product_id, known=buyer is not None))
    if fate < 0.10:
        yield from _refund(stage, order, at_ms + wait_ms(draw, 20 * HOUR_MS, 20 * DAY_MS))
    elif fate < 0.13:
        yield from _cancel(stage, order, at_ms + wait_ms(draw, 30 * 60_000, 2 * HOUR_MS))
    elif fate < 0.18 and buyer is not None:
        yield from _subscription(stage, buyer, at_ms + wait_ms(draw, 60_000, HOUR_MS))
    elif fate < 0.183 and buyer is not None and buyer.visitor_id:
        yield from _forgotten(stage, buyer, at_ms + wait_ms(draw, 6 * HOUR_MS, 5 * DAY_MS))


def _refund(stage: Stage, order: Order, at_ms: int) -> Story:
    """One unit of one product is given back, as a line or as an amount."""
    product = one_of(stage.draw, list(order.lines))
    cents = product.price_cents * 85 // 100
    event: dict[str, Any] = {
        "type": "order_refunded",
        "timestamp": at_ms,
        "refund_id": f"r-{stage.number()}",
        "order_id": order.order_id,
    }
    restocked = False
    if stage.draw() < 0.3:
        event["amount"] = cents / 100
    else:
        event["products"] = [{"product_id": product.id, "quantity": 1, "price": cents / 100}]
        event["restocked"] = restocked = stage.draw() < 0.7
        if restocked:
            yield until(at_ms)
            stage.truth.count("restocked_cents", at_ms, sum(product.cost_cents))
    yield (at_ms, "orders", order.order_id.encode(), event)
    stage.truth.count("refunds", at_ms)
    stage.truth.count("refunded_cents", at_ms, cents)
    if restocked:
        yield from moved(stage, {product: 1}, at_ms, +1)


def _cancel(stage: Stage, order: Order, at_ms: int) -> Story:
    event = {"type": "order_cancelled", "timestamp": at_ms, "order_id": order.order_id}
    yield (at_ms, "orders", order.order_id.encode(), event)
    stage.truth.count("cancellations", at_ms)
    stage.truth.count("cancelled_cents", at_ms, order.gross - order.discount)
    if order.affiliate is not None:
        placed_ms = order.placed_ms
        yield from affiliate_sold(stage, order.affiliate, order.order_id, 0, at_ms, placed_ms)
    yield from moved(stage, order.lines, at_ms, +1)


def _subscription(stage: Stage, buyer: Person, at_ms: int) -> Story:
    """A box by the week or by the day, renewed until it is cancelled or lapses."""
    daily = stage.aside() < _DAILY
    plan, days, early_ms = ("daily-box", 1, 8 * HOUR_MS) if daily else ("weekly-box", 7, HOUR_MS)
    key = buyer.customer_id.encode()
    told = {"customer_id": buyer.customer_id, "subscription_id": f"s-{stage.number()}"}
    event: dict[str, Any] = {"type": "subscription_started", "plan": plan}
    while True:
        paid_ms = at_ms + days * DAY_MS
        yield (at_ms, "orders", key, {**event, **told, "timestamp": at_ms, "paid_until": paid_ms})
        stage.truth.count("subscriptions_started" if "plan" in event else "renewals", at_ms)
        fate = stage.draw()
        if fate < 0.15:
            break
        if fate < 0.25:
            return
        event = {"type": "subscription_renewed"}
        at_ms = paid_ms - wait_ms(stage.draw, early_ms, 12 * HOUR_MS)
    at_ms += wait_ms(stage.draw, days * DAY_MS // 7, 6 * days * DAY_MS // 7)
    yield (at_ms, "orders", key, {"type": "subscription_cancelled", "timestamp": at_ms, **told})
    stage.truth.count("subscriptions_cancelled", at_ms)


def _forgotten(stage: Stage, buyer: Person, at_ms: int) -> Story:
    event = {"type": "customer_forgotten", "timestamp": at_ms, "customer_id": buyer.customer_id}
    yield (at_ms, "orders", buyer.customer_id.encode(), event)
    buyer.bought = False
    stage.truth.count("forgotten", at_ms)
