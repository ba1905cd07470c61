"""Any customer: facts don't depend on how events arrive, and equal a slow second opinion."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS, Definitions
from kpi_windows.journeys.customer import ORDERED, CustomerRules
from kpi_windows.journeys.journal import Entry
from tests.kpi_windows.journeys import customers as say
from tests.kpi_windows.journeys.customer_oracle import oracle
from tests.kpi_windows.journeys.laws import LAWS, check, facts_of, plainly, taken_back
from tests.kpi_windows.journeys.orders import START, dropping_changes_nothing, flat

SHOP = Definitions(zone="Europe/Amsterdam")
HASTY = Definitions(
    zone="Europe/Amsterdam", new_again_ms=2 * DAY_MS, lost_ms=3 * DAY_MS, pair_products=2
)
"""Everything happens to its customers within days, and they are new before they are lost."""
LONG_MS = 900 * DAY_MS
MOMENTS = st.one_of(
    st.integers(0, 3).map(lambda number: number * MINUTE_MS),
    st.integers(0, 12).map(lambda number: number * DAY_MS // 2),
    st.sampled_from([1, HOUR_MS, 2 * DAY_MS + 1, 365 * DAY_MS, 400 * DAY_MS, 400 * DAY_MS + 1]),
    st.sampled_from([START % DAY_MS + 360 * DAY_MS - HOUR_MS, 366 * DAY_MS - HOUR_MS]),
    st.integers(0, LONG_MS),
)
UNTIL = MOMENTS.map(lambda at: START + at)
PRODUCTS = st.lists(st.sampled_from(["bed", "lamp", "rug"]), max_size=3, unique=True).map(sorted)
PAID = st.none() | MOMENTS
NAMES = st.sampled_from(["A", "B"])


def _order(at: int, products: list[str], value: int, number: int) -> Entry:
    return (START + at, ORDERED, f"\x00orderO{number}", value, products)


ORDERS = st.builds(_order, MOMENTS, PRODUCTS, st.integers(-2, 9), st.integers(0, 999))
ENTRIES = st.one_of(
    ORDERS,
    ORDERS,
    st.builds(say.started, MOMENTS, PAID, NAMES),
    st.builds(say.renewed, MOMENTS, PAID, NAMES),
    st.builds(say.ended, MOMENTS, NAMES),
    st.builds(say.forgotten, MOMENTS),
)


def _named(entries: list[Entry], with_id: list[bool]) -> list[Entry]:
    """Some of what isn't an order gets an id; of two equal orders one goes."""
    told: dict[Any, Entry] = {}
    for number, entry in enumerate(entries):
        if entry[1] == ORDERED:
            told[entry[2]] = entry
        else:
            event_id = f"e{number}" if with_id[number] else ""
            told[number] = (entry[0], entry[1], event_id, *entry[3:])
    return list(told.values())


LIVES = st.builds(
    _named, st.lists(ENTRIES, max_size=9), st.lists(st.booleans(), min_size=9, max_size=9)
)
SHOPS = pytest.mark.parametrize("shop", [SHOP, HASTY], ids=["usual", "hasty"])


@SHOPS
@pytest.mark.parametrize("law", LAWS)
@given(life=LIVES, until_ms=UNTIL, draw=st.data())
def test_laws(
    law: str, shop: Definitions, life: list[Entry], until_ms: int, draw: st.DataObject
) -> None:
    check(law, CustomerRules, shop, life, until_ms=until_ms, draw=draw)


@SHOPS
@given(life=LIVES, until_ms=UNTIL)
def test_what_is_stated_can_be_taken_back(
    shop: Definitions, life: list[Entry], until_ms: int
) -> None:
    taken_back(CustomerRules, shop, life, until_ms)


@SHOPS
@given(life=LIVES, later=LIVES)
def test_a_customer_who_is_dropped_at_the_end_is_not_missed(
    shop: Definitions, life: list[Entry], later: list[Entry]
) -> None:
    again = [_later(entry) for entry in later]
    dropping_changes_nothing(CustomerRules, shop, life, again)


def _later(entry: Entry) -> Entry:
    """Its times count from 0."""
    at_ms, kind, event_id, *rest = entry
    if len(rest) == 2 and isinstance(rest[1], int):
        rest[1] += 2 * LONG_MS  # the end of the paid time, still after its beginning
    return (at_ms - START, kind, event_id, *rest)


@SHOPS
@given(life=LIVES, until_ms=UNTIL)
def test_a_slow_second_opinion_agrees(shop: Definitions, life: list[Entry], until_ms: int) -> None:
    facts = facts_of(plainly(CustomerRules, shop, life, until_ms))
    assert flat(facts) == oracle(life, shop, until_ms)
