"""What ticket tests share: events in a few words, and what they add up to, to be read by fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kpi_windows import facts
from kpi_windows.aggregators import Cell
from kpi_windows.definitions import HOUR_MS as H
from kpi_windows.definitions import MINUTE_MS as M
from kpi_windows.definitions import Definitions, Targets
from kpi_windows.events import (
    Event,
    TicketAnswered,
    TicketEscalated,
    TicketHeld,
    TicketOpened,
    TicketRated,
    TicketReassigned,
    TicketReopened,
    TicketResolved,
)
from kpi_windows.journeys.ticket import TicketRules, entry_of
from tests.kpi_windows.journeys.laws import facts_of, plainly

MONDAY_9H = 1_704_704_400_000
"""2024-01-08 09:00 UTC, where all transcripts start."""
SHOP = Definitions(targets={"high": Targets(first_response_ms=H, resolution_ms=6 * H)})


E = TypeVar("E", bound=Event)


def opened(at: int, **fields: Any) -> TicketOpened:
    given = {"channel": "email", "concern": "delivery", "priority": "low"} | fields
    return _event(TicketOpened, at, given)


def answered(at: int, **fields: Any) -> TicketAnswered:
    return _event(TicketAnswered, at, fields)


def reassigned(at: int, **fields: Any) -> TicketReassigned:
    return _event(TicketReassigned, at, fields)


def escalated(at: int) -> TicketEscalated:
    return _event(TicketEscalated, at, {})


def held(at: int) -> TicketHeld:
    return _event(TicketHeld, at, {})


def resolved(at: int) -> TicketResolved:
    return _event(TicketResolved, at, {})


def reopened(at: int) -> TicketReopened:
    return _event(TicketReopened, at, {})


def csat(at: int, score: int, **fields: Any) -> TicketRated:
    return _event(TicketRated, at, {"survey": "csat", "score": score} | fields)


def nps(at: int, score: int) -> TicketRated:
    return _event(TicketRated, at, {"survey": "nps", "score": score})


def _event(kind: type[E], at: int, fields: dict[str, Any]) -> E:
    make: Callable[..., E] = kind
    return make(**{"timestamp": MONDAY_9H + at, "ticket_id": "T1"} | fields)


class Told:
    """What events state, to be read by fact; times are relative to the start."""

    def __init__(self, *events: Event, until: int = 0) -> None:
        life = [entry_of(event) for event in events]
        self.cells = facts_of(plainly(TicketRules, SHOP, life, MONDAY_9H + until))

    def __getitem__(self, fact: str) -> dict[tuple[Any, ...], dict[str, Any]]:
        """(minute, *labels) -> amounts other than 0, without histograms."""
        return {
            (minute - MONDAY_9H, *labels): told
            for (name, minute, labels), cell in self.cells.items()
            if name == fact
            if (told := self._sums(fact, cell))
        }

    def histogram(self, fact: str, amount: str) -> dict[int, int]:
        """All buckets of a histogram."""
        slot, total = facts.FACTS[fact].slot(amount), dict[int, int]()
        for (name, _, _), cell in self.cells.items():
            for bucket, number in cell[slot].items() if name == fact else ():
                total[bucket] = total.get(bucket, 0) + number
        return {bucket: number for bucket, number in total.items() if number}

    def by_minute(self, amount: str) -> dict[int, int]:
        """Changes by minute, relative to the start."""
        buckets = self.histogram("ticket_flow", amount)
        return {bucket * M - MONDAY_9H: change for bucket, change in buckets.items()}

    def standing(self, at: int) -> dict[tuple[str, ...], int]:
        """The height of the level: all that was added before a time."""
        heights: dict[tuple[str, ...], int] = {}
        for (name, minute, labels), cell in self.cells.items():
            if name == "open_ticket" and minute < MONDAY_9H + at:
                heights[labels] = heights.get(labels, 0) + cell[0]
        return {labels: height for labels, height in heights.items() if height}

    @staticmethod
    def _sums(fact: str, cell: Cell) -> dict[str, Any]:
        named = zip(facts.FACTS[fact].amounts, cell, strict=True)
        return {name: amount for name, amount in named if amount and isinstance(amount, int)}
