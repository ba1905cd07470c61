"""The guide's project KPIs: hours, money and what it brought, by project.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from fractions import Fraction

from kpi_windows.amounts import Level, count, money, seconds
from kpi_windows.facts.operations import PLAN, PROJECT
from kpi_windows.formula import Node, Scale
from kpi_windows.kpi import Better, Kpi, Reading, Unit
from kpi_windows.standing import CountAbove, LevelOfTold, Told

LABELS = ("project", "team")
_MICRO = Fraction(1, 1_000_000)
_BY_TEAM = " By team, bookings are by their own team, and plans by theirs."

_BUDGET = Told(PLAN, "budgets")
_ESTIMATE = Told(PLAN, "estimates")
_PLANNED_COST = Told(PLAN, "plans")
_EARNED_VALUE = Told(PLAN, "earnings")


def _plan(amount: str, said: str) -> Node:
    return Scale(Level(PLAN, amount, said), _MICRO)


def _cost(said: str, told: Told) -> Node:
    """What projects have cost to date, of those only that have told something."""
    return Scale(LevelOfTold(PROJECT, "cost_micros", said, told=told), _MICRO)


hours = seconds(count(PROJECT, "hours_ms", "hours booked"))
estimate = seconds(Level(PLAN, "estimated_ms", "estimated hours"))
hours_of_estimated = seconds(
    LevelOfTold(PROJECT, "hours_ms", "hours booked on projects with an estimate", told=_ESTIMATE)
)

HOURS_WORKED = Kpi(
    id="hours_worked",
    title="Hours worked",
    aliases=("Uren gewerkt",),
    group="projects",
    unit=Unit.SECONDS,
    better=Better.NEITHER,
    formula=hours,
    by=LABELS,
    beside={
        "to_date": Reading(seconds(Level(PROJECT, "hours_ms", "hours booked")), Unit.SECONDS),
        "estimate": Reading(estimate, Unit.SECONDS),
        "variance": Reading(
            hours_of_estimated - estimate,
            Unit.SECONDS,
            note="To date; above 0 more was worked than estimated for the whole project. Projects "
            "without an estimate are left out.",
        ),
    },
    note="Hours booked, on the day that they were worked. Told in seconds, as all times are; a "
    "dashboard shows hours. A later booking of the same id replaces the earlier one." + _BY_TEAM,
)

budget = _plan("budget_micros", "budgets")
spent_of_budgeted = _cost("costs of projects with a budget", _BUDGET)

BUDGET = Kpi(
    id="budget",
    title="Budget",
    aliases=("Budget", "Project budget"),
    group="projects",
    unit=Unit.MONEY,
    better=Better.NEITHER,
    formula=budget,
    by=LABELS,
    beside={
        "spent": Reading(Scale(Level(PROJECT, "cost_micros", "costs"), _MICRO), Unit.MONEY),
        "left": Reading(
            budget - spent_of_budgeted,
            Unit.MONEY,
            note="To date, of projects with a budget; below 0 more was spent than allocated.",
        ),
        "spent_share": Reading(spent_of_budgeted / budget, Unit.RATIO),
        "over": Reading(
            CountAbove(
                Level(PROJECT, "cost_micros"),
                Level(PLAN, "budget_micros"),
                _BUDGET,
                "projects over budget",
            ),
            Unit.COUNT,
            note="Projects that have cost more than was allocated; by team, by that of the plan.",
        ),
    },
    note="Money allocated to projects, by their last plans at the window's end." + _BY_TEAM,
)


def _return(income: Node, cost: Node) -> Node:
    return (income - cost) / cost


RETURN_ON_INVESTMENT = Kpi(
    id="return_on_investment",
    title="Return on investment",
    aliases=("ROI", "Return on investment (ROI)"),
    group="projects",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=_return(
        money(PROJECT, "income_micros", "income"), money(PROJECT, "cost_micros", "cost")
    ),
    by=LABELS,
    definitions={
        "to_date": Reading(
            _return(
                Scale(Level(PROJECT, "income_micros", "income"), _MICRO),
                Scale(Level(PROJECT, "cost_micros", "cost"), _MICRO),
            ),
            Unit.RATIO,
            note="All income and cost up to the window's end.",
        ),
    },
    note="(Income − cost) / cost in the window; below 0 it cost more than it brought.",
)

cost_of_planned = _cost("costs of projects with a planned cost", _PLANNED_COST)
cost_of_earning = _cost("costs of projects with an earned value", _EARNED_VALUE)
earned = _plan("earned_micros", "earned value")

COST_VARIANCE = Kpi(
    id="cost_variance",
    title="Cost variance",
    aliases=("Kostenvariatie", "CV"),
    group="projects",
    unit=Unit.MONEY,
    better=Better.HIGHER,
    formula=_plan("planned_micros", "planned cost") - cost_of_planned,
    by=LABELS,
    definitions={
        "earned_value": Reading(
            earned - cost_of_earning,
            Unit.MONEY,
            note="Earned value − actual cost, the cost variance of earned value management.",
        ),
    },
    note="Planned − actual cost, to date: below 0 more was spent than should have been by now. "
    "Projects that didn't tell a plan are left out." + _BY_TEAM,
    source="PMI, Practice Standard for Earned Value Management (`earned_value`)",
)

COST_PERFORMANCE_INDEX = Kpi(
    id="cost_performance_index",
    title="Cost performance index",
    aliases=("CPI", "Kostenprestatie-index", "Kostenprestatie-index (CPI)"),
    group="projects",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=earned / cost_of_earning,
    by=LABELS,
    beside={
        "earned_value": Reading(earned, Unit.MONEY),
        "actual_cost": Reading(cost_of_earning, Unit.MONEY),
    },
    note="Earned value / actual cost, to date: below 1 the work cost more than it was to. Over "
    "several projects, from their sums; those that didn't tell an earned value are left out."
    + _BY_TEAM,
    source="PMI, Practice Standard for Earned Value Management",
)

KPIS: tuple[Kpi, ...] = (
    HOURS_WORKED,
    BUDGET,
    RETURN_ON_INVESTMENT,
    COST_VARIANCE,
    COST_PERFORMANCE_INDEX,
)
