"""A unit's making: its start, its last finish, and the time between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.definitions import DAY_MS as D
from kpi_windows.definitions import HOUR_MS as H
from kpi_windows.definitions import MINUTE_MS as M
from kpi_windows.events import Event, UnitFinished, UnitStarted
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.unit import UnitRules, entry_of
from kpi_windows.sketches import bucket_of
from tests.kpi_windows.journeys.laws import LAWS, check, taken_back
from tests.kpi_windows.journeys.operations import BEGIN, SHOP, event, stated

PRESS = ("l1", "press", "pot", "early")
NOWHERE = ("(none)",) * 4


def start(at: int, **fields: Any) -> Event:
    told = {"line": "l1", "machine": "press", "product_id": "pot", "shift": "early"} | fields
    return event(UnitStarted, at, unit_id="u1", **told)


def finish(at: int, **fields: Any) -> Event:
    return event(UnitFinished, at, unit_id="u1", **fields)


def test_a_good_unit_counts_at_its_start_and_at_its_finish() -> None:
    assert stated(start(0), finish(5 * M))["unit"] == {
        (0, *PRESS): {"started": 1, "good_of_started": 1, "first_pass": 1},
        (5 * M, *PRESS): {
            "finished": 1,
            "good": 1,
            "cycles": 1,
            "cycle_ms": 5 * M,
            "cycle": {bucket_of(5 * M): 1},
        },
    }


def test_a_unit_in_work_has_only_started() -> None:
    assert stated(start(0))["unit"] == {(0, *PRESS): {"started": 1}}


def test_when_it_is_finished_twice_the_last_one_counts() -> None:
    scrap, good = finish(5 * M, good=False), finish(9 * M, reworked=True)
    told = stated(start(0), scrap, good)["unit"]
    assert told == stated(start(0), good, scrap)["unit"]
    assert (5 * M, *PRESS) not in told
    assert told[0, *PRESS] == {"started": 1, "good_of_started": 1}
    assert told[9 * M, *PRESS]["reworked"] == 1
    assert told[9 * M, *PRESS]["cycle_ms"] == 9 * M


def test_scrap_is_finished_and_not_good() -> None:
    told = stated(start(0), finish(M, good=False, reworked=True))["unit"]
    assert told[0, *PRESS] == {"started": 1}
    assert {"finished", "cycles", "cycle_ms", "cycle"} == told[M, *PRESS].keys()


def test_a_finish_without_a_start_is_a_unit_without_a_cycle() -> None:
    assert stated(finish(M))["unit"] == {(M, *NOWHERE): {"finished": 1, "good": 1}}


def test_a_finish_before_the_start_is_not_of_it() -> None:
    told = stated(finish(0), start(M))["unit"]
    assert told == {(0, *NOWHERE): {"finished": 1, "good": 1}, (M, *PRESS): {"started": 1}}
    assert (
        stated(finish(0), start(M), finish(2 * M))["unit"]
        == stated(start(M), finish(2 * M))["unit"]
    )


def test_a_second_start_is_ignored_and_one_at_the_finish_comes_before_it() -> None:
    again = start(2 * M, machine="drill")
    assert stated(start(0), again, finish(5 * M)) == stated(start(0), finish(5 * M))
    assert stated(finish(M), start(M))["unit"][M, *PRESS]["cycles"] == 1


def test_after_a_long_time_it_is_another_unit() -> None:
    late = SHOP.report_kept_ms + 1
    told = stated(start(0), finish(0), finish(late))["unit"]
    assert told[late - late % M, *NOWHERE] == {"finished": 1, "good": 1}
    assert told[0, *PRESS]["finished"] == 1


MOMENTS = st.sampled_from([0, 1, M, H]) | st.integers(0, D)
EVENTS = st.one_of(
    st.builds(start, MOMENTS, machine=st.sampled_from(["press", "drill", None])),
    st.builds(finish, MOMENTS, good=st.booleans(), reworked=st.booleans()),
)


@st.composite
def lives(draw: st.DrawFn) -> list[Entry]:
    """Entries in no order, about half of them with an id."""
    entries = [entry_of(each) for each in draw(st.lists(EVENTS, max_size=8))]
    return [
        (at, kind, f"e{number}" if draw(st.booleans()) else "", *rest)
        for number, (at, kind, _, *rest) in enumerate(entries)
    ]


@pytest.mark.parametrize("law", LAWS)
@given(life=lives(), draw=st.data())
def test_laws(law: str, life: list[Entry], draw: st.DataObject) -> None:
    check(law, UnitRules, SHOP, life, until_ms=BEGIN + 4 * D, draw=draw)


@given(life=lives())
def test_what_is_stated_can_be_taken_back(life: list[Entry]) -> None:
    taken_back(UnitRules, SHOP, life, BEGIN + 4 * D)
