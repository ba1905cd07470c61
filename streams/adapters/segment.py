"""Segment's and RudderStack's calls as our events: pages, the e-commerce spec, e-mail, chat.

Documented at https://segment.com/docs/connections/spec/ecommerce/v2/, …/spec/email/,
…/spec/live-chat/, …/spec/common/ (fields of every call) and
https://segment.com/docs/connections/destinations/catalog/actions-webhook/ (signature); RudderStack
follows the same (https://www.rudderstack.com/docs/event-spec/ecommerce-events-spec/).  An event's
id is the call's `messageId`.  It must not know HTTP, nor the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from streams.adapters.contract import Adapted, Adapter, AdapterError, Headers, Told, header
from streams.adapters.origins import device_of, is_bot, origin_of
from streams.adapters.reading import LONGEST, Reading, decoded, without_nothing
from streams.adapters.segment_orders import (
    cancelled_order,
    completed_order,
    person,
    refunded_order,
)
from streams.adapters.signatures import check_signed, digest_of, keyed
from streams.vendors import Segment

SIGNATURE = "X-Signature"

_PAGE_TYPES = {
    "home": "home", "landing": "landing", "category": "category", "product": "product",
    "cart": "cart", "checkout": "checkout", "blog": "blog", "article": "blog",
    "search": "search", "help": "help", "faq": "help", "contact": "help",
}  # fmt: skip
"""The category or the name of a page call, in small letters."""


def verify(payload: bytes, headers: Headers, section: Segment, now_ms: int) -> None:  # noqa: ARG001 # as all
    """Hexadecimal HMAC-SHA1 over the body, with the secret of the webhook.  Raises ForgedError."""
    check_signed(
        header(headers, SIGNATURE),
        keyed(section.secret, payload, "sha1").hex(),
        name=SIGNATURE,
        secret=section.secret,
        variable="KPI_SEGMENT_SECRET",
    )


def events_of(payload: bytes, headers: Headers, section: Segment) -> Adapted:  # noqa: ARG001 # as all
    """The events of one call, or of a batch; a batch goes on after a call that is malformed.

    Raises AdapterError.
    """
    whole = decoded(payload)
    if not isinstance(whole, dict) or "batch" not in whole:
        return _events_of_call(Call(Reading(whole), section))
    events: list[Told] = []
    ignored: list[str] = []
    batch = whole["batch"]
    if not isinstance(batch, list):
        raise Reading(whole).wrong("batch", "a list", batch)
    for each in batch:
        try:
            told = _events_of_call(Call(Reading(each, "$.batch[*]"), section))
        except AdapterError as error:
            ignored.append(f"malformed: {error}")
            continue
        events += told.events
        ignored += told.ignored
    return Adapted(events, ignored)


def _events_of_call(call: Call) -> Adapted:
    kind = call.body.text("type")
    if kind in ("page", "screen"):
        return Adapted([call.page_view()], [])
    if kind != "track":
        return Adapted([], [f"{(kind or 'nothing')[:40]}: a call that tells no event"])
    name = call.body.text("event") or ""
    known = _TRACKED.get(name.lower())
    if known is None:
        return Adapted([], ["track: an event that we don't count"])
    told = known(call)
    return Adapted([], [told]) if isinstance(told, str) else Adapted([told], [])


class Call:
    """One call, read."""

    def __init__(self, body: Reading, section: Segment) -> None:
        self.body = body
        self.section = section
        self.context = body.object("context") or Reading({}, body.place("context"))
        self.properties = body.object("properties") or Reading({}, body.place("properties"))

    def event(self, kind: str, **fields: Any) -> dict[str, Any]:
        """An event at the call's time, with its id."""
        message_id = self.body.text("messageId")
        told = {
            "type": kind,
            "event_id": f"segment:{message_id}" if message_id else None,
            "timestamp": self.time_ms(),
            "is_bot": self.is_bot() or None,
            **fields,
        }
        return without_nothing(told)

    def time_ms(self) -> int:
        """`timestamp`, which Segment has corrected by the device's clock, else when it was made."""
        names = ("timestamp", "originalTimestamp", "receivedAt", "sentAt")
        return self.body.first_time_ms(*names)

    def visitor(self) -> str:
        """Who it is on this device, known by name or not."""
        told = self.body.text("anonymousId") or person(self.body, self.section.pepper)
        if told is None:
            raise self.body.missing("anonymousId", "an id (or userId)")
        return told

    def is_bot(self) -> bool:
        """Whether the browser says that it is a machine."""
        return is_bot(self.context.text("userAgent"))

    def of_visitor(self, kind: str, **fields: Any) -> dict[str, Any]:
        """An event of the visitor, with where it came from and its device."""
        return self.event(
            kind, visitor_id=self.visitor(), **self.origin(), device=self.device(), **fields
        )

    def origin(self) -> dict[str, str]:
        """By the campaign, else by the page's address and its referrer."""
        campaign = self.context.object("campaign")
        if campaign is not None and campaign.text("source"):
            told = {
                "source": campaign.label("source"),
                "medium": campaign.label("medium"),
                "campaign": campaign.label("name"),
            }
            return without_nothing(told)
        page = self._page()
        return origin_of(page.text("url") or page.text("search"), page.text("referrer"))

    def device(self) -> str | None:
        """By the app's own words, else by the browser's."""
        device = self.context.object("device")
        kind = (device.text("type") or "").lower() if device else ""
        if kind in ("ios", "android", "mobile"):
            return "mobile"
        return kind if kind in ("tablet", "desktop") else device_of(self.context.text("userAgent"))

    def _page(self) -> Reading:
        return self.context.object("page") or self.properties

    def path(self) -> str | None:
        """The page's path without parameters."""
        for page in (self.properties, self._page()):
            told = page.text("path") or _path_of(page.text("url"))
            if told:
                return told[:LONGEST]
        return None

    def page_view(self, page_type: str | None = None) -> Told:
        """`page_viewed`, of a page call or of what stands for one."""
        properties = self.properties
        name = self.body.text("name") or properties.text("name")
        category = self.body.text("category") or properties.text("category")
        known = (_PAGE_TYPES.get(told.lower()) for told in (category, name) if told)
        is_product = properties.text("product_id") is not None
        page_type = page_type or next((one for one in known if one), None)
        return "clickstream", self.of_visitor(
            "page_viewed",
            page=self.path() or (name and name[:LONGEST]),
            page_type=properties.label("page_type") or page_type,
            product_id=properties.label("product_id"),
            category=(
                properties.label("category") if is_product or page_type == "category" else None
            ),
        )


