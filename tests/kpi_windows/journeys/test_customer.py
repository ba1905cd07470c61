"""Customers as transcripts: orders, subscriptions and a watermark in, facts out."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from kpi_windows.definitions import DAY_MS, HOUR_MS, Definitions
from kpi_windows.facts import Deltas
from kpi_windows.journeys.customer import CustomerRules, order_entry
from kpi_windows.journeys.journal import NEVER
from tests.kpi_windows.journeys.customers import PERIODS, order, started, told
from tests.kpi_windows.journeys.orders import EUR, SHOP, START, completed, line

D = DAY_MS


# ---------------------------------------------------------------------------- new and returning


def test_the_first_order_is_by_a_new_customer_and_the_second_by_a_returning_one() -> None:
    discounted = order(0, lines=[line(price=30, discount=3)], discount=2)
    all_told = told(discounted, order(D, "lamp", currency="USD"))
    assert all_told.times("buyer", "orders", customer="new") == {0: 1}
    assert all_told.times("buyer", "orders", customer="returning") == {D: 1}
    assert all_told("buyer", "value_micros", customer="new") == 25 * EUR
    assert all_told("buyer", "value_micros", customer="returning") == 5 * EUR
    assert all_told("customer", "customers") == 1


@pytest.mark.parametrize(("gap_ms", "new"), [(400 * D, 1), (400 * D + 1, 2)])
def test_a_customer_is_new_again_after_more_than_400_days(gap_ms: int, new: int) -> None:
    all_told = told(order(0, "lamp"), order(gap_ms, "rug"))
    assert all_told("buyer", "orders", customer="new") == new
    assert all_told("buyer", "orders", customer="returning") == 2 - new
    assert all_told("customer", "customers") == new
    assert (all_told.labels("sequence") == set()) is (new == 2)


def test_of_two_orders_at_the_same_millisecond_the_smaller_id_is_the_first() -> None:
    twins = order(5, "rug", order_id="B"), order(5, "lamp", order_id="A")
    all_told = told(*twins)
    assert all_told("buyer", "orders", customer="new") == 1
    assert all_told("buyer", "orders", customer="returning") == 1
    assert all_told("sequence", "followed", product="lamp") == {"0:rug": 1}


def test_an_order_has_the_id_of_the_order_and_not_of_its_event() -> None:
    same_event_id = order(0, "a", event_id="1"), order(D, "b", event_id="1")
    assert told(*same_event_id)("buyer", "orders") == 2
    assert told(order(0, "a"), order(0, "a"))("buyer", "orders") == 1


# ---------------------------------------------------------------------------- active and lost


@pytest.mark.parametrize(("until_ms", "lost"), [(365 * D - 1, {}), (365 * D, {365 * D: 1})])
def test_a_customer_is_lost_exactly_365_days_after_the_last_order(
    until_ms: int, lost: dict[int, int]
) -> None:
    all_told = told(order(0, "lamp"), until=until_ms)
    assert all_told.times("customer", "lost") == lost
    assert all_told("customer", "active") == 1 - len(lost)
    for period in PERIODS:
        assert all_told.times("customer_period", "lost", period=period) == lost


def test_an_order_before_the_deadline_moves_it() -> None:
    all_told = told(order(0, "a"), order(365 * D - 1, "b"), until=500 * D)
    assert all_told("customer", "lost") == 0
    assert all_told("customer", "active") == 1


def test_an_order_at_the_deadline_or_later_brings_a_lost_customer_back_as_returning() -> None:
    for at in (365 * D, 390 * D):
        all_told = told(order(0, "a"), order(at, "b"), until=at)
        assert all_told.times("customer", "lost") == {365 * D: 1}
        assert all_told("customer", "active") == 1
        assert all_told("customer", "customers") == 1
        assert all_told("buyer", "orders", customer="returning") == 1


# ---------------------------------------------------------------------------- periods


def first_of(period: str, *at: int, zone: str = "UTC") -> list[dict[int, int]]:
    there = Definitions(zone=zone, rates=SHOP.rates)
    all_told = told(*(order(each, "lamp") for each in at), definitions=there)
    amounts = ("active", "new", "retained")
    return [all_told.times("customer_period", amount, period=period) for amount in amounts]


def local(zone: str, *date: int) -> int:
    at = datetime(*date, tzinfo=ZoneInfo(zone))  # type: ignore[misc,arg-type]
    return int(at.timestamp() * 1000) - START


def test_only_the_first_order_of_a_period_counts() -> None:
    hour = HOUR_MS
    assert first_of("hour", 0, hour // 2, hour, 3 * hour) == [
        {0: 1, hour: 1, 3 * hour: 1}, {0: 1}, {hour: 1},
    ]  # fmt: skip
    assert first_of("year", 0, hour, 360 * D) == [{0: 1}, {0: 1}, {}]
    assert first_of("week", 0, 6 * D, 7 * D, 21 * D) == [
        {0: 1, 7 * D: 1, 21 * D: 1}, {0: 1}, {7 * D: 1},
    ]  # fmt: skip


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "Asia/Kolkata", "America/Los_Angeles"])
def test_periods_end_by_the_shops_clock(zone: str) -> None:
    last = local(zone, 2024, 12, 31, 23, 59)
    first = local(zone, 2025, 1, 1, 0, 0)
    for period in ("hour", "day", "month", "quarter", "year"):
        assert first_of(period, last, first, zone=zone) == [
            {last: 1, first: 1},
            {last: 1},
            {first: 1},
        ]
    assert first_of("week", last, first, zone=zone) == [{last: 1}, {last: 1}, {}]


def test_a_month_without_an_order_between_is_no_retention() -> None:
    january, march = local("UTC", 2024, 1, 31), local("UTC", 2024, 3, 1)
    assert first_of("month", january, march)[2] == {}
    assert first_of("quarter", january, march)[0] == {january: 1}
    assert first_of("year", january, local("UTC", 2025, 2, 1))[2] == {local("UTC", 2025, 2, 1): 1}


def test_a_customer_who_counts_as_new_again_is_not_retained() -> None:
    first, again = local("UTC", 2024, 1, 1), local("UTC", 2025, 12, 31)
    assert first_of("year", first, again) == [{first: 1, again: 1}, {first: 1, again: 1}, {}]


# ---------------------------------------------------------------------------- sequences


def test_each_product_is_followed_by_each_product_of_the_next_order() -> None:
    all_told = told(order(0, "a", "b"), order(2 * D - 1, "a", "c"), order(9 * D, "d"))
    assert all_told("sequence", "followed", at=0, product="a") == {"1:a": 1, "1:c": 1}
    assert all_told("sequence", "followed", at=0, product="b") == {"1:a": 1, "1:c": 1}
    assert all_told("sequence", "followed", at=2 * D - 1, product="c") == {"7:d": 1}
    assert all_told("sequence_start", "orders", product="a") == 2
    assert all_told("sequence_start", "orders", product="d") == 1


def test_an_order_of_too_many_products_is_next_but_takes_no_part() -> None:
    many = [f"p{number}" for number in range(SHOP.pair_products + 1)]
    all_told = told(order(0, "a"), order(D, *many), order(2 * D, "b"))
    assert all_told.labels("sequence") == set()
    assert all_told.labels("sequence_start") == {("a",), ("b",)}
    assert all_told("buyer", "orders") == 3
    most = told(order(0, "a"), order(D, *many[1:]))
    assert len(most("sequence", "followed", product="a")) == SHOP.pair_products


def test_a_product_counts_once_an_order_and_one_without_an_id_not_at_all() -> None:
    all_told = told(order(0, "a", "a", ""), order(D, "b", "b"))
    assert all_told.labels("sequence_start") == {("a",), ("b",)}
    assert all_told("sequence", "followed", product="a") == {"1:b": 1}


# ---------------------------------------------------------------------------- how long


def test_a_customer_is_kept_while_anything_is_still_to_come_of_it() -> None:
    rules = CustomerRules(SHOP, Deltas())
    state = rules.state()
    rules.step(state, order(0, "a"), 1)
    assert rules.due_ms(state) == START + 365 * D
    assert rules.ends_ms(state) == NEVER
    assert rules.settle(state, START + 365 * D, 1)
    assert not rules.settle(state, START + 366 * D, 1)
    assert rules.due_ms(state) == NEVER
    assert rules.ends_ms(state) == START + 400 * D + 1
    rules.step(state, started(366 * D), 1)
    assert rules.due_ms(state) == rules.ends_ms(state) == NEVER


def test_value_is_that_of_the_orders_facts_at_the_rate_of_its_time() -> None:
    event = completed(2 * D, line(price=10), currency="USD")
    assert order_entry(event, SHOP)[3] == 5 * EUR
