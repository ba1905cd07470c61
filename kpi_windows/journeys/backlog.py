"""Where open tickets stand, as a level: by status, priority, age class, and overdue or not.

    opened        1 day            target   3 days        resolved
    |-------------|----------------|--------|-------------|
    new <1d no    new 1d-3d no     … yes    3d-7d … yes   nowhere

Whatever changes the place of a ticket, an event or its age, moves it from one cell to another at
that time.  It must not know which events there are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS, Definitions, Targets
from kpi_windows.facts import Deltas
from kpi_windows.facts.service import OPEN_TICKET, TICKET_FLOW
from kpi_windows.journeys.journal import NEVER

NEW, OPEN, HOLD = "new", "open", "hold"
ON_HAND = frozenset((NEW, OPEN, HOLD))
"""The statuses of a ticket that somebody still has to do something about."""

_OPEN_BY_MINUTE = TICKET_FLOW.slot("open_by_minute")
_OVERDUE_BY_MINUTE = TICKET_FLOW.slot("overdue_by_minute")

_UNITS = (("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", 1_000), ("ms", 1))


class Aged(Protocol):
    """What of a ticket decides where it stands."""

    status: str
    priority: str
    opened_ms: int
    stated_ms: int
    """Up to when its ageing is stated."""


class Place(NamedTuple):
    """Where an open ticket stands: the labels of `OPEN_TICKET`."""

    status: str
    priority: str
    age: str
    overdue: str


def age_names(bounds_ms: Sequence[int]) -> tuple[str, ...]:
    """The age classes that bounds make, from the youngest; an age equal to a bound is above it.

    >>> age_names((HOUR_MS, DAY_MS, 3 * DAY_MS))
    ('<1h', '1h-1d', '1d-3d', '>3d')
    """
    told = [_told(bound_ms) for bound_ms in bounds_ms]
    if not told:
        return ("any",)
    return (f"<{told[0]}", *(f"{low}-{high}" for low, high in pairwise(told)), f">{told[-1]}")


def _told(length_ms: int) -> str:
    return next(f"{length_ms // ms}{unit}" for unit, ms in _UNITS if length_ms % ms == 0)


class Backlog:
    """States where one ticket at a time stands."""

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:
        self._targets_of = definitions.targets_of
        self._ages_ms = sorted(definitions.ticket_ages_ms)
        self._ages = age_names(self._ages_ms)
        self._turns = {name: self._turns_by(t) for name, t in definitions.targets.items()}
        self._other_turns = self._turns_by(definitions.default_targets)
        self._level = deltas.adder(OPEN_TICKET)
        self._flow = deltas.adder(TICKET_FLOW)

    def place(self, ticket: Aged, at_ms: int) -> Place | None:
        """Where the ticket stands at a time, or None when it isn't open."""
        if ticket.status not in ON_HAND:
            return None
        age_ms = at_ms - ticket.opened_ms
        is_overdue = age_ms >= self._targets_of(ticket.priority).resolution_ms
        age = self._ages[bisect_right(self._ages_ms, age_ms)]
        return Place(ticket.status, ticket.priority, age, "yes" if is_overdue else "no")

    def move(self, at_ms: int, before: Place | None, after: Place | None, sign: int) -> None:
        """Moves a ticket from one place to another."""
        if before == after:
            return
        if before is not None:
            self._level(at_ms, *before)[0] -= sign
        if after is not None:
            self._level(at_ms, *after)[0] += sign
        flow, minute = self._flow(at_ms), at_ms // MINUTE_MS
        more = (after is not None) - (before is not None)
        later = _is_overdue(after) - _is_overdue(before)
        count(flow[_OPEN_BY_MINUTE], minute, sign * more)
        count(flow[_OVERDUE_BY_MINUTE], minute, sign * later)

    def age(self, ticket: Aged, to_ms: int, sign: int) -> None:
        """States how the ticket ages up to a time.

        When time was told before a late event came, what was stated after it is taken back.
        """
        if ticket.status not in ON_HAND:
            return
        since_ms, until_ms = ticket.stated_ms, to_ms
        if to_ms < since_ms:
            since_ms, until_ms, sign = to_ms, since_ms, -sign
        opened_ms = ticket.opened_ms
        turns_ms = self._turns.get(ticket.priority, self._other_turns)
        first = bisect_right(turns_ms, since_ms - opened_ms)
        for turn_ms in turns_ms[first : bisect_right(turns_ms, until_ms - opened_ms)]:
            at_ms = opened_ms + turn_ms
            self.move(at_ms, self.place(ticket, at_ms - 1), self.place(ticket, at_ms), sign)

    def due_ms(self, ticket: Aged) -> int:
        """When age will move the ticket next, or `NEVER`."""
        if ticket.status not in ON_HAND:
            return NEVER
        turns_ms = self._turns.get(ticket.priority, self._other_turns)
        following = bisect_right(turns_ms, ticket.stated_ms - ticket.opened_ms)
        return ticket.opened_ms + turns_ms[following] if following < len(turns_ms) else NEVER

    def _turns_by(self, targets: Targets) -> list[int]:
        """The ages at which a ticket moves by itself."""
        return sorted({*self._ages_ms, targets.resolution_ms})


def count(histogram: dict[int, int], bucket: int, change: int) -> None:
    """Counts in a histogram; what cancels out leaves nothing."""
    left = histogram.get(bucket, 0) + change
    if left:
        histogram[bucket] = left
    else:
        histogram.pop(bucket, None)


def _is_overdue(place: Place | None) -> bool:
    return place is not None and place.overdue == "yes"
