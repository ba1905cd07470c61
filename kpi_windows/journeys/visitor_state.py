"""What is known of a visitor, as it is kept, and the kinds of entries that move it.

It must not know how they do.
"""

from __future__ import annotations

import msgspec

from kpi_windows.definitions import MINUTE_MS
from kpi_windows.journeys.cart_state import Cart

PAGE_VIEW, LINK, SHOWN, CHOSEN, OPENED_CHAT, BEAT, ADD, REMOVE, CHECKOUT = range(9)
ORDERED, CONTACTED, FORGOTTEN, UPDATED = range(9, 13)

SEEN_PAGES = 200
"""Different pages (and categories) of one visit that are told apart; later ones only count as
page views."""

HAS_ORDER, HAS_CART, SAW_BLOG, HAS_CHAT, IS_ENGAGED, HAS_CHECKOUT = 1, 2, 4, 8, 16, 32


class VisitorState(msgspec.Struct, array_like=True):
    """What is known of a visitor: the visit at hand, the carts at hand, and when it was last here."""

    hashed: int = 0
    last_ms: int = 0
    start_ms: int = 0
    context: str = ""
    """The visit's first event's source, medium, campaign and device."""
    is_new: bool = False
    pages: int = 0
    events: int = 0
    marks: int = 0
    """What happened in the visit: bits `HAS_ORDER` to
    `HAS_CHECKOUT`."""
    seen: dict[str, int] = {}
    """Pages of the visit: 1 seen, 2 clicked, 3 both."""
    categories: list[str] = []
    page_ms: int = 0
    page: str = ""
    """The latest page view's page, page type and category."""
    page_open: bool = False
    """No event of the visit has followed the latest page view yet."""
    last_page: str = ""
    """The same, and its time, beyond the visit."""
    last_page_ms: int = 0
    carts: list[Cart] = []
    minute_ms: int = 0
    """The pane in which the visit is counted."""
    bucket: int = 0
    """Where the visit's duration is counted."""
    told_ms: int = -MINUTE_MS
    told: str = ""
    """The minute in which the visitor was last counted as seen, and the context then."""
    touch: str = ""
    touch_ms: int = 0
    """The last visit that wasn't direct, its context and start; empty while it is the one at hand."""
    promotions: dict[str, int] = {}
    """Promotions of the visit: 1 seen, 2 clicked, 3 both."""
