"""Facts of stock, prices, production and projects."""

from __future__ import annotations

from kpi_windows.facts.fact import Fact

MACHINE = Fact(
    "machine",
    ("line", "machine", "product", "shift"),
    sums=("planned_ms", "run_ms", "ideal_ms", "produced", "good"),
)
"""The time of machines; ideal is the ideal cycle × the units produced."""

LABOUR = Fact(
    "labour",
    ("line", "team", "shift"),
    sums=("planned_ms", "worked_ms", "standard_micros", "produced", "good"),
)
"""The time of people; the standard output is in millionths of a unit."""

INCIDENT = Fact("incident", ("kind", "line"), sums=("incidents",))
"""What didn't comply."""

LAST_INCIDENT = Fact("last_incident", ("kind",), sums=("at_ms",), level=True)
"""The time of the latest incident of a kind, and of any under the kind `(any)`."""

PROJECT = Fact(
    "project",
    ("project", "team"),
    sums=("hours_ms", "cost_micros", "income_micros"),
    level=True,
)
"""What was booked on projects; the levels are to date."""

PLAN = Fact(
    "plan",
    ("project", "team"),
    sums=("budget_micros", "estimated_ms", "planned_micros", "earned_micros"),
    level=True,
)
"""The plans of projects, by their last snapshot."""
