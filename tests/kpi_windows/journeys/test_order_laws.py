"""Any order: its facts don't depend on how its events arrive, and equal a slow second opinion."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS
from kpi_windows.events import Event, OrderCompleted
from kpi_windows.facts import Deltas
from kpi_windows.journeys.journal import Entry, Journals
from kpi_windows.journeys.order import OrderRules, entry_of, value_micros
from tests.kpi_windows.journeys import orders as say
from tests.kpi_windows.journeys.laws import LAWS, check, facts_of, plainly, taken_back
from tests.kpi_windows.journeys.order_oracle import oracle
from tests.kpi_windows.journeys.orders import SHOP, START

KEPT_MS = SHOP.order_kept_ms
SOON = st.one_of(
    st.sampled_from([0, 1, MINUTE_MS, HOUR_MS, DAY_MS - 1, DAY_MS, 2 * DAY_MS]),
    st.integers(0, 3 * DAY_MS),
)
EVER = st.one_of(SOON, st.sampled_from([KEPT_MS, KEPT_MS + 1, KEPT_MS + DAY_MS, 2 * KEPT_MS + 5]))
UNTIL = st.integers(START, START + 3 * KEPT_MS)
PRODUCTS = st.sampled_from(["lamp", "lamp", "rug"])
CATEGORIES = st.sampled_from([None, "light", "sale"])
LABELS = {
    name: st.sampled_from([None, name[0], name[1]]) for name in ("channel", "team", "employee")
}
CUSTOMERS = st.sampled_from([None, "C1"])
CURRENCIES = st.sampled_from([None, "EUR", "USD"])
WHOLE = st.integers(0, 9)
COSTS = st.none() | st.builds(say.cost, WHOLE, WHOLE, WHOLE)
LINES = st.builds(
    say.line, PRODUCTS, st.integers(1, 4), WHOLE, category=CATEGORIES, discount=WHOLE, cost=COSTS
)
RETURNS = st.builds(say.back, PRODUCTS, st.integers(1, 4), WHOLE, category=CATEGORIES, cost=COSTS)


def different(lines: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(lines, max_size=3, unique_by=lambda line: line.product_id)


@st.composite
def order_events(draw: st.DrawFn, times: Any = SOON, orders: int = 1) -> list[Event]:
    events: list[Event] = [
        say.completed(
            draw(times), *draw(different(LINES)), customer_id=draw(CUSTOMERS),
            visitor_id=draw(st.sampled_from([None, "V"])), currency=draw(CURRENCIES),
            discount=draw(WHOLE), tax=draw(WHOLE), shipping=draw(WHOLE),
            **{name: draw(label) for name, label in LABELS.items()},
        )
        for _ in range(draw(st.integers(0, orders)))
    ]  # fmt: skip
    events += [
        say.refunded(
            draw(times), *draw(different(RETURNS)), customer_id=draw(CUSTOMERS),
            refund_id=f"R{number}", currency=draw(st.sampled_from([None, "EUR", "USD", "NEW"])),
            amount=draw(st.none() | WHOLE), restocked=draw(st.booleans()),
            **{name: draw(label) for name, label in LABELS.items()},
        )
        for number in range(draw(st.integers(0, 4)))
    ]  # fmt: skip
    cancels = st.builds(say.cancelled, times, restocked=st.booleans())
    return [event for event in events + draw(st.lists(cancels, max_size=2)) if _has_rate(event)]


def _has_rate(event: Any) -> bool:
    currency = getattr(event, "currency", None)
    return SHOP.rate_at(currency, event.timestamp) is not None


@st.composite
def lives(draw: st.DrawFn) -> list[Entry]:
    """Entries of one order in no order, also again after it was dropped; half of them with ids."""
    entries = [entry_of(event) for event in draw(order_events(EVER, orders=2))]
    return [
        (at, kind, f"e{number}" if draw(st.booleans()) else "", *rest)
        for number, (at, kind, _, *rest) in enumerate(entries)
    ]


@pytest.mark.parametrize("law", LAWS)
@given(life=lives(), until_ms=UNTIL, draw=st.data())
def test_laws(law: str, life: list[Entry], until_ms: int, draw: st.DataObject) -> None:
    check(law, OrderRules, SHOP, life, until_ms=until_ms, draw=draw)


@given(life=lives(), until_ms=UNTIL)
def test_what_is_stated_can_be_taken_back(life: list[Entry], until_ms: int) -> None:
    taken_back(OrderRules, SHOP, life, until_ms)


@given(life=lives(), later=lives())
def test_an_order_that_is_dropped_at_its_end_is_not_missed(
    life: list[Entry], later: list[Entry]
) -> None:
    again = [(at_ms - START, *rest) for at_ms, *rest in later if _is_in_euros(rest)]
    say.dropping_changes_nothing(OrderRules, SHOP, life, again)


def _is_in_euros(rest: list[Any]) -> bool:
    return not {"USD", "NEW"} & {value for value in rest if isinstance(value, str)}


@settings(max_examples=400)
@given(events=order_events())
def test_a_slow_second_opinion_agrees(events: list[Event]) -> None:
    life = [entry_of(event) for event in events]
    facts = facts_of(plainly(OrderRules, SHOP, life, START))
    assert say.flat(facts) == oracle(events, SHOP)


@given(life=lives())
def test_products_sum_to_the_total(life: list[Entry]) -> None:
    told = say.Told(OrderRules, life)
    for amount in ("gross_micros", "discount_micros", "refund_micros"):
        assert told("line", amount) == told("order", amount)
    kinds = ("production", "wages", "overhead")
    costs = sum(told("order", f"cost_{kind}_micros") for kind in kinds)
    assert told("line", "cost_micros") == costs


@given(events=order_events())
def test_the_value_of_an_order_is_its_gross_minus_its_discount(events: list[Event]) -> None:
    for event in events:
        if isinstance(event, OrderCompleted):
            told = say.Told(OrderRules, [entry_of(event)])
            value = told("order", "gross_micros") - told("order", "discount_micros")
            assert value_micros(event, SHOP) == value


@given(logs=st.lists(order_events(), min_size=2, max_size=3))
def test_orders_of_one_shop_add_up(logs: list[list[Event]]) -> None:
    deltas = Deltas()
    journals = Journals(OrderRules(SHOP, deltas))
    expected: Counter[tuple[Any, ...]] = Counter()
    for events in logs:
        journal = journals.new()
        for event in events:
            journals.add(journal, entry_of(event))
        expected.update(oracle(events, SHOP))
    assert say.flat(facts_of(deltas)) == {key: told for key, told in expected.items() if told}
