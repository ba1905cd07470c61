"""What a shop says: one frozen struct an event type.

It must not know what an event means for any KPI; that is the journeys' business.

Names follow Segment's e-commerce specification and GA4 where those have one (object, then the
verb in the past tense).  Every event carries `type`, `timestamp` (milliseconds since 1970 UTC as
an integer, or ISO 8601 text with a zone) and may carry `event_id` (a second event with the same
id under the same topic and key counts once), `schema_version` (1), and `is_bot` / `is_test`
(such an event is accepted, and kept out of every KPI).  Unknown fields are ignored.

Money is a decimal number or decimal text in the event's currency; at most six decimals count.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

SCHEMA_VERSION: Literal[1] = 1

EARLIEST_MS = 631_152_000_000
"""1990-01-01: an earlier integer is nearly always a time in seconds."""
LATEST_MS = 4_102_444_800_000
"""2100-01-01: a later integer is nearly always a time in microseconds."""
MONEY_LIMIT = Decimal(10) ** 9
"""Amounts of a thousand million and more are taken for mistakes."""
TOP_LINES = 10_000
"""An order with more lines is rejected: it is a batch, not an order."""

Time = int | Annotated[datetime, Meta(tz=True)]
Id = Annotated[str, Meta(min_length=1, max_length=200)]
Label = Annotated[str, Meta(max_length=200)]
Quantity = Annotated[int, Meta(ge=1, le=1_000_000_000)]


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type"):
    """What all events share."""

    KEY: ClassVar[str] = ""
    """The field whose value is the key of the event's Kafka message."""

    timestamp: Time
    event_id: Id | None = None
    schema_version: Literal[1] = SCHEMA_VERSION
    is_bot: bool = False
    is_test: bool = False


# ---------------------------------------------------------------------------- clickstream


class _OfVisitor(Event, frozen=True, kw_only=True, gc=False):
    """Where a visitor is and came from; a visit takes all of these from its first event."""

    KEY = "visitor_id"

    visitor_id: Id
    source: Label | None = None
    """`google`, `newsletter`, …; absent means that the visitor typed the address: `direct`."""
    medium: Label | None = None
    """`organic`, `cpc`, `email`, `social`, `referral`, `affiliate`, …; see `medium_of`."""
    campaign: Label | None = None
    device: Label | None = None
    """`mobile`, `desktop`, `tablet`, …"""


class PageViewed(_OfVisitor, frozen=True, kw_only=True, gc=False, tag="page_viewed"):
    """A page was shown."""

    page: Label | None = None
    """The page's path without parameters, as `/blog/spring`."""
    page_type: Label | None = None
    """`home`, `landing`, `category`, `product`, `cart`, `checkout`, `blog`, `search`, `help`, …"""
    product_id: Label | None = None
    category: Label | None = None


class LinkClicked(_OfVisitor, frozen=True, kw_only=True, gc=False, tag="link_clicked"):
    """A link was followed, on the shop's own page or where the shop is shown."""

    page: Label | None = None
    """The page that holds the link, by the same path as in `page_viewed`."""
    place: Label = "site"
    """`site`, `social`, `email`, `display`, `ppc`, …"""
    target: Label | None = None


class ChatOpened(_OfVisitor, frozen=True, kw_only=True, gc=False, tag="chat_opened"):
    """The visitor opened the chat window; a contact follows only when a ticket is opened."""

    page: Label | None = None
    page_type: Label | None = None


class Heartbeat(_OfVisitor, frozen=True, kw_only=True, gc=False, tag="heartbeat"):
    """The page is still looked at; makes the time on a visit's last page measurable."""

    page: Label | None = None


# ---------------------------------------------------------------------------- carts


class _OfCart(_OfVisitor, frozen=True, kw_only=True, gc=False):
    cart_id: Id | None = None
    """Absent: the visitor has one cart."""


class ProductAdded(_OfCart, frozen=True, kw_only=True, gc=False, tag="product_added"):
    """A product was put into the cart."""

    product_id: Label | None = None
    category: Label | None = None
    quantity: Quantity = 1
    price: Decimal = Decimal(0)
    """Of one unit."""
    currency: Label | None = None


