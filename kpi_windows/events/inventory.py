"""What lies in stock, and what products cost here and elsewhere: snapshots by product."""

from __future__ import annotations

from decimal import Decimal

from kpi_windows.events.base import Count, Event, Id, Label


class _OfProduct(Event, frozen=True, kw_only=True, gc=False):
    KEY = "product_id"

    product_id: Id


class StockCounted(_OfProduct, frozen=True, kw_only=True, gc=False, tag="stock_counted"):
    """Snapshot: the units of a product that can be sold at a place, from this time on."""

    location: Label = ""
    units: Count


class PriceSet(_OfProduct, frozen=True, kw_only=True, gc=False, tag="price_set"):
    """Snapshot: the shop's own price of a product, from this time on."""

    price: Decimal | None
    """None: it is no longer sold."""
    currency: Label | None = None


class CompetitorPriceSeen(
    _OfProduct, frozen=True, kw_only=True, gc=False, tag="competitor_price_seen"
):
    """Snapshot: a competitor's price of the same product, from this time on."""

    competitor: Label
    price: Decimal | None
    """None: it is no longer sold there."""
    currency: Label | None = None


INVENTORY: tuple[type[Event], ...] = (StockCounted, PriceSet, CompetitorPriceSeen)
