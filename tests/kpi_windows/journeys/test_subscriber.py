"""Subscribers as transcripts, and their laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.definitions import DAY_MS, HOUR_MS
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.subscriber import SubscriberRules
from tests.kpi_windows.journeys.laws import LAWS, check, taken_back
from tests.kpi_windows.journeys.lists import SHOP, joined, left, of_subscriber
from tests.kpi_windows.journeys.orders import START, dropping_changes_nothing

H, D = HOUR_MS, DAY_MS


def test_who_joins_is_on_the_list_until_leaving_it() -> None:
    told = of_subscriber(joined(0), left(D))
    assert told.times("subscriber", "subscribers") == {0: 1, D: -1}
    assert told.times("subscriber", "joined") == {0: 1}
    assert told.times("subscriber", "left") == {D: 1}
    assert told.labels("subscriber") == {("email", "news", "(none)")}


def test_joining_twice_counts_once() -> None:
    told = of_subscriber(joined(0), joined(H))
    assert told.times("subscriber", "subscribers") == {0: 1}
    assert told.times("subscriber", "joined") == {0: 1}


def test_joining_again_in_another_segment_changes_only_that() -> None:
    told = of_subscriber(joined(0, segment="vip"), joined(H, segment="lost"), joined(2 * H))
    assert told.times("subscriber", "subscribers", segment="vip") == {0: 1, H: -1}
    assert told.times("subscriber", "subscribers", segment="lost") == {H: 1}
    assert told.times("subscriber", "joined", segment="vip") == {0: 1}
    assert told("subscriber", "joined") == 1
    assert told("subscriber", "left") == 0


def test_who_left_and_comes_back_joins_again_without_the_old_segment() -> None:
    told = of_subscriber(joined(0, segment="vip"), left(H), joined(D))
    assert told.times("subscriber", "subscribers", segment="vip") == {0: 1, H: -1}
    assert told.times("subscriber", "subscribers", segment="(none)") == {D: 1}
    assert told.times("subscriber", "joined") == {0: 1, D: 1}


def test_leaving_a_list_that_one_isnt_on_counts_nothing() -> None:
    assert of_subscriber(left(0), left(H)).facts == {}
    told = of_subscriber(joined(0), left(H), left(2 * H), left(3 * H, "other"))
    assert told.times("subscriber", "left") == {H: 1}


def test_a_leaving_that_turns_out_to_be_earlier_is_undone_by_the_joining() -> None:
    """Whatever arrives first: what happened first, happened first."""
    told = of_subscriber(joined(H), left(0))
    assert told.times("subscriber", "subscribers") == {H: 1}
    assert told("subscriber", "left") == 0


def test_lists_and_channels_are_apart() -> None:
    told = of_subscriber(joined(0), joined(0, "tips"), joined(0, channel="sms"), left(H))
    assert told("subscriber", "subscribers", channel="email") == 1
    assert told("subscriber", "subscribers", list="tips") == 1
    assert told("subscriber", "subscribers", channel="sms", list="news") == 1


LISTS = st.sampled_from(["news", "tips", ""])
CHANNELS = st.sampled_from(["email", "sms"])
MOMENTS = st.one_of(st.integers(0, 3).map(lambda hour: hour * H), st.integers(0, 3 * D))
JOININGS = st.builds(
    joined, MOMENTS, LISTS, channel=CHANNELS, segment=st.sampled_from([None, "", "vip", "lost"])
)
LEAVINGS = st.builds(left, MOMENTS, LISTS, channel=CHANNELS)


@st.composite
def lives(draw: st.DrawFn) -> list[Entry]:
    """Entries of one subscriber in no order, about half of them with an id."""
    entries = draw(st.lists(st.one_of(JOININGS, LEAVINGS), max_size=12))
    return [
        (at, kind, f"e{number}" if draw(st.booleans()) else "", *rest)
        for number, (at, kind, _, *rest) in enumerate(entries)
    ]


UNTIL = st.integers(START, START + 5 * D)


@pytest.mark.parametrize("law", LAWS)
@given(life=lives(), until_ms=UNTIL, draw=st.data())
def test_laws(law: str, life: list[Entry], until_ms: int, draw: st.DataObject) -> None:
    check(law, SubscriberRules, SHOP, life, until_ms=until_ms, draw=draw)


@given(life=lives(), until_ms=UNTIL)
def test_what_is_stated_can_be_taken_back(life: list[Entry], until_ms: int) -> None:
    taken_back(SubscriberRules, SHOP, life, until_ms)


@given(life=lives(), later=lives())
def test_who_is_on_no_list_can_be_forgotten(life: list[Entry], later: list[Entry]) -> None:
    dropping_changes_nothing(SubscriberRules, SHOP, life, later)
