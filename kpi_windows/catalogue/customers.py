"""The guide's sales KPIs about customers: who came back, who was lost, what one is worth.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from fractions import Fraction

from kpi_windows.amounts import ForPeriod, Level, count, money
from kpi_windows.catalogue.terms import cost, discounts, gross, net, orders
from kpi_windows.facts.sales import BUYER, CUSTOMER, CUSTOMER_PERIOD, CUSTOMER_VALUE
from kpi_windows.formula import Constant, Scale
from kpi_windows.kpi import Better, Kpi, Reading, Unit
from kpi_windows.relations import PerYear, Previous
from kpi_windows.windows import CALENDAR

customers = Level(CUSTOMER, "customers", "customers ever")
active_at_start = Level(CUSTOMER, "active", "active customers", at="start")
active_at_end = Level(CUSTOMER, "active", "active customers")
bought = ForPeriod(CUSTOMER_PERIOD, "active", "customers who bought")
retained = ForPeriod(
    CUSTOMER_PERIOD, "retained", "customers who bought here and in the period before"
)
new_customers = ForPeriod(CUSTOMER_PERIOD, "new", "new customers")
lost = ForPeriod(CUSTOMER_PERIOD, "lost", "customers lost")
churn = lost / active_at_start
profit_to_date = Scale(
    Level(CUSTOMER_VALUE, "profit_micros", "gross profit of known customers to date"),
    Fraction(1, 1_000_000),
)
new_orders = count(BUYER, "orders", "orders of new customers", customer="new")
returning_orders = count(BUYER, "orders", "orders of returning customers", customer="returning")
known_orders = count(BUYER, "orders", "orders of known customers", customer=("new", "returning"))

CUSTOMER_RETENTION_RATE = Kpi(
    id="customer_retention_rate",
    title="Customer retention rate",
    aliases=("Klantretentie", "Klantretentie percentage"),
    group="sales",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=retained / Previous(bought),
    definitions={
        "end_less_new": Reading(
            (active_at_end - new_customers) / active_at_start,
            Unit.RATIO,
            note="(Customers at the end − new ones) / customers at the start; a customer is one "
            "while not lost.",
        ),
    },
    windows=CALENDAR,
    note="Of all customers of the whole previous period; the current one is to date.",
)

NEW_VS_RETURNING_ORDERS = Kpi(
    id="new_vs_returning_orders",
    title="New versus returning customers' orders",
    aliases=(
        "Nieuwe vs terugkerende bestellingen",
        "Nieuwe klantbestellingen versus terugkerende klantbestellingen",
    ),
    group="sales",
    unit=Unit.COUNT,
    better=Better.NEITHER,
    formula=count(BUYER, "orders", "orders"),
    by=("customer",),
    beside={
        "new_share": Reading(new_orders / known_orders, Unit.RATIO, ()),
        "returning_share": Reading(returning_orders / known_orders, Unit.RATIO, ()),
        "value": Reading(money(BUYER, "value_micros", "order value"), Unit.MONEY),
    },
    note="By `customer`: new, returning or guest. Shares are of orders with a known customer.",
)

CUSTOMER_LIFETIME_VALUE = Kpi(
    id="customer_lifetime_value",
    title="Customer lifetime value",
    aliases=("CLV", "Klantlevensduurwaarde"),
    group="sales",
    unit=Unit.MONEY,
    better=Better.HIGHER,
    formula=profit_to_date / customers,
    definitions={
        "predicted": Reading(
            (gross - discounts)
            / orders
            * ((net - cost) / net)
            * PerYear(known_orders / active_at_end)
            * (Constant(1) / PerYear(churn)),
            Unit.MONEY,
            note="Order value × margin × orders a year × years (1 / churn); no value while nobody "
            "is lost. Calendar windows only.",
        ),
    },
    note="Gross profit of known customers to date, mean over all customers there ever were. "
    "A long window (a quarter, a year) makes the prediction steady.",
)

CHURN_RATE = Kpi(
    id="churn_rate",
    title="Churn rate",
    aliases=("Churnpercentage",),
    group="sales",
    unit=Unit.RATIO,
    better=Better.LOWER,
    formula=churn,
    beside={"lost": Reading(lost, Unit.COUNT)},
    windows=CALENDAR,
    note="Lost: no order for `lost_ms` (365 days), or a subscription cancelled or not renewed.",
)
