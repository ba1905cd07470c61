"""Something that is counted from time to time: the last count by event time is its level.

    1,000     1,040            1,010        whatever the order in which the counts arrive
    |---------|----------------|------->
    +1,000    +40              −30

Changes are stated at the count's time.  It must not know what is counted: an entry holds the cell.
"""

from __future__ import annotations

import msgspec

from kpi_windows.definitions import Definitions
from kpi_windows.facts import FACTS, NONE, Deltas
from kpi_windows.journeys.journal import NEVER, Entry


class Series(msgspec.Struct, array_like=True):
    """One level, under its labels."""

    fact: str
    labels: list[str]
    amounts: list[int]


class GaugeState(msgspec.Struct, array_like=True):
    """The levels of all series of a gauge, by their names."""

    last_ms: int = 0
    series: dict[str, Series] = {}


class GaugeRules:
    """Rules of a gauge's journey; see `Rules`."""

    state = GaugeState

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:  # noqa: ARG002
        self._deltas = deltas

    def step(self, state: GaugeState, entry: Entry, sign: int) -> None:
        """Brings a series to what was counted; what isn't told stays, labels too."""
        at_ms, _, _, name, fact, labels, slots, amounts = entry
        state.last_ms = at_ms
        before = state.series.get(name)
        if before is None:
            told = [label or NONE for label in labels]
            after = Series(fact, told, [0] * len(FACTS[fact].sums))
        else:
            told = [new or old for new, old in zip(labels, before.labels, strict=True)]
            after = Series(fact, told, list(before.amounts))
            self._add(before, at_ms, -sign)
        for slot, amount in zip(slots, amounts, strict=True):
            after.amounts[slot] = amount
        self._add(after, at_ms, sign)
        state.series = {**state.series, name: after}

    def settle(self, state: GaugeState, watermark_ms: int, sign: int) -> bool:  # noqa: ARG002
        """Time states nothing."""
        return False

    def due_ms(self, state: GaugeState) -> int:  # noqa: ARG002
        """Never."""
        return NEVER

    def ends_ms(self, state: GaugeState) -> int:  # noqa: ARG002
        """Never: the level stands until it is counted again."""
        return NEVER

    def _add(self, series: Series, at_ms: int, sign: int) -> None:
        cell = self._deltas.cell(series.fact, at_ms, series.labels)
        for slot, amount in enumerate(series.amounts):
            cell[slot] += sign * amount
