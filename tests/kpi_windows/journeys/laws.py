"""What holds for every journey: its facts are a function of its events and the watermark alone.

It must not know what the entity is.  A test gives its rules and a life, and asks for each law:

    LIVES = st.lists(entries, max_size=12)

    @pytest.mark.parametrize("law", LAWS)
    @given(life=LIVES, draw=st.data())
    def test_law(law, life, draw):
        check(law, TicketRules, Definitions(), life, until_ms=..., draw=draw)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec
from hypothesis import note
from hypothesis import strategies as st

from kpi_windows.aggregators import Cell, is_empty
from kpi_windows.definitions import Definitions
from kpi_windows.facts import Deltas
from kpi_windows.journeys.journal import NEVER, Entry, Journal, Journals, Rules

MakeRules = Callable[[Definitions, Deltas], Rules[Any]]
Facts = dict[tuple[str, int, tuple[str, ...]], Cell]
"""(fact, minute, labels) -> cell, without empty cells and empty buckets."""


class Law(NamedTuple):
    """Which disturbances a law allows; none of them may be seen in the facts."""

    shuffled: bool = False
    """Entries arrive in any order."""
    repeated: bool = False
    """Entries with an id arrive again."""
    settled: bool = False
    """Time is told often, and may run ahead of what still arrives."""
    trimmed: bool = False
    """What nothing can precede any more is folded away."""
    packed: bool = False
    """The journal goes to bytes and back."""


LAWS = {
    "any order of arrival gives the same facts": Law(shuffled=True),
    "a duplicate changes nothing": Law(repeated=True),
    "settling at many watermarks is settling at the last": Law(settled=True),
    "legal trimming changes nothing": Law(trimmed=True),
    "packing changes nothing": Law(packed=True),
    "an event after the trimming, behind told time, changes nothing": Law(
        settled=True, trimmed=True
    ),
    "all disturbances at once change nothing": Law(*(True,) * len(Law._fields)),
}


def facts_of(deltas: Deltas, but: Iterable[str] = ()) -> Facts:
    """All cells that hold something, except those of the facts named in `but`."""
    return {
        (fact, minute, labels): told
        for fact, cells in deltas.cells.items()
        if fact not in but
        for (minute, labels), cell in cells.items()
        if not is_empty(told := [_without_zeros(amount) for amount in cell])
    }


def _without_zeros(amount: Any) -> Any:
    if isinstance(amount, dict):
        return {bucket: count for bucket, count in amount.items() if count}
    return amount


def plainly(
    make: MakeRules, definitions: Definitions, life: Iterable[Entry], until_ms: int
) -> Deltas:
    """What an undisturbed life states: everything in order, then time is told once."""
    deltas = Deltas()
    journals = Journals(make(definitions, deltas))
    journal = journals.new()
    for entry in sorted(life):
        journals.add(journal, entry)
    journals.settle(journal, until_ms)
    return deltas


def check(
    law: str,
    make: MakeRules,
    definitions: Definitions,
    life: Sequence[Entry],
    *,
    until_ms: int,
    draw: st.DataObject,
    but: Iterable[str] = (),
) -> None:
    """Asserts that a life, disturbed as the law allows, states what the undisturbed one does.

    `but` names facts that the law can't hold for (those that can't be taken back).
    Entries with equal ids must be equal.
    """
    expected = facts_of(plainly(make, definitions, life, until_ms), but)
    deltas = Deltas()
    rules = make(definitions, deltas)
    journals = Journals(rules)
    journal = journals.new()
    for move, argument in _moves(LAWS[law], life, until_ms, draw):
        note(f"{move} {argument}")
        if move == "add":
            journals.add(journal, argument)
        elif move == "settle":
            journals.settle(journal, argument)
            assert rules.due_ms(journal.head) > argument, "due, but not settled"
        elif move == "trim":
            _trim(journals, journal, argument)
        elif move == "pack":
            journal = journals.unpack(journals.pack(journal))
    assert facts_of(deltas, but) == expected


def taken_back(
    make: MakeRules,
    definitions: Definitions,
    life: Iterable[Entry],
    until_ms: int,
    but: Iterable[str] = (),
) -> None:
    """Asserts that each step and settle with sign −1 takes back exactly what +1 stated, and that
    sign 0 moves the state as the others do and states nothing."""
    deltas = Deltas()
    rules = make(definitions, deltas)
    states = {sign: rules.state() for sign in (1, -1, 0)}
    for entry in sorted(life):
        for sign, state in states.items():
            rules.step(state, entry, sign)
    for sign, state in states.items():
        rules.settle(state, until_ms, sign)
    encode = msgspec.msgpack.encode
    assert encode(states[1]) == encode(states[-1]) == encode(states[0])
    assert facts_of(deltas, but) == {}
    assert all(rules.due_ms(state) > until_ms for state in states.values())


def _trim(journals: Journals[Any], journal: Journal[Any], horizon_ms: int) -> None:
    """Trims whatever is legal, also where it would usually not be worth while."""
    with patch.object(Journals, "_is_worth_while", return_value=True):
        journals.trim(journal, horizon_ms)


def _moves(
    law: Law, life: Sequence[Entry], until_ms: int, draw: st.DataObject
) -> Iterator[tuple[str, Any]]:
    """Arrivals, and between them what the law allows; ends with everything told."""
    arrivals = sorted(life)
    if law.repeated:
        named = [entry for entry in arrivals if entry[2]]
        again = st.lists(st.sampled_from(named), max_size=4) if named else st.just([])
        arrivals = sorted(arrivals + draw.draw(again, label="again"))
    if law.shuffled:
        arrivals = draw.draw(st.permutations(arrivals), label="arrivals")
    watermark_ms = min([until_ms, *(entry[0] for entry in life)])
    for number, entry in enumerate(arrivals):
        yield "add", entry
        if law.settled and draw.draw(st.booleans(), label="settle"):
            watermark_ms = draw.draw(st.integers(watermark_ms, until_ms), label="watermark")
            yield "settle", watermark_ms
        if law.trimmed and draw.draw(st.booleans(), label="trim"):
            yield "trim", min((later[0] for later in arrivals[number + 1 :]), default=NEVER)
        if law.packed and draw.draw(st.booleans(), label="pack"):
            yield "pack", None
    yield "settle", until_ms
