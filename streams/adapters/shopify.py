"""Webhooks of Shopify as our events: orders, refunds, carts, checkouts, customers.

Documented at https://shopify.dev/docs/api/webhooks/latest (topics and payloads) and
https://shopify.dev/docs/apps/build/webhooks/subscribe/https (headers and signature).  Ids of events
are made of Shopify's ids, so that a webhook that is sent twice counts once.  Names, addresses and
e-mail never pass.  It must not know HTTP, nor the clock.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from streams.adapters.contract import Adapted, Adapter, AdapterError, Headers, Told, header
from streams.adapters.origins import device_of, is_bot, origin_of
from streams.adapters.reading import Reading, decoded, time_ms, without_nothing
from streams.adapters.shopify_money import (
    ZERO,
    currency_of,
    returned_of,
    shipping_of,
    shop_money,
    sold_of,
)
from streams.adapters.signatures import check_signed, digest_of, keyed
from streams.vendors import Shopify

TOPIC = "X-Shopify-Topic"
SIGNATURE = "X-Shopify-Hmac-Sha256"
TRIGGERED_AT = "X-Shopify-Triggered-At"

_CHANNELS = {
    "web": "online", "580111": "online", "iphone": "online", "android": "online",
    "pos": "store", "shopify_draft_order": "draft", "draft_order": "draft",
}  # fmt: skip
"""`source_name` -> our channel; other sales channels keep their name.  580111 is Shopify's own
online store."""


def verify(payload: bytes, headers: Headers, section: Shopify, now_ms: int) -> None:  # noqa: ARG001 # as all
    """Base64 of HMAC-SHA256 over the raw body, with the app's (or the shop's) secret.

    Raises ForgedError.
    """
    expected = base64.b64encode(keyed(section.secret, payload)).decode()
    check_signed(
        header(headers, SIGNATURE),
        expected,
        name=SIGNATURE,
        secret=section.secret,
        variable="KPI_SHOPIFY_SECRET",
    )


def events_of(payload: bytes, headers: Headers, section: Shopify) -> Adapted:
    """The events of one webhook.  Raises AdapterError."""
    topic = header(headers, TOPIC)
    if topic is None:
        raise AdapterError(f"expected the topic in the header {TOPIC}")
    known = _TOPICS.get(topic.lower())
    if known is None:
        return Adapted([], [f"topic {topic[:80]}: not one that we count"])
    return known(Webhook(payload, headers, section))


class Webhook:
    """One delivery, read."""

    def __init__(self, payload: bytes, headers: Headers, section: Shopify) -> None:
        self.body = Reading(decoded(payload))
        self.headers = headers
        self.section = section
        self.digest = digest_of(payload)

    def triggered_ms(self) -> int:
        """When Shopify sent it, for payloads that say no time."""
        told = header(self.headers, TRIGGERED_AT)
        if told is None:
            raise AdapterError(f"expected the time in the header {TRIGGERED_AT}")
        return time_ms(told, f"headers.{TRIGGERED_AT}")

    def visitor(self) -> tuple[str | None, str | None]:
        """(visitor, cart) of an order or a checkout."""
        cart = self.body.text("cart_token")
        wanted = self.section.visitor_attribute
        if not wanted:
            return cart, cart
        for one in self.body.objects("note_attributes"):
            if one.text("name") == wanted:
                return one.text("value"), cart
        return None, None

    def origin(self) -> dict[str, Any]:
        """Where the visit came from, and with what device."""
        body = self.body
        told: dict[str, Any] = dict(
            origin_of(body.text("landing_site"), body.text("referring_site"))
        )
        client = body.object("client_details")
        agent = client.text("user_agent") if client else None
        told["device"] = device_of(agent)
        if is_bot(agent):
            told["is_bot"] = True
        return told


# ---------------------------------------------------------------------------- orders


def _order_created(webhook: Webhook) -> Adapted:
    if webhook.section.count_orders != "created":
        return Adapted([], ["orders/create: orders count when they are paid"])
    return _order(webhook, webhook.body.first_time_ms("processed_at", "created_at"))


def _order_paid(webhook: Webhook) -> Adapted:
    if webhook.section.count_orders != "paid":
        return Adapted([], ["orders/paid: orders count when they are created"])
    return _order(webhook, webhook.triggered_ms())


def _order(webhook: Webhook, at_ms: int) -> Adapted:
    body = webhook.body
    order_id = body.id("id")
    visitor, cart = webhook.visitor()
    customer = body.object("customer")
    sold = sold_of(body)
    source = body.label("source_name")
    event = {
        "type": "order_completed",
        "event_id": f"shopify:order:{order_id}",
        "timestamp": at_ms,
        "order_id": order_id,
        "customer_id": customer.text("id") if customer else None,
        "visitor_id": visitor,
        "cart_id": cart,
        "products": sold.products,
        "discount": sold.discount,
        "tax": shop_money(body, "total_tax") or ZERO,
        "shipping": shipping_of(body),
        "currency": body.label("currency"),
        "channel": _CHANNELS.get(source, source) if source else None,
        "team": body.label("location_id"),
        "employee": body.label("user_id"),
        "is_test": body.flag("test") or None,
    }
    events: list[Told] = [("orders", without_nothing(event))]
    if visitor and not webhook.section.visitor_attribute:
        events.insert(0, _checkout(webhook, visitor, cart, at_ms, f"shopify:order:{order_id}"))
    return Adapted(events, [])


def _checkout(webhook: Webhook, visitor: str, cart: str | None, at_ms: int, event_id: str) -> Told:
    """The checkout, which says where its visit came from."""
    event = {
        "type": "checkout_started",
        "event_id": event_id,
        "timestamp": at_ms,
        "visitor_id": visitor,
        "cart_id": cart,
        **webhook.origin(),
        "is_test": webhook.body.flag("test") or None,
    }
    return "carts", without_nothing(event)


def _order_cancelled(webhook: Webhook) -> Adapted:
    """Counts after the refunds that Shopify has booked with it, so that nothing goes back twice."""
    body = webhook.body
    order_id = body.id("id")
    at_ms = webhook.body.first_time_ms("cancelled_at")
    restocked = []
    for refund in body.objects("refunds"):
        at_ms = max(at_ms, refund.time_ms("processed_at") or 0, refund.time_ms("created_at") or 0)
        restocked.append(refund.flag("restock"))
    event = {
        "type": "order_cancelled",
        "event_id": f"shopify:cancelled:{order_id}",
        "timestamp": at_ms,
        "order_id": order_id,
        "restocked": all(restocked),
        "is_test": body.flag("test") or None,
    }
    return Adapted([("orders", without_nothing(event))], [])


def _refund_created(webhook: Webhook) -> Adapted:
    body = webhook.body
    refund_id = body.id("id")
    returned = returned_of(body)
    if not returned.products and not returned.amount:
        return Adapted([], ["refunds/create: gives nothing back for goods, as of shipping alone"])
    lines = list(body.objects("refund_line_items"))
    event = {
        "type": "order_refunded",
        "event_id": f"shopify:refund:{refund_id}",
        "timestamp": webhook.body.first_time_ms("processed_at", "created_at"),
        "refund_id": refund_id,
        "order_id": body.id("order_id"),
        "products": returned.products,
        "amount": None if returned.is_exact else returned.amount,
        "restocked": returned.restocked,
        "currency": currency_of(lines[0], "subtotal") if lines else _currency_given(body),
        "is_test": any(one.flag("test") for one in body.objects("transactions")) or None,
    }
    return Adapted([("orders", without_nothing(event))], [])


def _currency_given(refund: Reading) -> str | None:
    """Of an amount that is for no line."""
    for one in refund.objects("order_adjustments"):
        return currency_of(one, "amount")
    return None


# ---------------------------------------------------------------------------- carts


def _cart(webhook: Webhook) -> Adapted:
    if webhook.section.visitor_attribute:
        return Adapted([], ["carts/…: carts come with your own clickstream"])
    body = webhook.body
    token = body.text("token") or body.id("id")
    at_ms = webhook.body.first_time_ms("updated_at", "created_at")
    return Adapted([_snapshot(webhook, token, token, at_ms, {})], [])


def _snapshot(
    webhook: Webhook, visitor: str, cart: str, at_ms: int, origin: dict[str, Any]
) -> Told:
    """What is in a cart or a checkout now."""
    units, value, currency = 0, ZERO, webhook.body.label("currency")
    for line in webhook.body.objects("line_items"):
        quantity = line.count("quantity") or 0
        price = shop_money(line, "original_price")
        price = shop_money(line, "price") if price is None else price
        if price is None:
            raise line.missing("price", "an amount")
        units, value = units + quantity, value + price * quantity
        currency = currency or currency_of(line, "original_price", "price", "line_price")
    event = {
        "type": "cart_updated",
        "event_id": f"shopify:cart:{webhook.digest}",
        "timestamp": at_ms,
        "visitor_id": visitor,
        "cart_id": cart,
        "units": units,
        "value": value,
        "currency": currency,
        **origin,
    }
    return "carts", without_nothing(event)


def _checkout_changed(webhook: Webhook) -> Adapted:
    """A checkout is a cart of which more is known; one that is completed is an order."""
    body = webhook.body
    if body.time_ms("completed_at") is not None:
        return Adapted([], ["checkouts/…: completed, so that its order tells it"])
    visitor, cart = webhook.visitor()
    if visitor is None or cart is None:
        return Adapted([], ["checkouts/…: of no cart (or no visitor) that we know"])
    token = body.id("token")
    origin = without_nothing(webhook.origin())
    started = _checkout(
        webhook,
        visitor,
        cart,
        webhook.body.first_time_ms("created_at"),
        f"shopify:checkout:{token}",
    )
    if webhook.section.visitor_attribute:
        return Adapted([started], [])
    at_ms = webhook.body.first_time_ms("updated_at", "created_at")
    return Adapted([started, _snapshot(webhook, visitor, cart, at_ms, origin)], [])


# ---------------------------------------------------------------------------- customers

_LISTS = (
    ("email_marketing_consent", "email", "newsletter"),
    ("sms_marketing_consent", "sms", "sms"),
)
_CONSENT = {"subscribed": "subscriber_joined", "unsubscribed": "subscriber_left"}


def _consent(webhook: Webhook) -> Adapted:
    """What a customer agreed to be sent, in the payloads of several topics."""
    body = webhook.body
    customer = body.text("customer_id") or body.id("id")
    events: list[Told] = []
    for name, channel, list_ in _LISTS:
        consent = body.object(name)
        kind = _CONSENT.get((consent.text("state") or "").lower()) if consent else None
        if consent is None or kind is None:
            continue
        at_ms = consent.time_ms("consent_updated_at") or body.time_ms("created_at")
        at_ms = webhook.triggered_ms() if at_ms is None else at_ms
        # An event's id may be kept as an example of what was counted: it names no customer.
        whose = keyed(webhook.section.secret, f"{customer}:{channel}".encode()).hex()[:24]
        event = {
            "type": kind,
            "event_id": f"shopify:{kind}:{whose}:{at_ms}",
            "timestamp": at_ms,
            "subscriber_id": customer,
            "channel": channel,
            "list": list_,
        }
        events.append(("marketing", event))
    return Adapted(events, [] if events else ["customers/…: no consent to be sent anything"])


def _customer_redacted(webhook: Webhook) -> Adapted:
    """The right to be forgotten: https://shopify.dev/docs/apps/build/privacy-law-compliance."""
    customer = webhook.body.object("customer")
    if customer is None:
        raise webhook.body.missing("customer", "an object")
    customer_id = customer.id("id")
    event = {
        "type": "customer_forgotten",
        "event_id": f"shopify:redact:{webhook.digest}",
        "timestamp": webhook.triggered_ms(),
        "customer_id": customer_id,
        "subscriber_id": customer_id,
    }
    return Adapted([("orders", event)], [])


def _edited(_: Webhook) -> Adapted:
    return Adapted(
        [], ["orders/updated: an order counts once; what is taken off comes as a refund"]
    )


_TOPICS: dict[str, Callable[[Webhook], Adapted]] = {
    "orders/create": _order_created,
    "orders/paid": _order_paid,
    "orders/cancelled": _order_cancelled,
    "orders/updated": _edited,
    "orders/edited": _edited,
    "refunds/create": _refund_created,
    "carts/create": _cart,
    "carts/update": _cart,
    "checkouts/create": _checkout_changed,
    "checkouts/update": _checkout_changed,
    "customers/create": _consent,
    "customers_email_marketing_consent/update": _consent,
    "customers_marketing_consent/update": _consent,
    "customers/redact": _customer_redacted,
}

ADAPTER = Adapter("shopify", verify, events_of)
