"""What the shop knows of its market: how large it is, its own prices and those of others.

It must not know what is sold.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from streams.simulator.catalogue import PRODUCTS, Product
from streams.simulator.chance import one_of
from streams.simulator.options import HOUR_MS
from streams.simulator.rhythm import gap_ms
from streams.simulator.stage import Moment, Stage, Story, until

_COMPETITORS = ("homestore", "bargainbarn")
_SALES_A_VISIT = 2
"""In the shop's currency, about."""
_TIMES_OURS = 25


def market(stage: Stage, start_ms: int) -> Story:
    """The market of the year before, of this year, and of each that comes, a little larger."""
    year = datetime.fromtimestamp(start_ms / 1000, UTC).year
    yield _sized(stage, year - 1, start_ms)
    at_ms = start_ms + 1
    while True:
        yield _sized(stage, year, at_ms)
        year += 1
        at_ms = _new_year(year)


def _sized(stage: Stage, year: int, at_ms: int) -> Moment:
    market_id = f"home-and-garden-{year}"
    ours = stage.options.hourly_visits * 24 * 365 * _SALES_A_VISIT
    event = {
        "type": "market_sized",
        "timestamp": at_ms,
        "market_id": market_id,
        "starts": _new_year(year),
        "ends": _new_year(year + 1),
        "size": int(ours * _TIMES_OURS * (1 + 0.03 * (year - 2020))),
    }
    return (at_ms, "marketing", market_id.encode(), event)


def _new_year(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1000


def prices(stage: Stage, start_ms: int) -> Story:
    """What everything costs here and elsewhere at the beginning, and what others change."""
    aside, options = stage.aside, stage.options
    for number, product in enumerate(PRODUCTS):
        yield _own(product, start_ms + number)
        for competitor in _COMPETITORS:
            yield from _theirs(stage, product, competitor, start_ms + number)
    at: float = start_ms + HOUR_MS / 60
    while True:
        at += gap_ms(aside(), options.hourly_visits / 200, at, options)
        yield until(int(at))
        yield from _theirs(stage, one_of(aside, PRODUCTS), one_of(aside, _COMPETITORS), int(at))


def _own(product: Product, at_ms: int) -> Moment:
    event = {
        "type": "price_set",
        "timestamp": at_ms,
        "product_id": product.id,
        "price": product.price_cents / 100,
    }
    return (at_ms, "inventory", product.id.encode(), event)


def _theirs(stage: Stage, product: Product, competitor: str, at_ms: int) -> Iterator[Moment]:
    """From a sixth less to a fifth more; now and then they don't sell it."""
    drawn = stage.aside()
    cents = int(product.price_cents * (84 + 36 * drawn) / 100)
    event: dict[str, Any] = {
        "type": "competitor_price_seen",
        "timestamp": at_ms,
        "product_id": product.id,
        "competitor": competitor,
        "price": None if drawn > 0.97 else cents / 100,
    }
    yield (at_ms, "inventory", product.id.encode(), event)
    stage.truth.count("competitor_prices", at_ms)
