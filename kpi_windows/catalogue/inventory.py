"""The guide's sales KPIs about what lies in stock, and prices here and elsewhere.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from fractions import Fraction

from kpi_windows.amounts import Level, count, seconds
from kpi_windows.catalogue.terms import line_units
from kpi_windows.facts.operations import ASSORTMENT, PRICE, STOCK
from kpi_windows.formula import Scale
from kpi_windows.kpi import Better, Kpi, Reading, Unit
from kpi_windows.relations import Days, PerDay, WindowEnd

_MICRO = Fraction(1, 1_000_000)

on_hand = Level(STOCK, "units", "units on hand")
lain = seconds(WindowEnd()) * on_hand - seconds(
    Level(STOCK, "received_ms", "sum of their times of receipt")
)
sold_a_day = PerDay(line_units)
products = Level(ASSORTMENT, "products", "products that were ever counted")
out = Level(ASSORTMENT, "out", "products out of stock")

INVENTORY = Kpi(
    id="inventory",
    title="Inventory",
    aliases=("Voorraadniveaus", "Inventory levels"),
    group="sales",
    unit=Unit.COUNT,
    better=Better.NEITHER,
    formula=on_hand,
    by=("product", "location"),
    beside={
        "mean_age": Reading(
            Days(lain) / on_hand,
            Unit.DAYS,
            note="How long they have lain, on average: the units that came first leave first, and "
            "what was there at a location's first count came then. What moves to another location "
            "is new there.",
        ),
        "units_a_day": Reading(
            sold_a_day,
            Unit.COUNT,
            ("product",),
            note="Units ordered in the window, by the days that it has lasted so far.",
        ),
        "days_of_supply": Reading(
            on_hand / sold_a_day,
            Unit.DAYS,
            ("product",),
            note="For how long they last at the window's pace; no value where nothing was sold.",
        ),
        "stock_outs": Reading(
            count(ASSORTMENT, "stock_outs", "stock-outs"),
            Unit.COUNT,
            ("product",),
            note="How often the last unit of a product went, at all locations together.",
        ),
        "out": Reading(
            out,
            Unit.COUNT,
            ("product",),
            note="Products that were counted, and of which there is no unit anywhere.",
        ),
        "out_share": Reading(out / products, Unit.RATIO, ("product",)),
    },
    note="At the window's end, from the last count of each product at each location. An order "
    "doesn't change it: the next count does.",
)

own = Scale(Level(PRICE, "own_micros", "own prices"), _MICRO)
elsewhere = Scale(Level(PRICE, "competitor_micros", "mean prices of competitors"), _MICRO)
compared = Level(PRICE, "compared", "products with a price here and elsewhere")

COMPETITOR_PRICE_INDEX = Kpi(
    id="competitor_price_index",
    title="Competitor price index",
    aliases=("Concurrentieprijzen", "Price index"),
    group="sales",
    unit=Unit.RATIO,
    better=Better.NEITHER,
    formula=own / elsewhere,
    by=("product",),
    beside={
        "dearer_share": Reading(
            Level(PRICE, "dearer", "products dearer than at competitors on average") / compared,
            Unit.RATIO,
        ),
        "compared": Reading(compared, Unit.COUNT),
    },
    note="Own price / mean price of the competitors that sell it, as last seen at the window's "
    "end; above 1 the shop is dearer. Over the range, the sum of the own prices by the sum of the "
    "means, so that a dear product weighs more; a product without a price here or elsewhere is "
    "left out.",
)
