"""Counts what became of events, how late they came, and keeps a few ids of each type and day.

All of it is a function of the events accepted, not of batches: the ids with the lowest hashes are
the same in whatever order they come.  It must not know journeys.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Sequence
from zlib import crc32

from kpi_windows.definitions import MINUTE_MS
from kpi_windows.events import EARLIEST_MS, LATEST_MS, TOPICS, Event
from kpi_windows.facts import Deltas
from kpi_windows.facts.arrivals import ARRIVAL, LATENESS, REFUSAL, SAMPLE
from kpi_windows.sketches import bucket_of
from kpi_windows.windows import Grid

Taken = defaultdict[type[Event], list[Event]]
"""Accepted events of one minute, by type."""
Behind = defaultdict[int, int]
"""Seconds -> how many of these were so far behind."""

ACCEPTED, DUPLICATE, LATE = (ARRIVAL.slot(name) for name in ("accepted", "duplicate", "late"))
_SLOTS = {name: REFUSAL.slot(name) for name in REFUSAL.sums}
_LABELS = {cls: (str(cls.__struct_config__.tag),) for types in TOPICS.values() for cls in types}
TOPIC_OF = {cls: topic for topic, types in TOPICS.items() for cls in types}
_BY_VISITOR = {cls for types in TOPICS.values() for cls in types if cls.KEY == "visitor_id"}
_ANY = 1 << 32
_KEPT = 1_000


class Arrivals:
    """What is added to the facts of arrivals until the next cut."""

    def __init__(self, deltas: Deltas, grid: Grid) -> None:
        self._arrival = deltas.cells[ARRIVAL.name]
        self._refusal = deltas.cells[REFUSAL.name]
        self._lateness = deltas.cells[LATENESS.name]
        self._sample = deltas.cells[SAMPLE.name]
        self._grid = grid
        self._minutes: dict[int, tuple[Taken, Behind]] = {}
        self._lowest: dict[tuple[int, type[Event]], list[str]] = {}
        self._noted: defaultdict[tuple[type[Event], str, str], list[int]] = defaultdict(list)

    def minute(self, begin_ms: int) -> tuple[Taken, Behind]:
        """Where a batch's accepted events of a minute go, until `take`; called once a minute."""
        found = self._minutes.get(begin_ms)
        if found is None:
            found = self._minutes[begin_ms] = (defaultdict(list), defaultdict(int))
        return found

    def take(self, topic: str) -> None:
        """The batch is over.

        Written for speed: counted by type and minute at once, and an id is looked at only if the
        lowest hash of its batch is low enough.
        """
        for begin_ms, (taken, behind) in self._minutes.items():
            day_ms = self._grid.parents(begin_ms)[1]
            in_order = -sum(behind.values())
            for cls, events in taken.items():
                in_order += len(events)
                self._arrival[begin_ms, _LABELS[cls]][ACCEPTED] += len(events)
                self._look_at(day_ms, cls, events)
            counts = self._lateness[day_ms, (topic,)][0]
            behind[0] += in_order
            for seconds, count in behind.items():
                bucket = bucket_of(seconds)
                counts[bucket] = counts.get(bucket, 0) + count
        self._minutes.clear()

    def add(self, event: Event, slot: int) -> None:
        """One event that was judged by its time elsewhere, or is too late."""
        at_ms: int = event.timestamp  # type: ignore[assignment]
        begin_ms = at_ms - at_ms % MINUTE_MS
        if event.__class__ in _LABELS:
            self._arrival[begin_ms, _LABELS[event.__class__]][slot] += 1
            if slot == ACCEPTED:
                day_ms = self._grid.parents(begin_ms)[1]
                counts = self._lateness[day_ms, (TOPIC_OF[event.__class__],)][0]
                counts[0] = counts.get(0, 0) + 1
                self._look_at(day_ms, event.__class__, [event])

    def note(self, event: Event, seconds: int) -> None:
        """How far behind an event was, until it is known whether it is a duplicate."""
        if event.event_id is not None and event.__class__ in _BY_VISITOR:
            key = (event.__class__, event.visitor_id, event.event_id)  # type: ignore[attr-defined]
            self._noted[key].append(seconds)

    def noted(self, event_type: type[Event], visitor_id: str, event_id: str) -> int:
        """How far behind a duplicate was.

        Of events with one id those that come later are further behind, and it is these that are
        duplicates.
        """
        seconds = self._noted.get((event_type, visitor_id, event_id))
        return seconds.pop() if seconds else 0

    def repeat(self, topic: str, event_type: type[Event], at_ms: int, seconds: int) -> None:
        """One that was counted as accepted since the last cut turns out to be a duplicate."""
        begin_ms = at_ms - at_ms % MINUTE_MS
        cell = self._arrival[begin_ms, _LABELS[event_type]]
        cell[ACCEPTED] -= 1
        cell[DUPLICATE] += 1
        counts = self._lateness[self._grid.parents(begin_ms)[1], (topic,)][0]
        bucket = bucket_of(seconds)
        counts[bucket] = counts.get(bucket, 0) - 1
        if not counts[bucket]:
            del counts[bucket]

    def forget(self) -> None:
        """All that was noted is known."""
        self._noted.clear()

    def refuse(self, topic: str, outcome: str, stamp_ms: int, else_ms: int) -> None:
        """A record that is no event, or is too far ahead."""
        for at_ms in (stamp_ms, else_ms):
            if EARLIEST_MS <= at_ms <= LATEST_MS:
                self._refusal[at_ms - at_ms % MINUTE_MS, (topic,)][_SLOTS[outcome]] += 1
                return

    def _look_at(self, day_ms: int, cls: type[Event], events: Sequence[Event]) -> None:
        ids = [event.event_id for event in events if event.event_id is not None]
        if len(ids) < len(events):
            events = [event for event in events if event.event_id is not None]
        hashes = list(map(crc32, map(str.encode, ids)))
        if len(self._lowest) > _KEPT:
            self._lowest.clear()
        lowest = self._lowest.setdefault((day_ms, cls), [])
        limit = int(lowest[-1][:8], 16) if len(lowest) == SAMPLE.lowest else _ANY
        if min(hashes, default=_ANY) <= limit:
            counts = self._sample[day_ms, _LABELS[cls]][0]
            for hashed, event in zip(hashes, events, strict=True):
                if hashed <= limit and not (event.is_bot or event.is_test):
                    bucket = f"{hashed:08x} {event.timestamp} {event.event_id}"
                    counts[bucket] = counts.get(bucket, 0) + 1
                    if bucket not in lowest:
                        insort(lowest, bucket)
                        del lowest[SAMPLE.lowest :]
