"""Cells of one fact by some of its labels, in panes and in ranges that slide with time.

It must not know partitions or KPIs.  A cube holds one *part* of a fact's amounts: its sums, or
one histogram, or one distinct count, so that who asks for a sum never carries a histogram along.

    panes    |m|m|m|  hour  |  hour  |m|m|      projected from the source when first asked for
    range       '------------------'            slides: adds what enters, takes back what leaves
                   '------------------'

A change of a pane reaches all ranges that cover it as a difference.  What was taken into a
distinct count can't be taken back: such a range is built anew, out of runs of panes that grow.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from operator import itemgetter

from kpi_windows.aggregators import Cell, Kind, merge, zero
from kpi_windows.definitions import MINUTE_MS
from kpi_windows.facts import Fact
from kpi_windows.windows import Grid, Level

Labels = tuple[str, ...]
Pane = tuple[int, int]
"""Level and start."""
Cover = frozenset[Pane]
Cells = dict[Labels, Cell]
Source = Callable[[Pane], Iterable[tuple[Labels, Cell]]]
"""All cells of a pane, with all labels and amounts; they are read at once and never kept."""

SUMS = ""
"""The part of a fact that is all its sums; the others have the name of their amount."""

_KEPT_RANGES = 160
_KEPT_RUNS = 64


class Range:
    """The sum of the panes in its cover."""

    __slots__ = ("cells", "cover")

    def __init__(self, cover: Cover, cells: Cells) -> None:
        self.cover = cover
        self.cells = cells


class Cube:
    """One part of a fact's amounts by some of its labels; `source` says what a pane holds."""

    def __init__(self, fact: Fact, by: Labels, part: str, source: Source, grid: Grid) -> None:
        self._source = source
        self._grid = grid
        self._pick = _picker([fact.labels.index(label) for label in by])
        first = 0 if part == SUMS else fact.slot(part)
        self._slots = slice(first, first + (len(fact.sums) if part == SUMS else 1))
        self._kinds = fact.kinds[self._slots]
        self._additive = Kind.DISTINCT not in self._kinds
        self._panes: dict[Pane, Cells] = {}
        self._ranges: dict[Hashable, Range] = {}
        self._runs: dict[Pane, Range] = {}

    def cells(self, cover: Cover, slot: Hashable = None) -> Cells:
        """The sum of panes; with a slot, found again by sliding what the slot held before.

        What is returned belongs to the cube: read it before the next call, change nothing.
        """
        if slot is None:
            made = self._built(cover)
            self._release(cover)
            return made
        held = self._ranges.pop(slot, None)
        if held is None:
            held = Range(cover, self._built(cover))
        elif held.cover != cover:
            held = self._moved(held, cover)
        self._ranges[slot] = held  # the last of the dict: the longest unused are the first
        if len(self._ranges) > _KEPT_RANGES:
            self._release(self._ranges.pop(next(iter(self._ranges))).cover)
        return held.cells

    def pane(self, pane: Pane) -> Cells:
        """One pane; months and years are the sum of their days."""
        found = self._panes.get(pane)
        if found is None:
            level, start_ms = pane
            if level in (Level.MONTH, Level.YEAR):
                found = {}
                for below in self._below(level, start_ms):
                    self._add(found, self.pane(below), 1)
            else:
                found = self._projected(self._source(pane))
            self._panes[pane] = found
        return found

    def read(self, pane: Pane) -> Cells:
        """One pane, without keeping it."""
        found = self._panes.get(pane)
        return self._projected(self._source(pane)) if found is None else found

    def change(self, changes: dict[Pane, Cells], gone: Iterable[Pane]) -> None:
        """Takes in the differences of panes; those of `gone` panes can't be taken back."""
        summed = (*self._ranges.values(), *self._runs.values())
        for pane, cells in changes.items():
            own = self._with_parents(pane)
            touched = [self._panes[each] for each in own if each in self._panes]
            touched += [held.cells for held in summed if not held.cover.isdisjoint(own)]
            if touched:
                difference = self._projected(cells.items())
                for each in touched:
                    self._add(each, difference, 1)
        for pane in gone:
            self._forget(pane)

    def _forget(self, pane: Pane) -> None:
        for each in self._with_parents(pane):
            self._panes.pop(each, None)
            self._ranges = {s: held for s, held in self._ranges.items() if each not in held.cover}
            self._runs = {s: held for s, held in self._runs.items() if each not in held.cover}

    def _moved(self, held: Range, cover: Cover) -> Range:
        leaving, entering = held.cover - cover, cover - held.cover
        if self._additive:
            leaving, entering = self._exchanged(leaving, entering)
        if len(leaving) + len(entering) > len(cover) or (leaving and not self._additive):
            moved = Range(cover, self._built(cover))
        else:
            for pane in leaving:
                self._add(held.cells, self.pane(pane), -1)
            for pane in entering:
                self._add(held.cells, self.pane(pane), 1)
            moved = Range(cover, held.cells)
        self._release(held.cover - cover)
        return moved

    def _exchanged(self, leaving: Cover, entering: Cover) -> tuple[Cover, Cover]:
        """An hour that leaves while most of its minutes come is as good as its other minutes leaving.

        So the first minute of each hour costs no more than the others.  (Minutes that leave for
        their hour aren't exchanged: some may have expired, while the hour is kept.)
        """
        for pane in [each for each in leaving if each[0] == Level.HOUR]:
            end_ms = self._grid.pane_end(Level.HOUR, pane[1])
            minutes = {(int(Level.MINUTE), at) for at in range(pane[1], end_ms, MINUTE_MS)}
            come = minutes & entering
            if 2 * len(come) > len(minutes):
                leaving = (leaving - {pane}) | (minutes - come)
                entering = entering - come
        return leaving, entering

    def _built(self, cover: Cover) -> Cells:
        cells: Cells = {}
        if self._additive:
            for pane in cover:
                self._add(cells, self.pane(pane), 1)
            return cells
        for run in _runs(cover, self._grid):
            self._add(cells, self._grown(run), 1)
        return cells

    def _grown(self, run: list[Pane]) -> Cells:
        """A run of panes of one level, grown from the last time that one began there."""
        if len(run) == 1:
            return self.pane(run[0])
        held = self._runs.pop(run[0], None)
        if held is None or not held.cover.issubset(run):
            held = Range(frozenset(), {})
        for pane in run:
            if pane not in held.cover:
                self._add(held.cells, self.pane(pane), 1)
        held.cover = frozenset(run)
        self._runs[run[0]] = held
        if len(self._runs) > _KEPT_RUNS:
            del self._runs[next(iter(self._runs))]
        return held.cells

    def _release(self, panes: Iterable[Pane]) -> None:
        """Drops fine panes that no range holds any more; they can be projected again."""
        held = (*self._ranges.values(), *self._runs.values())
        for pane in panes:
            if pane[0] <= Level.HOUR and not any(pane in each.cover for each in held):
                self._panes.pop(pane, None)

    def _with_parents(self, pane: Pane) -> tuple[Pane, ...]:
        level, start_ms = pane
        if level != Level.DAY:
            return (pane,)
        month = (int(Level.MONTH), self._grid.pane_start(Level.MONTH, start_ms))
        return pane, month, (int(Level.YEAR), self._grid.pane_start(Level.YEAR, start_ms))

    def _below(self, level: int, start_ms: int) -> Iterator[Pane]:
        finer = Level(level - 1)
        end_ms = self._grid.pane_end(Level(level), start_ms)
        while start_ms < end_ms:
            yield int(finer), start_ms
            start_ms = self._grid.pane_end(finer, start_ms)

    def _projected(self, cells: Iterable[tuple[Labels, Cell]]) -> Cells:
        pick, slots, kinds = self._pick, self._slots, self._kinds
        projected: Cells = {}
        for labels, cell in cells:
            key = pick(labels)
            into = projected.get(key)
            if into is None:
                into = projected[key] = zero(kinds)
            merge(into, cell[slots])
        return {key: cell for key, cell in projected.items() if any(cell)}

    def _add(self, into: Cells, cells: Cells, sign: int) -> None:
        kinds = self._kinds
        for labels, cell in cells.items():
            found = into.get(labels)
            if found is None:
                found = into[labels] = zero(kinds)
            merge(found, cell, sign)
            if not any(found):
                del into[labels]


def _picker(indexes: list[int]) -> Callable[[Labels], Labels]:
    if len(indexes) == 1:
        only = indexes[0]
        return lambda labels: (labels[only],)
    return itemgetter(*indexes) if indexes else lambda _: ()


def _runs(cover: Cover, grid: Grid) -> Iterator[list[Pane]]:
    """The cover in order of time, cut where the level changes or a coarser pane begins."""
    run: list[Pane] = []
    for pane in sorted(cover, key=itemgetter(1)):
        if run and (pane[0] != run[-1][0] or _begins_coarser(pane, grid)):
            yield run
            run = []
        run.append(pane)
    if run:
        yield run


def _begins_coarser(pane: Pane, grid: Grid) -> bool:
    level, start_ms = pane
    return level < Level.YEAR and grid.pane_start(Level(level + 1), start_ms) == start_ms
