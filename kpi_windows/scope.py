"""What formulas read: the merged panes of one window, by the labels that were asked for.

It must not know KPIs.  A `Frame` is a window with its breakdown and filters; a `WindowScope` is a
frame at one set of label values.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nsmallest
from typing import Any

from kpi_windows.aggregators import merge
from kpi_windows.facts import Fact
from kpi_windows.facts.fact import OTHER as FOLDED
from kpi_windows.formula import Labels, Sizes, Where
from kpi_windows.panes import SUMS, Cells, MergedPanes
from kpi_windows.sketches import Distinct
from kpi_windows.windows import Grid, is_calendar

OTHER = FOLDED
"""The value of a label under which all but the foremost are folded together."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A window: where its amounts are, by which labels, and of which label values only."""

    panes: MergedPanes
    grid: Grid
    window: str
    start_ms: int
    end_ms: int
    slot: Hashable = None
    """Names the ranges that move along with the watermark; None for one that is asked for once."""
    by: Labels = ()
    where: Where = ()
    kept: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Label -> the values that are told; others are `OTHER`."""
    _read: dict[Hashable, Any] = field(default_factory=dict)
    """What was asked before."""
    _reads: dict[Hashable, tuple[Cells, Labels, int]] = field(default_factory=dict)
    """The same, of amounts: a scrape asks a hundred thousand times."""

    def previous(self, whole: bool, times: int = 1) -> Frame:
        """The window before, or the one that many before."""
        key = ("previous", whole, times)
        found: Frame | None = self._read.get(key)
        if found is None:
            start_ms, end_ms = self.start_ms, self.end_ms
            for _ in range(times):
                start_ms, end_ms = self._before(whole, start_ms, end_ms)
            start_ms, end_ms = self.panes.reach(start_ms, end_ms)
            slot = None if self.slot is None else (self.slot, whole, times)
            found = replace(self, start_ms=start_ms, end_ms=end_ms, slot=slot, _read={}, _reads={})
            self._read[key] = found
        return found

    def folded(self, kept: Mapping[str, frozenset[str]]) -> Frame:
        """The same, with only these label values told."""
        key = ("folded", tuple(kept.items()))
        found: Frame | None = self._read.get(key)
        if found is None:
            found = self._read[key] = replace(self, kept=kept, _read={}, _reads={})
        return found

    def fold(self, names: Labels, values: Labels) -> Labels:
        """Label values as they are told."""
        return tuple(
            value if name not in self.kept or value in self.kept[name] else OTHER
            for name, value in zip(names, values, strict=True)
        )

    def read(
        self, fact: Fact, amount: str, where: Where, dropped: frozenset[str]
    ) -> tuple[Cells, Labels, int]:
        """The cells that an amount is in, by which labels, and its slot there."""
        key = (fact.name, amount, where, dropped)
        found = self._reads.get(key)
        if found is None:
            names = self.names(fact, dropped)
            part, slot = part_of(fact, amount)
            cells = self.grouped(fact, part, "", names, self.filters(fact, where, dropped))
            found = self._reads[key] = cells, names, slot
        return found

    def names(self, fact: Fact, dropped: frozenset[str]) -> Labels:
        """The labels of the breakdown that the fact has; `by` itself when it has all of them."""
        names = tuple(name for name in self.by if name in fact.labels and name not in dropped)
        return self.by if names == self.by else names

    def filters(self, fact: Fact, where: Where, dropped: frozenset[str]) -> dict[str, Labels]:
        """Which label values of the fact count."""
        own = {k: v for k, v in self.where if k in fact.labels and k not in dropped}
        return own | dict(where)

    def grouped(
        self, fact: Fact, part: str, at: str, names: Labels, where: Mapping[str, Labels]
    ) -> Cells:
        """Cells of a part by `names`, filtered and folded; at: empty, or a level's start or end."""
        key = (fact.name, part, at, names, tuple(where.items()))
        found: Cells | None = self._read.get(key)
        if found is None:
            by = tuple(label for label in fact.labels if label in names or label in where)
            found = self._cells(fact, part, at, by)
            if where or by != names or any(name in self.kept for name in names):
                found = self._regrouped(found, by, names, where)
            self._read[key] = found
        return found

    def heights(
        self, fact: Fact, amount: str, label: str, names: Labels, where: Mapping[str, Labels]
    ) -> dict[Labels, dict[str, int]]:
        """By `names`, folded: the level at the end by the values of `label`, which aren't."""
        key = ("heights", fact.name, amount, label, names, tuple(where.items()))
        found: dict[Labels, dict[str, int]] | None = self._read.get(key)
        if found is None:
            found = self._read[key] = {}
            part, slot = part_of(fact, amount)
            asked = {*names, *where, label}
            by = tuple(name for name in fact.labels if name in asked)
            filters = [(by.index(name), values) for name, values in where.items()]
            places, place = [by.index(name) for name in names], by.index(label)
            for labels, cell in self._cells(fact, part, "end", by).items():
                if all(labels[at] in values for at, values in filters):
                    group = self.fold(names, tuple(labels[at] for at in places))
                    into = found.setdefault(group, {})
                    into[labels[place]] = into.get(labels[place], 0) + cell[slot]
        return found

    def sizes(
        self, fact: Fact, amount: str, at: str, names: Labels, where: Mapping[str, Labels]
    ) -> Sizes:
        """How much of an amount there is by `names`."""
        key = ("sizes", fact.name, amount, at, names, tuple(where.items()))
        found: Sizes | None = self._read.get(key)
        if found is None:
            part, slot = part_of(fact, amount)
            cells = self.grouped(fact, part, at, names, where)
            found = {labels: _size(cell[slot]) for labels, cell in cells.items() if cell[slot]}
            self._read[key] = found
        return found

    def foremost(self, sizes: Sequence[Sizes], place: int, top: int) -> frozenset[str] | None:
        """The values of a label to tell apart; None when there are no more than `top`.

        The first amount ranks them: values that only later amounts have come after.  `sizes` are
        those of this frame.
        """
        key = ("foremost", place, top, *map(id, sizes))  # they live as long as this frame
        if key not in self._read:
            self._read[key] = _foremost(sizes, place, top)
        found: frozenset[str] | None = self._read[key]
        return found

    def _before(self, whole: bool, start_ms: int, end_ms: int) -> tuple[int, int]:
        if not is_calendar(self.window):
            return 2 * start_ms - end_ms, start_ms
        at_ms = max(start_ms, end_ms - 1)
        if whole or end_ms == self.grid.whole(self.window, at_ms).end_ms:
            return self.grid.previous_whole(self.window, at_ms)
        return self.grid.previous(self.window, at_ms)

    def _cells(self, fact: Fact, part: str, at: str, by: Labels) -> Cells:
        if at:
            at_ms = self.start_ms if at == "start" else self.end_ms
            slot = None if self.slot is None else (self.slot, at)
            return self.panes.level(fact, at_ms, by, slot, part)
        return self.panes.cells(fact, self.start_ms, self.end_ms, by, part, self.slot)

    def _regrouped(
        self, cells: Cells, by: Labels, names: Labels, where: Mapping[str, Labels]
    ) -> Cells:
        filters = [(by.index(label), values) for label, values in where.items()]
        places = [(by.index(name), self.kept.get(name)) for name in names]
        grouped: Cells = {}
        for labels, cell in cells.items():
            if all(labels[place] in values for place, values in filters):
                key = tuple(
                    labels[place] if kept is None or labels[place] in kept else OTHER
                    for place, kept in places
                )
                into = grouped.get(key)
                if into is None:
                    into = grouped[key] = [type(amount)() for amount in cell]
                merge(into, cell)
        return grouped


