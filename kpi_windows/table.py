"""All journals of one kind in a partition: packed in memory, unpacked while they are touched.

Between two cuts a touched journal is an object; at the cut it becomes bytes again, which are what
the changelog gets and what memory holds.  A value is eight bytes of the timer and the journal.
It must not know events.
"""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

from kpi_windows.journeys.journal import NEVER, WORTH_TRIMMING, Journal, Journals, Rules

S = TypeVar("S")

MANY = 16_384
"""So many journals are unpacked at most; more would leave the processor's caches."""


class Table(Generic[S]):
    """Journals by key, their timers, and what changed since the last cut."""

    def __init__(self, letter: bytes, rules: Rules[S], lateness_ms: int, gap_ms: int) -> None:
        self.letter = letter
        self.rules = rules
        self.journals: Journals[S] = Journals(rules)
        self.packed: dict[str, bytes] = {}
        self.hot: dict[str, Journal[S]] = {}
        self._changed: set[str] = set()
        self._timers: list[tuple[int, str]] = []
        self._lateness_ms = lateness_ms
        self._gap_ms = gap_ms

    def __len__(self) -> int:
        return len(self.packed)

    def knows(self, key: str) -> bool:
        """True when something is kept under the key."""
        return key in self.hot or key in self.packed

    def get(self, key: str) -> Journal[S]:
        """The journal, unpacked or new, to be changed until the next cut."""
        journal = self.hot.get(key)
        if journal is None:
            packed = self.packed.get(key)
            journal = self.journals.unpack(packed[8:]) if packed else self.journals.new()
            self.hot[key] = journal
        return journal

    def load(self, key: str, value: bytes | None) -> None:
        """Restores one journal; None drops it."""
        if value is None:
            self.packed.pop(key, None)
        else:
            self.packed[key] = value

    def loaded(self) -> None:
        """Rebuilds the timers after a restore."""
        self._timers = [(int.from_bytes(v[:8], "big"), k) for k, v in self.packed.items()]
        heapq.heapify(self._timers)

    def rest(self, watermark_ms: int, horizon_ms: int) -> None:
        """Settles, trims and packs what was touched.

        A journal's timer is when time will state something, or when it can be trimmed or dropped.
        """
        settle, trim, pack = self.journals.settle, self.journals.trim, self.journals.pack
        kept_ms = self._lateness_ms + self._gap_ms
        again_ms = watermark_ms + self._lateness_ms + 1
        self._changed.update(self.hot)
        for key, journal in self.hot.items():
            at_ms = settle(journal, watermark_ms)
            if journal.last_ms < horizon_ms or journal.packed + len(journal.kept) >= WORTH_TRIMMING:
                trim(journal, horizon_ms)
            if journal.is_final:
                final_ms = self.rules.ends_ms(journal.head)
                if final_ms <= horizon_ms:
                    self.packed.pop(key, None)
                    continue
            else:
                final_ms = max(journal.last_ms, journal.settled_ms) + kept_ms
            # while others are behind, it is looked at again and again
            at_ms = min(at_ms, final_ms if final_ms > watermark_ms else again_ms)
            if at_ms < journal.timer_ms:
                journal.timer_ms = at_ms
                heapq.heappush(self._timers, (at_ms, key))
            self.packed[key] = journal.timer_ms.to_bytes(8, "big") + pack(journal)
        self.hot.clear()

    def cut(self, watermark_ms: int, horizon_ms: int) -> list[tuple[bytes, bytes | None]]:
        """Also settles what time alone makes due; what changed since the last cut."""
        timers = self._timers
        while timers and timers[0][0] <= watermark_ms:
            key = heapq.heappop(timers)[1]
            if self.knows(key):
                self.get(key).timer_ms = NEVER
            if len(self.hot) >= MANY:
                self.rest(watermark_ms, horizon_ms)
        self.rest(watermark_ms, horizon_ms)
        changes = [(self.letter + key.encode(), self.packed.get(key)) for key in self._changed]
        self._changed.clear()
        return changes