def _path_of(url: str | None) -> str | None:
    try:
        return urlsplit(url).path or None if url else None
    except ValueError:
        return None


# ---------------------------------------------------------------------------- track

Answer = Told | str
"""An event, or why there is none."""


def _seen_as(page_type: str) -> Callable[[Call], Answer]:
    def told(call: Call) -> Answer:
        if not call.section.views_as_pages:
            return "Product Viewed, …: the page call counts"
        return call.page_view(page_type)

    return told


def _cart_change(kind: str) -> Callable[[Call], Answer]:
    def told(call: Call) -> Answer:
        told = call.properties
        return "carts", call.of_visitor(
            kind,
            cart_id=told.text("cart_id"),
            product_id=told.label("product_id") or told.label("sku"),
            category=told.label("category"),
            quantity=told.count("quantity"),
            price=told.money("price"),
            currency=told.label("currency"),
        )

    return told


def _checkout(call: Call) -> Answer:
    return "carts", call.of_visitor("checkout_started", cart_id=call.properties.text("cart_id"))


def _promotion(kind: str) -> Callable[[Call], Answer]:
    def told(call: Call) -> Answer:
        promotion = call.properties.label("promotion_id") or call.properties.label("name")
        if promotion is None:
            raise call.properties.missing("promotion_id", "an id")
        return "clickstream", call.of_visitor(kind, promotion_id=promotion, page=call.path())

    return told


def _chat(call: Call) -> Answer:
    return "clickstream", call.of_visitor("chat_opened", page=call.path())


def _order(
    make: Callable[[Reading, Reading, str], dict[str, Any] | str],
) -> Callable[[Call], Answer]:
    def told(call: Call) -> Answer:
        fields = make(call.body, call.properties, call.section.pepper)
        if isinstance(fields, str):
            return fields
        kind = fields.pop("type")
        return "orders", call.event(kind, **fields)

    return told


def _message_id(call: Call) -> str | None:
    """An e-mail to one recipient: Segment's `email_id` is that of the e-mail to all of them."""
    email_id = call.properties.text("email_id")
    if email_id is None:
        return None
    told = f"{email_id}:{call.visitor()}"
    return told if len(told) <= LONGEST else digest_of(told.encode())


def _message(kind: str) -> Callable[[Call], Answer]:
    def told(call: Call) -> Answer:
        message_id = _message_id(call)
        if message_id is None:
            raise call.properties.missing("email_id", "an id")
        told = call.properties
        labels: dict[str, Any] = {}
        if kind == "message_delivered":
            labels = {
                "campaign": told.label("campaign_name") or told.label("campaign_id"),
                "list": told.label("list_name") or told.label("list_id"),
            }
        return "marketing", call.event(kind, message_id=message_id, **labels)

    return told


def _subscription(kind: str) -> Callable[[Call], Answer]:
    def told(call: Call) -> Answer:
        told = call.properties
        left_by = {"message_id": _message_id(call)} if kind == "subscriber_left" else {}
        return "marketing", call.event(
            kind,
            subscriber_id=person(call.body, call.section.pepper) or call.visitor(),
            list=told.label("list_name") or told.label("list_id"),
            **left_by,
        )

    return told


def _review(call: Call) -> Answer:
    told = call.properties
    review, product = told.text("review_id"), told.label("product_id")
    rating = told.money("rating") or Decimal(0)
    if review is None or product is None or not 1 <= rating <= 5:
        return "Product Reviewed: without a review_id, a product_id and a rating of 1 to 5"
    return "marketing", call.event(
        "product_reviewed",
        review_id=review,
        product_id=product,
        rating=int(rating.to_integral_value()),
    )


_TRACKED: dict[str, Callable[[Call], Answer]] = {
    "product viewed": _seen_as("product"),
    "product list viewed": _seen_as("category"),
    "cart viewed": _seen_as("cart"),
    "product added": _cart_change("product_added"),
    "product removed": _cart_change("product_removed"),
    "checkout started": _checkout,
    "order completed": _order(completed_order),
    "order refunded": _order(refunded_order),
    "order cancelled": _order(cancelled_order),
    "promotion viewed": _promotion("promotion_viewed"),
    "promotion clicked": _promotion("promotion_clicked"),
    "product reviewed": _review,
    "email delivered": _message("message_delivered"),
    "email opened": _message("message_opened"),
    "email link clicked": _message("message_clicked"),
    "subscribed": _subscription("subscriber_joined"),
    "unsubscribed": _subscription("subscriber_left"),
    "live chat conversation started": _chat,
}
"""By the event's name in small letters."""

ADAPTER = Adapter("segment", verify, events_of)
