"""A simulated shop's days as Shopify would tell them, and the same in our own events.

Written from Shopify's documentation alone: it knows nothing of the adapter.  Shopify has numbers
for ids, whole seconds for most times, its own words for channels; it has neither categories nor
costs, and a cart is its only visitor.  `carried` says what is left of our own events then.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from tests.adapters.days import Delivery, Happened

SECRET = "hush"
CURRENCY = "EUR"
_NEW_YORK = timezone(timedelta(hours=-5))
_AGENTS = {
    "mobile": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148",
    "desktop": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0.0.0",
    "tablet": "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5",
}
_SOURCE_NAMES = {"online": "web", "store": "pos", "phone": "shopify_draft_order"}
_REFERRERS = {
    ("google", "organic"): "https://www.google.com/",
    ("bing", "organic"): "https://www.bing.com/search",
    ("instagram", "social"): "https://l.instagram.com/",
    ("pinterest", "social"): "https://www.pinterest.nl/pin/1/",
}


def number(text: str) -> int:
    """Shopify's id of one of ours."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)


def money(amount: Any) -> dict[str, Any]:
    """Both monies of an amount; the customer sees dollars."""
    told = Decimal(str(amount))
    return {
        "shop_money": {"amount": f"{told:.2f}", "currency_code": CURRENCY},
        "presentment_money": {"amount": f"{told * 2:.2f}", "currency_code": "USD"},
    }


