"""What the simulated shop sells: about forty products with prices and costs.

It must not know who buys them.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, NamedTuple

_COST_SHARES = (("production", 38), ("wages", 12), ("overhead", 6))
"""What a unit costs, by kind, in hundredths of its price."""


class Product(NamedTuple):
    """A product; `wanted` says how often it is looked at, beside the others."""

    id: str
    category: str
    price_cents: int
    wanted: int
    page: str
    cost_cents: tuple[int, ...]

    @property
    def cost(self) -> dict[str, Any]:
        """Of one unit, as an order's line has it."""
        return {
            kind: cents / 100
            for (kind, _), cents in zip(_COST_SHARES, self.cost_cents, strict=True)
        }


_RANGE: dict[str, str] = {
    "garden": "hose:2495:6 shears:1899:4 gloves:795:9 planter:3450:5 seeds:249:14 "
    "lantern:1650:7 bench:14900:1 rake:2150:2",
    "kitchen": "kettle:3999:8 knife:5495:5 board:2750:6 pan:6900:5 scale:2299:4 "
    "mug:995:16 apron:1850:3 grinder:8900:2",
    "living": "lamp:4995:6 cushion:1795:9 throw:3900:5 vase:2450:6 clock:3295:3 "
    "candle:1250:12 frame:1499:5 rug:12900:2",
    "sports": "mat:2995:7 bottle:1595:10 band:1195:6 rope:899:5 weights:4450:3 "
    "towel:1350:5 bag:3795:4 tent:17900:1",
    "books": "cookbook:2799:6 atlas:4900:2 novel:1499:10 diary:1099:7 puzzle:1995:4 "
    "cards:650:9 poster:1200:3 planner:1699:5",
}


def _products() -> tuple[Product, ...]:
    made = []
    for category, line in _RANGE.items():
        for entry in line.split():
            name, cents, wanted = entry.split(":")
            price = int(cents)
            cost = tuple(price * share // 100 for _, share in _COST_SHARES)
            page = f"/{category}/{name}"
            made.append(Product(f"{category}-{name}", category, price, int(wanted), page, cost))
    return tuple(made)


PRODUCTS: tuple[Product, ...] = _products()
CATEGORIES: tuple[str, ...] = tuple(_RANGE)

WANTED: list[float] = [
    part / sum(product.wanted for product in PRODUCTS)
    for part in accumulate(product.wanted for product in PRODUCTS)
]
"""Running shares of how often each product is wanted, for `pick`."""
