"""Orders, refunds and cancellations as transcripts: events in, facts out."""

from __future__ import annotations

from typing import Any

import pytest

from kpi_windows.definitions import DAY_MS, MINUTE_MS, Definitions
from kpi_windows.events import Event
from kpi_windows.facts import NONE, Deltas
from kpi_windows.journeys.order import OrderRules, entry_of
from tests.kpi_windows.journeys.orders import (
    EUR,
    SHOP,
    Told,
    back,
    cancelled,
    completed,
    cost,
    line,
    refunded,
)

D = DAY_MS


def told(*events: Event, definitions: Definitions = SHOP) -> Told:
    return Told(OrderRules, [entry_of(event) for event in events], definitions=definitions)


def nets_of(all_told: Told, by: str = "product") -> dict[str, int]:
    """Gross − discount − refunds in euros by product."""
    labels = {values[0 if by == "product" else 1] for values in all_told.labels("line")}
    return {
        label: (
            all_told("line", "gross_micros", **{by: label})
            - all_told("line", "discount_micros", **{by: label})
            - all_told("line", "refund_micros", **{by: label})
        )
        // EUR
        for label in labels
    }


# ---------------------------------------------------------------------------- orders


def test_an_order_states_its_money_at_its_time_in_all_its_parts() -> None:
    lines = line("lamp", 2, "10.50", discount=1, cost=cost(3, 1, "0.5")), line("rug", 1, 40)
    all_told = told(completed(90_000, *lines, discount=5, tax="12.30", shipping=4, channel="store"))
    stated = {
        "orders": 1, "units": 3, "gross_micros": 61 * EUR, "discount_micros": 6 * EUR,
        "tax_micros": 12_300_000, "shipping_micros": 4 * EUR, "cost_production_micros": 6 * EUR,
        "cost_wages_micros": 2 * EUR, "cost_overhead_micros": EUR,
        "refunds": 0, "cancellations": 0,
    }  # fmt: skip
    for amount, value in stated.items():
        assert all_told("order", amount, at=MINUTE_MS, channel="store") == value, amount
    assert all_told("customer_value", "profit_micros", at=MINUTE_MS) == (55 - 9) * EUR


def test_products_bear_their_own_lines_and_none_bears_the_discount_on_the_order() -> None:
    all_told = told(completed(0, line("lamp", 2, discount=1), line("rug", 1, 40), discount=5))
    assert nets_of(all_told) == {"lamp": 19, "rug": 40, NONE: -5}


def test_a_product_on_two_lines_is_in_one_order_under_its_first_category() -> None:
    all_told = told(completed(0, line("lamp"), line("lamp", 2, 8, category="light")))
    assert all_told.labels("line") == {("lamp", "light")}
    assert all_told("line", "orders") == 1
    assert all_told("line", "units") == 3
    assert all_told("line", "gross_micros") == 26 * EUR


@pytest.mark.parametrize(
    ("fields", "channel"),
    [({"visitor_id": "V"}, "online"), ({}, NONE), ({"visitor_id": "V", "channel": "app"}, "app")],
)
def test_an_order_of_a_visit_is_online_unless_it_says_otherwise(
    fields: dict[str, Any], channel: str
) -> None:
    assert told(completed(0, line(), **fields)).labels("order") == {(channel, NONE, NONE)}


def test_only_a_guest_is_a_buyer_here_and_brings_no_customer_profit() -> None:
    guest = told(completed(0, line(price=30), discount=5, customer_id=None))
    assert guest("buyer", "orders", customer="guest") == 1
    assert guest("buyer", "value_micros", customer="guest") == 25 * EUR
    assert guest("customer_value", "profit_micros") == 0
    assert told(completed(0, line())).labels("buyer") == set()


def test_an_order_completed_twice_counts_once_and_says_so() -> None:
    assert (
        told(completed(0, line()), completed(5, line("rug")))("order", "gross_micros") == 10 * EUR
    )
    rules = OrderRules(SHOP, Deltas())
    state = rules.state()
    assert not state.placed
    rules.step(state, entry_of(completed(0, line())), 1)
    assert state.placed
    assert rules.repeats(state, entry_of(completed(7, line("rug"))))


def test_each_pair_of_different_products_counts_once_an_order_under_the_smaller() -> None:
    all_told = told(completed(0, line("rug"), line("lamp"), line("lamp"), line("bed"), line("")))
    assert all_told("pair", "orders_with", product="bed") == {"lamp": 1, "rug": 1}
    assert all_told("pair", "orders_with", product="lamp") == {"rug": 1}
    assert all_told.labels("pair") == {("bed",), ("lamp",)}
    assert told(completed(0, line(), line())).labels("pair") == set()


