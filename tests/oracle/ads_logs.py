"""What ad networks, social media, affiliates and customers say: any of it, corrected at any time."""

from __future__ import annotations

import random
from typing import Any, Protocol

from kpi_windows.definitions import DAY_MS, HOUR_MS


class Maker(Protocol):
    """Who makes a log; see logs.py."""

    chance: random.Random
    begin_ms: int

    def time(self, whose: str) -> int:
        """Some time."""

    def maybe(self, *values: Any, share: float = 0.7) -> Any:
        """One of them, or None."""

    def money(self, most: int = 100) -> str | float | int:
        """A price."""

    def currency(self) -> str | None:
        """Mostly the shop's."""


def advertising(maker: Maker) -> tuple[str, str, dict[str, Any]]:
    """Of few ids, so that most are told again."""
    kind = maker.chance.choice(tuple(_FIELDS))
    name, fields = _FIELDS[kind]
    key = f"{maker.chance.choice('abcdef')}"
    at_ms = maker.time(kind + key)
    told = {name: key, **fields(maker, at_ms)}
    given = {field: value for field, value in told.items() if value is not None}
    return "marketing", key, {"type": kind, "timestamp": at_ms, **given}


def _counted_at(maker: Maker, at_ms: int) -> int | None:
    at = at_ms - maker.chance.choice((0, HOUR_MS, 5 * HOUR_MS, DAY_MS, -HOUR_MS))
    return maker.maybe(max(at, maker.begin_ms))  # before it, there is no rate for every currency


def _ads(maker: Maker, at_ms: int) -> dict[str, Any]:
    chance = maker.chance
    return {
        "source": maker.maybe("google", "bing", ""),
        "medium": maker.maybe("cpc", "display", "banner", "Social", ""),
        "campaign": maker.maybe("spring", "sale"),
        "banner": maker.maybe("wide", "tall", share=0.4),
        "impressions": maker.maybe(chance.randrange(1_000)),
        "clicks": maker.maybe(chance.randrange(20)),
        "spend": maker.maybe(maker.money()),
        "conversions": maker.maybe(chance.randrange(30)),
        "revenue": maker.maybe(maker.money()),
        "currency": maker.currency(),
        "counted_at": _counted_at(maker, at_ms),
    }


def _spent(maker: Maker, at_ms: int) -> dict[str, Any]:
    purpose, spend = maker.maybe("agency", "fair", ""), maker.money()
    counted_at = _counted_at(maker, at_ms)
    return {
        "purpose": purpose,
        "spend": spend,
        "currency": maker.currency(),
        "counted_at": counted_at,
    }


def _position(maker: Maker, at_ms: int) -> dict[str, Any]:
    return {
        "keyword": maker.chance.choice(("tea", "cups", "")),
        "kind": maker.maybe("organic", "paid"),
        "impressions": maker.maybe(maker.chance.randint(1, 500)),
        "position": maker.chance.choice((1, 2.5, "3.3333333", 40)),
        "counted_at": _counted_at(maker, at_ms),
    }


def _social(maker: Maker, at_ms: int) -> dict[str, Any]:
    names = ("impressions", "reactions", "comments", "shares")
    told = {name: maker.maybe(maker.chance.randrange(100)) for name in names}
    network = maker.chance.choice(("insta", "tok", ""))
    return {"network": network, **told, "counted_at": _counted_at(maker, at_ms)}


def _followers(maker: Maker, at_ms: int) -> dict[str, Any]:
    return {"followers": maker.chance.randrange(1_000)}


def _review(maker: Maker, at_ms: int) -> dict[str, Any]:
    product = maker.chance.choice(("p1", "p2", ""))
    return {"product_id": product, "rating": maker.chance.randint(1, 5)}


def _click(maker: Maker, at_ms: int) -> dict[str, Any]:
    return {"affiliate": maker.chance.choice(("deals", "blog"))}


def _sale(maker: Maker, at_ms: int) -> dict[str, Any]:
    return {
        "affiliate": maker.chance.choice(("deals", "blog", "")),
        "revenue": maker.chance.choice((0, maker.money())),
        "commission": maker.maybe(maker.money(5)),
        "currency": maker.currency(),
        "counted_at": _counted_at(maker, at_ms),
    }


def _market(maker: Maker, at_ms: int) -> dict[str, Any]:
    chance = maker.chance
    days = chance.choice((1, 1, 2, 7, 30))
    starts_ms = maker.begin_ms + chance.choice((0, 1, 2)) * DAY_MS
    starts_ms += chance.choice((0, 0, HOUR_MS, 11 * HOUR_MS, 20 * HOUR_MS))
    length_ms = chance.choice((days * DAY_MS, HOUR_MS))
    return {
        "starts": starts_ms,
        "ends": starts_ms + length_ms,
        "size": maker.money(5_000),
        "currency": maker.currency(),
    }


_FIELDS: dict[str, tuple[str, Any]] = {
    "ads_reported": ("report_id", _ads),
    "marketing_spent": ("report_id", _spent),
    "position_reported": ("report_id", _position),
    "social_reported": ("report_id", _social),
    "followers_counted": ("network", _followers),
    "product_reviewed": ("review_id", _review),
    "affiliate_clicked": ("click_id", _click),
    "affiliate_sold": ("sale_id", _sale),
    "market_sized": ("market_id", _market),
}
"""Type -> the field that is its key, and the other fields."""
