"""Which journeys an event moves: its own, and those under another key that hear of it.

    order_completed   -> order (its key), customer, visitor
    order_refunded …  -> order
    ticket_opened     -> ticket (its key), visitor
    subscription_…    -> customer
    customer_forgotten-> customer, visitor
    clicks and carts  -> visitor

It must not know partitions or panes.
"""

from __future__ import annotations

from kpi_windows.decoding import worth
from kpi_windows.definitions import Definitions
from kpi_windows.events import (
    MONEY_LIMIT,
    CustomerForgotten,
    Event,
    OrderCancelled,
    OrderCompleted,
    OrderRefunded,
    ProductAdded,
    ProductRemoved,
    SubscriptionCancelled,
    SubscriptionRenewed,
    SubscriptionStarted,
    TicketOpened,
)
from kpi_windows.journeys import customer, order, ticket, visitor
from kpi_windows.journeys.journal import Entry

VISITORS, ORDERS, CUSTOMERS, TICKETS = "v", "o", "c", "t"

_ORDERS = (OrderCompleted, OrderRefunded, OrderCancelled)
_SUBSCRIPTIONS = (
    SubscriptionStarted,
    SubscriptionRenewed,
    SubscriptionCancelled,
    CustomerForgotten,
)
_OF_MONEY = (OrderCompleted, OrderRefunded, ProductAdded, ProductRemoved)

REFUND = "\x00"
"""Starts the key of a refund that names no order, so that it can't meet an order of that name."""


def table_of(topic: str, event: Event) -> str:
    """The table whose journey has the event's own key."""
    if topic == "tickets":
        return TICKETS
    if topic == "orders":
        return CUSTOMERS if isinstance(event, _SUBSCRIPTIONS) else ORDERS
    return VISITORS


def own_key(event: Event) -> tuple[str, str]:
    """(the key of the event's message, the key of its journey)."""
    key: str | None = getattr(event, event.KEY)
    if key is not None:
        return key, key
    refund_id: str = event.refund_id  # type: ignore[attr-defined]
    return refund_id, REFUND + refund_id


def own_entry(table: str, event: Event, definitions: Definitions) -> Entry:
    """The event as an entry of its own journey."""
    if table == ORDERS:
        return order.entry_of(event)
    if table == CUSTOMERS:
        return customer.entry_of(event)
    if table == TICKETS:
        return ticket.entry_of(event)
    return visitor.entry_of(event, definitions)


def others(event: Event, definitions: Definitions) -> list[tuple[str, str, Entry]]:
    """(table, key, entry) of the journeys under another key that must hear of the event."""
    heard: list[tuple[str, str, Entry]] = []
    if isinstance(event, OrderCompleted):
        if event.customer_id is not None:
            entry = customer.order_entry(event, definitions)
            heard.append((CUSTOMERS, event.customer_id, entry))
        if event.visitor_id is not None:
            value = order.value_micros(event, definitions)
            heard.append((VISITORS, event.visitor_id, visitor.order_entry(event, value)))
    elif isinstance(event, TicketOpened):
        if event.visitor_id is not None:
            heard.append((VISITORS, event.visitor_id, visitor.contact_entry(event)))
    elif isinstance(event, CustomerForgotten) and event.visitor_id is not None:
        heard.append((VISITORS, event.visitor_id, visitor.forgotten_entry(event)))
    return heard


def uncountable(event: Event, definitions: Definitions) -> str | None:
    """Why an event's money can't be counted, or None."""
    if not isinstance(event, _OF_MONEY) or event.currency in (None, definitions.currency):
        return None
    rate = definitions.rate_at(event.currency, event.timestamp)  # type: ignore[arg-type]
    if rate is None:
        known = ", ".join(sorted({definitions.currency, *definitions.rates}))
        return (
            f"no rate for currency {event.currency!r} at the event's time: expected one of "
            f"{known} - at `$.currency`"
        )
    if rate * int(worth(event)) >= int(MONEY_LIMIT):
        return f"expected an amount worth less than {MONEY_LIMIT:,.0f} {definitions.currency}"
    return None
