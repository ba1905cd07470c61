"""When journals are looked at: what time states is stated on time, whoever else is behind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.definitions import MINUTE_MS, Definitions
from kpi_windows.facts import Deltas
from kpi_windows.facts.visits import CART
from kpi_windows.journeys import visitor
from kpi_windows.table import Table
from kpi_windows.windows import Grid
from tests.kpi_windows.journeys.test_visitor import T0, add

DEFINITIONS = Definitions()
ABANDONED = CART.slot("abandoned")


@given(
    st.lists(st.integers(0, 59), max_size=6).map(sorted),
    st.sets(st.integers(0, 59)),
    st.booleans(),
)
def test_a_cart_is_abandoned_at_the_hour_whenever_it_was_looked_at_before(
    looks: list[int], touched: set[int], others_are_behind: bool
) -> None:
    deltas = Deltas()
    lateness_ms, gap_ms = DEFINITIONS.longest_lateness_ms, DEFINITIONS.visit_gap_ms
    rules = visitor.VisitorRules(DEFINITIONS, deltas, Grid("UTC"))
    table = Table(b"v", rules, lateness_ms, gap_ms)
    table.journals.add(table.get("v"), add(0))
    for minute in [*looks, 60]:
        if minute in touched:
            table.get("v")
        watermark_ms = T0 + minute * MINUTE_MS
        table.cut(watermark_ms, 0 if others_are_behind else watermark_ms - lateness_ms)
        abandoned = sum(cell[ABANDONED] for cell in deltas.cells["cart"].values())
        assert abandoned == (minute == 60)
