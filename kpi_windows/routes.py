"""Which journeys an event moves: its own, and those under another key that hear of it.

    order_completed   -> order (its key), customer, visitor
    order_refunded …  -> order
    ticket_opened     -> ticket (its key), visitor
    subscription_…    -> customer
    customer_forgotten-> customer, visitor, subscriber
    reports, bookings -> statement
    plans, counts     -> gauge
    subscriber_joined -> subscriber
    subscriber_left   -> subscriber (its key), message
    message_…         -> message
    stock_counted     -> stock of its product
    price_set …       -> prices of their product
    unit_started …    -> unit
    clicks and carts  -> visitor

It must not know partitions or panes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kpi_windows.checks import limit_of, worth
from kpi_windows.definitions import Definitions
from kpi_windows.events import (
    CompetitorPriceSeen,
    CustomerForgotten,
    Event,
    MessageClicked,
    MessageDelivered,
    MessageOpened,
    OrderCancelled,
    OrderCompleted,
    OrderRefunded,
    PriceSet,
    StockCounted,
    SubscriberJoined,
    SubscriberLeft,
    SubscriptionCancelled,
    SubscriptionRenewed,
    SubscriptionStarted,
    TicketOpened,
    UnitFinished,
    UnitStarted,
    to_ms,
)
from kpi_windows.events.tickets import TICKETS as _TICKETS
from kpi_windows.facts import Deltas
from kpi_windows.journeys import (
    clicks,
    customer,
    gauge,
    heard,
    message,
    order,
    price,
    reports,
    snapshots,
    statement,
    stock,
    subscriber,
    ticket,
    unit,
    visitor,
)
from kpi_windows.journeys.journal import Entry
from kpi_windows.windows import Grid

VISITORS, ORDERS, CUSTOMERS, TICKETS = "v", "o", "n", "t"
STATEMENTS, GAUGES = "s", "g"
SUBSCRIBERS, MESSAGES = "b", "m"
STOCKS, PRICES, UNITS = "k", "p", "u"
# None is "c": with a customer called `heckpoint` it would make the key of the checkpoint.
PLURALS = {
    VISITORS: "visitors",
    ORDERS: "orders",
    CUSTOMERS: "customers",
    TICKETS: "tickets",
    STATEMENTS: "statements",
    GAUGES: "gauges",
    SUBSCRIBERS: "subscribers",
    MESSAGES: "messages",
    STOCKS: "stocks",
    PRICES: "prices",
    UNITS: "units",
}
"""By table: what is kept in it, in words."""

_EntryOf = Callable[[Event, Definitions], Entry]

_ENTRIES: dict[str, _EntryOf] = {
    VISITORS: clicks.entry_of,
    ORDERS: lambda event, _: order.entry_of(event),
    CUSTOMERS: lambda event, _: customer.entry_of(event),
    TICKETS: lambda event, _: ticket.entry_of(event),
    STATEMENTS: reports.entry_of,
    GAUGES: snapshots.entry_of,
    SUBSCRIBERS: lambda event, _: subscriber.entry_of(event),
    MESSAGES: lambda event, _: message.entry_of(event),
    STOCKS: lambda event, _: stock.entry_of(event),
    PRICES: price.entry_of,
    UNITS: lambda event, _: unit.entry_of(event),
}
"""By table: an event as an entry of its own journey."""

_TABLES: dict[type[Event], str] = {
    **dict.fromkeys((OrderCompleted, OrderRefunded, OrderCancelled), ORDERS),
    **dict.fromkeys(
        (SubscriptionStarted, SubscriptionRenewed, SubscriptionCancelled, CustomerForgotten),
        CUSTOMERS,
    ),
    **dict.fromkeys(_TICKETS, TICKETS),
    **dict.fromkeys(reports.REPORTS, STATEMENTS),
    **dict.fromkeys(snapshots.SNAPSHOTS, GAUGES),
    **dict.fromkeys((SubscriberJoined, SubscriberLeft), SUBSCRIBERS),
    **dict.fromkeys((MessageDelivered, MessageOpened, MessageClicked), MESSAGES),
    StockCounted: STOCKS,
    **dict.fromkeys((PriceSet, CompetitorPriceSeen), PRICES),
    **dict.fromkeys((UnitStarted, UnitFinished), UNITS),
}
"""By type of event: the table whose journey has its own key; all others are visitors'."""