def test_an_order_of_too_many_different_products_gives_no_pairs() -> None:
    products = [line(f"p{number}") for number in range(4)]
    few = Definitions(pair_products=3)
    assert told(completed(0, *products), definitions=few).labels("pair") == set()
    assert len(told(completed(0, *products[1:]), definitions=few).labels("pair")) == 2


# ---------------------------------------------------------------------------- refunds


def test_a_refund_counts_at_its_own_time_under_the_labels_of_its_order() -> None:
    order = completed(0, line(price=50), channel="store", team="north", employee="ann")
    all_told = told(order, refunded(35 * D, amount=20, employee="bob"))
    assert all_told.times("order", "refund_micros") == {35 * D: 20 * EUR}
    assert all_told("order", "refunds", channel="store", team="north", employee="bob") == 1
    assert all_told("order", "orders") == 1
    assert all_told("order", "gross_micros") == 50 * EUR
    assert all_told("customer_value", "profit_micros") == (50 - 20) * EUR


def test_a_refund_without_an_order_states_itself() -> None:
    all_told = told(refunded(0, back("rug", 2, 15), order_id=None, customer_id="C1", channel="app"))
    assert all_told("order", "refund_micros", channel="app", team=NONE) == 30 * EUR
    assert all_told("customer_value", "profit_micros") == -30 * EUR
    assert nets_of(all_told) == {"rug": -30}
    unknown = told(refunded(0, amount=30))
    assert unknown("customer_value", "profit_micros") == 0
    assert unknown.labels("order") == {(NONE, NONE, NONE)}


def test_what_the_products_of_a_refund_do_not_bear_is_of_none() -> None:
    order = completed(0, line("lamp", 2, 30, category="light"), line("rug"))
    all_told = told(order, refunded(D, back("lamp", 1, 30), amount=25))
    assert all_told("order", "refund_micros") == 25 * EUR
    assert all_told("line", "refund_micros", product="lamp", category="light") == 30 * EUR
    assert all_told("line", "refund_micros", product=NONE) == -5 * EUR


def test_the_sum_over_the_products_is_refunded_when_no_amount_is_given() -> None:
    assert told(refunded(0, back("a", 2, 3), back("b", 1, 4)))("order", "refund_micros") == 10 * EUR


@pytest.mark.parametrize(
    ("refund", "given_back"),
    [
        (refunded(D, back("lamp", 1), restocked=True), 4),
        (refunded(D, back("lamp", 1)), 0),
        (refunded(D, back("lamp", 1, cost=cost(1)), restocked=True), 1),
        (refunded(D, back("lamp", 9), restocked=True), 12),
        (refunded(D, back("rug", 1), restocked=True), 0),
        (refunded(D, amount=10, restocked=True), 0),
    ],
    ids=["restocked", "not restocked", "own cost", "more than sold", "not sold", "only an amount"],
)
def test_cost_comes_back_with_the_goods(refund: Event, given_back: int) -> None:
    all_told = told(completed(0, line("lamp", 3, cost=cost(2, 1, 1))), refund)
    kinds = [
        all_told("order", f"cost_{kind}_micros") for kind in ("production", "wages", "overhead")
    ]
    assert sum(kinds) == all_told("line", "cost_micros") == (12 - given_back) * EUR
    refunds = all_told("order", "refund_micros")
    assert all_told("customer_value", "profit_micros") == (30 - 12 + given_back) * EUR - refunds


def test_goods_that_come_back_one_by_one_bring_their_cost_one_by_one() -> None:
    returns = [refunded(number * D, back("lamp"), restocked=True) for number in (1, 2, 3, 4)]
    all_told = told(completed(0, line("lamp", 3, cost=cost(4))), *returns)
    back_at = {number * D: -4 * EUR for number in (1, 2, 3)}
    assert all_told.times("order", "cost_production_micros") == {0: 12 * EUR} | back_at


def test_a_refund_id_counts_once() -> None:
    twice = [refunded(at, amount=10, refund_id="R") for at in (D, 2 * D)]
    assert told(completed(0, line(price=50)), *twice).times("order", "refunds") == {D: 1}


# ---------------------------------------------------------------------------- cancellations


def test_a_cancellation_refunds_all_and_leaves_the_order_placed() -> None:
    order = completed(0, line("lamp", 2, 50, cost=cost(20), discount=10), line("rug"), discount=5)
    all_told = told(order, cancelled(3 * D))
    assert all_told.times("order", "cancellations") == {3 * D: 1}
    assert all_told.times("order", "refunds") == {3 * D: 1}
    assert all_told.times("order", "refund_micros") == {3 * D: 95 * EUR}
    assert all_told("order", "orders") == 1
    assert all_told("order", "cost_production_micros") == 0
    assert all_told("customer_value", "profit_micros") == 0
    assert set(nets_of(all_told).values()) == {0}