def seconds(at_ms: int) -> str:
    """A time in the shop's zone, by whole seconds."""
    return datetime.fromtimestamp(at_ms // 1000, _NEW_YORK).isoformat()


def instant(at_ms: int) -> str:
    """A time by milliseconds, as carts have it."""
    whole = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def delivery(topic: str, body: dict[str, Any], at_ms: int, arrival_ms: int) -> Delivery:
    """A signed webhook."""
    raw = json.dumps(body).encode()
    signed = base64.b64encode(hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()).decode()
    headers = {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": signed,
        "X-Shopify-Shop-Domain": "example.myshopify.com",
        "X-Shopify-Triggered-At": instant(at_ms).replace("Z", "877041Z"),
        "X-Shopify-Webhook-Id": f"{number(topic + str(arrival_ms)):x}",
    }
    return Delivery(raw, headers, arrival_ms)


class Store:
    """What Shopify knows, and says when something happens."""

    def __init__(self) -> None:
        self.carts: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.orders: dict[str, dict[str, Any]] = {}

    def tell(self, happened: Happened) -> Iterable[Delivery]:
        """The webhooks of an event, which come in order of time."""
        make = getattr(self, f"_{happened.event['type']}", None)
        if make is None:
            return []
        topic, body = make(happened.event)
        return [delivery(topic, body, happened.at_ms, happened.arrival_ms)]

    def _product_added(self, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        lines = self.carts[event["cart_id"]]
        topic = "carts/update" if lines else "carts/create"
        line = lines.setdefault(event["product_id"], {"quantity": 0, "price": event["price"]})
        line["quantity"] += event["quantity"]
        return topic, self._cart(event)

    def _product_removed(self, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        lines = self.carts[event["cart_id"]]
        if event["product_id"] in lines:
            lines[event["product_id"]]["quantity"] -= event["quantity"]
        return "carts/update", self._cart(event)

    def _lines(self, cart_id: str) -> list[dict[str, Any]]:
        return [
            {
                "id": number(product),
                "key": f"{number(product)}:abc",
                "title": product,
                "vendor": "Acme",
                "product_id": number(product),
                "quantity": line["quantity"],
                "price": f"{line['price']:.2f}",
                "original_price": f"{line['price']:.2f}",
                "price_set": money(line["price"]),
            }
            for product, line in self.carts[cart_id].items()
            if line["quantity"] > 0
        ]

    def _cart(self, event: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": event["cart_id"],
            "token": event["cart_id"],
            "line_items": self._lines(event["cart_id"]),
            "note": None,
            "updated_at": instant(event["timestamp"]),
            "created_at": instant(event["timestamp"]),
        }

    def _checkout_started(self, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "checkouts/create", {
            "token": f"checkout-{event['event_id']}",
            "cart_token": event["cart_id"],
            "email": "somebody@example.com",
            "created_at": seconds(event["timestamp"]),
            "updated_at": seconds(event["timestamp"]),
            "completed_at": None,
            **_came_from(event),
            "line_items": self._lines(event["cart_id"]),
            "currency": CURRENCY,
            "presentment_currency": "USD",
            "customer": {"id": 1, "first_name": "Some", "last_name": "Body"},
        }

    def _order_completed(self, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        discount = Decimal(str(event.get("discount", 0)))
        lines = [
            self._line(number(event["order_id"]) + n, p) for n, p in enumerate(event["products"])
        ]
        self._spread(lines, discount)
        order = {
            "id": number(event["order_id"]),
            "name": "#1001",
            "test": False,
            "email": "somebody@example.com",
            "cart_token": event.get("cart_id"),
            "checkout_token": None,
            "created_at": seconds(event["timestamp"]),
            "processed_at": seconds(event["timestamp"]),
            "currency": CURRENCY,
            "presentment_currency": "USD",
            "taxes_included": False,
            "total_tax": f"{event['tax']:.2f}",
            "total_tax_set": money(event["tax"]),
            "source_name": _SOURCE_NAMES[event["channel"]],
            "user_id": event.get("employee") and number(event["employee"]),
            "location_id": event.get("team") and number(event["team"]),
            "discount_applications": [
                {
                    "target_type": "line_item", "type": "discount_code", "value": "10.0",
                    "value_type": "percentage", "allocation_method": "across",
                    "target_selection": "all", "code": "TEN",
                },
                {
                    "target_type": "line_item", "type": "automatic", "value": "5.0",
                    "value_type": "percentage", "allocation_method": "each",
                    "target_selection": "entitled", "title": "Five",
                },
            ],
            "line_items": lines,
            "shipping_lines": [
                {"title": "Post", "price": f"{event['shipping']:.2f}",
                 "discounted_price": f"{event['shipping']:.2f}",
                 "discounted_price_set": money(event["shipping"]), "tax_lines": []},
            ],
            **_came_from(event.get("came", {})),
            "client_details": {"user_agent": _AGENTS.get(event.get("came", {}).get("device"))},
            "customer": (
                {"id": number(event["customer_id"]), "email": "somebody@example.com",
                 "first_name": "Some", "last_name": "Body"}
                if "customer_id" in event
                else None
            ),
            "shipping_address": {"address1": "1 Some Street", "city": "Ghent"},
            "refunds": [],
        }  # fmt: skip
        self.orders[event["order_id"]] = order
        return "orders/create", order

    def _line(self, line_id: int, product: dict[str, Any]) -> dict[str, Any]:
        allocations = []
        if product.get("discount"):
            allocations.append(
                {"amount": f"{product['discount']:.2f}", "amount_set": money(product["discount"]),
                 "discount_application_index": 1}
            )  # fmt: skip
        return {
            "id": line_id,
            "product_id": number(product["product_id"]),
            "title": product["product_id"],
            "sku": product["product_id"].upper(),
            "quantity": product["quantity"],
            "current_quantity": product["quantity"],
            "price": f"{product['price']:.2f}",
            "price_set": money(product["price"]),
            "total_discount": "0.00",
            "discount_allocations": allocations,
            "tax_lines": [],
        }

    def _spread(self, lines: list[dict[str, Any]], discount: Decimal) -> None:
        """An order's discount in cents over its lines, as evenly as it goes."""
        cents = int(discount * 100)
        for place, line in enumerate(lines):
            part = cents // len(lines) + (place < cents % len(lines))
            if part:
                amount = Decimal(part) / 100
                line["discount_allocations"].append(
                    {"amount": f"{amount:.2f}", "amount_set": money(amount),
                     "discount_application_index": 0}
                )  # fmt: skip

    def _order_refunded(self, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        lines, adjustments = [], []
        for line in event.get("products", ()):
            subtotal = Decimal(str(line["price"])) * line["quantity"]
            lines.append(
                {"id": 1, "quantity": line["quantity"], "subtotal": float(subtotal),
                 "subtotal_set": money(subtotal), "total_tax": 0.0, "total_tax_set": money(0),
                 "restock_type": "return" if event["restocked"] else "no_restock",
                 "line_item": {"id": 2, "product_id": number(line["product_id"]), "tax_lines": []}}
            )  # fmt: skip
        if "amount" in event:
            adjustments.append(
                {"kind": "refund_discrepancy", "amount": f"-{event['amount']:.2f}",
                 "amount_set": money(-event["amount"]), "tax_amount": "0.00"}
            )  # fmt: skip
        refund = {
            "id": number(event["refund_id"]),
            "order_id": number(event["order_id"]),
            "created_at": seconds(event["timestamp"]),
            "processed_at": seconds(event["timestamp"]),
            "note": "the customer's own words",
            "restock": event.get("restocked", False),
            "refund_line_items": lines,
            "order_adjustments": adjustments,
            "transactions": [{"kind": "refund", "test": False}],
        }
        if event["order_id"] in self.orders:
            self.orders[event["order_id"]]["refunds"].append(refund)
        return "refunds/create", refund

    def _order_cancelled(self, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        order = self.orders[event["order_id"]]
        return "orders/cancelled", {**order, "cancelled_at": seconds(event["timestamp"])}

    def _customer_forgotten(self, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        customer = {"id": number(event["customer_id"]), "email": "somebody@example.com"}
        return "customers/redact", {"shop_id": 1, "customer": customer, "orders_to_redact": []}

    def _subscriber_joined(self, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return self._consent(event, "subscribed")

    def _subscriber_left(self, event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return self._consent(event, "unsubscribed")

    def _consent(self, event: dict[str, Any], state: str) -> tuple[str, dict[str, Any]]:
        consent = {
            "state": state,
            "opt_in_level": "single_opt_in",
            "consent_updated_at": seconds(event["timestamp"]),
        }
        customer = number(event["subscriber_id"])
        if event["channel"] == "email":
            told = {"customer_id": customer, "email_marketing_consent": consent}
            return "customers_email_marketing_consent/update", told
        told = {"id": customer, "phone": "+3212345678", "sms_marketing_consent": consent}
        return "customers_marketing_consent/update", told


def _came_from(event: dict[str, Any]) -> dict[str, Any]:
    source, medium = event.get("source"), event.get("medium")
    referrer = _REFERRERS.get((source, medium))
    if source is None or referrer:
        return {"landing_site": "/products/mug", "referring_site": referrer}
    utm = {f"utm_{name}": event[name] for name in ("source", "medium", "campaign") if name in event}
    return {"landing_site": f"/products/mug?{urlencode(utm)}", "referring_site": None}


def rendered(days: Iterable[Happened]) -> list[Delivery]:
    """All webhooks, in order of arrival."""
    store, came, seen = Store(), {}, {}
    told: list[Delivery] = []
    for happened in sorted(days, key=lambda one: one.at_ms):
        event = happened.event
        if (event_id := event["event_id"]) in seen:  # sent twice: the very same webhook again
            told += [one._replace(arrival_ms=happened.arrival_ms) for one in seen[event_id]]
            continue
        if "cart_id" in event and "device" in event:
            came[event["cart_id"]] = event
        if event["type"] == "order_completed" and "cart_id" in event:
            event = {**event, "came": came[event["cart_id"]]}
        seen[event_id] = list(store.tell(happened._replace(event=event)))
        told += seen[event_id]
    return sorted(told, key=lambda one: one.arrival_ms)


# ---------------------------------------------------------------------------- in our own events


def carried(days: Iterable[Happened]) -> list[Happened]:
    """Our own events, as far as Shopify's webhooks can carry them."""
    came: dict[str, dict[str, Any]] = {}
    told: list[Happened] = []
    for happened in sorted(days, key=lambda one: one.at_ms):
        event = happened.event
        if happened.topic == "carts":
            came[event["cart_id"]] = event
        left = _carried(event)
        if left is None:
            continue
        if event["type"] == "order_completed" and "cart_id" in event:
            told.append(_order_says_where_from(happened, left, came[event["cart_id"]]))
        told.append(happened._replace(event=left))
    return told


_KEPT_OF_ORDER = ("tax", "shipping", "discount", "cart_id")


def _carried(event: dict[str, Any]) -> dict[str, Any] | None:
    second = event["timestamp"] // 1000 * 1000
    head = {"type": event["type"], "event_id": event["event_id"], "timestamp": second}
    match event["type"]:
        case "product_added" | "product_removed":
            keep = ("timestamp", "cart_id", "product_id", "quantity", "price")
            return {**head, **{k: event[k] for k in keep}, "visitor_id": event["cart_id"]}
        case "checkout_started":
            kept = {k: v for k, v in event.items() if k not in ("device", "visitor_id")}
            return {**kept, **head, "visitor_id": event["cart_id"]}
        case "order_completed":
            return {**head, **_carried_order(event)}
        case "order_refunded":
            lines = [
                {**line, "product_id": str(number(line["product_id"]))}
                for line in event.get("products", ())
            ]
            ids = {k: str(number(event[k])) for k in ("order_id", "refund_id")}
            return {**event, **head, "products": lines, **ids}
        case "order_cancelled":
            return {**event, **head, "order_id": str(number(event["order_id"]))}
        case "customer_forgotten":
            return {**event, "customer_id": str(number(event["customer_id"]))}
        case "subscriber_joined" | "subscriber_left":
            told = {
                "channel": event["channel"],
                "subscriber_id": str(number(event["subscriber_id"])),
            }
            return {**head, **told, "list": "newsletter" if told["channel"] == "email" else "sms"}
    return None


def _carried_order(event: dict[str, Any]) -> dict[str, Any]:
    keep = ("product_id", "quantity", "price", "discount")
    lines = [{k: line[k] for k in keep if k in line} for line in event["products"]]
    told = {
        "order_id": str(number(event["order_id"])),
        "products": [{**line, "product_id": str(number(line["product_id"]))} for line in lines],
        "channel": "draft" if event["channel"] == "phone" else event["channel"],
        **{k: event[k] for k in _KEPT_OF_ORDER if k in event},
        **{k: str(number(event[k])) for k in ("customer_id", "team", "employee") if k in event},
    }
    return {**told, "visitor_id": event["cart_id"]} if "cart_id" in event else told


def _order_says_where_from(
    happened: Happened, order: dict[str, Any], came: dict[str, Any]
) -> Happened:
    """Shopify tells with the order where its visit came from, and on what device."""
    origin = {k: came[k] for k in ("source", "medium", "campaign", "device") if k in came}
    event = {
        "type": "checkout_started",
        "event_id": f"{order['event_id']}:checkout",
        "timestamp": order["timestamp"],
        "visitor_id": order["cart_id"],
        "cart_id": order["cart_id"],
        **origin,
    }
    return happened._replace(topic="carts", event=event)
