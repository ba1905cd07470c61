"""Rows of stock, prices, production and projects: the events as they are sent, the numbers out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import Definitions
from tests.kpi_windows.shops import ZONE, at
from tests.oracle.drive import Drive, Sent

TOPICS = ("orders", "inventory", "production", "projects")
NOON = "2024-03-05 12:00"
DAY = "2024-03-05"


class Script:
    """What happens, in order of arrival, and the numbers when time has come to a moment."""

    def __init__(self) -> None:
        self.drive = Drive(Definitions(zone=ZONE), 2, topics=TOPICS)

    def says(self, topic: str, kind: str, when: str, key: str, **fields: Any) -> None:
        """An event under the key that is the value of its first field."""
        event = {"type": kind, "timestamp": at(when), **fields}
        arrival_ms = at(when) + 60_000
        self.drive.send([Sent(topic, key.encode(), json.dumps(event).encode(), arrival_ms)])

    def counts(self, when: str, product: str, units: int, location: str = "main") -> None:
        told = {"product_id": product, "units": units, "location": location}
        self.says("inventory", "stock_counted", when, product, **told)

    def prices(self, when: str, product: str, price: str, competitor: str | None = None) -> None:
        told: dict[str, Any] = {"product_id": product, "price": price}
        if competitor is None:
            self.says("inventory", "price_set", when, product, **told)
        else:
            told["competitor"] = competitor
            self.says("inventory", "competitor_price_seen", when, product, **told)

    def sells(self, when: str, order: str, product: str, quantity: int) -> None:
        lines = [{"product_id": product, "quantity": quantity, "price": "1"}]
        self.says("orders", "order_completed", when, order, order_id=order, products=lines)

    def starts(self, when: str, unit: str, **fields: Any) -> None:
        self.says("production", "unit_started", when, unit, unit_id=unit, **fields)

    def finishes(self, when: str, unit: str, **fields: Any) -> None:
        self.says("production", "unit_finished", when, unit, unit_id=unit, **fields)

    def reports(self, when: str, report: str, kind: str = "machine", **fields: Any) -> None:
        told = {"report_id": report, **fields}
        self.says("production", f"{kind}_reported", when, report, **told)

    def incident(self, when: str, incident: str, kind: str, **fields: Any) -> None:
        told = {"incident_id": incident, "kind": kind, **fields}
        event = {"type": "incident_reported", "timestamp": at(when), **told}
        value = json.dumps(event).encode()
        self.drive.send([Sent("production", incident.encode(), value, at(when))])

    def books(self, when: str, booking: str, kind: str, project: str, amount: str) -> None:
        name = "hours" if kind == "hours" else "amount"
        told = {"booking_id": booking, "project_id": project, name: amount}
        self.says("projects", f"{kind}_booked", when, booking, **told)

    def plans(self, when: str, project: str, **fields: Any) -> None:
        self.says("projects", "project_planned", when, project, project_id=project, **fields)

    def told(self, when: str = NOON) -> Numbers:
        self.drive.send_clocks(at(when))
        self.drive.run()
        assert not self.drive.dead
        return Numbers(self.drive, when)


class Numbers:
    """Values by the name of the KPI, or `kpi.number`; in the day unless asked otherwise."""

    def __init__(self, drive: Drive, when: str) -> None:
        self._drive = drive
        self._at_ms = at(when)

    def __call__(self, name: str, window: str = "day", **where: str) -> float | None:
        kpi, _, number = name.partition(".")
        (value,) = self._drive.view.evaluate(
            CATALOGUE[kpi], window, definition=number or "default", where=where, at_ms=self._at_ms
        )
        return value.value

    def by(self, label: str, name: str, window: str = "day") -> dict[str, float | None]:
        kpi, _, number = name.partition(".")
        asked = {"definition": number or "default", "by": (label,), "at_ms": self._at_ms}
        values = self._drive.view.evaluate(CATALOGUE[kpi], window, **asked)  # type: ignore[arg-type]
        return {value.labels[label]: value.value for value in values}


@pytest.fixture
def script() -> Script:
    return Script()


# ---------------------------------------------------------------------- stock and prices


def test_how_much_lies_in_stock_for_how_long_and_how_long_it_lasts(script: Script) -> None:
    script.counts("2024-03-01 12:01", "pot", 10)
    script.counts("2024-03-03 12:01", "pot", 14)  # 4 came
    script.counts("2024-03-04 12:01", "pot", 6)  # 8 of the first left
    script.counts("2024-03-04 12:01", "cup", 6)
    script.sells("2024-03-05 09:00", "o1", "pot", 3)
    told = script.told()
    assert told("inventory") == 12
    assert told.by("product", "inventory") == {"pot": 6, "cup": 6}
    assert told("inventory.mean_age", product="pot") == (2 * 4 + 4 * 2) / 6
    assert told("inventory.mean_age") == (2 * 4 + 4 * 2 + 6 * 1) / 12
    assert told("inventory.units_a_day", "24h") == 3
    assert told("inventory.days_of_supply", "24h", product="pot") == 2
    assert told("inventory.days_of_supply", "24h") == 4
    assert told("inventory.days_of_supply", "24h", product="cup") is None  # nothing sold
    assert told("inventory", location="elsewhere") == 0
    assert told("inventory.mean_age", location="elsewhere") is None


def test_units_a_day_are_by_the_part_of_the_day_that_has_been(script: Script) -> None:
    script.sells("2024-03-05 05:00", "o1", "pot", 3)
    assert script.told("2024-03-05 05:59")("inventory.units_a_day") == 12


def test_a_snapshot_that_arrives_late_is_as_if_it_had_come_in_time(script: Script) -> None:
    script.counts("2024-03-05 11:50", "pot", 10)
    script.counts("2024-03-05 11:55", "pot", 10)
    script.counts("2024-03-05 11:52", "pot", 0)  # arrives last
    told = script.told()
    assert told("inventory") == 10
    assert told("inventory.stock_outs") == 1
    assert told("inventory.out") == 0
    assert told("inventory.mean_age") == pytest.approx(6 / 24 / 60)  # to the end of the minute


def test_a_stock_out_and_the_refill(script: Script) -> None:
    script.counts("2024-03-05 08:00", "pot", 2)
    script.counts("2024-03-05 08:00", "pot", 1, "shop")
    script.counts("2024-03-05 08:00", "cup", 9)
    script.counts("2024-03-05 09:00", "pot", 0)
    script.counts("2024-03-05 10:00", "pot", 0, "shop")  # only now there is none anywhere
    script.counts("2024-03-05 11:00", "pot", 7)
    out, back = script.told("2024-03-05 10:30"), script.told()
    assert [out(f"inventory.{name}") for name in ("stock_outs", "out", "out_share")] == [1, 1, 0.5]
    assert [back(f"inventory.{name}") for name in ("stock_outs", "out", "out_share")] == [1, 0, 0]
    assert out.by("product", "inventory.out") == {"pot": 1}
    assert back("inventory.stock_outs", "1h") == 0


def test_the_price_index_leaves_out_what_no_competitor_sells(script: Script) -> None:
    script.prices("2024-03-05 08:00", "pot", "12")
    script.prices("2024-03-05 08:01", "pot", "9", "teashop")
    script.prices("2024-03-05 08:02", "pot", "11", "potshop")
    script.prices("2024-03-05 08:03", "cup", "4")
    script.prices("2024-03-05 08:04", "cup", "5", "teashop")
    script.prices("2024-03-05 08:05", "own-brand", "100")
    told = script.told()
    assert told("competitor_price_index") == 16 / 15
    assert told.by("product", "competitor_price_index") == {"pot": 1.2, "cup": 0.8}
    assert told("competitor_price_index.dearer_share") == 0.5
    assert told("competitor_price_index.compared") == 2
    assert told("competitor_price_index", product="own-brand") is None


# ---------------------------------------------------------------------- production

BUSY = {"planned_seconds": 1000, "run_seconds": 900, "ideal_cycle_seconds": 1}
SLOW = {"planned_seconds": 3000, "run_seconds": 1500, "ideal_cycle_seconds": 2}


def test_oee_of_two_machines_is_of_their_sums_and_no_mean(script: Script) -> None:
    script.reports("2024-03-05 08:00", "a", machine="a", produced=810, good=810, **BUSY)
    script.reports("2024-03-05 08:00", "b", machine="b", produced=300, good=150, **SLOW)
    told = script.told()
    a, b = 0.9 * 0.9 * 1, 0.5 * 0.4 * 0.5
    assert told.by("machine", "oee") == {"a": pytest.approx(a), "b": pytest.approx(b)}
    parts = {
        "availability": 2400 / 4000,
        "performance": (810 * 1 + 300 * 2) / 2400,
        "quality": 960 / 1110,
    }
    for name, part in parts.items():
        assert told(f"oee.{name}") == pytest.approx(part)
    availability, performance, quality = parts.values()
    assert told("oee") == pytest.approx(availability * performance * quality)
    assert told("oee") != pytest.approx((a + b) / 2)
    assert told("oee.valuable_time") == (810 * 1 + 150 * 2) / 4000
    assert told("yield.reported") == 1110


def test_a_machine_that_stood_still_has_no_quality_but_wasted_its_time(script: Script) -> None:
    script.reports("2024-03-05 08:00", "a", **BUSY | {"run_seconds": 0}, produced=0, good=0)
    told = script.told()
    assert told("oee") is told("oee.performance") is told("oee.quality") is None
    assert told("oee.availability") == told("oee.valuable_time") == 0


def test_a_corrected_report_replaces_the_first_in_the_past_shift(script: Script) -> None:
    shift = {"counted_at": at("2024-03-04 22:00"), "shift": "night"}
    script.reports("2024-03-05 06:00", "a", produced=400, good=100, **BUSY, **shift)
    script.reports("2024-03-05 10:00", "a", produced=400, good=300, **BUSY, **shift)
    told = script.told()
    assert told("oee.quality") is None  # nothing today
    assert told("oee.quality", "24h") == 0.75
    assert told("oee.quality", "24h", shift="night") == 0.75


def test_labour(script: Script) -> None:
    told = {"planned_hours": 10, "worked_hours": 8, "standard_output": 100}
    script.reports("2024-03-05 08:00", "a", "labour", team="t", produced=90, good=81, **told)
    numbers = script.told()
    assert numbers("ole.availability") == 0.8
    assert numbers("ole.performance") == 0.9
    assert numbers("ole.quality") == 0.9
    assert numbers("ole", team="t") == pytest.approx(0.8 * 0.9 * 0.9)


def test_cycle_time_and_first_time_yield_with_a_unit_that_is_finished_twice(script: Script) -> None:
    for unit in "abcd":
        script.starts("2024-03-05 08:00", unit, line="l1")
    script.finishes("2024-03-05 08:10", "a")
    script.finishes("2024-03-05 08:20", "b", good=False)
    script.finishes("2024-03-05 08:20", "c", good=False)
    script.finishes("2024-03-05 08:40", "c", reworked=True)
    told = script.told()  # d is still in work
    assert told("first_time_yield") == 2 / 4
    assert told("first_time_yield.first_pass") == 1 / 4
    assert told("first_time_yield.of_finished") == 2 / 3
    assert told("yield") == 3
    assert told("yield.good", line="l1") == 2
    assert told("yield.reworked") == 1
    assert told("cycle_time") == (10 + 20 + 40) * 60 / 3
    assert told("cycle_time.median") == pytest.approx(20 * 60, rel=0.01)
    assert told("cycle_time.p90") == pytest.approx(40 * 60, rel=0.01)


def test_the_variance_of_the_yield_is_from_the_mean_of_four_windows_as_far(script: Script) -> None:
    for day, made in (("02-29", 9), ("03-01", 2), ("03-02", 4), ("03-04", 6), ("03-05", 5)):
        for number in range(made):
            script.finishes(f"2024-{day} 10:00", f"{day} {number}")
    script.finishes("2024-03-04 15:00", "late")  # later in the day than it is now
    told = script.told()
    assert told("yield") == 5
    assert told("yield.variance") == 5 - (6 + 0 + 4 + 2) / 4


def test_days_since_the_last_incident_of_a_kind_and_of_any(script: Script) -> None:
    script.incident("2024-02-24 12:01", "i1", "safety")
    script.incident("2024-03-03 12:01", "i2", "quality")
    script.incident("2024-03-05 00:01", "i3", "licence")
    told = script.told()
    assert told("incidents") == 1
    assert told("incidents", "7d") == 2
    assert told("incidents.since_last") == 0.5
    since = {"safety": 10, "quality": 2, "licence": 0.5}
    assert told.by("kind", "incidents.since_last") == since
    assert told("incidents.since_last", kind="labour") is None


def test_an_incident_that_was_none_of_safety_leaves_the_last_of_safety(script: Script) -> None:
    script.incident("2024-02-24 12:01", "i1", "safety")
    script.incident("2024-03-03 12:01", "i2", "safety")
    told = {"counted_at": at("2024-03-03 12:01")}
    script.incident("2024-03-04 09:00", "i2", "quality", **told)
    assert script.told()("incidents.since_last", kind="safety") == 10


# ---------------------------------------------------------------------- projects


def test_hours_against_the_estimate_of_projects_that_have_one(script: Script) -> None:
    script.plans("2024-03-01 09:00", "site", estimated_hours=10)
    script.books("2024-03-04 09:00", "b1", "hours", "site", "8")
    script.books("2024-03-05 09:00", "b2", "hours", "site", "4")
    script.books("2024-03-05 09:00", "b3", "hours", "other", "7")
    told = script.told()
    assert told("hours_worked") == 11 * 3600
    assert told("hours_worked.to_date") == 19 * 3600
    assert told("hours_worked.estimate") == 10 * 3600
    assert told("hours_worked.variance") == 2 * 3600
    assert told("hours_worked.to_date", project="site") == 12 * 3600


def test_budgets_and_the_projects_that_are_over_them(script: Script) -> None:
    script.plans("2024-03-01 09:00", "site", team="web", budget=100)
    script.plans("2024-03-01 09:00", "shop", team="web", budget=100)
    script.plans("2024-03-01 09:00", "barn", team="farm", budget=0)
    for booking, project, cost in (("1", "site", "120"), ("2", "shop", "100"), ("3", "barn", "1")):
        script.books("2024-03-04 09:00", booking, "cost", project, cost)
    script.books("2024-03-04 09:00", "4", "cost", "wild", "1000")  # without a budget
    told = script.told()
    assert told("budget") == 200
    assert told("budget.spent") == 1221
    assert told("budget.left") == 200 - 221
    assert told("budget.spent_share", project="site") == 1.2
    assert told("budget.over") == 2  # exactly on budget is not over it
    assert told.by("project", "budget.over") == {"site": 1, "shop": 0, "barn": 1}
    assert told.by("team", "budget.over") == {"web": 1, "farm": 1}
    script.plans("2024-03-05 12:30", "site", budget=130)
    assert script.told("2024-03-05 13:00")("budget.over") == 1


def test_cpi_below_1_over_projects_is_of_their_sums(script: Script) -> None:
    script.plans("2024-03-01 09:00", "site", planned_cost=90, earned_value=80)
    script.plans("2024-03-01 09:00", "shop", earned_value=30)
    script.books("2024-03-04 09:00", "1", "cost", "site", "100")
    script.books("2024-03-04 09:00", "2", "cost", "shop", "20")
    script.books("2024-03-04 09:00", "3", "cost", "wild", "1000")  # told neither
    told = script.told()
    assert told("cost_performance_index") == 110 / 120
    expected = {"site": 0.8, "shop": 1.5}
    by_project = told.by("project", "cost_performance_index")
    assert {name: value for name, value in by_project.items() if value is not None} == expected
    assert told("cost_variance") == -10
    assert told("cost_variance.earned_value") == -10
    assert told("cost_variance.earned_value", project="shop") == 10


def test_return_on_investment_in_the_window_and_to_date(script: Script) -> None:
    script.books("2024-03-01 09:00", "1", "cost", "site", "100")
    script.books("2024-03-05 09:00", "2", "cost", "site", "20")
    script.books("2024-03-05 09:00", "3", "income", "site", "30")
    told = script.told()
    assert told("return_on_investment") == 0.5
    assert told("return_on_investment.to_date") == -0.75
    assert told("return_on_investment", project="other") is None


def test_where_nothing_was_told_there_is_no_value(script: Script) -> None:
    told = script.told()
    for name in (
        *("cycle_time", "oee", "ole", "first_time_yield", "return_on_investment"),
        *("cost_performance_index", "competitor_price_index", "inventory.mean_age"),
        *("inventory.days_of_supply", "inventory.out_share", "incidents.since_last"),
    ):
        assert told(name) is None, name
    for name in ("inventory", "yield", "incidents", "hours_worked", "budget", "cost_variance"):
        assert told(name) == 0, name