def test_a_cancellation_that_does_not_restock_keeps_the_cost() -> None:
    order = completed(0, line(price=50, cost=cost(20)))
    all_told = told(order, cancelled(D, restocked=False))
    assert all_told("order", "cost_production_micros") == 20 * EUR
    assert all_told("customer_value", "profit_micros") == -20 * EUR
    late = told(
        order, cancelled(D, restocked=False), refunded(2 * D, back(price=0), restocked=True)
    )
    assert late("order", "cost_production_micros") == 0


def test_a_refund_that_is_told_after_a_cancellation_gives_no_money_back_again() -> None:
    order = completed(0, line("lamp", 2, 25, cost=cost(4, 1, 1)), discount=10, channel="store")
    for lines, amount in (((), 40), ((back("lamp", 2, 25),), None)):
        later = refunded(D + 5_000, *lines, amount=amount, restocked=True)
        all_told = told(order, cancelled(D), later)
        assert all_told.times("order", "refund_micros") == {D: 40 * EUR}
        assert all_told("order", "cost_production_micros") == 0
        assert all_told("customer_value", "profit_micros") == 0
        assert nets_of(all_told) == {"lamp": 0, NONE: 0}


def test_goods_that_are_back_after_a_cancellation_without_them_give_their_cost_back() -> None:
    order = completed(0, line("lamp", 2, 25, cost=cost(4)))
    later = refunded(2 * D, back("lamp", 1, 25), restocked=True)
    all_told = told(order, cancelled(D, restocked=False), later)
    assert all_told("order", "refund_micros") == 50 * EUR
    assert all_told("order", "cost_production_micros") == 4 * EUR


def test_after_two_refunds_a_cancellation_refunds_the_rest() -> None:
    order = completed(0, line("lamp", 4, 10, cost=cost(3)), line("rug", 1, 20), shipping=7)
    restocked = refunded(D, back("lamp", 1, 10), restocked=True)
    broken = refunded(2 * D, back("lamp", 1, 10), amount=15)
    all_told = told(order, restocked, broken, cancelled(3 * D))
    assert all_told.times("order", "refund_micros") == {
        D: 10 * EUR, 2 * D: 15 * EUR, 3 * D: 35 * EUR,
    }  # fmt: skip
    assert all_told.times("order", "cost_production_micros") == {
        0: 12 * EUR,
        D: -3 * EUR,
        3 * D: -9 * EUR,
    }
    assert set(nets_of(all_told).values()) == {0}


def test_a_cancellation_refunds_nothing_when_more_was_refunded() -> None:
    all_told = told(completed(0, line(price=10)), refunded(D, amount=12), cancelled(2 * D))
    assert all_told("order", "refund_micros") == 12 * EUR
    assert all_told("order", "refunds") == 2
    assert sum(nets_of(all_told).values()) == -2


def test_an_order_is_cancelled_once() -> None:
    all_told = told(completed(0, line()), cancelled(D), cancelled(2 * D))
    assert all_told.times("order", "cancellations") == {D: 1}
    assert all_told("order", "refunds") == 1


def test_a_cancellation_without_an_order_is_only_counted() -> None:
    all_told = told(cancelled(0))
    assert len(all_told.facts) == 1
    assert all_told("order", "cancellations", channel=NONE) == 1


def test_a_cancellation_dated_before_its_order_undoes_it_when_it_is_placed() -> None:
    order = completed(MINUTE_MS, line(price=50, cost=cost(20)), channel="store")
    all_told = told(cancelled(0), order)
    assert all_told.times("order", "cancellations") == {0: 1}
    assert all_told.times("order", "refund_micros") == {MINUTE_MS: 50 * EUR}
    assert all_told("order", "refunds", channel="store") == 1
    assert all_told("customer_value", "profit_micros") == 0


def test_a_refund_dated_before_its_order_states_itself_and_counts_towards_a_cancellation() -> None:
    early = refunded(0, back("lamp", 1, 20))
    all_told = told(early, completed(MINUTE_MS, line(price=50), channel="store"), cancelled(D))
    assert all_told("order", "refund_micros", at=0, channel=NONE) == 20 * EUR
    assert all_told("order", "refund_micros", at=D, channel="store") == 30 * EUR
    assert nets_of(all_told) == {"lamp": 0}


def test_an_order_is_found_for_as_long_as_it_is_kept_and_no_millisecond_longer() -> None:
    order = completed(0, line(price=50), channel="store")
    kept_ms = SHOP.order_kept_ms
    assert told(order, cancelled(kept_ms))("order", "refund_micros") == 50 * EUR
    late = told(order, cancelled(kept_ms + 1))
    assert late("order", "refund_micros") == 0
    assert late("order", "cancellations", channel=NONE) == 1
    assert told(order, refunded(kept_ms, amount=1), cancelled(kept_ms + 1))("order", "refunds") == 2
