"""The money of Shopify's orders and refunds as lines of ours: in the shop's currency, before tax.

Every amount stands twice, as `shop_money` and as `presentment_money` (what the customer saw); we
take the shop's (https://shopify.dev/docs/api/admin-rest/latest/resources/order).  Where prices
include tax, tax comes off: an order's value, gross − discount, is exact to the last digit; up to a
millionth for each unit may move between the two.  It must not know webhooks.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, NamedTuple

from streams.adapters.reading import LONGEST, Reading

ZERO = Decimal(0)
_MICRO = Decimal("0.000001")


class Sold(NamedTuple):
    """What an order's lines come to."""

    products: list[dict[str, Any]]
    discount: Decimal
    """On the order as a whole."""


class Returned(NamedTuple):
    """What a refund gives back for goods."""

    products: list[dict[str, Any]]
    amount: Decimal
    is_exact: bool
    """The lines alone say it to the last digit."""
    restocked: bool


def shop_money(reading: Reading, name: str) -> Decimal | None:
    """An amount in the shop's currency."""
    both = reading.object(f"{name}_set")
    inner = both and both.object("shop_money")
    amount = inner.money("amount") if inner else None
    return reading.money(name) if amount is None else amount


def currency_of(reading: Reading, *names: str) -> str | None:
    """The shop's currency, by the first of these amounts that names it."""
    for name in names:
        both = reading.object(f"{name}_set")
        inner = both and both.object("shop_money")
        code = inner.label("currency_code") if inner else None
        if code:
            return code
    return None


def sold_of(order: Reading) -> Sold:
    """An order's lines as they were ordered; what later edits changed comes as refunds."""
    whole = {
        number
        for number, one in enumerate(order.objects("discount_applications"))
        if one.text("target_selection") == "all"
        and one.text("allocation_method") == "across"
        and one.text("target_type") != "shipping_line"
    }
    included = order.flag("taxes_included")
    products: list[dict[str, Any]] = []
    on_order = ZERO
    for line in order.objects("line_items"):
        quantity = line.count("quantity")
        if quantity is None:
            raise line.missing("quantity", "a whole number of 0 or more")
        if quantity:
            product, shared = _sold_line(line, quantity, whole, included)
            products.append(product)
            on_order += shared
    return Sold(products, on_order)


def _sold_line(
    line: Reading, quantity: int, whole: set[int], included: bool
) -> tuple[dict[str, Any], Decimal]:
    price = shop_money(line, "price")
    if price is None:
        raise line.missing("price", "an amount")
    own, shared = _discounts(line, whole)
    if included:
        price, own, shared = _without_tax(line, quantity, price, own, shared)
    product: dict[str, Any] = {
        "product_id": product_of(line),
        "quantity": quantity,
        "price": price,
    }
    if own:
        product["discount"] = own
    return product, shared


def _discounts(line: Reading, whole: set[int]) -> tuple[Decimal, Decimal]:
    """What was taken off the line itself, and its share of what was taken off the order."""
    own = shared = ZERO
    found = False
    for one in line.objects("discount_allocations"):
        found = True
        amount = shop_money(one, "amount") or ZERO
        if one.count("discount_application_index") in whole:
            shared += amount
        else:
            own += amount
    if not found:
        own = shop_money(line, "total_discount") or ZERO
    return own, shared


def _without_tax(
    line: Reading, quantity: int, price: Decimal, own: Decimal, shared: Decimal
) -> tuple[Decimal, Decimal, Decimal]:
    tax = tax_of(line)
    factor = 1 + sum((one.money("rate") or ZERO for one in line.objects("tax_lines")), ZERO)
    paid = price * quantity - own - shared - tax
    own, shared = ((part / factor).quantize(_MICRO) for part in (own, shared))
    gross = paid + own + shared
    unit = (gross / quantity).quantize(_MICRO, ROUND_CEILING)
    return unit, own + unit * quantity - gross, shared


def tax_of(line: Reading) -> Decimal:
    """The tax of a line, of goods or of shipping."""
    return sum((shop_money(one, "price") or ZERO for one in line.objects("tax_lines")), ZERO)


def product_of(line: Reading) -> str:
    """The product's id; a line that was typed in by hand has none, so its SKU, else its title."""
    known = line.text("product_id") or line.text("sku") or line.text("title") or "custom"
    return known[:LONGEST]


def shipping_of(order: Reading) -> Decimal:
    """What shipping cost after its discounts, before tax."""
    included = order.flag("taxes_included")
    total = ZERO
    lines = 0
    for line in order.objects("shipping_lines"):
        lines += 1
        price = shop_money(line, "discounted_price")
        price = shop_money(line, "price") if price is None else price
        total += (price or ZERO) - (tax_of(line) if included else ZERO)
    return total if lines else shop_money(order, "total_shipping_price") or ZERO


def returned_of(refund: Reading) -> Returned:
    """What a refund gives back for goods: its lines, and what was agreed beside them.

    `order_adjustments` of the kind `refund_discrepancy` are what the lines say too much (more than
    0) or too little; those of the kind `shipping_refund` aren't about goods
    (https://shopify.dev/docs/api/admin-rest/latest/resources/refund).
    """
    products: list[dict[str, Any]] = []
    total = told = ZERO
    restocked = []
    for line in refund.objects("refund_line_items"):
        quantity = line.count("quantity") or 0
        if not quantity:
            continue
        subtotal = _before_tax(line)
        price = (subtotal / quantity).quantize(_MICRO, ROUND_FLOOR)
        inner = line.object("line_item")
        product = product_of(inner) if inner else "custom"
        products.append({"product_id": product, "quantity": quantity, "price": price})
        total, told = total + subtotal, told + price * quantity
        restocked.append(line.text("restock_type") != "no_restock")
    for one in refund.objects("order_adjustments"):
        if one.text("kind") == "refund_discrepancy":
            total -= shop_money(one, "amount") or ZERO
    return Returned(products, max(total, ZERO), total == told, bool(restocked) and all(restocked))


def _before_tax(line: Reading) -> Decimal:
    """A refunded line's subtotal before tax.

    Nothing says whether it includes tax, but the rate does: of a part r, tax is subtotal × r when
    it comes on top, and subtotal × r / (1 + r) when it is within.
    """
    subtotal = shop_money(line, "subtotal") or ZERO
    tax = shop_money(line, "total_tax") or ZERO
    inner = line.object("line_item")
    if not tax or inner is None:
        return subtotal
    rate = sum((one.money("rate") or ZERO for one in inner.objects("tax_lines")), ZERO)
    within, on_top = subtotal * rate / (1 + rate), subtotal * rate
    return subtotal - tax if abs(tax - within) < abs(tax - on_top) else subtotal
