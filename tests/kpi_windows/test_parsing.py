"""Formulas as text: what is written is what is computed, and a mistake is shown where it stands."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_windows.amounts import (
    Amount,
    DistinctCount,
    Entries,
    ForPeriod,
    Level,
    Quantile,
    money,
    seconds,
    where_of,
)
from kpi_windows.catalogue import CATALOGUE
from kpi_windows.facts import FACTS
from kpi_windows.facts.operations import INCIDENT, PLAN, PROJECT
from kpi_windows.facts.sales import CUSTOMER, CUSTOMER_PERIOD, ORDER, PAIR
from kpi_windows.facts.service import RESPONSE
from kpi_windows.facts.visits import VISIT, VISITOR
from kpi_windows.formula import Combined, Constant, Node, number
from kpi_windows.narrowing import held
from kpi_windows.parsing import DEEPEST, MOST_OPERATORS, FormulaError, Vocabulary, parse
from kpi_windows.relations import Days, MeanBefore, PerDay, PerYear, Previous, Whole, WindowEnd
from kpi_windows.scope import Frame, WindowScope
from kpi_windows.standing import CountAbove, Latest, LevelOfTold, Told
from tests.kpi_windows.shops import Shop, at, some_of_everything

KNOWN = Vocabulary(
    FACTS,
    {
        f"{kpi.id}.{name}" if name != "default" else kpi.id: reading.formula
        for kpi in CATALOGUE.values()
        for name, reading in kpi.readings.items()
    },
)
MOBILE = where_of({"device": ("mobile", "desktop")})
LEAVES = (
    Amount(VISIT, "visits"),
    Amount(VISIT, "visits", where=MOBILE),
    money(ORDER, "gross_micros"),
    seconds(Amount(VISIT, "duration_ms", where=where_of({"visitor": "new"}))),
    DistinctCount(VISITOR, "seen", where=MOBILE),
    Entries(PAIR, "orders_with"),
    ForPeriod(CUSTOMER_PERIOD, "active"),
    Level(CUSTOMER, "active"),
    Level(CUSTOMER, "lost", at="start"),
    seconds(Quantile(RESPONSE, "response", q=0.9)),
    seconds(Quantile(RESPONSE, "business", where=where_of({"channel": "email"}), q=0.25)),
    seconds(WindowEnd()),
    seconds(Latest(INCIDENT, "at_ms", where=where_of({"kind": "a"}))),
    seconds(LevelOfTold(PROJECT, "hours_ms", told=Told(PLAN, "estimates"))),
    LevelOfTold(PLAN, "plans", where=where_of({"team": "b"}), told=Told(PLAN, "budgets")),
    CountAbove(Level(PROJECT, "cost_micros"), Level(PLAN, "budget_micros"), Told(PLAN, "budgets")),
    Constant(3),
    Constant(Fraction(1, 8)),
)
formulas = st.recursive(
    st.integers(0, len(LEAVES) - 1).map(LEAVES.__getitem__),
    lambda parts: st.one_of(
        st.builds(Combined, st.sampled_from("+−×/"), parts, parts),
        st.builds(Previous, parts, st.booleans()),
        st.builds(PerYear, parts),
        st.builds(PerDay, parts),
        st.builds(Days, parts),
        st.builds(MeanBefore, parts, st.integers(1, 3)),
        st.builds(lambda part: Whole(part, ("device",)), parts).filter(
            lambda whole: whole.part.has_label("device")
        ),
    ),
    max_leaves=8,
)


def scope() -> WindowScope:
    """A week of a shop with some of everything."""
    shop, start_ms = Shop(), at("2024-03-04")
    some_of_everything(shop, random.Random(7), at("2024-02-20"), at("2024-03-11"), each=60)
    view = shop.commit("2024-03-11")
    frame = Frame(view.panes, view.grid, "week", start_ms, at("2024-03-11"))
    return WindowScope(frame, {})


WEEK = scope()


@settings(max_examples=300, deadline=None)
@given(formulas)
def test_the_text_of_a_formula_is_read_as_the_same_formula(formula: Node) -> None:
    read = parse(formula.text(), KNOWN)
    value, expected = read.value(WEEK), formula.value(WEEK)
    assert read.text() == formula.text()
    if isinstance(expected, float) and value is not None:  # a + (b + c) is written as a + b + c
        assert number(value) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    else:
        assert value == expected
    assert {fact.name for fact in read.facts()} == {fact.name for fact in formula.facts()}


def test_most_of_the_catalogue_can_be_written_by_a_shop() -> None:
    told = {
        name: formula
        for name, formula in KNOWN.terms.items()
        if "peak(" not in formula.text() and "orders_with" not in formula.text()
    }
    assert len(told) > 100
    for formula in told.values():
        assert parse(formula.text(), KNOWN).text() == formula.text()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("8 / 4 / 2", 1),
        ("8 − 4 - 2", 2),
        ("-2 × 3", -6),
        ("0.25", Fraction(1, 4)),
        ("1 / 0", None),
        ("3 − (2 − 1)", 2),
    ],
)
def test_arithmetic_is_that_of_school(text: str, value: Any) -> None:
    assert parse(text, KNOWN).value(WEEK) == value


def test_a_kpi_stands_for_its_formula_and_is_held_to_labels_as_a_whole() -> None:
    mobile = parse('where(conversion_rate, device="mobile")', KNOWN)
    assert mobile.text() == "visit.converted{device=mobile} / visit.visits{device=mobile}"
    assert mobile.words() == "visits with an order (device mobile) / visits (device mobile)"
    assert not mobile.has_label("device")
    assert parse("first_response_time.p90", KNOWN).text() == "quantile(0.9, response.response)"
    quoted = parse('visit.visits{campaign="a, b" or spring sale-2}', KNOWN)
    assert quoted == Amount(
        VISIT, "visits", quoted.words(), where_of({"campaign": ("a, b", "spring sale-2")})
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "vist.visits",
            "at character 1, 'vist': nothing is called 'vist.visits'; did you mean visi",
        ),
        (
            "1 + visit.visit",
            "at character 5, 'visit': nothing is called 'visit.visit'; of visit, did",
        ),
        ("visit", "expected visit.AMOUNT, of visits, bounces"),
        ("conversionrate", "did you mean conversion_rate?"),
        ("xyzzy", "expected a measure, a KPI, or an amount of ads, "),
        ("1 +", "at character 4, its end: expected a number, a name or ("),
        ("(1", "expected ')'"),
        ("1 2", "at character 3, '2': expected an operator or the end"),
        ("1 $ 2", "at character 3, '$'"),
        ("", "at character 1, its end"),
        ("sum(1)", "no function 'sum'; known are all, count_above"),
        ("level(order.orders)", "expected an amount of"),
        ("latest(unit.cycle)", "expected one of incident.at_ms in latest(…)"),
        ("mean_before(sales, 0)", "expected a number of windows, 1 to 52"),
        ("level_of_told(stock.units, plan.plans)", "stock has no label 'project'"),
        ("count_above(project.cost_micros, sales, plan.plans)", "in count_above(…)"),
        ("level(customer.active, now)", "expected start or end"),
        ("previous(visits, all)", "expected whole"),
        ("all(visits, product)", "visit.visits has no label 'product'; known are"),
        ("all(3)", "3 has no label to be over all of"),
        ("quantile(90, response.response)", "expected a number between 0 and 1"),
        ("quantile(0.9, order.orders)", "expected one of resolution.business"),
        ("where(visits)", 'expected label="value" in where(…)'),
        ("where(visits, devise=a)", "visit.visits has no label 'devise'; did you mean device?"),
        ("visit.visits{device=}", "expected a label's value"),
        ("where(visit.visits{device=a}, device=b)", "is held already"),
        ("where(all(visits, device), device=b)", "is over all values of device"),
        ("where(active_issues.peak, age=b)", "has no labels"),
        ("customer_period.active", "expected customer_period.active{period=window}"),
        ("(" * (DEEPEST + 1) + "1", f"nested more than {DEEPEST} deep"),
        ("-" * (DEEPEST + 1) + "1", f"nested more than {DEEPEST} deep"),
        ("1" + " - 1" * (MOST_OPERATORS + 1), f"more than {MOST_OPERATORS} operators"),
        ("1" * 3_000, "expected at most 2,000 characters, got 3,000"),
    ],
)
def test_a_mistake_is_shown_where_it_stands(text: str, told: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text, KNOWN)
    assert told in str(caught.value)


def test_a_formula_held_to_a_label_is_the_kpi_filtered_by_it() -> None:
    shop = Shop()
    some_of_everything(shop, random.Random(3), at("2024-03-04"), at("2024-03-11"), each=60)
    view = shop.commit("2024-03-11")
    compared = 0
    for kpi in CATALOGUE.values():
        for name, reading in kpi.readings.items():
            if "week" not in reading.windows or not reading.by:
                continue
            asked = {"definition": name, "at_ms": at("2024-03-10 23:59")}
            for label in reading.by:
                (filtered,) = view.evaluate(kpi, "week", where={label: "a"}, **asked)  # type: ignore[arg-type]
                try:
                    formula = held(reading.formula, where_of({label: "a"}))
                except ValueError:
                    continue  # a part is over all values of the label, or has none
                frame = Frame(view.panes, view.grid, "week", filtered.start_ms, filtered.end_ms)
                assert number(formula.value(WindowScope(frame, {}))) == filtered.value, (
                    kpi.id, name, label,
                )  # fmt: skip
                compared += filtered.value is not None
    assert compared > 200