class WindowScope:
    """A frame at one set of label values."""

    __slots__ = ("_dropped", "_frame", "_labels", "_values")

    def __init__(
        self, frame: Frame, labels: Mapping[str, str], dropped: frozenset[str] = frozenset()
    ) -> None:
        self._frame = frame
        self._labels = labels
        self._dropped = dropped
        self._values = tuple(labels.values()) if tuple(labels) == frame.by else None

    @property
    def window(self) -> str:
        """The window's name."""
        return self._frame.window

    @property
    def start_ms(self) -> int:
        """Its first instant."""
        return self._frame.start_ms

    @property
    def end_ms(self) -> int:
        """The instant after its last."""
        return self._frame.end_ms

    def amount(self, fact: Fact, amount: str, where: Where) -> Any:
        """A sum, histogram or distinct count; None where nothing was added."""
        cells, names, slot = self._frame.read(fact, amount, where, self._dropped)
        if names is self._frame.by and self._values is not None:
            cell = cells.get(self._values)
        else:
            cell = cells.get(tuple(self._labels[name] for name in names))
        return None if cell is None else cell[slot]

    def level(self, fact: Fact, amount: str, where: Where, at: str) -> int:
        """The sum of everything before the window's `start` or `end`."""
        names = self._names(fact)
        _, slot = part_of(fact, amount)
        cells = self._frame.grouped(fact, SUMS, at, names, self._filters(fact, where))
        cell = cells.get(tuple(self._labels[name] for name in names))
        return 0 if cell is None else cell[slot]

    def latest(self, fact: Fact, histogram: str, where: Where) -> int | None:
        """The last bucket of a histogram that counts anything, of all before the window's end."""
        names = self._names(fact)
        cells = self._frame.grouped(fact, histogram, "end", names, self._filters(fact, where))
        cell = cells.get(tuple(self._labels[name] for name in names))
        counts: dict[int, int] = cell[0] if cell else {}
        return max((bucket for bucket, count in counts.items() if count > 0), default=None)

    def heights(self, fact: Fact, amount: str, label: str, where: Where) -> dict[str, int]:
        """Of the window's end, the level by the values of a label, none of them folded."""
        names = self._names(fact)
        groups = self._frame.heights(fact, amount, label, names, self._filters(fact, where))
        return groups.get(tuple(self._labels[name] for name in names), {})

    def rise(self, fact: Fact, histogram: str) -> int:
        """The largest sum of a histogram's counts from its first bucket on, 0 or more."""
        return self._frame.panes.rise(fact, self.start_ms, self.end_ms, histogram)

    def sizes(self, fact: Fact, amount: str, at: str, where: Where) -> Sizes:
        """How much of an amount by the labels that are asked for."""
        return self._frame.sizes(fact, amount, at, self._names(fact), self._filters(fact, where))

    def table(self, fact: Fact, amount: str, by: Labels) -> dict[Labels, Any]:
        """An amount by any labels."""
        part, slot = part_of(fact, amount)
        cells = self._frame.grouped(fact, part, "", by, self._filters(fact, ()))
        return {labels: cell[slot] for labels, cell in cells.items() if cell[slot]}

    def previous(self, whole: bool, times: int = 1) -> WindowScope:
        """The window before (that many times): over the same elapsed time, or all of it."""
        return WindowScope(self._frame.previous(whole, times), self._labels, self._dropped)

    def without(self, labels: Labels) -> WindowScope:
        """The same, whatever these labels are."""
        return WindowScope(self._frame, self._labels, self._dropped | set(labels))

    def _names(self, fact: Fact) -> Labels:
        return self._frame.names(fact, self._dropped)

    def _filters(self, fact: Fact, where: Where) -> dict[str, Labels]:
        return self._frame.filters(fact, where, self._dropped)


def part_of(fact: Fact, amount: str) -> tuple[str, int]:
    """The part that an amount belongs to, and its slot there."""
    return (SUMS, fact.sums.index(amount)) if amount in fact.sums else (amount, 0)


def _size(amount: Any) -> float:
    if isinstance(amount, Distinct):
        return amount.value()
    return abs(sum(amount.values())) if isinstance(amount, dict) else float(abs(amount))


def _foremost(sizes: Sequence[Sizes], place: int, top: int) -> frozenset[str] | None:
    ranks: dict[str, tuple[int, float, str]] = {}
    for order, each in enumerate(sizes):
        totals: dict[str, float] = {}
        for labels, size in each.items():
            totals[labels[place]] = totals.get(labels[place], 0) - size
        for value, total in totals.items():
            ranks.setdefault(value, (order, total, value))
        if len(ranks) > top:
            break
    if len(ranks) <= top:
        return None
    return frozenset(value for _, _, value in nsmallest(top, ranks.values()))
