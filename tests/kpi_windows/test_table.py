"""When journals are looked at: what time states is stated on time, whoever else is behind."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.aggregators import Cell, is_empty
from kpi_windows.definitions import HOUR_MS, MINUTE_MS, Definitions
from kpi_windows.facts import Deltas
from kpi_windows.facts.visits import CART
from kpi_windows.journeys import visitor
from kpi_windows.journeys.journal import Journals
from kpi_windows.table import Table
from kpi_windows.windows import Grid
from tests.kpi_windows.journeys.test_visitor import T0, add, page

DEFINITIONS = Definitions()
ABANDONED = CART.slot("abandoned")
MOST = DEFINITIONS.most_journeys


def table_of() -> Table[visitor.VisitorState]:
    """Of visitors, whose facts nobody asks for."""
    rules = visitor.VisitorRules(DEFINITIONS, Deltas(), Grid("UTC"))
    lateness_ms, gap_ms = DEFINITIONS.longest_lateness_ms, DEFINITIONS.visit_gap_ms
    return Table(b"v", rules, lateness_ms, MOST, gap_ms, visitor.begin)


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
    table = Table(b"v", rules, lateness_ms, MOST, gap_ms)
    table.journals.add(table.get("v"), add(0))
    for minute in [*looks, 60]:
        if minute in touched:
            table.get("v")
        watermark_ms = T0 + minute * MINUTE_MS
        table.cut(watermark_ms, 0 if others_are_behind else watermark_ms - lateness_ms)
        abandoned = sum(cell[ABANDONED] for cell in deltas.cells["cart"].values())
        assert abandoned == (minute == 60)


CLICKS = st.tuples(st.integers(0, 40), st.sampled_from(["a", "b", "c", "", "", ""]))
"""Minutes, not in order, and ids of which many come again, with another time."""


@given(st.lists(CLICKS, max_size=12), st.sets(st.integers(0, 11)), st.sets(st.integers(0, 11)))
def test_what_is_put_aside_counts_as_if_it_had_been_added_at_once(
    clicks: list[tuple[int, str]], cuts: set[int], at_once: set[int]
) -> None:
    told: list[tuple[dict[Any, Any], int]] = []
    for every in (set(range(12)), at_once):
        deltas = Deltas()
        rules = visitor.VisitorRules(DEFINITIONS, deltas, Grid("UTC"))
        table = Table(b"v", rules, HOUR_MS, MOST, DEFINITIONS.visit_gap_ms, visitor.begin)
        repeated = 0
        for number, (minute, event_id) in enumerate(clicks):
            entry = page(minute, page="/", event_id=event_id or None)
            if number in every:
                repeated += not table.journals.add(table.get("v"), entry)
            else:
                table.put("v", entry)
            if number in cuts:
                table.cut(T0, T0 - HOUR_MS)
        table.cut(T0, T0 - HOUR_MS)
        kept = {
            (name, *place): cell
            for name, cells in deltas.cells.items()
            for place, cell in zip(cells, map(_without_zeros, cells.values()), strict=True)
            if not is_empty(cell)
        }
        told.append((kept, repeated + len(table.repeated)))
    assert told[0] == told[1]


def test_who_never_rests_is_kept_short_and_seldom_unpacked() -> None:
    lateness_ms, events = DEFINITIONS.longest_lateness_ms, 1_440
    must_be_kept = lateness_ms // 5_000
    table = table_of()
    most = 0
    with patch.object(Journals, "_open", autospec=True, side_effect=Journals._open) as opened:
        for number in range(events):
            table.put("v", page(number / 12, page="/", event_id=str(number)))
            watermark_ms = T0 + number * 5_000
            table.cut(watermark_ms, watermark_ms - lateness_ms)
            most = max(most, table.journals.unpack(table.packed["v"][8:]).packed)
    assert must_be_kept <= most <= must_be_kept * 8 / 7 + 2
    assert opened.call_count <= 8 * events / must_be_kept


def test_a_timer_that_moved_away_writes_nothing_until_it_is_over() -> None:
    lateness_ms, gap_ms = DEFINITIONS.longest_lateness_ms, DEFINITIONS.visit_gap_ms
    table = table_of()

    def written_at(watermark_ms: int) -> list[bytes | None]:
        return [v for _, v in table.cut(watermark_ms, watermark_ms - lateness_ms)]

    for minute in (0, 20):
        table.put("v", page(minute, page="/"))
        assert len(written_at(T0 + minute * MINUTE_MS)) == 1
    first_ms = T0 + gap_ms + lateness_ms  # when the first page, if it had been the last, is folded
    last_ms = first_ms + 20 * MINUTE_MS
    assert not written_at(first_ms)
    assert not written_at(last_ms - 1)
    assert len(written_at(last_ms)) == 1
    assert table.journals.unpack(table.packed["v"][8:]).is_final


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from((1, 30, 600, 3_000)), st.booleans()),
        max_size=40,
    )
)
def test_no_timer_is_missed_and_they_do_not_pile_up(told: list[tuple[int, int, bool]]) -> None:
    lateness_ms = DEFINITIONS.longest_lateness_ms
    table = table_of()
    minute = 0
    for number, later, is_cart in told:
        minute += later
        if number:  # else time passes, and nothing comes
            table.put(str(number), add(minute) if is_cart else page(minute, page="/"))
        watermark_ms = T0 + minute * MINUTE_MS
        table.cut(watermark_ms, watermark_ms - lateness_ms)
        timers = [int.from_bytes(packed[:8], "big") for packed in table.packed.values()]
        assert all(at_ms > watermark_ms for at_ms in timers)
    assert len(table._timers) <= 3 * len(table)


def test_timers_of_a_year_from_now_take_no_room() -> None:
    lateness_ms = DEFINITIONS.longest_lateness_ms
    table = table_of()
    for hour in range(100):
        table.put("v", page(hour * 60, page="/"))
        for minute in (0, 50):  # the visit is over
            watermark_ms = T0 + hour * HOUR_MS + minute * MINUTE_MS
            table.cut(watermark_ms, watermark_ms - lateness_ms)
    assert len(table) == 1
    assert not table._timers
    year_ms = T0 + 100 * HOUR_MS + DEFINITIONS.new_again_ms
    table.cut(year_ms, year_ms - lateness_ms)
    assert not len(table)


def _without_zeros(cell: Cell) -> Cell:
    return [
        {bucket: count for bucket, count in amount.items() if count}
        if isinstance(amount, dict)
        else amount
        for amount in cell
    ]
