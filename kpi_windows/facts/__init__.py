"""What an event means: the facts that journeys state, each with its labels and its amounts.

A fact is additive and signed: a journey adds amounts to the fact's cell at (minute, labels), and
takes them back the same way.  All KPIs are formulas over these amounts; a KPI that can't be
written as one needs another fact or amount here, never a change in the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kpi_windows.aggregators import Cell, zero
from kpi_windows.definitions import MINUTE_MS
from kpi_windows.facts import arrivals, marketing, operations, sales, service, visits
from kpi_windows.facts.fact import NONE, OVERFLOW, Fact

__all__ = ["FACTS", "NONE", "OVERFLOW", "Cells", "Deltas", "Fact"]

FACTS: dict[str, Fact] = {
    fact.name: fact
    for module in (visits, sales, service, marketing, operations, arrivals)
    for fact in vars(module).values()
    if isinstance(fact, Fact)
}


class Cells(dict[tuple[int, tuple[str, ...]], Cell]):
    """(minute, labels) -> cell; one that isn't there yet is empty."""

    def __init__(self, fact: Fact) -> None:
        super().__init__()
        self._kinds = fact.kinds

    def __missing__(self, key: tuple[int, tuple[str, ...]]) -> Cell:
        made = self[key] = zero(self._kinds)
        return made


class Deltas:
    """What was added since the last cut: fact -> (minute, labels) -> cell."""

    __slots__ = ("cells",)

    def __init__(self, facts: Mapping[str, Fact] = FACTS) -> None:
        self.cells: dict[str, Cells] = {name: Cells(fact) for name, fact in facts.items()}

    def cell(self, fact: str, at_ms: int, labels: Sequence[str]) -> Cell:
        """The cell to add to, for what happens seldom."""
        return self.cells[fact][at_ms - at_ms % MINUTE_MS, tuple(labels)]

    def adder(self, fact: Fact) -> Callable[..., Cell]:
        """A function (at_ms, *labels) -> the cell to add to; made once, called per event."""
        cells = self.cells[fact.name]

        def cell(at_ms: int, *labels: str) -> Cell:
            return cells[at_ms - at_ms % MINUTE_MS, labels]

        def cell_of_one(at_ms: int, label: str) -> Cell:  # most have one; this is faster
            return cells[at_ms - at_ms % MINUTE_MS, (label,)]

        return cell_of_one if len(fact.labels) == 1 else cell
