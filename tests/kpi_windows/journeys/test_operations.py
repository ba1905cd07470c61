"""Reports, incidents, bookings and plans: the last one stands, at the time that it says."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.decoding import Rejected, decode
from kpi_windows.definitions import DAY_MS as D
from kpi_windows.definitions import HOUR_MS as H
from kpi_windows.definitions import MINUTE_MS as M
from kpi_windows.definitions import Definitions, Rate
from kpi_windows.events import (
    CostBooked,
    Event,
    HoursBooked,
    IncidentReported,
    IncomeBooked,
    LabourReported,
    MachineReported,
    ProjectPlanned,
)
from kpi_windows.journeys import reports, snapshots
from kpi_windows.journeys.gauge import GaugeRules
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.statement import StatementRules
from tests.kpi_windows.journeys.laws import LAWS, check, taken_back
from tests.kpi_windows.journeys.operations import BEGIN, SHOP, event, level, stated

MILLION = 1_000_000


def machine(at: int, **fields: Any) -> Event:
    told = {
        "planned_seconds": Decimal(3600),
        "run_seconds": Decimal(3000),
        "ideal_cycle_seconds": Decimal("1.5"),
        "produced": 1000,
        "good": 900,
        "machine": "m1",
    }
    return event(MachineReported, at, report_id="r", **told | fields)


def labour(at: int, **fields: Any) -> Event:
    told = {
        "planned_hours": Decimal(8),
        "worked_hours": Decimal("7.5"),
        "standard_output": Decimal("100.5"),
        "produced": 90,
        "good": 81,
    }
    return event(LabourReported, at, report_id="r", **told | fields)


def incident(at: int, **fields: Any) -> Event:
    return event(IncidentReported, at, incident_id="i", **fields)


def booked(kind: Any, at: int, amount: int | str, **fields: Any) -> Event:
    name = "hours" if kind is HoursBooked else "amount"
    told = {"booking_id": "b", "project_id": "x", name: Decimal(amount)}
    return event(kind, at, **told | fields)


def plan(at: int, **fields: Any) -> Event:
    told = {name: Decimal(v) if name != "team" else v for name, v in fields.items()}
    return event(ProjectPlanned, at, project_id="x", **told)


# ---------------------------------------------------------------------- reports


def test_what_a_machine_did() -> None:
    assert stated(machine(0))["machine"] == {
        (0, "(none)", "m1", "(none)", "(none)"): {
            "planned_ms": H,
            "run_ms": 50 * M,
            "ideal_ms": 1_500_000,
            "valuable_ms": 1_350_000,
            "produced": 1000,
            "good": 900,
        }
    }


def test_what_people_did_is_beside_the_machine_of_the_same_report_id() -> None:
    told = stated(machine(0), labour(0, team="t", line="l"))
    assert len(told["machine"]) == 1
    assert told["labour"] == {
        (0, "l", "t", "(none)"): {
            "planned_ms": 8 * H,
            "worked_ms": 450 * M,
            "standard_micros": 100_500_000,
            "produced": 90,
            "good": 81,
        }
    }


def test_a_correction_replaces_whole_reports_also_under_other_labels() -> None:
    first = machine(0, counted_at=BEGIN - D)
    corrected = machine(H, counted_at=BEGIN - D, machine="m2", produced=10, good=10)
    for told in (stated(first, corrected), stated(corrected, first)):
        ((_, *labels),) = told["machine"]
        assert labels == ["(none)", "m2", "(none)", "(none)"]
        assert told["machine"][-D, *labels]["produced"] == 10


def test_a_report_that_is_sent_again_counts_once() -> None:
    assert stated(machine(0), machine(0)) == stated(machine(0))
    again = machine(0, event_id="e")
    assert stated(again, again) == stated(machine(0))
    assert stated(machine(0), machine(H, counted_at=BEGIN)) == stated(machine(0))


def test_more_ideal_time_than_can_be_is_rejected() -> None:
    value = (
        b'{"type":"machine_reported","timestamp":1704704400000,"report_id":"r","produced":'
        b'1000000000,"good":0,"planned_seconds":1,"run_seconds":1,"ideal_cycle_seconds":1000}'
    )
    (told,) = decode("production", [value])
    assert isinstance(told, Rejected)
    assert "ideal_cycle_seconds × produced below" in told.reason
    assert not isinstance(decode("production", [value.replace(b"1000}", b"999}")])[0], Rejected)


def test_an_incident_that_is_told_again_is_only_what_it_was_told_last() -> None:
    first, corrected = incident(H, kind="safety"), incident(2 * H, kind="quality", counted_at=BEGIN)
    told = stated(first, corrected)["incident"]
    assert told == {(0, "quality", "(none)"): {"incidents": 1, "at_ms": {BEGIN: 1}}}
    assert stated(corrected, first)["incident"] == told


# ---------------------------------------------------------------------- projects


def test_bookings_are_to_date_and_0_takes_one_back() -> None:
    life = [
        booked(HoursBooked, H, "7.5", counted_at=BEGIN, team="t"),
        booked(CostBooked, H, 100, team="t"),
        booked(IncomeBooked, 2 * H, 40, team="t"),
        booked(CostBooked, 3 * H, 0, team="t"),
    ]
    told = stated(*life[:3])["project"]
    assert level(told, 2 * H) == {("x", "t"): {"hours_ms": 450 * M, "cost_micros": 100 * MILLION}}
    assert level(stated(*life)["project"], D) == {
        ("x", "t"): {"hours_ms": 450 * M, "income_micros": 40 * MILLION}
    }


def test_a_booking_that_moves_to_another_project_leaves_the_first() -> None:
    told = stated(booked(CostBooked, 0, 100), booked(CostBooked, H, 90, project_id="y"))["project"]
    assert level(told, D) == {("y", "(none)"): {"cost_micros": 90 * MILLION}}


def test_money_counts_at_the_rate_of_the_day_that_it_is_of() -> None:
    shop = Definitions(rates={"USD": (Rate(0, Fraction(1, 2)), Rate(BEGIN, Fraction(1)))})
    cost = booked(CostBooked, H, 100, currency="USD", counted_at=BEGIN - D)
    assert (
        level(stated(cost, shop=shop)["project"], D)["x", "(none)"]["cost_micros"] == 50 * MILLION
    )


def test_fields_of_a_plan_that_are_present_replace() -> None:
    life = [
        plan(0, team="t", budget=1000, estimated_hours=10),
        plan(H, budget=0, earned_value=300),
        plan(2 * H, team="u", planned_cost=400),
    ]
    first = {"budget_micros": 1000 * MILLION, "budgets": 1, "estimated_ms": 10 * H, "estimates": 1}
    second = {
        "estimated_ms": 10 * H,
        "estimates": 1,
        "budgets": 1,
        "earned_micros": 300 * MILLION,
        "earnings": 1,
    }
    third = {"planned_micros": 400 * MILLION, "plans": 1}
    for arrived in permutations(life):
        told = stated(*arrived)["plan"]
        assert level(told, H) == {("x", "t"): first}
        assert level(told, 2 * H) == {("x", "t"): second}
        assert level(told, D) == {("x", "u"): second | third}


# ---------------------------------------------------------------------- laws


MOMENTS = st.sampled_from([0, 1, H, D]) | st.integers(0, 2 * D)
COUNTED = st.sampled_from([None, BEGIN, BEGIN - 50 * D])
STATEMENTS = {
    "machine": st.builds(
        machine,
        MOMENTS,
        counted_at=COUNTED,
        machine=st.sampled_from(["m1", None]),
        produced=st.integers(900, 999),
    ),
    "incident": st.builds(
        incident, MOMENTS, counted_at=COUNTED, kind=st.sampled_from(["safety", None])
    ),
    "booking": st.builds(
        booked,
        st.just(CostBooked),
        MOMENTS,
        st.integers(0, 3),
        counted_at=COUNTED,
        team=st.sampled_from(["t", None]),
    ),
}
PLANS = st.builds(
    lambda at, fields: plan(at, **fields),
    MOMENTS,
    st.fixed_dictionaries(
        {},
        optional={
            "team": st.sampled_from(["t", "u", ""]),
            "budget": st.integers(0, 3),
            "estimated_hours": st.integers(0, 3),
            "planned_cost": st.integers(0, 3),
            "earned_value": st.integers(0, 3),
        },
    ),
)


def named(entries: Sequence[Entry], draw: st.DrawFn) -> list[Entry]:
    """About half of them with an id."""
    return [
        (at, kind, f"e{number}" if draw(st.booleans()) else "", *rest)
        for number, (at, kind, _, *rest) in enumerate(entries)
    ]


@st.composite
def statements(draw: st.DrawFn) -> list[Entry]:
    events = draw(st.sampled_from(sorted(STATEMENTS)).flatmap(
        lambda kind: st.lists(STATEMENTS[kind], max_size=6)
    ))  # fmt: skip
    return named([reports.entry_of(each, SHOP) for each in events], draw)


@st.composite
def plans(draw: st.DrawFn) -> list[Entry]:
    events = draw(st.lists(PLANS, max_size=8))
    return named([snapshots.entry_of(each, SHOP) for each in events], draw)


@pytest.mark.parametrize("law", LAWS)
@given(life=statements(), draw=st.data())
def test_laws_of_statements(law: str, life: list[Entry], draw: st.DataObject) -> None:
    check(law, StatementRules, SHOP, life, until_ms=BEGIN + 4 * D, draw=draw)


@pytest.mark.parametrize("law", LAWS)
@given(life=plans(), draw=st.data())
def test_laws_of_plans(law: str, life: list[Entry], draw: st.DataObject) -> None:
    check(law, GaugeRules, SHOP, life, until_ms=BEGIN + 4 * D, draw=draw)


@given(statement=statements(), snapshots=plans())
def test_what_is_stated_can_be_taken_back(statement: list[Entry], snapshots: list[Entry]) -> None:
    taken_back(StatementRules, SHOP, statement, BEGIN + 4 * D)
    taken_back(GaugeRules, SHOP, snapshots, BEGIN + 4 * D)
