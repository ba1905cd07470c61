"""The panes of all partitions, merged: a fact's cells over any range, by any of its labels.

It must not know KPIs or windows.  A partition tells its own absolute cells (kept packed, as they
came); the whole is their sum.  A new cell replaces the partition's old one, None drops it; the
difference is kept until somebody asks, and then moves the cubes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import lru_cache
from operator import itemgetter

from kpi_windows.aggregators import Cell, Kind, check_packed, difference, merge, unpack, zero
from kpi_windows.codec import BEFORE, CHECKPOINT, check_pane_key, parse_pane_key
from kpi_windows.cube import SUMS, Cells, Cover, Cube, Labels, Pane
from kpi_windows.facts import FACTS, Fact
from kpi_windows.windows import Grid, Level

__all__ = ["SUMS", "Cells", "Labels", "MergedPanes"]

_PENDING_CELLS = 200_000
"""With more differences than this nobody has asked for long: cubes are dropped and made again."""
_COVERS = 1_024
"""So many stretches of time are remembered as panes: a minute asks for some 100, of which most are new."""
_BEFORE_ALL: Pane = (BEFORE, 0)

Partial = dict[int, dict[Labels, bytes]]
"""By partition: labels -> packed cell."""


class MergedPanes:
    """Partial cells of all partitions and the cubes made of them."""

    def __init__(self, grid: Grid, facts: Mapping[str, Fact] = FACTS) -> None:
        self._facts = facts
        self.version = 0
        """Counts up with every change."""
        self.versions: dict[str, int] = {}
        """By fact: the version of its latest change."""
        self._grid = grid
        self._labels: dict[Labels, Labels] = {}  # each label set once: it recurs in every pane
        self._partial: defaultdict[str, dict[Pane, Partial]] = defaultdict(dict)
        self._earliest_ms: dict[str, int] = {}
        self._cubes: defaultdict[str, dict[tuple[Labels, str], Cube]] = defaultdict(dict)
        self._changes: defaultdict[str, dict[Pane, Cells]] = defaultdict(dict)
        self._changed = 0
        self._gone: defaultdict[str, set[Pane]] = defaultdict(set)
        self._rises: defaultdict[str, dict[Pane, dict[str, tuple[int, int]]]] = defaultdict(dict)
        self._cover = lru_cache(maxsize=_COVERS)(self._covered)
        self._kept = lru_cache(maxsize=_COVERS)(self._still_kept)
        self.oldest_minute_ms: int | None = None
        """Minute panes before it no longer exist, nor hour panes before `oldest_hour_ms`."""
        self.oldest_hour_ms: int | None = None

    def apply(self, partition: int, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Takes in what one partition committed: its own absolute cells; None: expired.

        Raises ValueError or TypeError for what isn't a worker's; what it told is to be forgotten then.
        """
        self.version += 1
        for key, packed in changes:
            if key == CHECKPOINT:
                continue
            try:
                fact, level, start_ms, labels = parse_pane_key(key, self._facts)
            except KeyError:
                continue  # a newer worker's fact: nobody here asks for it
            check_pane_key(fact, level, start_ms, labels)
            if packed is not None:
                check_packed(packed, fact.kinds)
            self._put(partition, fact, (level, start_ms), labels, packed)
        if self._changed > _PENDING_CELLS:
            self._drop_cubes()

    def forget(self, partition: int) -> None:
        """Drops all that a partition told: it will be told anew."""
        self.version += 1
        self.versions = dict.fromkeys(self._partial, self.version)
        for panes in self._partial.values():
            for partial in panes.values():
                partial.pop(partition, None)
        self._drop_cubes()

    def cells(
        self,
        fact: Fact,
        start_ms: int,
        end_ms: int,
        by: Labels | None = None,
        part: str = SUMS,
        slot: Hashable = None,
    ) -> Cells:
        """Labels -> cell (the slots of `part`) of [start, end), which are bounds of kept panes.

        A fact that is kept by the day counts whole days.  A slot names a range that moves with
        time, to be slid instead of summed anew.  Read the result before the next call.
        """
        cover = self._cover(start_ms, end_ms, fact.daily) if start_ms < end_ms else frozenset()
        return self._cube(fact, by, part).cells(cover, slot)

    def level(
        self,
        fact: Fact,
        at_ms: int,
        by: Labels | None = None,
        slot: Hashable = None,
        part: str = SUMS,
    ) -> Cells:
        """Labels -> cell (the slots of `part`) of everything before `at_ms`."""
        first_ms = self._earliest_ms.get(fact.name, at_ms)
        first_ms = self._grid.pane_start(Level.YEAR, min(first_ms, at_ms))
        cover = self._cover(first_ms, at_ms, fact.daily) if first_ms < at_ms else frozenset()
        slot = slot if slot is None else ("level", slot)
        return self._cube(fact, by, part).cells(cover | {_BEFORE_ALL}, slot)

    def first_ms(self, fact: Fact, level: Level) -> int | None:
        """The start of the first minute, hour or day of which anything is kept, None without one.

        0 for a level whose first days were summed up in the pane before all others.
        """
        of_level = (level, BEFORE)
        starts = (at for size, at in self._partial.get(fact.name, ()) if size in of_level)
        return min(starts, default=None)

    def rise(self, fact: Fact, start_ms: int, end_ms: int, histogram: str) -> int:
        """The largest sum of a histogram's counts from its first bucket in the range on, or 0.

        Buckets must be in order of time.  A pane is looked through once: what counts of it is by
        how much it rises in all, and at most.
        """
        cube = self._cube(fact, (), histogram)
        rises = self._rises[fact.name]
        height = highest = 0
        for pane in sorted(self._finest(start_ms, end_ms), key=itemgetter(1)):
            by_histogram = rises.setdefault(pane, {})
            found = by_histogram.get(histogram)
            if found is None:
                found = by_histogram[histogram] = _rise(cube.read(pane))
            highest = max(highest, height + found[1])
            height += found[0]
        return highest

    def reach(self, start_ms: int, end_ms: int) -> tuple[int, int]:
        """The part of a range that kept panes can tell: its bounds on panes that still exist."""
        panes = self._kept(start_ms, end_ms, self.oldest_minute_ms, self.oldest_hour_ms)
        if not panes:
            return start_ms, start_ms
        level, last_ms = panes[-1]
        return panes[0][1], self._grid.pane_end(level, last_ms)

    def _finest(self, start_ms: int, end_ms: int) -> Iterator[Pane]:
        for level, begin_ms in self._cover(start_ms, end_ms, False):
            if level <= Level.DAY:
                yield level, begin_ms
                continue
            stop_ms = self._grid.pane_end(Level(level), begin_ms)
            while begin_ms < stop_ms:
                yield int(Level.DAY), begin_ms
                begin_ms = self._grid.pane_end(Level.DAY, begin_ms)

    def _still_kept(
        self, start_ms: int, end_ms: int, minute_ms: int | None, hour_ms: int | None
    ) -> list[tuple[Level, int]]:
        return self._grid.cover(
            start_ms, end_ms, oldest_minute_ms=minute_ms, oldest_hour_ms=hour_ms
        )

    def _covered(self, start_ms: int, end_ms: int, daily: bool) -> Cover:
        if daily:
            start_ms = self._grid.pane_start(Level.DAY, start_ms)
            end_ms = self._grid.pane_end(Level.DAY, end_ms - 1)
        return frozenset((int(level), at) for level, at in self._grid.cover(start_ms, end_ms))

    def _cube(self, fact: Fact, by: Labels | None, part: str) -> Cube:
        self._settle(fact)
        labels = fact.labels if by is None else by
        cube = self._cubes[fact.name].get((labels, part))
        if cube is None:
            partial = self._partial[fact.name]
            cube = Cube(fact, labels, part, lambda pane: _read(partial.get(pane)), self._grid)
            self._cubes[fact.name][(labels, part)] = cube
        return cube

    def _drop_cubes(self) -> None:
        self._changed = 0
        for kept in (self._cubes, self._changes, self._gone, self._rises):
            kept.clear()

    def _settle(self, fact: Fact) -> None:
        """Lets the cubes of a fact know what has changed since somebody last asked."""
        changes = self._changes.pop(fact.name, None)
        gone = self._gone.pop(fact.name, ())
        if changes or gone:
            for pane in (*(changes or ()), *gone):
                self._rises[fact.name].pop(pane, None)
            self._changed -= sum(map(len, (changes or {}).values()))
            for cube in self._cubes[fact.name].values():
                cube.change(changes or {}, gone)

    def _put(
        self, partition: int, fact: Fact, pane: Pane, labels: Labels, packed: bytes | None
    ) -> None:
        self.versions[fact.name] = self.version
        panes = self._partial[fact.name]
        partial = panes.get(pane)
        if partial is None:
            if packed is None:
                return
            partial = panes[pane] = {}
            if fact.level and pane[0] == Level.DAY:
                earliest_ms = self._earliest_ms.get(fact.name, pane[1])
                self._earliest_ms[fact.name] = min(earliest_ms, pane[1])
        told = partial.setdefault(partition, {})
        if packed is None:
            old = told.pop(labels, None)
            if not told:
                del partial[partition]
            if not partial:
                del panes[pane]
        else:
            labels = self._labels.setdefault(labels, labels)
            old = told.get(labels)
            told[labels] = packed
        if old != packed and self._cubes.get(fact.name):
            self._note(fact, pane, labels, old, packed)

    def _note(
        self, fact: Fact, pane: Pane, labels: Labels, old: bytes | None, new: bytes | None
    ) -> None:
        """Keeps the difference for the cubes."""
        if new is None and Kind.DISTINCT in fact.kinds:
            self._gone[fact.name].add(pane)  # can't be taken back: to be read anew
        changes = self._changes[fact.name].setdefault(pane, {})
        change = changes.get(labels)
        if change is None:
            self._changed += 1
            change = changes[labels] = zero(fact.kinds)
        cell = zero(fact.kinds) if new is None else unpack(new)
        merge(change, cell if old is None else difference(cell, unpack(old)))


def _rise(cells: Cells) -> tuple[int, int]:
    """By how much a pane's counts rise in all, and at most."""
    counts: dict[int, int] = cells[()][0] if cells else {}
    height = highest = 0
    for bucket in sorted(counts):
        height += counts[bucket]
        highest = max(highest, height)
    return height, highest


def _read(partial: Partial | None) -> Iterator[tuple[Labels, Cell]]:
    for told in (partial or {}).values():
        for labels, packed in told.items():
            yield labels, unpack(packed)
