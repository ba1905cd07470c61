"""One visit to the shop's site: pages, clicks, chats, the cart, and the way to the order.

It must not know what becomes of an order or a ticket afterwards; those are stories of their own.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from streams.simulator import lists
from streams.simulator.ads import PAID
from streams.simulator.catalogue import CATEGORIES, PRODUCTS, Product
from streams.simulator.chance import Choice, one_of, wait_ms
from streams.simulator.options import HOUR_MS, MINUTE_MS
from streams.simulator.orders import Basket, online_order
from streams.simulator.social import AFFILIATES, affiliate_came
from streams.simulator.stage import Moment, Person, Stage, Story, until
from streams.simulator.tickets import ticket

_VISIT_GAP_MS = 31 * MINUTE_MS
_LOOK_MS = 35_000
_LONGEST_LOOK_MS = 15 * MINUTE_MS
_CART_IDLE_MS = HOUR_MS

_ORIGINS: Choice[tuple[str | None, str | None, str | None, str]] = Choice(
    {
        (None, None, None, "home"): 20,
        ("google", "organic", None, "product"): 16,
        ("google", "organic", None, "blog"): 8,
        ("bing", "organic", None, "category"): 4,
        ("google", "cpc", "brand", "home"): 7,
        ("google", "cpc", "garden-sale", "landing"): 8,
        ("meta", "paid_social", "new-kitchen", "landing"): 5,
        ("newsletter", "email", "weekly", "landing"): 9,
        ("instagram", "social", None, "product"): 8,
        ("pinterest", "social", None, "blog"): 3,
        ("homeblog", "referral", None, "blog"): 5,
        ("dealhunter", "affiliate", "partners", "product"): 4,
        ("adnet", "display", "retarget", "landing"): 3,
    }
)
DEVICES = Choice({"mobile": 56, "desktop": 37, "tablet": 7})
_NEXT_PAGES = Choice({"product": 46, "category": 24, "search": 10, "blog": 8, "home": 8, "help": 4})
_POSTS = ("/blog/spring", "/blog/small-kitchens", "/blog/slow-living", "/blog/first-tent")
_WITH_PROMOTION = frozenset(("home", "category", "landing"))
_PROMOTED = 0.35
_PROMOTIONS = ("garden-week", "free-shipping", "new-kitchen")
_LANDINGS = ("/sale", "/new", "/gifts")
_POPULAR = Choice({product: float(product.wanted) for product in PRODUCTS})


class Visit:
    """Where a visit is."""

    __slots__ = ("at", "base", "key", "page", "page_type", "person", "product", "started")

    def __init__(self, person: Person, at_ms: int, origin: tuple[str | None, ...]) -> None:
        source, medium, campaign = origin[:3]
        self.person = person
        self.at = self.started = at_ms
        self.key = person.visitor_id.encode()
        self.base: dict[str, Any] = {"visitor_id": person.visitor_id, "device": person.device}
        if source is not None:
            self.base["source"] = source
            self.base["medium"] = medium
        if campaign is not None:
            self.base["campaign"] = campaign
        self.page = self.page_type = ""
        self.product: Product | None = None

    def event(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        """An event of this visitor, now."""
        return {"type": kind, "timestamp": self.at, **self.base, **fields}

    def waits(self, stage: Stage, mean_ms: float = _LOOK_MS) -> None:
        """Time goes by; never long enough to end the visit."""
        self.at += wait_ms(stage.draw, mean_ms, _LONGEST_LOOK_MS)


def visit(stage: Stage, person: Person, at_ms: int) -> Story:
    """A visit out of the blue, and all that follows from it."""
    draw, truth = stage.draw, stage.truth
    origin = _ORIGINS.of(draw)
    seen = Visit(person, at_ms, origin)
    if origin[1] == "email":
        yield from lists.came(stage, at_ms)
    elif origin[1] == "affiliate":
        seen.base["source"] = affiliate = AFFILIATES.of(stage.aside)
        yield from affiliate_came(stage, affiliate, at_ms)
    yield view(stage, seen, origin[3])
    started(stage, seen)
    if draw() < 0.36:
        truth.count("bounces", at_ms)
        stage.rest(person, seen.at + _VISIT_GAP_MS)
        return
    basket = yield from _looks_around(stage, seen)
    if not basket.lines:
        stage.rest(person, seen.at + _VISIT_GAP_MS)
        return
    if draw() < 0.62 and (yield from _checks_out(stage, seen, basket)):
        stage.rest(person, seen.at + _VISIT_GAP_MS)
        return
    yield from _leaves_cart(stage, seen, basket)


def bot_visit(stage: Stage, at_ms: int) -> Story:
    """A machine that reads a few pages and says that it is one."""
    seen = Visit(Person(f"bot-{stage.number()}", "desktop"), at_ms, (None, None, None))
    seen.base["is_bot"] = True
    for turn in range(2 + int(stage.draw() * 6)):
        yield view(stage, seen, "product")
        stage.truth.count("bot_events", seen.at)
        if turn == 0:
            stage.truth.count("bot_visits", at_ms)
        seen.at += 400


def started(stage: Stage, seen: Visit) -> None:
    """Count a visit whose first event has gone out."""
    stage.truth.count("visits", seen.started)
    stage.truth.count("page_views", seen.at)
    base = seen.base
    if "source" in base:
        origin = (base["source"], base["medium"], base.get("campaign"))
        stage.books.add(("visits", *origin), seen.started)
        if origin in PAID:
            stage.truth.count("visits_paid", seen.started)
    known = "visits_returning" if seen.person.visited else "visits_new"
    stage.truth.count(known, seen.started)
    seen.person.visited = True


def view(stage: Stage, seen: Visit, page_type: str) -> Moment:
    """A page of a type is shown."""
    seen.page_type = page_type
    seen.product = None
    fields: dict[str, Any] = {}
    if page_type == "product":
        seen.product = product = _POPULAR.of(stage.draw)
        seen.page = product.page
        fields = {"product_id": product.id, "category": product.category}
    elif page_type == "category":
        category = one_of(stage.draw, CATEGORIES)
        seen.page = f"/{category}"
        fields = {"category": category}
    elif page_type == "blog":
        seen.page = one_of(stage.draw, _POSTS)
    elif page_type == "landing":
        seen.page = one_of(stage.draw, _LANDINGS)
    else:
        seen.page = "/" if page_type == "home" else f"/{page_type}"
    event = seen.event("page_viewed", {"page": seen.page, "page_type": page_type, **fields})
    return (seen.at, "clickstream", seen.key, event)


def _looks_around(stage: Stage, seen: Visit) -> Generator[Moment, None, Basket]:
    """Some pages; returns what was put into the cart."""
    draw, truth = stage.draw, stage.truth
    basket = Basket(seen.person, seen.base)
    while True:
        if draw() < 0.22:
            seen.waits(stage, 15_000)
            heartbeat = seen.event("heartbeat", {"page": seen.page})
            yield (seen.at, "clickstream", seen.key, heartbeat)
            truth.count("heartbeats", seen.at)
        seen.waits(stage)
        if seen.product is not None and draw() < 0.13:
            yield from _adds(stage, seen, basket)
            continue
        if draw() < 0.018:
            yield from _chats(stage, seen)
            continue
        came_from = seen.page
        page = view(stage, seen, _NEXT_PAGES.of(draw))
        if draw() < 0.3:
            click = {"page": came_from, "target": seen.page, "place": "site"}
            yield (seen.at, "clickstream", seen.key, seen.event("link_clicked", click))
            truth.count("link_clicks", seen.at)
        yield page
        truth.count("page_views", seen.at)
        if seen.page_type in _WITH_PROMOTION and stage.aside() < _PROMOTED:
            yield from _promotion(stage, seen)
        if draw() < 0.2:
            return basket


def _promotion(stage: Stage, seen: Visit) -> Iterator[Moment]:
    """One comes into view on the page, and some follow it."""
    aside = stage.aside
    told = {"promotion_id": one_of(aside, _PROMOTIONS), "page": seen.page}
    seen.at += wait_ms(aside, 1_500, 10_000)
    yield (seen.at, "clickstream", seen.key, seen.event("promotion_viewed", told))
    stage.truth.count("promotions_viewed", seen.at)
    if aside() < 0.15:
        seen.at += wait_ms(aside, 4_000, 30_000)
        yield (seen.at, "clickstream", seen.key, seen.event("promotion_clicked", told))
        stage.truth.count("promotions_clicked", seen.at)


def _adds(stage: Stage, seen: Visit, basket: Basket) -> Iterator[Moment]:
    product = seen.product
    if product is None:
        return
    seen.product = None
    quantity = 1 if stage.draw() < 0.8 else 2 + int(stage.draw() * 2)
    if not basket.lines:
        basket.cart_id = f"cart-{stage.number()}"
    basket.touched_ms = seen.at
    basket.add(product, quantity)
    added = basket.change("product_added", product, quantity, seen.at)
    yield (seen.at, "carts", seen.key, added)
    if basket.first_ms == 0:
        basket.first_ms = seen.at
        stage.truth.count("carts", seen.at)
    stage.truth.count("cart_changes", seen.at)
    if len(basket.lines) > 1 and stage.draw() < 0.12:
        seen.waits(stage, 20_000)
        gone, quantity = basket.take_out()
        basket.touched_ms = seen.at
        removed = basket.change("product_removed", gone, quantity, seen.at)
        yield (seen.at, "carts", seen.key, removed)
        stage.truth.count("cart_changes", seen.at)


def _chats(stage: Stage, seen: Visit) -> Iterator[Moment]:
    fields = {"page": seen.page, "page_type": seen.page_type}
    yield (seen.at, "clickstream", seen.key, seen.event("chat_opened", fields))
    stage.truth.count("chats", seen.at)
    if stage.draw() < 0.6:
        product_id = seen.product.id if seen.product else None
        asked_ms = seen.at + wait_ms(stage.draw, 40_000, 3 * MINUTE_MS)
        stage.begin(ticket(stage, asked_ms, "chat", seen.person, product_id, known=False))


def _checks_out(stage: Stage, seen: Visit, basket: Basket) -> Generator[Moment, None, bool]:
    """Cart page, checkout, and mostly the order; returns whether there was one."""
    truth = stage.truth
    seen.waits(stage, 20_000)
    yield view(stage, seen, "cart")
    truth.count("page_views", seen.at)
    if stage.draw() > 0.8:
        return False
    seen.waits(stage, 20_000)
    basket.touched_ms = seen.at
    fields = {"cart_id": basket.cart_id}
    yield (seen.at, "carts", seen.key, seen.event("checkout_started", fields))
    truth.count("checkouts", seen.at)
    yield view(stage, seen, "checkout")
    truth.count("page_views", seen.at)
    if stage.draw() > 0.78:
        return False
    seen.waits(stage, 45_000)
    if stage.options.is_broken(seen.at):
        truth.count("checkouts_failed", seen.at)
        return False
    yield from online_order(stage, basket, seen.at)
    seen.waits(stage, 3_000)
    yield view(stage, seen, "thanks")
    truth.count("page_views", seen.at)
    return True


def _leaves_cart(stage: Stage, seen: Visit, basket: Basket) -> Story:
    """The cart stands idle, is abandoned, and some come back for it by a reminder."""
    draw, truth, person = stage.draw, stage.truth, seen.person
    if draw() < 0.05:
        asked_ms = seen.at + wait_ms(draw, 2 * MINUTE_MS, 20 * MINUTE_MS)
        stage.begin(ticket(stage, asked_ms, "phone", person, None, known=person.bought))
    yield until(basket.touched_ms + _CART_IDLE_MS)
    truth.count("carts_abandoned", basket.first_ms)
    idle_ms = basket.touched_ms + _CART_IDLE_MS
    if draw() > 0.25:
        stage.begin(lists.reminded(stage, idle_ms, None))
        stage.rest(person, idle_ms)
        return
    back_ms = basket.touched_ms + 2 * HOUR_MS + wait_ms(draw, 5 * HOUR_MS, 40 * HOUR_MS)
    stage.begin(lists.reminded(stage, idle_ms, back_ms))
    back = Visit(person, back_ms, ("cart-reminder", "email", "cart-reminder"))
    basket.base = back.base
    yield view(stage, back, "cart")
    started(stage, back)
    if draw() < 0.3:
        truth.count("bounces", back_ms)
    elif (yield from _checks_out(stage, back, basket)):
        truth.count("carts_recovered", basket.first_ms)
    else:
        yield from _adds_nothing(stage, back)
    stage.rest(person, back.at + _VISIT_GAP_MS + _CART_IDLE_MS)


def _adds_nothing(stage: Stage, seen: Visit) -> Iterator[Moment]:
    seen.waits(stage)
    yield view(stage, seen, "home")
    stage.truth.count("page_views", seen.at)
