"""The panes of a partition: what was added by the minute, summed up by the minute, hour and day.

Cells are kept packed; one cell is one record of the changelog, absolute, so that the latest
record of a key is all that a reader needs.  It must not know journeys or KPIs.
"""

from __future__ import annotations

from collections import defaultdict
from heapq import nsmallest

from kpi_windows.aggregators import Cell, check_packed, copy, is_empty, merge, pack, unpack
from kpi_windows.codec import BEFORE, check_pane_key, pane_key, parse_pane_key
from kpi_windows.definitions import MINUTE_MS, Definitions
from kpi_windows.facts import OVERFLOW, Deltas, Fact
from kpi_windows.facts.fact import OTHER
from kpi_windows.measures import facts_of
from kpi_windows.room import Pane, Room
from kpi_windows.windows import Grid

_MINUTE, _HOUR, _DAY = 0, 1, 2

Change = tuple[bytes, bytes | None]
Labels = tuple[str, ...]


class Panes:
    """Partial cells of one partition by (fact, level, start, labels)."""

    def __init__(self, definitions: Definitions, grid: Grid) -> None:
        self.packed: dict[bytes, bytes] = {}
        self._by_pane: defaultdict[tuple[int, int, bool], set[bytes]] = defaultdict(set)
        self._grid = grid
        self._facts = facts_of(definitions)
        self._unknown: set[bytes] = set()
        self._pair_keys = definitions.pair_keys
        self.room = Room(definitions.pane_cells)
        self._kept_ms = {
            _MINUTE: definitions.minute_panes_ms,
            _HOUR: definitions.hour_panes_ms,
            _DAY: definitions.day_panes_ms,
        }
        self._pair_kept_ms = definitions.pair_panes_ms
        self._expired_until_ms = 0

    def __len__(self) -> int:
        return len(self.packed) + len(self._unknown)

    def load(self, key: bytes, value: bytes | None) -> None:
        """Restores one cell; None drops it.  That of a measure no longer kept goes at the cut.

        Raises ValueError for what can't be a cell.
        """
        if value is None:
            if self.packed.pop(key, None) is not None:
                self.room.give_back(self._pane_of(key))
            self._unknown.discard(key)
            return
        try:
            fact, level, start_ms, labels = parse_pane_key(key, self._facts)
        except KeyError:
            self._unknown.add(key)
            return
        is_new = key not in self.packed
        if is_new:
            check_pane_key(fact, level, start_ms, labels)
        check_packed(value, fact.kinds)
        if is_new:
            self._by_pane[(level, start_ms, fact.daily)].add(key)
            self.room.take((fact.name, level, start_ms))
        self.packed[key] = value

    def cut(self, deltas: Deltas, watermark_ms: int) -> list[Change]:
        """Adds the deltas to all levels, drops what is too old, and says what changed."""
        changed: set[bytes] = set()
        for name, cells in deltas.cells.items():
            if cells:
                self._add_fact(self._facts[name], cells, watermark_ms, changed)
                cells.clear()
        changes: list[Change] = [(key, self.packed.get(key)) for key in changed]
        changes += [(key, None) for key in self._unknown]
        self._unknown.clear()
        minute_ms = watermark_ms - watermark_ms % MINUTE_MS
        if minute_ms > self._expired_until_ms:
            self._expired_until_ms = minute_ms
            changes += self._expire(watermark_ms)
        return changes

    def _add_fact(
        self,
        fact: Fact,
        cells: dict[tuple[int, Labels], Cell],
        watermark_ms: int,
        changed: set[bytes],
    ) -> None:
        hours: dict[tuple[int, Labels], Cell] = {}
        days: dict[tuple[int, Labels], Cell] = {}
        oldest_minute_ms = watermark_ms - self._kept_ms[_MINUTE]
        oldest_hour_ms = watermark_ms - self._kept_ms[_HOUR]
        for (minute_ms, labels), cell in cells.items():
            if is_empty(cell):
                continue
            hour_ms, day_ms = self._grid.parents(minute_ms)
            if not fact.daily:
                if minute_ms >= oldest_minute_ms:
                    self._add(fact, _MINUTE, minute_ms, labels, cell, changed)
                if hour_ms >= oldest_hour_ms:
                    _sum_up(hours, (hour_ms, labels), cell)
            _sum_up(days, (day_ms, labels), cell)
        oldest_day_ms = watermark_ms - self._day_kept_ms(fact)
        for (hour_ms, labels), cell in hours.items():
            self._add(fact, _HOUR, hour_ms, labels, cell, changed)
        for (day_ms, labels), cell in days.items():
            if day_ms >= oldest_day_ms:
                self._add(fact, _DAY, day_ms, labels, cell, changed)
            elif fact.level:
                self._add(fact, BEFORE, 0, labels, cell, changed)

    def _day_kept_ms(self, fact: Fact) -> int:
        return self._pair_kept_ms if fact.daily else self._kept_ms[_DAY]

    def _add(
        self, fact: Fact, level: int, start_ms: int, labels: Labels, cell: Cell, changed: set[bytes]
    ) -> None:
        key = pane_key(fact.name, level, start_ms, labels)
        old = self.packed.get(key)
        pane = (fact.name, level, start_ms)
        if old is None and fact.labels and self.room.is_full(pane):
            key = self._folded(fact, pane, labels)
            old = self.packed.get(key)
        if old is None:
            total = copy(cell)
            self._by_pane[(level, start_ms, fact.daily)].add(key)
            self.room.take(pane)
        else:
            total = unpack(old)
            merge(total, cell)
        if fact.limited:
            _limit(total, self._pair_keys)
        elif fact.lowest:
            total = [_lowest(amount, fact.lowest) for amount in total]
        self.packed[key] = pack(total)
        changed.add(key)

    def _folded(self, fact: Fact, pane: Pane, labels: Labels) -> bytes:
        """The key of the cell for labels that a full pane doesn't have."""
        keys = (parse_pane_key(key, self._facts) for key in self._by_pane[(*pane[1:], fact.daily)])
        cells = (of for known, _, _, of in keys if known is fact)
        key = pane_key(*pane, self.room.fold(fact, pane, labels, cells))
        if key not in self.packed and self.room.is_overfull(pane):
            return pane_key(*pane, (OTHER,) * len(labels))
        return key

    def _pane_of(self, key: bytes) -> Pane:
        fact, level, start_ms, _ = parse_pane_key(key, self._facts)
        return fact.name, level, start_ms

    def _expire(self, watermark_ms: int) -> list[Change]:
        """Old panes go; the days of a level go into the pane before all others."""
        changes: list[Change] = []
        folded: set[bytes] = set()
        for pane in [p for p in self._by_pane if self._is_old(p, watermark_ms)]:
            for key in self._by_pane.pop(pane):
                packed = self.packed.pop(key, None)
                if packed is None:
                    continue
                changes.append((key, None))
                fact, level, start_ms, labels = parse_pane_key(key, self._facts)
                self.room.give_back((fact.name, level, start_ms))
                if fact.level and level == _DAY:
                    self._add(fact, BEFORE, 0, labels, unpack(packed), folded)
        return changes + [(key, self.packed[key]) for key in folded]

    def _is_old(self, pane: tuple[int, int, bool], watermark_ms: int) -> bool:
        level, start_ms, daily = pane
        if level == BEFORE:
            return False
        return start_ms < watermark_ms - (self._pair_kept_ms if daily else self._kept_ms[level])


def _sum_up(sums: dict[tuple[int, Labels], Cell], key: tuple[int, Labels], cell: Cell) -> None:
    total = sums.get(key)
    if total is None:
        sums[key] = copy(cell)
    else:
        merge(total, cell)


def _limit(cell: Cell, most: int) -> None:
    """Counts in one bucket what a full histogram has no room for."""
    for amount in cell:
        if amount.__class__ is dict and len(amount) > most:
            rest = [bucket for bucket in amount if bucket != OVERFLOW][most:]
            amount[OVERFLOW] = amount.get(OVERFLOW, 0) + sum(amount.pop(b) for b in rest)


def _lowest(counts: dict[str, int], most: int) -> dict[str, int]:
    """The lowest buckets only, which are the same in whatever order they came."""
    return dict.fromkeys(nsmallest(most, counts), 1)
