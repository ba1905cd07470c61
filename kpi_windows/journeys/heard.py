"""What a visitor's journey hears of that happened under another key.

It must not know what becomes of it there.
"""

from __future__ import annotations

from kpi_windows.events import CustomerForgotten, OrderCompleted, TicketOpened
from kpi_windows.facts import NONE
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.visitor_state import CONTACTED, FORGOTTEN, ORDERED


def order_entry(event: OrderCompleted, value_micros: int) -> Entry:
    """An order, for its visitor; the value is gross − discount in the shop's currency."""
    key = "\x00order" + event.order_id
    return (event.timestamp, ORDERED, key, "", event.cart_id or "", value_micros)


def contact_entry(event: TicketOpened) -> Entry:
    """A contact, for its visitor; it neither starts nor extends a visit."""
    key = f"\x00ticket{event.ticket_id}\x00{event.event_id}" if event.event_id else ""
    return (event.timestamp, CONTACTED, key, event.channel or NONE)


def forgotten_entry(event: CustomerForgotten) -> Entry:
    """The end of what is known of a visitor."""
    return (event.timestamp, FORGOTTEN, forgotten_key(event))


def forgotten_key(event: CustomerForgotten) -> str:
    """By which one that comes twice counts once, wherever it is heard of."""
    return f"\x00forgotten{event.customer_id}\x00{event.event_id}" if event.event_id else ""
