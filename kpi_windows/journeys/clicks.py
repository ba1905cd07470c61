"""Events whose key is the visitor, as entries of its journal.

It must not know what they bring about.
"""

from __future__ import annotations

from typing import Any

from kpi_windows.definitions import Definitions
from kpi_windows.events import (
    CartUpdated,
    ChatOpened,
    CheckoutStarted,
    Event,
    Heartbeat,
    LinkClicked,
    PageViewed,
    ProductAdded,
    ProductRemoved,
    PromotionClicked,
    PromotionViewed,
    micros,
)
from kpi_windows.facts import NONE
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.visitor_state import (
    ADD,
    BEAT,
    CHECKOUT,
    CHOSEN,
    LINK,
    OPENED_CHAT,
    PAGE_VIEW,
    REMOVE,
    SHOWN,
    UPDATED,
)
from kpi_windows.journeys.words import Known, join

_OF_CART = "\x00cart"
"""Before ids of the topic carts, which are others than those of the clickstream."""
_context_of: Known[tuple[str | None, ...], str] = Known(join)
_place_of: Known[tuple[str | None, ...], str] = Known(join)


def page_entry(event: PageViewed, at_ms: int) -> Entry:
    """The entry of the commonest event."""
    return (
        at_ms,
        PAGE_VIEW,
        event.event_id or "",
        _context_of[event.source, event.medium, event.campaign, event.device],
        _place_of[event.page, event.page_type, event.category],
    )


def _visit_entry(kind: int, topic: str, event: Any, *more: str | int) -> Entry:
    event_id = event.event_id
    return (
        event.timestamp,
        kind,
        topic + event_id if event_id else "",
        _context_of[event.source, event.medium, event.campaign, event.device],
        *more,
    )


def _cart_entry(kind: int, event: Any, definitions: Definitions) -> Entry:
    value = 0
    if kind != CHECKOUT:
        rate = definitions.rate_at(event.currency, event.timestamp)
        value = round(micros(event.price * event.quantity) * rate) if rate is not None else 0
    return _visit_entry(kind, _OF_CART, event, event.cart_id or "", value)


def _snapshot_entry(event: CartUpdated, definitions: Definitions) -> Entry:
    rate = definitions.rate_at(event.currency, event.timestamp)  # type: ignore[arg-type]
    value = round(micros(event.value) * rate) if rate is not None else 0
    return _visit_entry(UPDATED, _OF_CART, event, event.cart_id or "", value, int(event.units > 0))


def type_of(entry: Entry) -> type[Event] | None:
    """What an entry of a visitor's journal was made of; None: another journey told it."""
    return _TYPES.get(entry[1])


def id_of(entry: Entry) -> str:
    """The `event_id` of what an entry was made of, empty without one."""
    event_id: str = entry[2]
    return event_id.removeprefix(_OF_CART)


_TYPES: dict[int, type[Event]] = {
    PAGE_VIEW: PageViewed,
    LINK: LinkClicked,
    SHOWN: PromotionViewed,
    CHOSEN: PromotionClicked,
    OPENED_CHAT: ChatOpened,
    BEAT: Heartbeat,
    ADD: ProductAdded,
    REMOVE: ProductRemoved,
    CHECKOUT: CheckoutStarted,
    UPDATED: CartUpdated,
}


def entry_of(event: Event, definitions: Definitions) -> Entry:
    """The entry of an event whose key is the visitor."""
    if isinstance(event, PageViewed):
        return page_entry(event, event.timestamp)  # type: ignore[arg-type]
    if isinstance(event, LinkClicked):
        return _visit_entry(LINK, "", event, event.page or NONE, event.place)
    if isinstance(event, PromotionViewed | PromotionClicked):
        kind = SHOWN if isinstance(event, PromotionViewed) else CHOSEN
        return _visit_entry(kind, "", event, event.promotion_id or NONE)
    if isinstance(event, ChatOpened):
        return _visit_entry(OPENED_CHAT, "", event, event.page_type or NONE)
    if isinstance(event, Heartbeat):
        return _visit_entry(BEAT, "", event)
    if isinstance(event, ProductAdded):
        return _cart_entry(ADD, event, definitions)
    if isinstance(event, ProductRemoved):
        return _cart_entry(REMOVE, event, definitions)
    if isinstance(event, CartUpdated):
        return _snapshot_entry(event, definitions)
    assert isinstance(event, CheckoutStarted)
    return _cart_entry(CHECKOUT, event, definitions)