def rules_of(definitions: Definitions, deltas: Deltas, grid: Grid) -> dict[str, Any]:
    """By table: the rules of its journeys."""
    return {
        VISITORS: visitor.VisitorRules(definitions, deltas, grid),
        ORDERS: order.OrderRules(definitions, deltas),
        CUSTOMERS: customer.CustomerRules(definitions, deltas),
        TICKETS: ticket.TicketRules(definitions, deltas),
        STATEMENTS: statement.StatementRules(definitions, deltas),
        GAUGES: gauge.GaugeRules(definitions, deltas),
        SUBSCRIBERS: subscriber.SubscriberRules(definitions, deltas),
        MESSAGES: message.MessageRules(definitions, deltas),
        STOCKS: stock.StockRules(definitions, deltas),
        PRICES: price.PriceRules(definitions, deltas),
        UNITS: unit.UnitRules(definitions, deltas),
    }


REFUND = "\x00"
"""Starts the key of a refund that names no order, so that it can't meet an order of that name."""


def table_of(event: Event) -> str:
    """The table whose journey has the event's own key."""
    return _TABLES.get(type(event), VISITORS)


def counts_once(cls: type[Event]) -> bool:
    """False for what can be told anew, so that the latest is all that counts."""
    return _TABLES.get(cls, VISITORS) not in (STATEMENTS, GAUGES)


def own_key(event: Event) -> tuple[str, str]:
    """(the key of the event's message, the key of its journey)."""
    key: str | None = getattr(event, event.KEY)
    if key is None:
        refund_id: str = event.refund_id  # type: ignore[attr-defined]
        return refund_id, REFUND + refund_id
    if table_of(event) in (STATEMENTS, GAUGES):  # ids of different things may be the same
        return key, f"{event.__struct_config__.tag}{REFUND}{key}"
    return key, key


def own_entry(table: str, event: Event, definitions: Definitions) -> Entry:
    """The event as an entry of its own journey."""
    return _ENTRIES[table](event, definitions)


def others(event: Event, definitions: Definitions) -> list[tuple[str, str, Entry]]:
    """(table, key, entry) of the journeys under another key that must hear of the event."""
    told: list[tuple[str, str, Entry]] = []
    if isinstance(event, OrderCompleted):
        if event.customer_id is not None:
            entry = customer.order_entry(event, definitions)
            told.append((CUSTOMERS, event.customer_id, entry))
        if event.visitor_id is not None:
            value = order.value_micros(event, definitions)
            told.append((VISITORS, event.visitor_id, heard.order_entry(event, value)))
    elif isinstance(event, TicketOpened):
        if event.visitor_id is not None:
            told.append((VISITORS, event.visitor_id, heard.contact_entry(event)))
    elif isinstance(event, CustomerForgotten):
        if event.visitor_id is not None:
            told.append((VISITORS, event.visitor_id, heard.forgotten_entry(event)))
        if event.subscriber_id is not None:
            told.append((SUBSCRIBERS, event.subscriber_id, subscriber.forgotten_entry(event)))
    elif isinstance(event, SubscriberLeft) and event.message_id is not None:
        told.append((MESSAGES, event.message_id, message.left_entry(event)))
    return told


def uncountable(event: Event, definitions: Definitions) -> str | None:
    """Why an event's money can't be counted, or None."""
    currency: str | None = getattr(event, "currency", None)
    if currency is None or currency == definitions.currency:
        return None
    at = getattr(event, "counted_at", None) or getattr(event, "starts", None) or event.timestamp
    rate = definitions.rate_at(currency, to_ms(at))
    if rate is None:
        known = ", ".join(sorted({definitions.currency, *definitions.rates}))
        return (
            f"no rate for currency {currency!r} at the event's time: expected one of "
            f"{known} - at `$.currency`"
        )
    if rate * int(worth(event)) >= int(limit_of(event)):
        return f"expected an amount worth less than {limit_of(event):,.0f} {definitions.currency}"
    return None
