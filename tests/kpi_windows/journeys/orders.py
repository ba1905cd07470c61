"""What order and customer tests share: events in a few words, and what they add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from kpi_windows.definitions import DAY_MS, Definitions, Rate
from kpi_windows.events import (
    Cost,
    Line,
    OrderCancelled,
    OrderCompleted,
    OrderRefunded,
    ReturnedLine,
)
from kpi_windows.facts import FACTS
from kpi_windows.journeys.journal import NEVER, Entry
from tests.kpi_windows.journeys.laws import Facts, MakeRules, facts_of, plainly

START = 1_704_067_200_000
"""2024-01-01T00:00Z, a Monday, where all transcripts start."""
EUR = 1_000_000
"""Micros of one euro."""
SHOP = Definitions(
    rates={
        "USD": (Rate(0, Fraction(2)), Rate(START + DAY_MS, Fraction(1, 2))),
        "SEK": (Rate(0, Fraction(1, 3)),),
        "NEW": (Rate(START + DAY_MS, Fraction(4)),),
    },
)
"""A shop in euros; a dollar is two of them until the second day, then half of one."""


def line(product: str = "lamp", quantity: int = 1, price: Any = 10, **fields: Any) -> Line:
    return Line(product_id=product, quantity=quantity, price=Decimal(price), **_money(fields))


def back(product: str = "lamp", quantity: int = 1, price: Any = 10, **fields: Any) -> ReturnedLine:
    return ReturnedLine(
        product_id=product, quantity=quantity, price=Decimal(price), **_money(fields)
    )


def cost(production: Any, wages: Any = 0, overhead: Any = 0) -> Cost:
    return Cost(production=Decimal(production), wages=Decimal(wages), overhead=Decimal(overhead))


def completed(at: int, *lines: Line, **fields: Any) -> OrderCompleted:
    given = {"order_id": "O1", "customer_id": "C1"} | _money(fields)
    return OrderCompleted(timestamp=START + at, products=lines, **given)


def refunded(at: int, *lines: ReturnedLine, **fields: Any) -> OrderRefunded:
    given = {"order_id": "O1", "refund_id": f"R{at}"} | _money(fields)
    return OrderRefunded(timestamp=START + at, products=lines, **given)


def cancelled(at: int, **fields: Any) -> OrderCancelled:
    return OrderCancelled(timestamp=START + at, **{"order_id": "O1"} | fields)


def _money(fields: dict[str, Any]) -> dict[str, Any]:
    sums = {"discount", "tax", "shipping", "amount"} & fields.keys()
    return fields | {name: Decimal(fields[name]) for name in sums if fields[name] is not None}


class Told:
    """What one life states, to be read by fact."""

    def __init__(
        self,
        rules: MakeRules,
        entries: Iterable[Entry],
        until: int = 0,
        definitions: Definitions = SHOP,
    ) -> None:
        self.facts: Facts = facts_of(plainly(rules, definitions, entries, START + until))

    def __call__(self, fact: str, amount: str, at: int | None = None, **labels: str) -> Any:
        """The sum over all cells of these labels (in the minute of `at`); a histogram is merged."""
        spec = FACTS[fact]
        found = [
            cell[spec.slot(amount)]
            for (name, minute_ms, values), cell in self.facts.items()
            if name == fact
            and (at is None or 0 <= START + at - minute_ms < 60_000)
            and labels.items() <= dict(zip(spec.labels, values, strict=True)).items()
        ]
        if amount in spec.histograms:
            return dict(sum(map(Counter, found), Counter()))
        return sum(found)

    def labels(self, fact: str) -> set[tuple[str, ...]]:
        return {values for name, _, values in self.facts if name == fact}

    def times(self, fact: str, amount: str, **labels: str) -> dict[int, int]:
        """Minute since the start -> sum, where it isn't 0."""
        minutes = {minute_ms - START for name, minute_ms, _ in self.facts if name == fact}
        told = {at: self(fact, amount, at, **labels) for at in sorted(minutes)}
        return {at: total for at, total in told.items() if total}


def flat(facts: Facts) -> dict[tuple[Any, ...], int]:
    """(fact, minute, labels, amount or (histogram, bucket)) -> what isn't 0."""
    told: dict[tuple[Any, ...], int] = {}
    for (fact, minute_ms, labels), cell in facts.items():
        for name, amount in zip(FACTS[fact].amounts, cell, strict=True):
            for bucket, count in amount.items() if isinstance(amount, dict) else [("", amount)]:
                if count:
                    told[fact, minute_ms, labels, name, bucket] = count
    return told


def dropping_changes_nothing(
    make: MakeRules, definitions: Definitions, life: list[Entry], later: Iterable[Entry]
) -> None:
    """Asserts that what follows the end of a state says the same to one of which nothing is known.

    `later` happens from the time on at which the state may be dropped; its times count from there.
    """
    from kpi_windows.facts import Deltas

    told = []
    for is_dropped in (False, True):
        deltas = Deltas()
        rules = make(definitions, deltas)
        state = rules.state()
        for entry in sorted(life):
            rules.step(state, entry, 1)
        while (due_ms := rules.due_ms(state)) < NEVER:
            rules.settle(state, due_ms, 1)
        ends_ms = rules.ends_ms(state)
        if ends_ms == NEVER:
            return
        if is_dropped:
            state = rules.state()
        for at_ms, *rest in sorted(later):
            rules.step(state, (ends_ms + at_ms, *rest), 1)
        told.append(facts_of(deltas))
    assert told[0] == told[1]
