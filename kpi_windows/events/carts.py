"""What happens to carts, from the first product to the checkout."""

from __future__ import annotations

from decimal import Decimal

from kpi_windows.events.base import Count, Event, Id, Label, Quantity
from kpi_windows.events.clickstream import OfVisitor


class _OfCart(OfVisitor, frozen=True, kw_only=True, gc=False):
    cart_id: Id | None = None
    """Absent: the visitor has one cart."""


class ProductAdded(_OfCart, frozen=True, kw_only=True, gc=False, tag="product_added"):
    """A product was put into the cart."""

    product_id: Label | None = None
    category: Label | None = None
    quantity: Quantity = 1
    price: Decimal = Decimal(0)
    """Of one unit."""
    currency: Label | None = None


class ProductRemoved(_OfCart, frozen=True, kw_only=True, gc=False, tag="product_removed"):
    """A product was taken out of the cart."""

    product_id: Label | None = None
    category: Label | None = None
    quantity: Quantity = 1
    price: Decimal = Decimal(0)
    currency: Label | None = None


class CartUpdated(_OfCart, frozen=True, kw_only=True, gc=False, tag="cart_updated"):
    """Snapshot: what is in the cart from this time on, for shops that tell a cart as a whole.

    Use it or `product_added` and `product_removed`, not both for one cart.  At the same
    millisecond an order comes first.
    """

    units: Count
    """0: it was emptied; only units make a cart."""
    value: Decimal = Decimal(0)
    """Of all units together, before discounts."""
    currency: Label | None = None


class CheckoutStarted(_OfCart, frozen=True, kw_only=True, gc=False, tag="checkout_started"):
    """The checkout was opened; by itself it makes no cart."""


CARTS: tuple[type[Event], ...] = (ProductAdded, ProductRemoved, CartUpdated, CheckoutStarted)
