"""Facts of visitors, their visits, clicks and carts."""

from __future__ import annotations

from kpi_windows.facts.fact import Fact

VISIT = Fact(
    "visit",
    ("source", "medium", "campaign", "device", "visitor"),
    sums=(
        "visits",
        "bounces",
        "not_engaged",
        "page_views",
        "duration_ms",
        "converted",
        "with_cart",
        "cart_without_order",
        "saw_blog",
        "with_chat",
    ),
    histograms=("duration",),
)
"""Of a visit, all counted at its start; `visitor` is new or returning."""

VISITOR = Fact("visitor", ("device", "medium"), distincts=("seen", "buyers"))
"""Different visitors by what their own events say, at the event's time."""

DAY_PART = Fact("day_part", ("weekday", "hour"), sums=("visits",))
"""Visits by shop time; weekday 1 is Monday."""

CHECKOUT = Fact("checkout", ("device",), sums=("visits", "ordered"))
"""Of a visit that started a checkout, at the visit's start; `ordered`: it has an order too."""

PAGE_TIME = Fact("page_time", ("page_type",), sums=("views", "next_event_ms", "next_page_ms"))
"""Of a page view, at its own time: until the visit's next event, and until its next page (the last
page: until the visit's last event)."""

PAGE = Fact("page", ("page",), sums=("visits", "clicked", "converted"))
"""Of a visit and a page that it saw, at the visit's start."""

CATEGORY = Fact("category", ("category",), sums=("visits", "converted"))
"""Of a visit and a category that it saw, at the visit's start."""

CLICK = Fact("click", ("place",), sums=("clicks",))
CHAT = Fact("chat", ("page_type",), sums=("chats",))

PROMOTION = Fact("promotion", ("promotion",), sums=("visits", "clicked"))
"""Of a visit and a promotion that it saw on the site, at the visit's start."""

ATTRIBUTED = Fact("attributed", ("source", "medium", "campaign"), sums=("orders", "value_micros"))
"""Orders of visitors, under the visit that they are put down to, at the order's time; value is
gross − discount."""

CART = Fact(
    "cart",
    ("device",),
    sums=(
        "carts",
        "abandoned",
        "ordered",
        "recovered",
        "abandoned_micros",
        "recovered_micros",
        "recovered_ms",
    ),
)
"""Of a cart with a product, at its first product."""

CONTACT_PAGE = Fact("contact_page", ("page", "channel"), sums=("contacts",))
"""The page seen just before a contact, at the contact."""
