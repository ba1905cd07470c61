"""Any ticket: its facts don't depend on how its events arrive, and equal a slow second opinion."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS, Definitions, Targets
from kpi_windows.facts import FACTS, Deltas
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.ticket import TicketRules, entry_of
from kpi_windows.sketches import Distinct
from tests.kpi_windows.journeys import tickets as say
from tests.kpi_windows.journeys.laws import LAWS, check, facts_of, plainly, taken_back
from tests.kpi_windows.journeys.ticket_oracle import Amounts, Oracle

SHOP = Definitions(
    targets={"high": Targets(HOUR_MS, 6 * HOUR_MS), "low": Targets(DAY_MS, 3 * DAY_MS)},
    zone="Europe/Amsterdam",
    holidays=("2024-01-10",),
)
LONG_MS = 40 * DAY_MS
MOMENTS = st.one_of(
    st.integers(0, 3 * MINUTE_MS),
    st.sampled_from([0, HOUR_MS, 6 * HOUR_MS, DAY_MS, 2 * DAY_MS, 3 * DAY_MS, 7 * DAY_MS]),
    st.integers(0, LONG_MS),
)
PRIORITIES = st.sampled_from([None, "", "high", "low", "other"])
CONCERNS = st.sampled_from([None, "delivery", "return"])
CHANNELS = st.sampled_from([None, "email", "phone"])
OPENINGS = st.builds(
    say.opened, MOMENTS, channel=CHANNELS, concern=CONCERNS, priority=PRIORITIES,
    product_id=st.sampled_from([None, "lamp"]), customer_id=st.sampled_from([None, "c", "d"]),
)  # fmt: skip
HAPPENINGS = st.one_of(
    st.builds(say.reassigned, MOMENTS, concern=CONCERNS, priority=PRIORITIES),
    st.builds(
        say.answered, MOMENTS, public=st.booleans(),
        author=st.sampled_from(["person", "person", "customer", "bot"]),
    ),
    st.builds(say.escalated, MOMENTS),
    st.builds(say.held, MOMENTS),
    st.builds(say.resolved, MOMENTS),
    st.builds(say.resolved, MOMENTS),
    st.builds(say.reopened, MOMENTS),
    st.builds(say.csat, MOMENTS, st.integers(1, 5), channel=CHANNELS),
    st.builds(say.nps, MOMENTS, st.integers(0, 10)),
)  # fmt: skip


@st.composite
def lives(draw: st.DrawFn, openings: int = 1) -> list[Entry]:
    """Entries of one ticket in no order, about half of them with an id."""
    events = draw(st.lists(OPENINGS, max_size=openings)) + draw(st.lists(HAPPENINGS, max_size=10))
    entries = [entry_of(event) for event in events]
    return [
        (at, kind, f"e{number}" if draw(st.booleans()) else "", *rest)
        for number, (at, kind, _, *rest) in enumerate(entries)
    ]


UNTIL = st.integers(say.MONDAY_9H, say.MONDAY_9H + LONG_MS + 5 * DAY_MS)


@pytest.mark.parametrize("law", LAWS)
@given(life=lives(), until_ms=UNTIL, draw=st.data())
def test_laws(law: str, life: list[Entry], until_ms: int, draw: st.DataObject) -> None:
    check(law, TicketRules, SHOP, life, until_ms=until_ms, draw=draw)


@pytest.mark.parametrize("law", LAWS)
@given(life=lives(openings=3), until_ms=UNTIL, draw=st.data())
def test_laws_when_it_was_opened_more_than_once(
    law: str, life: list[Entry], until_ms: int, draw: st.DataObject
) -> None:
    """Each opening is a contact, also one that the ticket ignores."""
    check(law, TicketRules, SHOP, life, until_ms=until_ms, draw=draw)


@given(life=lives(openings=2), until_ms=UNTIL)
def test_what_is_stated_can_be_taken_back(life: list[Entry], until_ms: int) -> None:
    taken_back(TicketRules, SHOP, life, until_ms, but=["contact"])


@given(logs=st.lists(lives(openings=2), max_size=3), until_ms=UNTIL)
def test_a_slow_second_opinion_agrees(logs: list[list[Entry]], until_ms: int) -> None:
    oracle, deltas = Oracle(SHOP), Deltas()
    for life in logs:
        plainly(lambda shop, _: TicketRules(shop, deltas), SHOP, life, until_ms)
    expected = sum((oracle.amounts(life) for life in logs), Amounts())
    assert _stated(deltas) == _told_apart(expected)
    turns_ms = {turn_ms // MINUTE_MS for life in logs for turn_ms in oracle.turns_ms(life)}
    for minute in sorted(turns_ms | {minute + 1 for minute in turns_ms}):
        at_ms = minute * MINUTE_MS
        assert _heights(deltas, at_ms) == oracle.standing(logs, at_ms - 1, until_ms)


# ---------------------------------------------------------------------- what the journey said


def _stated(deltas: Deltas) -> Amounts:
    """All amounts, but for levels."""
    told = Amounts()
    for (fact, minute, labels), cell in facts_of(deltas).items():
        for name, amount in zip(FACTS[fact].amounts, cell, strict=True):
            if fact != "open_ticket" and not name.endswith("_by_minute"):
                for bucket, number in _numbers(amount).items():
                    told[fact, minute, labels, name, bucket] += number
    return _without_zeros(told)


def _numbers(amount: Any) -> dict[int | None, int]:
    if isinstance(amount, Distinct):
        return dict.fromkeys(amount.hashes or (), 1)
    return amount if isinstance(amount, dict) else {None: amount}


def _told_apart(amounts: Amounts) -> Amounts:
    """A customer counts once a cell, in however many tickets."""
    return Amounts({k: 1 if k[0] == "contact" else number for k, number in amounts.items()})


def _heights(deltas: Deltas, boundary_ms: int) -> Counter[Any]:
    """The level by place just before a minute begins, and the same from the minutes' histograms."""
    heights: Counter[Any] = Counter()
    for (minute, labels), cell in deltas.cells["open_ticket"].items():
        if minute < boundary_ms:
            heights[labels] += cell[0]
    for cell in deltas.cells["ticket_flow"].values():
        for name, buckets in (("open", cell[-2]), ("overdue", cell[-1])):
            for bucket, change in buckets.items():
                if bucket * MINUTE_MS < boundary_ms:
                    heights[name] += change
    return _without_zeros(heights)


def _without_zeros(counts: Counter[Any]) -> Counter[Any]:
    return Counter({key: count for key, count in counts.items() if count})
