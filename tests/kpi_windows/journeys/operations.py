"""What tests of stock, prices, units, reports and plans share: what events state, by fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kpi_windows import routes
from kpi_windows.definitions import Definitions
from kpi_windows.events import Event
from kpi_windows.facts import FACTS, Deltas
from kpi_windows.journeys.journal import Journals
from kpi_windows.windows import Grid
from tests.kpi_windows.journeys.laws import facts_of

BEGIN = 1_704_704_400_000
"""2024-01-08 09:00 UTC, where all transcripts start."""
SHOP = Definitions()

Stated = dict[tuple[Any, ...], dict[str, Any]]
"""(minute since the start, *labels) -> amounts other than 0."""


def event(kind: Callable[..., Event], at: int, /, **fields: Any) -> Event:
    """An event, so long after the start."""
    return kind(timestamp=BEGIN + at, **fields)


def stated(*events: Event, shop: Definitions = SHOP) -> dict[str, Stated]:
    """What events state by fact, each journey by itself, in the order of their arrival."""
    deltas = Deltas()
    rules = routes.rules_of(shop, deltas, Grid(shop.zone))
    known: dict[tuple[str, str], Any] = {}
    for each in events:
        table, (_, key) = routes.table_of(each), routes.own_key(each)
        journals: Journals[Any] = Journals(rules[table])
        journal = known.setdefault((table, key), journals.new())
        journals.add(journal, routes.own_entry(table, each, shop))
    told: dict[str, Stated] = {}
    for (fact, minute, labels), cell in facts_of(deltas).items():
        named = zip(FACTS[fact].amounts, cell, strict=True)
        amounts = {name: amount for name, amount in named if amount}
        told.setdefault(fact, {})[minute - BEGIN, *labels] = amounts
    return told


def level(stated: Stated, at: int) -> dict[tuple[str, ...], dict[str, int]]:
    """By labels, the sums of all that was stated before a time."""
    heights: dict[tuple[str, ...], dict[str, int]] = {}
    for (minute, *labels), amounts in stated.items():
        for name, amount in amounts.items() if minute < at else ():
            of = heights.setdefault(tuple(labels), {})
            of[name] = of.get(name, 0) + amount
    return {
        labels: kept
        for labels, of in heights.items()
        if (kept := {name: amount for name, amount in of.items() if amount})
    }
