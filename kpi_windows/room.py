"""How many cells a pane of a fact may have: beyond it, new values of labels count as `OTHER`.

    full pane, labels seen in it: google, bing; mobile, desktop
    (bing, mobile)   wasn't there   -> as it is: only known values
    (q73x, mobile)                  -> (__other__, mobile)
    twice as many cells as it may   -> (__other__, __other__)

What has a cell keeps it as long as its pane lives, and a full pane learns no value: so what was
added under a name is taken back under the same one, before and after a restore.  Sums over all
labels stay exact.  It must not know cells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kpi_windows.facts import Fact
from kpi_windows.facts.fact import OTHER

Labels = tuple[str, ...]
Pane = tuple[str, int, int]
"""Fact, level and start."""


class Room:
    """Cells of each pane of each fact, and what was folded because there was no room."""

    def __init__(self, most: int) -> None:
        self.folded: dict[str, int] = {}
        """By fact: how many additions, ever."""
        self._most = most
        self._cells: Counter[Pane] = Counter()
        self._known: dict[Pane, list[set[str]]] = {}

    def take(self, pane: Pane) -> None:
        """One cell more."""
        self._cells[pane] += 1

    def give_back(self, pane: Pane) -> None:
        """One cell less."""
        self._cells[pane] -= 1
        if not self._cells[pane]:
            del self._cells[pane]
            self._known.pop(pane, None)

    def is_full(self, pane: Pane) -> bool:
        """True when a cell that isn't there yet has to be folded."""
        return self._cells[pane] >= self._most

    def fold(self, fact: Fact, pane: Pane, labels: Labels, cells: Iterable[Labels]) -> Labels:
        """Labels with the values that the full pane doesn't know as `OTHER`.

        `cells` are those of the pane, read once.
        """
        self.folded[fact.name] = self.folded.get(fact.name, 0) + 1
        known = self._known.get(pane)
        if known is None:
            known = self._known[pane] = [set(values) for values in zip(*cells, strict=True)]
        return tuple(
            value if value in values else OTHER for value, values in zip(labels, known, strict=True)
        )

    def is_overfull(self, pane: Pane) -> bool:
        """True when not even a new combination of known values has room."""
        return self._cells[pane] >= 2 * self._most
