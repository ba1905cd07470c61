"""Orders in other currencies, as transcripts: events in, the shop's money out."""

from __future__ import annotations

import pytest

from kpi_windows.definitions import DAY_MS
from kpi_windows.events import Event
from kpi_windows.journeys.order import OrderRules, entry_of, value_micros
from tests.kpi_windows.journeys.orders import (
    EUR,
    SHOP,
    START,
    Told,
    back,
    cancelled,
    completed,
    cost,
    line,
    refunded,
)

D = DAY_MS


def told(*events: Event) -> Told:
    return Told(OrderRules, [entry_of(event) for event in events])


def test_a_refund_uses_the_rate_of_its_order_and_without_one_its_own() -> None:
    order = completed(0, line(price=10), currency="USD")
    assert told(order)("order", "gross_micros") == 20 * EUR
    for currency in (None, "USD"):
        known = told(order, refunded(2 * D, amount=10, currency=currency))
        assert known("order", "refund_micros") == 20 * EUR
    assert told(refunded(2 * D, amount=10, currency="USD"))("order", "refund_micros") == 5 * EUR
    assert told(order, cancelled(2 * D))("order", "refund_micros") == 20 * EUR


def test_a_refund_in_another_currency_uses_that_ones_rate_at_the_order_if_there_was_one() -> None:
    order = completed(0, line(price=10), currency="USD")
    assert (
        told(order, refunded(2 * D, amount=9, currency="SEK"))("order", "refund_micros") == 3 * EUR
    )
    assert (
        told(order, refunded(2 * D, amount=1, currency="NEW"))("order", "refund_micros") == 4 * EUR
    )
    assert (
        told(order, refunded(2 * D, amount=9, currency="EUR"))("order", "refund_micros") == 9 * EUR
    )


def test_each_amount_is_rounded_once_so_that_products_sum_to_the_total() -> None:
    order = completed(0, line("a", 5, "0.000001"), line("b", 2, "0.000001"), currency="SEK")
    all_told = told(order)
    assert all_told("line", "gross_micros", product="a") == 2  # 5/3
    assert all_told("line", "gross_micros", product="b") == 1  # 2/3
    assert all_told("order", "gross_micros") == 3
    assert value_micros(order, SHOP) == 3
    half = completed(2 * D, line("a", 1, "0.000005"), line("b", 1, "0.000007"), currency="USD")
    assert told(half)("order", "gross_micros") == 2 + 4  # 2.5 and 3.5, to the even neighbour


def test_cost_that_comes_back_piece_by_piece_is_neither_more_nor_less_than_it_was() -> None:
    order = completed(0, line("a", 3, 9, cost=cost("0.000001")), currency="SEK")
    returns = [refunded(number * D, back("a"), restocked=True) for number in (1, 2, 3)]
    assert told(order, *returns)("order", "cost_production_micros") == 0
    assert told(order, *returns[:2], cancelled(5 * D))("line", "cost_micros") == 0


def test_a_rate_that_is_gone_is_an_error_that_names_it() -> None:
    order = entry_of(completed(0, line(), currency="GBP"))
    with pytest.raises(LookupError, match=rf"'GBP' at {START}"):
        Told(OrderRules, [order])
