"""A product's price against the mean of its competitors'."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.definitions import DAY_MS as D
from kpi_windows.definitions import HOUR_MS as H
from kpi_windows.definitions import Definitions, Rate
from kpi_windows.events import CompetitorPriceSeen, Event, PriceSet
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.price import PriceRules, compared, entry_of
from tests.kpi_windows.journeys.laws import LAWS, check, taken_back
from tests.kpi_windows.journeys.operations import BEGIN, SHOP, event, level, stated

MILLION = 1_000_000


def own(at: int, price: int | str | None, **fields: Any) -> Event:
    amount = None if price is None else Decimal(price)
    return event(PriceSet, at, product_id="pot", price=amount, **fields)


def seen(at: int, competitor: str, price: int | str | None, **fields: Any) -> Event:
    amount = None if price is None else Decimal(price)
    return event(
        CompetitorPriceSeen, at, product_id="pot", competitor=competitor, price=amount, **fields
    )


def prices(*events: Event, shop: Definitions = SHOP) -> dict[str, int]:
    return level(stated(*events, shop=shop).get("price", {}), 9 * D).get(("pot",), {})


def test_the_own_price_and_the_mean_of_the_competitors() -> None:
    assert prices(own(0, 12), seen(1, "a", 9), seen(2, "b", 11)) == {
        "own_micros": 12 * MILLION,
        "competitor_micros": 10 * MILLION,
        "compared": 1,
        "dearer": 1,
    }


def test_a_product_without_competitors_is_not_compared() -> None:
    assert prices(own(0, 12)) == {}
    assert prices(seen(0, "a", 12)) == {}
    assert prices(own(0, 12), seen(1, "a", 9), seen(2, "a", None)) == {}
    assert prices(own(0, 12), seen(1, "a", 9), own(2, None)) == {}


def test_the_last_price_by_its_own_time_stands_whenever_it_arrives() -> None:
    late = [own(0, 12), seen(2 * H, "a", 8), seen(H, "a", 20)]
    assert prices(*late) == prices(*sorted(late, key=lambda e: e.timestamp))
    assert prices(*late)["competitor_micros"] == 8 * MILLION


def test_an_equal_price_is_not_dearer_and_a_mean_is_rounded_once() -> None:
    assert "dearer" not in prices(own(0, 10), seen(1, "a", 9), seen(2, "b", 11))
    assert compared(1, [1, 0]) == [1, 0, 1, 1]  # half to even; 1 is more than a half
    assert compared(1, [1, 2]) == [1, 2, 1, 0]


def test_prices_are_in_the_shops_currency_by_the_rate_of_their_time() -> None:
    rates = {"USD": (Rate(0, Fraction(1, 2)), Rate(BEGIN + H, Fraction(3, 4)))}
    told = prices(own(0, 12), seen(2 * H, "a", 8, currency="USD"), shop=Definitions(rates=rates))
    assert told["competitor_micros"] == 6 * MILLION


MOMENTS = st.sampled_from([0, 1, H, D]) | st.integers(0, 2 * D)
PRICES = st.sampled_from([None, 0, 1, 2]) | st.integers(0, 9)
EVENTS = st.one_of(
    st.builds(own, MOMENTS, PRICES), st.builds(seen, MOMENTS, st.sampled_from("abc"), PRICES)
)


@st.composite
def lives(draw: st.DrawFn) -> list[Entry]:
    """Entries in no order, about half of them with an id."""
    entries = [entry_of(each, SHOP) for each in draw(st.lists(EVENTS, max_size=12))]
    return [
        (at, kind, f"e{number}" if draw(st.booleans()) else "", *rest)
        for number, (at, kind, _, *rest) in enumerate(entries)
    ]


@pytest.mark.parametrize("law", LAWS)
@given(life=lives(), draw=st.data())
def test_laws(law: str, life: list[Entry], draw: st.DataObject) -> None:
    check(law, PriceRules, SHOP, life, until_ms=BEGIN + 4 * D, draw=draw)


@given(life=lives())
def test_what_is_stated_can_be_taken_back(life: list[Entry]) -> None:
    taken_back(PriceRules, SHOP, life, BEGIN + 4 * D)
