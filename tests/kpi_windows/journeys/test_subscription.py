"""Subscriptions and forgotten customers as transcripts: events and a watermark in, facts out."""

from __future__ import annotations

from kpi_windows.definitions import DAY_MS
from kpi_windows.facts import Deltas
from kpi_windows.journeys.customer import CustomerRules, CustomerState
from tests.kpi_windows.journeys.customers import (
    PERIODS,
    ended,
    forgotten,
    order,
    renewed,
    started,
    told,
)
from tests.kpi_windows.journeys.orders import SHOP

D = DAY_MS


# ---------------------------------------------------------------------------- subscriptions


def test_whoever_subscribes_is_an_active_customer_until_it_is_cancelled() -> None:
    all_told = told(started(0), ended(500 * D), until=900 * D)
    for amount in ("customers", "subscribed"):
        assert all_told.times("customer", amount) == {0: 1}
    assert all_told.times("customer", "active") == {0: 1, 500 * D: -1}
    for amount in ("unsubscribed", "lost"):
        assert all_told.times("customer", amount) == {500 * D: 1}
    assert all_told.labels("customer_period") == {(period,) for period in PERIODS}
    assert all_told("customer_period", "active") == 0


def test_a_subscription_that_is_not_renewed_ends_after_its_last_paid_millisecond() -> None:
    subscribed = started(0, until=30 * D - 1)
    assert told(subscribed, until=30 * D - 1)("customer", "lost") == 0
    assert told(subscribed, until=30 * D).times("customer", "lost") == {30 * D: 1}
    in_time = told(subscribed, renewed(30 * D - 1, until=60 * D - 1), until=60 * D - 1)
    assert in_time.times("customer", "unsubscribed") == {}
    too_late = told(subscribed, renewed(30 * D, until=60 * D), until=50 * D)
    assert too_late.times("customer", "lost") == {30 * D: 1}
    assert too_late("customer", "active") == 1
    late = told(subscribed, renewed(31 * D, until=60 * D), until=50 * D)
    assert late.times("customer", "lost") == {30 * D: 1}
    assert late.times("customer", "active") == {0: 1, 30 * D: -1, 31 * D: 1}
    assert late("customer", "subscribed") == 2
    assert late("customer", "customers") == 1


def test_only_the_end_of_the_last_subscription_loses_the_customer() -> None:
    two = [started(0, name="A"), started(D, until=9 * D - 1, name="B")]
    assert told(*two, ended(D, "A"), until=8 * D)("customer", "lost") == 0
    assert told(*two, until=99 * D)("customer", "lost") == 0
    assert told(*two, ended(D, "A"), until=99 * D).times("customer", "lost") == {9 * D: 1}
    change_of_plan = [started(0, name="A"), ended(D, "A"), started(D, name="B")]
    assert told(*change_of_plan)("customer", "lost") == 0


def test_a_customer_is_lost_once_when_the_subscription_is_cancelled_after_it_ran_out() -> None:
    all_told = told(started(0, until=9 * D - 1), ended(10 * D), ended(11 * D), until=900 * D)
    assert all_told.times("customer", "lost") == {9 * D: 1}
    assert all_told("customer", "unsubscribed") == 1


def test_the_end_of_the_subscription_loses_a_customer_who_ordered_just_before() -> None:
    life = [order(0, "a"), started(D), order(9 * D, "b"), ended(10 * D)]
    assert told(*life, until=900 * D).times("customer", "lost") == {10 * D: 1}
    back = told(*life, order(11 * D, "c"), until=900 * D)
    assert back.times("customer", "lost") == {10 * D: 1, 376 * D: 1}
    assert back("customer", "active") == 0


def test_a_subscription_keeps_a_customer_who_no_longer_orders() -> None:
    assert told(order(0, "a"), started(D), until=900 * D)("customer", "lost") == 0


def test_a_subscriber_who_orders_at_last_is_a_new_buyer_but_no_further_customer() -> None:
    all_told = told(started(0), order(500 * D, "a"))
    assert all_told("buyer", "orders", customer="new") == 1
    assert all_told.times("customer", "customers") == {0: 1}
    assert all_told.times("customer_period", "new", period="day") == {0: 1}


def test_the_end_of_an_unknown_subscription_says_nothing() -> None:
    assert told(ended(0)).facts == {}


# ---------------------------------------------------------------------------- forgotten


def test_a_forgotten_customer_is_no_longer_active_nor_lost_and_what_was_counted_stays() -> None:
    all_told = told(order(0, "a"), started(D), forgotten(2 * D), until=900 * D)
    assert all_told.times("customer", "active") == {0: 1, 2 * D: -1}
    assert all_told.times("customer", "unsubscribed") == {2 * D: 1}
    assert all_told("customer", "lost") == 0
    assert all_told("customer", "customers") == 1
    assert all_told("buyer", "orders") == 1


def test_a_forgotten_customer_who_orders_again_is_new_and_follows_nothing() -> None:
    all_told = told(order(0, "a"), forgotten(D), order(2 * D, "b"))
    assert all_told("buyer", "orders", customer="new") == 2
    assert all_told.labels("sequence") == set()


def test_forgetting_a_lost_or_unknown_customer_changes_no_number() -> None:
    assert told(forgotten(0)).facts == {}
    lost = told(order(0, "a"), forgotten(366 * D))
    assert lost.times("customer", "active") == {0: 1, 365 * D: -1}


def test_nothing_is_kept_of_a_forgotten_customer() -> None:
    rules = CustomerRules(SHOP, Deltas())
    state = rules.state()
    for entry in (order(0, "a"), started(D), forgotten(2 * D)):
        rules.step(state, entry, 1)
    assert state == CustomerState()
