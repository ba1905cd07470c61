"""Orders of Segment's e-commerce spec as ours: what was bought, given back, undone, and by whom.

It must not know calls, their times and ids.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from streams.adapters.reading import Reading, without_nothing
from streams.adapters.signatures import digest_of, keyed

_ZERO = Decimal(0)
_UNKNOWN = "(unknown)"


def person(body: Reading, pepper: str) -> str | None:
    """`userId` as it is given; an e-mail address only as a hash, keyed by the shop's `pepper`.

    >>> person(Reading({"userId": 7}), ""), person(Reading({"userId": "ann@example.com"}), "")
    ('7', '71d4f55f72fa128dfb468a1a')
    """
    told = body.text("userId")
    return hashed(told, pepper) if told and "@" in told else told


def hashed(email: str, pepper: str) -> str:
    """What an e-mail address is called here; without a pepper anybody can tell by trying.

    >>> hashed("Ann@example.com", ""), hashed("ann@example.com", "our own secret")
    ('71d4f55f72fa128dfb468a1a', 'f8b51e260d59444e1a9d1cd1')
    """
    told = email.lower().encode()
    return keyed(pepper, told).hex()[:24] if pepper else digest_of(told)


def _products(properties: Reading) -> list[Reading]:
    return [one for one in properties.objects("products") if one.count("quantity") != 0]


def _product_of(line: Reading) -> str:
    return line.label("product_id") or line.label("sku") or line.label("name") or _UNKNOWN


def completed_order(body: Reading, properties: Reading, pepper: str) -> dict[str, Any]:
    """`order_completed`; without products its whole value is one line of an unknown one.

    `revenue` is after discounts, before shipping and tax; `subtotal` is before discounts.
    """
    discount = properties.money("discount") or _ZERO
    lines = []
    for one in _products(properties):
        line = {
            "product_id": _product_of(one),
            "quantity": one.count("quantity") or 1,
            "price": one.money("price") or _ZERO,
            "category": one.label("category"),
            "discount": one.money("discount"),
        }
        lines.append(without_nothing(line))
    if not lines:
        value = properties.money("subtotal")
        if value is None:
            value = (properties.money("revenue") or _ZERO) + discount
        lines = [{"product_id": _UNKNOWN, "price": value}]
    return {
        "type": "order_completed",
        "order_id": properties.id("order_id"),
        "customer_id": person(body, pepper),
        "visitor_id": body.text("anonymousId"),
        "cart_id": properties.text("cart_id"),
        "products": lines,
        "discount": discount,
        "tax": properties.money("tax") or _ZERO,
        "shipping": properties.money("shipping") or _ZERO,
        "currency": properties.label("currency"),
        "channel": properties.label("channel"),
        "team": properties.label("team"),
        "employee": properties.label("employee"),
    }


def refunded_order(body: Reading, properties: Reading, _pepper: str) -> dict[str, Any] | str:
    """`order_refunded`, by its products where each says its price, else by the total.

    The total is taken to include what `tax` and `shipping` say.
    """
    order_id = properties.id("order_id")
    lines: list[dict[str, Any]] = []
    for one in _products(properties):
        price = one.money("price")
        if price is None:
            lines = []
            break
        lines.append(
            {
                "product_id": _product_of(one),
                "quantity": one.count("quantity") or 1,
                "price": price,
            }
        )
    amount = None if lines else _amount(properties)
    if not lines and amount is None:
        return "Order Refunded: says neither its total nor the price of each product"
    refund_id = properties.text("refund_id") or body.text("messageId") or order_id
    return {
        "type": "order_refunded",
        "refund_id": refund_id,
        "order_id": order_id,
        "products": lines,
        "amount": amount,
        "currency": properties.label("currency"),
    }


def _amount(properties: Reading) -> Decimal | None:
    for name in ("total", "revenue", "value"):
        total = properties.money(name)
        if total is not None:
            beside = (properties.money("tax") or _ZERO) + (properties.money("shipping") or _ZERO)
            return max(abs(total) - (beside if name == "total" else _ZERO), _ZERO)
    return None


def cancelled_order(_body: Reading, properties: Reading, _pepper: str) -> dict[str, Any]:
    """`order_cancelled`."""
    return {"type": "order_cancelled", "order_id": properties.id("order_id")}
