"""Messages as transcripts, and their laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.definitions import DAY_MS, HOUR_MS
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.message import MessageRules
from tests.kpi_windows.journeys.laws import LAWS, check, taken_back
from tests.kpi_windows.journeys.lists import (
    KEPT,
    SHOP,
    clicked,
    delivered,
    made_leave,
    of_message,
    opened,
)
from tests.kpi_windows.journeys.orders import START, Told, dropping_changes_nothing

H, D = HOUR_MS, DAY_MS


def amounts(told: Told) -> dict[str, dict[int, int]]:
    """What there is, by the time at which it counts."""
    names = ("delivered", "opened", "opened_by_person", "clicked", "left")
    found = {name: told.times("message", name) for name in names}
    return {name: times for name, times in found.items() if times}


def test_what_the_recipient_does_counts_at_the_delivery() -> None:
    told = of_message(delivered(0), opened(H), clicked(2 * H), made_leave(D))
    assert amounts(told) == {
        "delivered": {0: 1}, "opened": {0: 1}, "opened_by_person": {0: 1}, "clicked": {0: 1},
        "left": {0: 1},
    }  # fmt: skip
    assert told.labels("message") == {("email", "(none)", "spring")}


def test_each_counts_once_a_recipient() -> None:
    told = of_message(
        delivered(0), delivered(H, "other"), opened(H), opened(2 * H), clicked(3 * H),
        clicked(4 * H), made_leave(D), made_leave(D + H),
    )  # fmt: skip
    assert {sum(times.values()) for times in amounts(told).values()} == {1}
    assert told.labels("message") == {("email", "(none)", "spring")}


def test_who_clicks_has_opened() -> None:
    assert amounts(of_message(delivered(0), clicked(H))) == {
        "delivered": {0: 1}, "opened": {0: 1}, "opened_by_person": {0: 1}, "clicked": {0: 1},
    }  # fmt: skip


def test_an_opening_by_a_machine_is_one_but_not_by_a_person() -> None:
    by_machine = of_message(delivered(0), opened(H, by_machine=True))
    assert amounts(by_machine) == {"delivered": {0: 1}, "opened": {0: 1}}
    both = of_message(delivered(0), opened(H, by_machine=True), opened(2 * H))
    assert amounts(both) == {
        "delivered": {0: 1}, "opened": {0: 1}, "opened_by_person": {0: 1},
    }  # fmt: skip


def test_leaving_is_no_opening() -> None:
    assert amounts(of_message(delivered(0), made_leave(H))) == {
        "delivered": {0: 1}, "left": {0: 1},
    }  # fmt: skip


def test_without_a_delivery_nothing_counts() -> None:
    assert of_message(opened(0), clicked(H), made_leave(D)).facts == {}


def test_what_precedes_the_delivery_counts_when_it_comes() -> None:
    told = of_message(opened(H), delivered(H + KEPT))
    assert amounts(told) == {
        "delivered": {H + KEPT: 1}, "opened": {H + KEPT: 1}, "opened_by_person": {H + KEPT: 1},
    }  # fmt: skip
    assert amounts(of_message(opened(H), clicked(2 * H), delivered(H + KEPT + 1))) == {
        "delivered": {H + KEPT: 1}, "opened": {H + KEPT: 1}, "opened_by_person": {H + KEPT: 1},
        "clicked": {H + KEPT: 1},
    }  # fmt: skip
    assert amounts(of_message(opened(H), delivered(H + KEPT + 1))) == {"delivered": {H + KEPT: 1}}


def test_what_comes_too_late_doesnt_count() -> None:
    assert "opened" in amounts(of_message(delivered(0), opened(KEPT)))
    assert amounts(of_message(delivered(0), opened(KEPT + 1))) == {"delivered": {0: 1}}


def test_the_same_id_much_later_is_another_message() -> None:
    told = of_message(delivered(0), opened(H), opened(KEPT + H), delivered(KEPT + 2 * H, "next"))
    assert told.times("message", "delivered", campaign="spring") == {0: 1}
    assert told.times("message", "opened", campaign="spring") == {0: 1}
    assert told.times("message", "delivered", campaign="next") == {KEPT + 2 * H: 1}
    assert told.times("message", "opened", campaign="next") == {KEPT + 2 * H: 1}


MOMENTS = st.one_of(
    st.sampled_from([0, H, 2 * H, D, KEPT, KEPT + H, KEPT + 1, 2 * KEPT]), st.integers(0, 3 * KEPT)
)
HAPPENINGS = st.one_of(
    st.builds(
        delivered, MOMENTS, st.sampled_from([None, "", "spring", "sale"]),
        channel=st.sampled_from(["email", "sms"]), list=st.sampled_from([None, "news"]),
    ),
    st.builds(opened, MOMENTS, by_machine=st.booleans()),
    st.builds(clicked, MOMENTS),
    st.builds(made_leave, MOMENTS),
)  # fmt: skip


@st.composite
def lives(draw: st.DrawFn) -> list[Entry]:
    """Entries of one message in no order, about half of them with an id."""
    entries = draw(st.lists(HAPPENINGS, max_size=12))
    return [
        (at, kind, f"e{number}" if draw(st.booleans()) else "", *rest)
        for number, (at, kind, _, *rest) in enumerate(entries)
    ]


UNTIL = st.integers(START, START + 4 * KEPT)


@pytest.mark.parametrize("law", LAWS)
@given(life=lives(), until_ms=UNTIL, draw=st.data())
def test_laws(law: str, life: list[Entry], until_ms: int, draw: st.DataObject) -> None:
    check(law, MessageRules, SHOP, life, until_ms=until_ms, draw=draw)


@given(life=lives(), until_ms=UNTIL)
def test_what_is_stated_can_be_taken_back(life: list[Entry], until_ms: int) -> None:
    taken_back(MessageRules, SHOP, life, until_ms)


@given(life=lives(), later=lives())
def test_a_message_that_is_over_can_be_forgotten(life: list[Entry], later: list[Entry]) -> None:
    later = [(at - START, *rest) for at, *rest in later]
    dropping_changes_nothing(MessageRules, SHOP, life, later)


@given(life=lives())
def test_no_part_exceeds_its_whole(life: list[Entry]) -> None:
    for cell in of_message(*life).facts.values():
        delivered_, opened_, by_person, clicked_, left_ = cell
        assert delivered_ >= opened_ >= by_person >= clicked_ >= 0
        assert delivered_ >= left_ >= 0
