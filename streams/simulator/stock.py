"""What lies in stock: orders take from it, what is given back and what is made goes into it.

Every change is told as a count of what is left.  What is sold beyond the stock is owed: it goes
out first when more comes in, and until then the count is 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.simulator.catalogue import PRODUCTS, Product
from streams.simulator.factory import make
from streams.simulator.stage import Moment, Stage, Story

_UNITS_A_VISIT = 0.09
_ALL_WANTED = sum(product.wanted for product in PRODUCTS)
_FIRST_HOURS = 20
_LOW_HOURS = 8
_BATCH_HOURS = 12
_LEAST = 4


def _sold_in(stage: Stage, product: Product, hours: float) -> float:
    """Units that about so many hours will sell."""
    an_hour = stage.options.hourly_visits * _UNITS_A_VISIT
    return hours * an_hour * product.wanted / _ALL_WANTED


def shelves(stage: Stage, start_ms: int) -> Story:
    """What is there when the shop begins."""
    for number, product in enumerate(PRODUCTS):
        units = _sold_in(stage, product, _FIRST_HOURS * (0.3 + 1.4 * stage.aside()))
        stage.books.stock[product.id] = _LEAST + int(units)
        yield _count(stage, product, start_ms + number)


def moved(stage: Stage, products: Mapping[Product, int], at_ms: int, sign: int) -> Story:
    """Units go out (−1) or come in (+1), and more is made of what gets scarce."""
    books = stage.books
    for product, units in products.items():
        books.stock[product.id] += sign * units
        stage.truth.count("units_out" if sign < 0 else "units_in", at_ms, units)
        told = _count(stage, product, max(at_ms, books.counted_ms.get(product.id, 0) + 1))
        at_ms = told[0]
        yield told
        low = max(_LEAST // 2, _sold_in(stage, product, _LOW_HOURS))
        if books.stock[product.id] <= low and product.id not in books.making:
            books.making.add(product.id)
            stage.begin(_restocked(stage, product, at_ms))


def _restocked(stage: Stage, product: Product, at_ms: int) -> Story:
    """A batch is made, and what is good of it comes in."""
    books = stage.books
    owed = max(0, -books.stock[product.id])
    units = owed + _LEAST + int(_sold_in(stage, product, _BATCH_HOURS))
    at_ms, good = yield from make(stage, product, units, at_ms)
    books.making.discard(product.id)
    yield from moved(stage, {product: good}, at_ms, +1)


def _count(stage: Stage, product: Product, at_ms: int) -> Moment:
    stage.books.counted_ms[product.id] = at_ms
    event = {
        "type": "stock_counted",
        "timestamp": at_ms,
        "product_id": product.id,
        "location": "warehouse",
        "units": max(0, stage.books.stock[product.id]),
    }
    return (at_ms, "inventory", product.id.encode(), event)
