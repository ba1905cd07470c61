"""Formulas: exact values, no value where a denominator is 0, words, labels and names."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.amounts import (
    Amount,
    DistinctCount,
    Entries,
    ForPeriod,
    Level,
    Peak,
    Quantile,
    count,
    money,
    seconds,
    where_of,
)
from kpi_windows.facts import Fact
from kpi_windows.facts.sales import CUSTOMER, CUSTOMER_PERIOD, LINE, ORDER, PAIR
from kpi_windows.facts.service import OPEN_TICKET, RESPONSE, TICKET_FLOW
from kpi_windows.facts.visits import VISIT, VISITOR
from kpi_windows.formula import Constant, Labels, Node, Sizes, Where, number, ratio_of
from kpi_windows.kpi import Better, Instead, Kpi, Reading, Unit, UnknownNameError
from kpi_windows.relations import PerYear, Previous, Whole
from kpi_windows.sketches import Distinct, bucket_of
from kpi_windows.windows import CALENDAR, WINDOWS

YEAR_MS = 31_557_600_000


class Told:
    """A scope that answers with what it was told, by amount name."""

    window = "day"
    start_ms = 0
    end_ms = YEAR_MS

    def __init__(self, **amounts: Any) -> None:
        self.amounts = amounts

    def amount(self, fact: Fact, amount: str, where: Where) -> Any:
        suffix = "".join(f"_{'_'.join(values)}" for _, values in where)
        return self.amounts.get(amount + suffix)

    def level(self, fact: Fact, amount: str, where: Where, at: str) -> int:
        return int(self.amounts.get(f"{amount}_{at}", 0))

    def rise(self, fact: Fact, histogram: str) -> int:
        return int(self.amounts.get(histogram, 0))

    def sizes(self, fact: Fact, amount: str, at: str, where: Where) -> Sizes:
        return {}

    def table(self, fact: Fact, amount: str, by: Labels) -> dict[Labels, Any]:
        return {}

    def previous(self, whole: bool) -> Told:
        return Told(**self.amounts["before_whole" if whole else "before"])

    def without(self, labels: Labels) -> Told:
        return Told(**self.amounts["all"])


visits = count(VISIT, "visits", "visits")
converted = count(VISIT, "converted", "visits with an order")


def test_a_ratio_is_exact_and_has_a_numerator_and_a_denominator() -> None:
    rate = converted / visits
    assert rate.value(Told(converted=1, visits=3)) == Fraction(1, 3)
    assert ratio_of(rate) == (converted, visits)
    assert ratio_of(converted) is None


def test_a_denominator_of_0_gives_no_value_and_so_does_all_that_needs_it() -> None:
    rate = converted / visits
    for formula in (rate, rate * 100, rate + 1, rate - visits):
        assert formula.value(Told(converted=1)) is None
    assert (Constant(1) / rate).value(Told(converted=0, visits=5)) is None


def test_nothing_added_is_0_for_a_sum_and_no_value_for_a_quantile() -> None:
    nothing = Told()
    assert visits.value(nothing) == 0
    assert DistinctCount(VISITOR, "seen").value(nothing) == 0
    assert Entries(PAIR, "orders_with").value(nothing) == 0
    assert Quantile(RESPONSE, "response").value(nothing) is None
    assert Level(CUSTOMER, "active").value(nothing) == 0


def test_money_is_exact_until_the_edge() -> None:
    net = money(ORDER, "gross_micros") - money(ORDER, "refund_micros")
    value = net.value(Told(gross_micros=10**24 + 1, refund_micros=10**24))
    assert value == Fraction(1, 1_000_000)
    assert number(value) == 1e-06


def test_a_median_is_within_1_percent_and_in_seconds() -> None:
    median = seconds(Quantile(RESPONSE, "response"))
    value = median.value(Told(response={bucket_of(90_000): 3, bucket_of(1): 2}))
    assert value == pytest.approx(90, rel=0.01)


def test_distinct_things_are_counted() -> None:
    assert DistinctCount(VISITOR, "seen").value(Told(seen=Distinct([1, 2, 2]))) == 2


def test_a_histograms_entries_are_counted() -> None:
    assert Entries(PAIR, "orders_with").value(Told(orders_with={"tea": 2, "cup": 1})) == 3


def test_levels_are_read_at_the_windows_start_or_end() -> None:
    told = Told(active_start=8, active_end=9)
    assert Level(CUSTOMER, "active", at="start").value(told) == 8
    assert Level(CUSTOMER, "active").value(told) == 9


def test_an_amount_for_the_period_is_that_of_the_windows_own_name() -> None:
    assert ForPeriod(CUSTOMER_PERIOD, "active").value(Told(active_day=4, active_month=9)) == 4
    assert not ForPeriod(CUSTOMER_PERIOD, "active").fits("24h")


def test_a_peak_starts_at_the_level_before() -> None:
    peak = Peak(TICKET_FLOW, "open_by_minute", Level(OPEN_TICKET, "open", at="start"))
    assert peak.value(Told(open_start=7, open_by_minute=3)) == 10
    assert peak.value(Told(open_start=7, open_by_minute=0)) == 7


def test_the_window_before_can_be_all_of_it_or_as_much_as_has_elapsed() -> None:
    told = Told(visits=9, before={"visits": 4}, before_whole={"visits": 6})
    assert Previous(visits).value(told) == 6
    assert Previous(visits, whole=False).value(told) == 4


def test_a_share_is_of_all() -> None:
    share = visits / Whole(visits, ("source",))
    assert share.value(Told(visits=3, all={"visits": 4})) == Fraction(3, 4)


def test_a_year_is_365_and_a_quarter_days_long() -> None:
    assert PerYear(visits).value(Told(visits=5)) == 5


@given(st.integers(-100, 100), st.integers(-100, 100), st.integers(-100, 100))
def test_trees_calculate_as_fractions_do(a: int, b: int, c: int) -> None:
    x, y, z = (Amount(VISIT, name) for name in ("visits", "bounces", "converted"))
    told = Told(visits=a, bounces=b, converted=c)
    assert ((x + y) * z - 3).value(told) == (a + b) * c - 3
    assert (x / (y - z)).value(told) == (Fraction(a, b - c) if b != c else None)


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (visits - (visits - converted), "visits − (visits − visits with an order)"),
        (visits - visits - converted, "visits − visits − visits with an order"),
        ((visits + converted) / visits, "(visits + visits with an order) / visits"),
        (visits / (visits * converted), "visits / (visits × visits with an order)"),
        (visits * converted / visits, "visits × visits with an order / visits"),
        (Quantile(RESPONSE, "response", "wait", q=0.9), "90th percentile of wait"),
        (Level(CUSTOMER, "active"), "active at the window's end"),
        (PerYear(visits), "(visits a year)"),
    ],
)
def test_words_have_the_parentheses_that_they_need(formula: Node, text: str) -> None:
    assert formula.words() == text


def test_a_formula_names_facts_amounts_and_filters() -> None:
    paid = count(VISIT, "visits", medium=("paid", "display"))
    share = paid / Whole(visits, ("source",))
    assert share.text() == "visit.visits{medium=paid or display} / all(visit.visits, source)"
    assert {fact.name for fact in share.facts()} == {"visit"}


def test_a_formula_has_the_labels_that_all_its_amounts_have() -> None:
    across = count(ORDER, "orders") / visits
    assert not across.has_label("source")
    assert not across.has_label("channel")
    assert (converted / visits).has_label("source")
    assert not count(VISIT, "visits", medium="paid").has_label("medium")
    assert (visits / Whole(count(VISIT, "visits", source="x"), ("source",))).has_label("source")


def test_sums_are_additive_ratios_and_distinct_counts_are_not() -> None:
    assert (money(ORDER, "gross_micros") - money(ORDER, "refund_micros")).is_additive()
    assert Level(OPEN_TICKET, "open").is_additive()
    assert not (converted / visits).is_additive()
    assert not DistinctCount(VISITOR, "seen").is_additive()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Amount(VISIT, "orders"),
        lambda: Amount(VISIT, "visits", where=where_of({"page": "/"})),
    ],
)
def test_an_amount_or_label_that_the_fact_lacks_fails_at_once(make: Any) -> None:
    with pytest.raises(ValueError, match=r"tuple\.index"):
        make()


# ---------------------------------------------------------------------------- KPIs

RATE = Kpi(
    id="rate",
    title="Rate",
    aliases=("Ratio",),
    group="sales",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=converted / visits,
    by=("source", "device"),
    instead=(Instead(("product",), count(LINE, "orders") / count(LINE, "units")),),
    definitions={"retained": Reading(ForPeriod(CUSTOMER_PERIOD, "retained"), Unit.COUNT)},
    beside={"p90": Reading(seconds(Quantile(VISIT, "duration", q=0.9)), Unit.SECONDS)},
)


def test_a_breakdown_by_a_label_that_an_amount_lacks_fails_when_the_kpi_is_made() -> None:
    with pytest.raises(ValueError, match=r"rate \(default\): no label \['channel'\]"):
        replace(RATE, by=("source", "channel"))


def test_a_window_that_the_formula_has_no_value_in_fails_when_the_kpi_is_made() -> None:
    with pytest.raises(ValueError, match=r"doesn't fit \['5m'"):
        replace(RATE, formula=ForPeriod(CUSTOMER_PERIOD, "lost"), by=(), instead=())


def test_what_stands_beside_has_the_kpis_labels_and_windows_as_far_as_they_fit() -> None:
    assert RATE.reading("p90").by == ("source", "device")
    assert RATE.reading("p90").windows == WINDOWS
    assert RATE.reading("retained").by == ()
    assert RATE.reading("retained").windows == CALENDAR


def test_labels_choose_the_formula_that_has_them() -> None:
    reading = RATE.reading()
    assert reading.for_labels(("device",)) is RATE.formula
    assert reading.for_labels(("product",)) is RATE.instead[0].formula
    with pytest.raises(UnknownNameError, match=r"offered \(source, device\) or \(product\)"):
        reading.for_labels(("product", "device"))


def test_metrics_are_named_after_the_kpi_the_number_and_the_unit() -> None:
    assert RATE.metric() == "kpi_rate_ratio"
    assert RATE.metric("p90") == "kpi_rate_p90_seconds"
    assert RATE.metric("retained") == "kpi_rate_retained"


def test_a_definition_that_isnt_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UnknownNameError, match="it has default, retained, p90"):
        RATE.reading("p95")
