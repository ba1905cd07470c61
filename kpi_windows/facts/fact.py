"""What a fact is: labels, amounts, and how these are kept.

It must not know any single fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from kpi_windows.aggregators import Kind

OVERFLOW = "(overflow)"
OTHER = "__other__"
"""The values of a label that aren't told one by one."""
NONE = "(none)"
"""The label of what has none."""
OWN = "own"
"""What facts of a shop's own measures are shown as."""


@dataclass(frozen=True)
class Fact:
    """A kind of fact: `labels` name its dimensions, `amounts` what is added up."""

    name: str
    labels: tuple[str, ...]
    sums: tuple[str, ...] = ()
    histograms: tuple[str, ...] = ()
    distincts: tuple[str, ...] = ()
    level: bool = False
    """Sums are changes of a level: its height at t is all that was added before t."""
    daily: bool = False
    """Kept by the day only."""
    limited: bool = False
    """Its histograms count names, of which a cell keeps `Definitions.pair_keys` exactly; what comes
    when it is full is counted under `OVERFLOW`."""
    lowest: int = 0
    """Its histograms keep so many names of a cell, the lowest: they tell what, not how much."""
    shown: str = ""
    """Its name in formulas, where that differs."""
    events: tuple[str, ...] = ()
    """Of a shop's own measure: the types of events that it counts."""

    @cached_property
    def amounts(self) -> tuple[str, ...]:
        """All slots, in the order of the cell."""
        return self.sums + self.histograms + self.distincts

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """The kind of each slot."""
        are_names = self.limited or self.lowest
        return (
            (Kind.SUM,) * len(self.sums)
            + (Kind.NAMES if are_names else Kind.HISTOGRAM,) * len(self.histograms)
            + (Kind.DISTINCT,) * len(self.distincts)
        )

    def slot(self, amount: str) -> int:
        """The index of an amount in the cell."""
        return self.amounts.index(amount)