class ProductRemoved(_OfCart, frozen=True, kw_only=True, gc=False, tag="product_removed"):
    """A product was taken out of the cart."""

    product_id: Label | None = None
    category: Label | None = None
    quantity: Quantity = 1
    price: Decimal = Decimal(0)
    currency: Label | None = None


class CheckoutStarted(_OfCart, frozen=True, kw_only=True, gc=False, tag="checkout_started"):
    """The checkout was opened; by itself it makes no cart."""


# ---------------------------------------------------------------------------- orders


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
    """The whole order was undone: a refund, at this time, of all that was not refunded before."""

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


# ---------------------------------------------------------------------------- tickets


class _OfTicket(Event, frozen=True, kw_only=True, gc=False):
    KEY = "ticket_id"

    ticket_id: Id


class TicketOpened(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_opened"):
    """A customer contacted the shop."""

    channel: Label | None = None
    """`email`, `phone`, `chat`, `social`, …"""
    concern: Label | None = None
    """What it is about: `delivery`, `return`, `payment`, …"""
    product_id: Label | None = None
    priority: Label | None = None
    customer_id: Id | None = None
    visitor_id: Id | None = None


class TicketAnswered(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_answered"):
    """Somebody wrote or spoke; only a person's public words are an answer to the customer."""

    author: Literal["person", "customer", "bot"] = "person"
    public: bool = True
    channel: Label | None = None


class TicketEscalated(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_escalated"):
    """Passed on to a supervisor."""


class TicketReassigned(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_reassigned"):
    """Given to somebody else, or classified anew: fields that are present replace."""

    team: Label | None = None
    employee: Label | None = None
    priority: Label | None = None
    concern: Label | None = None


class TicketHeld(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_held"):
    """Put on hold, until anything else happens to it."""


class TicketResolved(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_resolved"):
    """Solved; when it is resolved again, the last time counts."""


class TicketReopened(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_reopened"):
    """Not solved after all."""


class TicketRated(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_rated"):
    """The customer's rating; a second one of the same survey replaces the first."""

    survey: Literal["csat", "nps"]
    score: Annotated[int, Meta(ge=-100, le=100)]
    min_score: int = 1
    max_score: int = 5
    """The scale of a CSAT survey; NPS is always 0..10."""
    channel: Label | None = None


# ---------------------------------------------------------------------------- all topics


class Clock(Event, frozen=True, kw_only=True, gc=False, tag="clock"):
    """Nothing happened until `timestamp`: moves the watermark of the partition that it is in."""


TOPICS: dict[str, tuple[type[Event], ...]] = {
    "clickstream": (PageViewed, LinkClicked, ChatOpened, Heartbeat),
    "carts": (ProductAdded, ProductRemoved, CheckoutStarted),
    "orders": (
        OrderCompleted,
        OrderRefunded,
        OrderCancelled,
        SubscriptionStarted,
        SubscriptionRenewed,
        SubscriptionCancelled,
        CustomerForgotten,
    ),
    "tickets": (
        TicketOpened,
        TicketAnswered,
        TicketEscalated,
        TicketReassigned,
        TicketHeld,
        TicketResolved,
        TicketReopened,
        TicketRated,
    ),
}
"""The events of each input topic; every topic takes a `clock` too."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(time: int | datetime) -> int:
    """Milliseconds since 1970 UTC, microseconds cut off.

    >>> to_ms(datetime(2011, 12, 9, 12, 50, tzinfo=UTC))
    1323435000000
    """
    if isinstance(time, int):
        return time
    past = time - _EPOCH
    return past.days * 86_400_000 + past.seconds * 1_000 + past.microseconds // 1_000


def key_of(event: Event) -> str:
    """The key under which the event's journey lives."""
    key: str | None = getattr(event, event.KEY)
    return key if key is not None else event.refund_id  # type: ignore[attr-defined]


def micros(amount: Decimal) -> int:
    """Millionths of a currency unit; half a millionth goes to the even neighbour.

    >>> micros(Decimal("10655622.484"))
    10655622484000
    """
    return int((amount * 1_000_000).to_integral_value())
