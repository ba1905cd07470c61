"""Logs of stock, prices, production and projects, in which everything happens that may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kpi_windows.definitions import DAY_MS, HOUR_MS
from tests.oracle.logs import Maker

Made = tuple[str, str, dict[str, Any]]

TOPICS = ("orders", "inventory", "production", "projects")


class OperationsMaker(Maker):
    """One log: few things, so that each is counted, made, corrected and planned many times."""

    def shares(self) -> dict[Callable[[], Made], float]:
        """What is made how often."""
        return {
            self.order: 2,
            self.stock: 5,
            self.price: 4,
            self.unit: 5,
            self.machine: 2,
            self.labour: 2,
            self.incident: 1,
            self.booking: 4,
            self.plan: 3,
        }

    def product(self) -> str:
        """One of few."""
        return self.chance.choice(("p1", "p2", "p3"))

    def stock(self) -> Made:
        """A count; often the shelf is empty."""
        product = self.product()
        units = self.chance.choice((0, 0, 1, 3, 5, self.chance.randrange(20)))
        location = self.maybe("main", "shop", "")
        at_ms = self.time("stock " + product)
        event = self.event("stock_counted", at_ms, product_id=product, units=units)
        return "inventory", product, event | ({} if location is None else {"location": location})

    def price(self) -> Made:
        """A price here or elsewhere, or none any more."""
        product = self.product()
        fields: dict[str, Any] = {"product_id": product, "currency": self.currency()}
        kind = self.chance.choice(("price_set", "competitor_price_seen"))
        if kind == "competitor_price_seen":
            fields["competitor"] = self.chance.choice(("a", "b", "c"))
        event = self.event(kind, self.time("price " + product), **fields)
        return "inventory", product, event | {"price": self.maybe(self.money(10), share=0.85)}

    def place(self) -> dict[str, Any]:
        """Where and when something is made."""
        return {
            "line": self.maybe("l1", "l2", ""),
            "machine": self.maybe("m1", "m2"),
            "product_id": self.maybe("p1", "p2"),
            "shift": self.maybe("early", "late"),
        }

    def unit(self) -> Made:
        """The start of a unit, or one of its ends."""
        unit = f"u{self.chance.randrange(40)}"
        at_ms = self.time(unit)
        if self.chance.random() < 0.5:
            event = self.event("unit_started", at_ms, unit_id=unit, **self.place())
        else:
            told = {"good": self.maybe(True, False), "reworked": self.maybe(True, False)}
            event = self.event("unit_finished", at_ms, unit_id=unit, **told)
        return "production", unit, event

    def machine(self) -> Made:
        """What a machine did; often told again."""
        report = f"r{self.chance.randrange(12)}"
        made = self.chance.choice((0, self.chance.randrange(50)))
        fields = self.place() | {
            "planned_seconds": self.money(9),
            "run_seconds": self.chance.choice((self.money(9), 0)),
            "ideal_cycle_seconds": self.money(1),
            "produced": made,
            "good": self.chance.randint(0, made),
        }
        return "production", report, self._report("machine_reported", report, fields)

    def labour(self) -> Made:
        """What people did."""
        report = f"r{self.chance.randrange(12)}"
        made = self.chance.randrange(50)
        fields = {
            "line": self.maybe("l1", "l2"),
            "team": self.maybe("t1", "t2"),
            "shift": self.maybe("early", "late"),
            "planned_hours": self.money(9),
            "worked_hours": self.money(9),
            "standard_output": self.money(60),
            "produced": made,
            "good": self.chance.randint(0, made),
        }
        return "production", report, self._report("labour_reported", report, fields)

    def _report(self, kind: str, report: str, fields: dict[str, Any]) -> dict[str, Any]:
        at_ms = self.time(kind + report)
        return self.event(kind, at_ms, report_id=report, **fields, **self.counted(at_ms))

    def counted(self, at_ms: int) -> dict[str, Any]:
        """Sometimes it counts at another time, of long ago too."""
        back_ms = self.maybe(0, HOUR_MS, 5 * HOUR_MS, DAY_MS, -HOUR_MS, 120 * DAY_MS, share=0.5)
        return {} if back_ms is None else {"counted_at": at_ms - back_ms}

    def incident(self) -> Made:
        """Something that went wrong; sometimes told again as something else."""
        incident = f"i{self.chance.randrange(9)}"
        at_ms = self.time(incident)
        told = self.counted(at_ms) | {"line": self.maybe("l1", "l2")}
        event = self.event("incident_reported", at_ms, incident_id=incident, **told)
        kind = self.maybe("safety", "quality")
        return "production", incident, event | ({} if kind is None else {"kind": kind})

    def booking(self) -> Made:
        """Hours, cost or income; often corrected."""
        booking = f"b{self.chance.randrange(25)}"
        kind = self.chance.choice(("hours", "cost", "cost", "income"))
        fields: dict[str, Any] = {
            "booking_id": booking,
            "project_id": self.chance.choice(("x", "y", "z")),
            "team": self.maybe("t1", "t2", ""),
        }
        at_ms = self.time(kind + booking)
        fields |= self.counted(at_ms)
        if kind == "hours":
            fields["hours"] = self.money(9)
        else:
            fields |= {"amount": self.money(300), "currency": self.currency()}
        return "projects", booking, self.event(f"{kind}_booked", at_ms, **fields)

    def plan(self) -> Made:
        """The plan of a project, or a part of it; some have no budget, some no estimate."""
        project = self.chance.choice(("x", "y", "z"))
        fields = {
            "team": self.maybe("t1", "t2", "", share=0.5),
            "budget": self.maybe(self.money(900), 0, share=0.5),
            "estimated_hours": self.maybe(self.money(40), share=0.4),
            "planned_cost": self.maybe(self.money(500), share=0.4),
            "earned_value": self.maybe(self.money(500), 0, share=0.4),
            "currency": self.currency(),
        }
        at_ms = self.time("plan " + project)
        event = self.event("project_planned", at_ms, project_id=project, **fields)
        return "projects", project, event
