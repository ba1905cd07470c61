"""The guide's sales KPIs that look beyond the shop: its market, and what new customers cost.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from kpi_windows.amounts import WHOLE_DAYS, count, money
from kpi_windows.catalogue.ads import AD, ad_spend, other_spend
from kpi_windows.catalogue.customers import new_orders
from kpi_windows.catalogue.terms import ORIGIN, net
from kpi_windows.facts.marketing import MARKET
from kpi_windows.facts.visits import VISIT
from kpi_windows.kpi import Better, Instead, Kpi, Reading, Unit
from kpi_windows.relations import Previous

market_size = money(MARKET, "size_micros", "sales of the whole market")
net_before = Previous(net, whole=False)
market_before = Previous(market_size, whole=False)

MARKET_SHARE = Kpi(
    id="market_share",
    title="Market share",
    aliases=("Beschikbare markt vs marktaandeel", "Marktaandeel"),
    group="sales",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=net / market_size,
    beside={
        "market_size": Reading(market_size, Unit.MONEY, ("market",)),
        "sales_growth": Reading(
            (net - net_before) / net_before,
            Unit.RATIO,
            note="Own net sales against the window before, over the same elapsed time.",
        ),
        "market_growth": Reading(
            (market_size - market_before) / market_before,
            Unit.RATIO,
            ("market",),
            note="The market's size, likewise.",
        ),
    },
    windows=WHOLE_DAYS,
    note="Net sales by the total addressable market, of all markets that were told. A market's "
    "size is spread evenly over the days of its period, and the day that is still running counts "
    "whole, so that a day's share is low until its evening.",
)

CUSTOMER_ACQUISITION_COST = Kpi(
    id="customer_acquisition_cost",
    title="Customer acquisition cost",
    aliases=("Klantacquisitiekosten", "CAC"),
    group="sales",
    unit=Unit.MONEY,
    better=Better.LOWER,
    formula=(ad_spend + other_spend) / new_orders,
    instead=(
        Instead(
            ORIGIN,
            ad_spend
            / count(VISIT, "converted", "visits of new visitors with an order", visitor="new"),
        ),
    ),
    beside={
        "ad_spend": Reading(ad_spend, Unit.MONEY, AD),
        "other_spend": Reading(other_spend, Unit.MONEY, ("purpose",)),
        "new_customers": Reading(new_orders, Unit.COUNT, note="First orders of known customers."),
    },
    note="All spend on marketing by first orders of known customers; guests count in neither. By "
    "source, medium or campaign it is something else: ad spend by visits of new visitors with an "
    "order, since only ads and visits know where they come from.",
)
