"""Orders, what is given back of them, and subscriptions."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from kpi_windows.events.base import TOP_LINES, Event, Id, Label, Quantity, Time


class Cost(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one unit cost the shop, by kind, in the event's currency."""

    production: Decimal = Decimal(0)
    wages: Decimal = Decimal(0)
    overhead: Decimal = Decimal(0)


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One product of an order."""

    product_id: Label
    quantity: Quantity = 1
    price: Decimal = Decimal(0)
    """Of one unit, before discounts and tax."""
    category: Label | None = None
    discount: Decimal = Decimal(0)
    """On the whole line."""
    cost: Cost | None = None


class OrderCompleted(Event, frozen=True, kw_only=True, gc=False, tag="order_completed"):
    """An order was placed."""

    KEY = "order_id"

    order_id: Id
    products: Annotated[tuple[Line, ...], Meta(max_length=TOP_LINES)]
    customer_id: Id | None = None
    """Absent: a guest."""
    visitor_id: Id | None = None
    """Of the visit that placed it; absent: not an online order."""
    cart_id: Id | None = None
    discount: Decimal = Decimal(0)
    """On the order, beside the lines' own."""
    tax: Decimal = Decimal(0)
    shipping: Decimal = Decimal(0)
    currency: Label | None = None
    """Absent: the shop's."""
    channel: Label | None = None
    """`online`, `store`, `phone`, `marketplace`, …; absent: `online` with a visitor, else none."""
    team: Label | None = None
    employee: Label | None = None


class ReturnedLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One product of a refund."""

    product_id: Label
    quantity: Quantity = 1
    price: Decimal = Decimal(0)
    """Given back for one unit."""
    category: Label | None = None
    cost: Cost | None = None
    """Absent: what the order's line says."""


class OrderRefunded(Event, frozen=True, kw_only=True, gc=False, tag="order_refunded"):
    """Money for goods was given back; it counts at its own time and need not name an order."""

    KEY = "order_id"

    refund_id: Id
    order_id: Id | None = None
    """Absent: the message's key is the `refund_id`."""
    customer_id: Id | None = None
    amount: Decimal | None = None
    """Before tax and shipping.  Absent: the sum over `products`."""
    products: Annotated[tuple[ReturnedLine, ...], Meta(max_length=TOP_LINES)] = ()
    restocked: bool = False
    """The goods are back in stock, so that their cost is given back too."""
    currency: Label | None = None
    channel: Label | None = None
    """Absent: the order's; so are team and employee."""
    team: Label | None = None
    employee: Label | None = None


class OrderCancelled(Event, frozen=True, kw_only=True, gc=False, tag="order_cancelled"):
    """The whole order was undone: a refund, at this time, of all that was not refunded before.

    What shops tell as a refund of it later gives no money back again."""

    KEY = "order_id"

    order_id: Id
    restocked: bool = True


class SubscriptionStarted(Event, frozen=True, kw_only=True, gc=False, tag="subscription_started"):
    """A customer subscribed until `paid_until` (absent: until cancelled)."""

    KEY = "customer_id"

    customer_id: Id
    subscription_id: Id
    plan: Label | None = None
    paid_until: Time | None = None


class SubscriptionRenewed(Event, frozen=True, kw_only=True, gc=False, tag="subscription_renewed"):
    """The subscription goes on until `paid_until`."""

    KEY = "customer_id"

    customer_id: Id
    subscription_id: Id
    paid_until: Time | None = None


class SubscriptionCancelled(
    Event, frozen=True, kw_only=True, gc=False, tag="subscription_cancelled"
):
    """The subscription ended."""

    KEY = "customer_id"

    customer_id: Id
    subscription_id: Id


class CustomerForgotten(Event, frozen=True, kw_only=True, gc=False, tag="customer_forgotten"):
    """The customer asked to be forgotten: what is kept under the customer goes, totals stay."""

    KEY = "customer_id"

    customer_id: Id
    visitor_id: Id | None = None
    """Known too: what is kept under the visitor goes as well."""
    subscriber_id: Id | None = None
    """Known too: the subscriber leaves all lists, and what is kept goes as well."""


ORDERS: tuple[type[Event], ...] = (
    OrderCompleted,
    OrderRefunded,
    OrderCancelled,
    SubscriptionStarted,
    SubscriptionRenewed,
    SubscriptionCancelled,
    CustomerForgotten,
)
