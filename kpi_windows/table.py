"""All journals of one kind in a partition: packed in memory, unpacked while they are touched.

An event whose outcome can wait is put aside; at the cut a journal is unpacked, takes all that came
for it, in order of time, and becomes bytes again, while it is in the processor's cache.  These are
what the changelog gets and what memory holds: eight bytes of the timer, and the journal.

There is room for so many.  Beyond it the journals that were untouched for longest are let go, as if
their time were over: those to whom nothing accepted can belong any more, and of whom time states
nothing.  Who has an open cart or ticket stays.  It must not know events.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

from kpi_windows.definitions import DAY_MS
from kpi_windows.journeys.journal import NEVER, WORTH_TRIMMING, Entry, Journal, Journals, Rules

S = TypeVar("S")

MANY = 6_144
"""So many journals are touched between two rests at most, so that memory is bounded."""


_AT_ONCE = 10_000
"""So many are let go at a cut at most, so that it doesn't last."""


def _nothing(_state: object, _key: str) -> None:
    """Most states don't hold anything of their key."""


class Table(Generic[S]):
    """Journals by key, their timers, and what changed since the last cut."""

    def __init__(
        self,
        letter: bytes,
        rules: Rules[S],
        lateness_ms: int,
        most: int,
        gap_ms: int = 0,
        begin: Callable[[S, str], None] = _nothing,
    ) -> None:
        self.letter = letter
        self.rules = rules
        self.journals: Journals[S] = Journals(rules)
        self.packed: dict[str, bytes] = {}
        """By key, those that were untouched for longest first."""
        self.let_go = 0
        """How many had no room, ever."""
        self.repeated: list[tuple[str, Entry]] = []
        """What was put aside and was there already, by key; for the caller to count and clear."""
        self._hot: dict[str, Journal[S]] = {}
        self._aside: dict[str, list[Entry]] = {}
        self._changed: dict[str, bytes | None] = {}
        self._timers: list[tuple[int, str]] = []
        self._soon_ms = 0
        """Of a journal with a timer before it there is one in `_timers` that is no later."""
        self._lateness_ms = lateness_ms
        self._most = most
        self._gap_ms = gap_ms
        self._begin = begin

    def __len__(self) -> int:
        return len(self.packed)

    @property
    def touched(self) -> int:
        """How many journals are to be looked at by the next `rest`, at most."""
        return len(self._hot) + len(self._aside)

    def knows(self, key: str) -> bool:
        """True when something is kept under the key."""
        return key in self._aside or key in self.packed or key in self._hot

    def get(self, key: str) -> Journal[S]:
        """The journal, unpacked or new, to be changed until the next cut."""
        journal = self._hot.get(key)
        if journal is None:
            journal = self._hot[key] = self._made(key)
        entries = self._aside.pop(key, None)
        if entries is not None:
            self._take_in(key, journal, entries)
        return journal

    def put(self, key: str, entry: Entry) -> None:
        """Puts an event aside, for the next `rest` to take in."""
        entries = self._aside.get(key)
        if entries is None:
            self._aside[key] = [entry]
        else:
            entries.append(entry)

    def _take_in(self, key: str, journal: Journal[S], entries: list[Entry]) -> None:
        for entry in self.journals.add_all(journal, entries):
            self.repeated.append((key, entry))

    def _made(self, key: str) -> Journal[S]:
        packed = self.packed.get(key)
        if packed:
            return self.journals.unpack(packed[8:])
        journal = self.journals.new()
        self._begin(journal.head, key)
        if journal.base is not None:
            self._begin(journal.base, key)
        return journal

    def load(self, key: str, value: bytes | None) -> None:
        """Restores one journal; None drops it.  Raises ValueError for what can't be one."""
        self.packed.pop(key, None)
        if value is None:
            return
        if self.journals.timer_of(value[8:]) != int.from_bytes(value[:8], "big"):
            raise ValueError("its timer is told in two ways")
        self.packed[key] = value

    def rest(self, watermark_ms: int, horizon_ms: int) -> None:
        """Takes in what was put aside; settles, trims and packs what was touched."""
        hot = self._hot
        for key, entries in self._aside.items():
            journal = hot.pop(key, None) or self._made(key)
            self._take_in(key, journal, entries)
            self._rest(key, journal, watermark_ms, horizon_ms)
        for key, journal in hot.items():
            self._rest(key, journal, watermark_ms, horizon_ms)
        self._aside.clear()
        hot.clear()

    def _rest(self, key: str, journal: Journal[S], watermark_ms: int, horizon_ms: int) -> None:
        """Lets go of one; its timer is when time will state something, or trim or drop it."""
        at_ms = self.journals.settle(journal, watermark_ms)
        if journal.last_ms < horizon_ms or journal.packed + len(journal.kept) >= WORTH_TRIMMING:
            self.journals.trim(journal, horizon_ms)
        if journal.is_final:
            final_ms = self.rules.ends_ms(journal.head)
            if final_ms <= horizon_ms:
                self.packed.pop(key, None)
                self._changed[key] = None
                return
        else:
            final_ms = max(journal.last_ms, journal.settled_ms) + self._lateness_ms + self._gap_ms
        if final_ms <= watermark_ms:  # while others are behind, it is looked at again and again
            final_ms = watermark_ms + self._lateness_ms + 1
        at_ms = min(at_ms, final_ms)
        if at_ms < min(journal.timer_ms, self._soon_ms):
            heapq.heappush(self._timers, (at_ms, key))
        journal.timer_ms = at_ms
        packed = at_ms.to_bytes(8, "big") + self.journals.pack(journal)
        self.packed.pop(key, None)
        self.packed[key] = self._changed[key] = packed

    def cut(self, watermark_ms: int, horizon_ms: int) -> list[tuple[bytes, bytes | None]]:
        """Also settles what time alone makes due; what changed since the last cut."""
        if watermark_ms >= self._soon_ms:
            self._look_ahead(watermark_ms)
        timers = self._timers
        later_ms: dict[str, int] = {}
        while timers and timers[0][0] <= watermark_ms:
            key = heapq.heappop(timers)[1]
            at_ms = self._told_ms(key)
            if at_ms > watermark_ms:  # more has come since that timer was set
                later_ms[key] = at_ms
            elif self.knows(key):
                self.get(key).timer_ms = NEVER
            if self.touched >= MANY:
                self.rest(watermark_ms, horizon_ms)
        for key, at_ms in later_ms.items():
            if at_ms < self._soon_ms:
                heapq.heappush(timers, (at_ms, key))
        self.rest(watermark_ms, horizon_ms)
        if len(self.packed) > self._most:
            self._make_room()
        changes = [(self.letter + key.encode(), packed) for key, packed in self._changed.items()]
        self._changed.clear()
        return changes

    def _look_ahead(self, watermark_ms: int) -> None:
        """Gathers the timers of a day: most are of those who rest, and a year away."""
        self._soon_ms = soon_ms = watermark_ms + DAY_MS
        timers = ((int.from_bytes(packed[:8], "big"), key) for key, packed in self.packed.items())
        self._timers = [timer for timer in timers if timer[0] < soon_ms]
        heapq.heapify(self._timers)

    def _told_ms(self, key: str) -> int:
        """The timer of a journal that rests; 0 of any other."""
        if key in self._hot or key in self._aside:
            return 0
        return int.from_bytes(self.packed.get(key, b"")[:8], "big")

    def _make_room(self) -> None:
        """Lets go of what is too many, as far as it may be; what has to stay is looked at later."""
        too_many = min(len(self.packed) - self._most, _AT_ONCE)
        for key in list(islice(self.packed, 2 * too_many + 1)):
            if self._may_go(self.packed[key]):
                del self.packed[key]
                self._changed[key] = None
                self.let_go += 1
                too_many -= 1
                if not too_many:
                    break
            else:
                self.packed[key] = self.packed.pop(key)

    def _may_go(self, packed: bytes) -> bool:
        journal = self.journals.unpack(packed[8:])
        rules, state = self.rules, journal.head
        return journal.is_final and rules.ends_ms(state) < NEVER <= rules.due_ms(state)
