"""Facts of stock, prices, production and projects."""

from __future__ import annotations

from kpi_windows.facts.fact import Fact

STOCK = Fact("stock", ("product", "location"), sums=("units", "received_ms"), level=True)
"""Units that lie in stock, and the sum of the times at which these were received: the first ones
leave first."""

ASSORTMENT = Fact("assortment", ("product",), sums=("products", "out", "stock_outs"), level=True)
"""Products that were ever counted, those of which there is no unit anywhere, and how often that
came about."""

PRICE = Fact(
    "price",
    ("product",),
    sums=("own_micros", "competitor_micros", "compared", "dearer"),
    level=True,
)
"""Products that have a price here and elsewhere: the own one, and the mean of its competitors'."""

UNIT = Fact(
    "unit",
    ("line", "machine", "product", "shift"),
    sums=(
        "started",
        "good_of_started",
        "first_pass",
        "finished",
        "good",
        "reworked",
        "cycles",
        "cycle_ms",
    ),
    histograms=("cycle",),
)
"""Units: the first three at the start, whatever becomes of them later; the others when they were
last finished.  A cycle has both ends."""

MACHINE = Fact(
    "machine",
    ("line", "machine", "product", "shift"),
    sums=("planned_ms", "run_ms", "ideal_ms", "valuable_ms", "produced", "good"),
)
"""The time of machines; ideal is the ideal cycle × the units produced, valuable × the good ones."""

LABOUR = Fact(
    "labour",
    ("line", "team", "shift"),
    sums=("planned_ms", "worked_ms", "standard_micros", "produced", "good"),
)
"""The time of people; the standard output is in millionths of a unit."""

INCIDENT = Fact(
    "incident", ("kind", "line"), sums=("incidents",), histograms=("at_ms",), level=True
)
"""What didn't comply; the histogram counts by the time, from which the latest is read."""

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
    sums=(
        "budget_micros",
        "estimated_ms",
        "planned_micros",
        "earned_micros",
        "budgets",
        "estimates",
        "plans",
        "earnings",
    ),
    level=True,
)
"""The plans of projects, by their last snapshot; the last four count the projects that have told
a budget, an estimate of hours, a planned cost and an earned value."""
