"""A product's stock: first in, first out, by location; and when it is out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.definitions import DAY_MS as D
from kpi_windows.definitions import HOUR_MS as H
from kpi_windows.definitions import MINUTE_MS as M
from kpi_windows.events import Event, StockCounted
from kpi_windows.journeys import stock
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.stock import MOST_BATCHES, StockRules, counted, entry_of
from tests.kpi_windows.journeys.laws import LAWS, check, taken_back
from tests.kpi_windows.journeys.operations import BEGIN, SHOP, event, level, stated


def count(at: int, units: int, location: str = "main", **fields: Any) -> Event:
    return event(StockCounted, at, product_id="pot", location=location, units=units, **fields)


def lain(events: Sequence[Event], at: int) -> tuple[int, int]:
    """Units at a time, and the sum of the times that they have lain."""
    told = level(stated(*events)["stock"], at).values()
    units = sum(of.get("units", 0) for of in told)
    return units, units * (BEGIN + at) - sum(of.get("received_ms", 0) for of in told)


def test_units_that_came_first_leave_first() -> None:
    life = [count(0, 10), count(D, 15), count(2 * D, 4)]
    assert lain(life[:1], 2 * D) == (10, 10 * 2 * D)
    assert lain(life[:2], 2 * D) == (15, 10 * 2 * D + 5 * D)
    assert lain(life, 3 * D) == (4, 4 * 2 * D)  # 4 of the 5 of the second day


def test_a_count_that_changes_nothing_makes_nothing_younger() -> None:
    assert lain([count(0, 10), count(D, 10)], 2 * D) == (10, 10 * 2 * D)


def test_what_moves_to_another_location_is_new_there() -> None:
    life = [count(0, 10), count(D, 6), count(D, 4, "shop")]
    assert lain(life, 2 * D) == (10, 6 * 2 * D + 4 * D)


def test_a_snapshot_that_arrives_late_is_put_in_its_place() -> None:
    first, between, last = count(0, 10), count(H, 2), count(2 * H, 10)
    assert lain([first, last], 3 * H) == (10, 10 * 3 * H)
    assert lain([first, last, between], 3 * H) == lain([first, between, last], 3 * H)
    assert lain([first, last, between], 3 * H) == (10, 2 * 3 * H + 8 * H)


def test_a_stock_out_and_the_refill() -> None:
    told = stated(count(0, 5), count(H, 0), count(2 * H, 7), count(3 * H, 0))["assortment"]
    assert told == {
        (0, "pot"): {"products": 1},
        (H, "pot"): {"out": 1, "stock_outs": 1},
        (2 * H, "pot"): {"out": -1},
        (3 * H, "pot"): {"out": 1, "stock_outs": 1},
    }


def test_a_product_is_out_when_it_is_out_everywhere() -> None:
    told = stated(count(0, 5), count(0, 5, "shop"), count(H, 0), count(2 * H, 0, "shop"))
    assert told["assortment"] == {
        (0, "pot"): {"products": 1},
        (2 * H, "pot"): {"out": 1, "stock_outs": 1},
    }


@pytest.mark.parametrize("ids", [("a", "b"), ("b", "a")])
def test_what_is_counted_at_one_instant_counts_together(ids: tuple[str, str]) -> None:
    leaving, arriving = ids
    moved = [count(H, 0, event_id=leaving), count(H, 5, "shop", event_id=arriving)]
    assert (H, "pot") not in stated(count(0, 5), *moved)["assortment"]


def test_one_that_never_was_in_stock_is_out_but_didnt_run_out() -> None:
    assert stated(count(0, 0))["assortment"] == {(0, "pot"): {"products": 1, "out": 1}}


def test_with_many_batches_the_oldest_two_are_taken_for_one() -> None:
    batches = [[at, 2] for at in range(MOST_BATCHES)]
    told = counted(batches, 2 * MOST_BATCHES + 1, at_ms=1_000)
    assert len(told) == MOST_BATCHES
    assert told[0] == [0, 4]  # of 0 and 1, rounded down
    assert told[1:] == [*batches[2:], [1_000, 1]]
    assert batches[0] == [0, 2]


# ---------------------------------------------------------------------- laws


COUNTS = st.builds(
    count,
    st.sampled_from([0, 0, 1, M, M, H, D]) | st.integers(0, 3 * D),
    st.sampled_from([0, 0, 1, 5]) | st.integers(0, 20),
    st.sampled_from(["main", "shop", ""]),
)


@st.composite
def lives(draw: st.DrawFn) -> list[Entry]:
    """Entries in no order, about half of them with an id."""
    entries = [entry_of(each) for each in draw(st.lists(COUNTS, max_size=12))]
    return [
        (at, kind, f"e{number}" if draw(st.booleans()) else "", *rest)
        for number, (at, kind, _, *rest) in enumerate(entries)
    ]


@pytest.mark.parametrize("law", LAWS)
@given(life=lives(), draw=st.data())
def test_laws(law: str, life: list[Entry], draw: st.DataObject) -> None:
    check(law, StockRules, SHOP, life, until_ms=BEGIN + 4 * D, draw=draw)


@given(life=lives())
def test_what_is_stated_can_be_taken_back(life: list[Entry]) -> None:
    taken_back(StockRules, SHOP, life, BEGIN + 4 * D)


@given(life=lives())
def test_a_slow_second_opinion_agrees(life: list[Entry]) -> None:
    """Each unit has its own time of receipt, in a queue."""
    queues: dict[str, list[int]] = {}
    total, out, stock_outs = None, 0, 0
    for at_ms, entries in groupby(sorted(life), key=lambda entry: entry[0]):
        for *_, location, units in entries:
            queue = queues.setdefault(location, [])
            queue += [at_ms] * (units - len(queue))
            del queue[: len(queue) - units]
        before, total = total, sum(map(len, queues.values()))
        stock_outs += bool(before) and total == 0
        out = int(total == 0)
    told = stated(*_events(life))
    heights = level(told.get("stock", {}), 10 * D)
    for location, queue in queues.items():
        expected = {"units": len(queue), "received_ms": sum(queue)} if queue else {}
        assert heights.get(("pot", location), {}) == expected
    assortment = level(told.get("assortment", {}), 10 * D).get(("pot",), {})
    wanted = {"products": int(bool(life)), "out": out, "stock_outs": stock_outs}
    assert assortment == {name: amount for name, amount in wanted.items() if amount}


def _events(life: list[Entry]) -> list[Event]:
    return [
        count(at - BEGIN, units, "" if location == stock.NONE else location, event_id=told or None)
        for at, _, told, _, location, units in life
    ]
