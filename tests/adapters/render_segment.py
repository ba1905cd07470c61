"""A simulated shop's days as Segment's calls would tell them, and the same in our own events.

Written from Segment's documentation alone: it knows nothing of the adapter.  Segment's
specifications have no heartbeats, links, costs, restocking, text messages or openings by machines.
`carried` says what is left of our own events then.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tests.adapters.days import Delivery, Happened

SECRET = "hush"
_AT_ONCE = 7
_RECIPIENT = "somebody"
_AGENTS = {
    "mobile": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/130 Mobile Safari",
    "desktop": "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5",
    "tablet": "Mozilla/5.0 (Linux; Android 13; SM-X700 Tablet) AppleWebKit/537.36 Chrome/130",
}
_BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html) X11; Linux"
_REFERRERS = {
    ("google", "organic"): "https://www.google.be/",
    ("bing", "organic"): "https://www.bing.com/",
    ("instagram", "social"): "https://www.instagram.com/",
    ("pinterest", "social"): "https://nl.pinterest.com/",
}


def _call(event: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromtimestamp(event["timestamp"] // 1000, UTC)
    call = {
        "messageId": f"ajs-{event['event_id']}",
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{event['timestamp'] % 1000:03d}Z",
        "receivedAt": "2030-01-01T00:00:00.000Z",
        "context": _context(event),
        "integrations": {},
        "version": 2,
        **fields,
    }
    if "visitor_id" in event:
        call["anonymousId"] = event["visitor_id"]
    return call


def _context(event: dict[str, Any]) -> dict[str, Any]:
    origin = event.get("source"), event.get("medium")
    page = {"path": event.get("page", "/"), "url": f"https://shop.example{event.get('page', '/')}"}
    context: dict[str, Any] = {"ip": "192.0.2.1", "page": page}
    if origin in _REFERRERS:
        page["referrer"] = _REFERRERS[origin]
    elif origin[0] is not None:
        page["referrer"] = "https://shop.example/"
        names = {"source": "source", "medium": "medium", "name": "campaign"}
        context["campaign"] = {k: event[v] for k, v in names.items() if v in event}
    if event.get("is_bot"):
        context["userAgent"] = _BOT
    elif "device" in event:
        context["userAgent"] = _AGENTS[event["device"]]
    return context


def _track(event: dict[str, Any], name: str, /, **properties: Any) -> dict[str, Any]:
    told = {k: v for k, v in properties.items() if v is not None}
    return _call(event, {"type": "track", "event": name, "properties": told})


def _page(event: dict[str, Any]) -> dict[str, Any]:
    if event["page_type"] == "product":
        keep = {k: event[k] for k in ("product_id", "category")}
        return _track(event, "Product Viewed", **keep, name="a product", price=9.99)
    properties = {"path": event["page"], "title": "Our shop"}
    if "category" in event:
        properties["category"] = event["category"]
    if event["page_type"] == "thanks":  # not one that the adapter knows by name
        properties["page_type"] = "thanks"
    name = event["page_type"].title()
    return _call(event, {"type": "page", "name": name, "properties": properties})


_CART = {"product_added": "Product Added", "product_removed": "Product Removed"}
_PROMOTED = {"promotion_viewed": "Promotion Viewed", "promotion_clicked": "Promotion Clicked"}
_MAILED = {
    "message_delivered": "Email Delivered",
    "message_opened": "Email Opened",
    "message_clicked": "Email Link Clicked",
}


def call_of(event: dict[str, Any]) -> dict[str, Any] | None:
    """The call that tells an event, if there is one."""
    kind = event["type"]
    if kind == "page_viewed":
        return _page(event)
    if kind in _CART:
        keep = ("cart_id", "product_id", "category", "quantity", "price")
        return _track(event, _CART[kind], **{k: event[k] for k in keep})
    if kind == "checkout_started":
        return _track(event, "Checkout Started", cart_id=event["cart_id"])
    if kind in _PROMOTED:
        return _track(event, _PROMOTED[kind], promotion_id=event["promotion_id"])
    if kind == "chat_opened":
        return _track(event, "Live Chat Conversation Started", agent_name="Some Body")
    if kind == "order_completed":
        return _order(event)
    if kind == "order_refunded":
        lines = event.get("products")
        return _track(
            event, "Order Refunded", order_id=event["order_id"], refund_id=event["refund_id"],
            products=lines, total=event.get("amount"), currency="EUR",
        )  # fmt: skip
    if kind == "order_cancelled":
        return _track(event, "Order Cancelled", order_id=event["order_id"])
    if kind in _MAILED:
        labels = {"campaign_name": event.get("campaign"), "list_name": event.get("list")}
        call = _track(event, _MAILED[kind], email_id=event["message_id"], **labels)
        return {**call, "anonymousId": _RECIPIENT}
    if kind in ("subscriber_joined", "subscriber_left"):
        name = "Subscribed" if kind.endswith("joined") else "Unsubscribed"
        call = _track(event, name, list_name=event["list"], email_id=event.get("message_id"))
        return {**call, "anonymousId": _RECIPIENT, "userId": event["subscriber_id"]}
    if kind == "product_reviewed":
        keep = {k: event[k] for k in ("review_id", "product_id", "rating")}
        return {**_track(event, "Product Reviewed", **keep, review_body="!"), "anonymousId": "x"}
    return None


_OF_ORDER = (
    "order_id", "cart_id", "tax", "shipping", "discount", "channel", "team", "employee",
)  # fmt: skip


def _order(event: dict[str, Any]) -> dict[str, Any]:
    keep = ("product_id", "category", "quantity", "price", "discount")
    gross = sum(line["price"] * line["quantity"] for line in event["products"])
    call = _track(
        event,
        "Order Completed",
        products=[{k: line[k] for k in keep if k in line} for line in event["products"]],
        revenue=round(gross, 2),
        currency="EUR",
        affiliation="Our shop",
        **{k: event.get(k) for k in _OF_ORDER},
    )
    if "customer_id" in event:
        call["userId"] = event["customer_id"]
    return call


def carried(days: Iterable[Happened]) -> list[Happened]:
    """Our own events, as far as Segment's calls can carry them."""
    told = []
    for happened in days:
        event = dict(happened.event)
        kind = event["type"]
        if call_of(event) is None or event.get("channel") == "sms":
            continue
        if kind in _MAILED:
            event.pop("by_machine", None)
        if "message_id" in event:
            event["message_id"] += f":{_RECIPIENT}"
        if kind in ("subscriber_joined", "order_refunded"):
            event.pop("segment", None)
            event.pop("restocked", None)
        if kind == "chat_opened":
            del event["page_type"]
        if kind == "order_completed":
            event.pop("properties", None)
            for line in event["products"]:
                line.pop("cost", None)
        told.append(happened._replace(event=event))
    return told


def rendered(days: Iterable[Happened]) -> list[Delivery]:
    """All calls in order of arrival, some alone and some in batches."""
    calls: list[tuple[dict[str, Any], int]] = []
    for happened in days:
        call = call_of(happened.event)
        if call is not None and happened.event.get("channel") != "sms":
            calls.append((call, happened.arrival_ms))
    told = []
    for start in range(0, len(calls), _AT_ONCE):
        some = calls[start : start + _AT_ONCE]
        if start % 3:
            told.append(_delivery({"batch": [call for call, _ in some]}, some[-1][1]))
        else:
            told += [_delivery(call, arrival_ms) for call, arrival_ms in some]
    return told


def _delivery(body: dict[str, Any], arrival_ms: int) -> Delivery:
    raw = json.dumps(body).encode()
    signature = hmac.new(SECRET.encode(), raw, hashlib.sha1).hexdigest()
    return Delivery(raw, {"X-Signature": signature}, arrival_ms)
