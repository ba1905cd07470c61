"""A slow second opinion on tickets: every question asked anew of all events at once.

Levels are read as a scan over the tickets that are open at a time would.  It shares only the
order of entries, the buckets and the business hours with the journey.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from kpi_windows.business_hours import BusinessHours
from kpi_windows.definitions import MINUTE_MS, Definitions
from kpi_windows.facts import NONE
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.ticket import (
    ANSWERED,
    ESCALATED,
    HELD,
    OPENED,
    RATED,
    REASSIGNED,
    REOPENED,
    RESOLVED,
)
from kpi_windows.sketches import bucket_of

Amounts = Counter[tuple[Any, ...]]
"""(fact, minute, labels, amount, bucket or customer or None) -> number."""


class Life(NamedTuple):
    """A ticket's opening and all that followed it, in order."""

    opening: Entry
    since: list[Entry]

    def of(self, *kinds: int) -> list[Entry]:
        return [entry for entry in self.since if entry[1] in kinds]

    def until(self, at_ms: int) -> Life:
        return Life(self.opening, [entry for entry in self.since if entry[0] <= at_ms])

    def before(self, event: Entry) -> Life:
        return Life(self.opening, self.since[: self.since.index(event)])

    def label(self, position: int) -> str:
        """The concern (3) or priority (4) that the ticket has at the end."""
        given = [e[position] for e in self.of(REASSIGNED) if e[position]]
        return str(given[-1] if given else self.opening[position + 1])

    def labels(self) -> tuple[str, str, str]:
        return self.opening[3], self.label(3), self.label(4)

    def answers(self) -> list[Entry]:
        return [e for e in self.of(ANSWERED) if e[3] == "person" and e[4]]


def life_of(log: list[Entry]) -> Life | None:
    """The life that begins with the first opening."""
    log = sorted(log)
    openings = [entry for entry in log if entry[1] == OPENED]
    if not openings:
        return None
    since = log[log.index(openings[0]) + 1 :]
    return Life(openings[0], [entry for entry in since if entry[1] != OPENED])


class Oracle:
    """What a shop's tickets add up to."""

    def __init__(self, shop: Definitions) -> None:
        self.shop = shop
        self.between = BusinessHours.parse(shop.business_hours, shop.zone, shop.holidays).between

    def amounts(self, log: list[Entry]) -> Amounts:
        """All amounts of a ticket, but for levels."""
        log, amounts = sorted(log), Amounts()
        life = life_of(log)
        told = [*self._ratings(log, life), *(self._told(life) if life else ())]
        contacts = (entry for entry in log if entry[1] == OPENED)
        told += [(e[0], "contact", (e[6],), "customers", e[7], 1) for e in contacts]
        for at_ms, fact, labels, name, bucket, number in told:
            amounts[fact, at_ms // MINUTE_MS * MINUTE_MS, labels, name, bucket] += number
        return Amounts({key: number for key, number in amounts.items() if number})

    def _told(self, life: Life) -> Iterator[tuple[Any, ...]]:
        at_ms = life.opening[0]
        yield at_ms, "ticket", life.labels(), "opened", None, 1
        yield at_ms, "ticket", life.labels(), "messages", None, 1
        yield at_ms, "ticket", life.labels(), "escalated", None, int(bool(life.of(ESCALATED)))
        yield at_ms, "ticket_flow", (), "opened", None, 1
        for event in life.of(ESCALATED):
            yield event[0], "ticket_flow", (), "escalations", None, 1
        for event in life.of(ANSWERED):
            if event[3] == "customer":
                yield event[0], "ticket", life.before(event).labels(), "messages", None, 1
        for event in life.answers()[:1]:
            yield from self._wait(life, event, "response", "answered", "response")
        ends = life.of(RESOLVED, REOPENED)
        for event in life.of(RESOLVED)[:1]:
            yield from self._wait(life, event, "resolution", "first_resolved", "first_resolution")
        if ends and ends[-1][1] == RESOLVED:
            yield from self._wait(life, ends[-1], "resolution", "resolved", "resolution")
        for before, event in pairwise([(0, REOPENED), *ends]):
            if before[1] != event[1]:
                name = "resolved" if event[1] == RESOLVED else "reopened"
                yield event[0], "ticket_flow", (), name, None, 1

    def _wait(self, life: Life, event: Entry, fact: str, number: str, name: str) -> Iterator[Any]:
        at_ms, since_ms = event[0], life.opening[0]
        channel, _, priority = life.before(event).labels()
        cell = at_ms, fact, (channel, priority)
        yield *cell, number, None, 1
        yield *cell, f"{name}_ms", None, at_ms - since_ms
        yield *cell, name, bucket_of(at_ms - since_ms), 1
        if name == "first_resolution":
            return
        business_ms = self.between(since_ms, at_ms)
        yield *cell, "business_ms", None, business_ms
        yield *cell, "business", bucket_of(business_ms), 1
        targets = self.shop.targets_of(priority)
        target_ms = targets.first_response_ms if fact == "response" else targets.resolution_ms
        yield *cell, "within_target", None, int(at_ms - since_ms <= target_ms)

    def _ratings(self, log: list[Entry], life: Life | None) -> Iterator[tuple[Any, ...]]:
        names = "csat_answers csat_satisfied csat_score nps_promoters nps_passives nps_detractors"
        for survey in ("csat", "nps"):
            given = [e for e in log if e[1] == RATED and e[3] == survey]
            for at_ms, *_, channel, amounts in given[-1:]:
                known = life.opening[3] if life and life.opening[0] <= at_ms else NONE
                for name, amount in zip(names.split(), amounts, strict=True):
                    yield at_ms, "rating", (channel or known,), name, None, amount

    def place(self, log: list[Entry], at_ms: int) -> tuple[str, ...] | None:
        """Where a ticket stands after all that happened up to a time."""
        whole = life_of(log)
        if whole is None or whole.opening[0] > at_ms:
            return None
        life = whole.until(at_ms)
        ends = life.of(RESOLVED, REOPENED)
        if ends and ends[-1][1] == RESOLVED:
            return None
        if life.since and life.since[-1][1] == HELD:
            status = "hold"
        else:
            taken_up = life.answers() or life.of(REASSIGNED, HELD, RESOLVED)
            status = "open" if taken_up else "new"
        priority, age_ms = life.label(4), at_ms - life.opening[0]
        names = ("<1d", "1d-3d", "3d-7d", "7d-30d", ">30d")
        age = names[bisect_right(self.shop.ticket_ages_ms, age_ms)]
        is_overdue = age_ms >= self.shop.targets_of(priority).resolution_ms
        return status, priority, age, "yes" if is_overdue else "no"

    def standing(self, logs: list[list[Entry]], at_ms: int, until_ms: int) -> Counter[Any]:
        """The open tickets by place at a time, as far as time was told, and their numbers."""
        heights: Counter[Any] = Counter()
        for log in logs:
            known_ms = max([until_ms, *(entry[0] for entry in log)])
            place = self.place(log, min(at_ms, known_ms))
            if place:
                heights.update([place, "open"])
                heights.update(["overdue"] if place[3] == "yes" else [])
        return heights

    def turns_ms(self, log: list[Entry]) -> set[int]:
        """Every time at which a ticket may move, and some at which it doesn't."""
        targets = [*self.shop.targets.values(), self.shop.default_targets]
        ages_ms = {*self.shop.ticket_ages_ms, *(t.resolution_ms for t in targets)}
        openings = [entry[0] for entry in log if entry[1] == OPENED]
        return {entry[0] for entry in log} | {o + age for o in openings for age in ages_ms}
