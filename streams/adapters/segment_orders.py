"""Orders of Segment's e-commerce spec as ours: what was bought, given back, undone, and by whom.

It must not know calls, their times and ids.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from streams.adapters.reading import Reading, without_nothing
from streams.adapters.signatures import digest_of

_ZERO = Decimal(0)
_UNKNOWN = "(unknown)"


def person(body: Reading) -> str | None:
    """`userId` as it is given; an e-mail address only as a hash.

    >>> person(Reading({"userId": 7})), person(Reading({"userId": "ann@example.com"}))
    ('7', '71d4f55f72fa128dfb468a1a')
    """
    told = body.text("userId")
    return digest_of(told.lower().encode()) if told and "@" in told else told


def _products(properties: Reading) -> list[Reading]:
    return [one for one in properties.objects("products") if one.count("quantity") != 0]


def _product_of(line: Reading) -> str:
    return line.label("product_id") or line.label("sku") or line.label("name") or _UNKNOWN


def completed_order(body: Reading, properties: Reading) -> dict[str, Any]:
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
        "customer_id": person(body),
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


def refunded_order(body: Reading, properties: Reading) -> dict[str, Any] | str:
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


def cancelled_order(body: Reading, properties: Reading) -> dict[str, Any]:  # noqa: ARG001 # as all
    """`order_cancelled`."""
    return {"type": "order_cancelled", "order_id": properties.id("order_id")}
