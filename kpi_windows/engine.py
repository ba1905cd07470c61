"""The facade: one partition's state; events and wall time in, changes for one transaction out.

    records --decode--> events --admit--> journeys --> deltas --cut--> panes
                           |                 |
                      dead letters        forwards (to journeys in other partitions)

It must not know Kafka, files or clocks.  An exception out of it is a bug, never bad input.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any

from kpi_windows import measuring, routes
from kpi_windows.arrivals import ACCEPTED, LATE, TOPIC_OF, Arrivals
from kpi_windows.codec import CHECKPOINT, Checkpoint, pack_checkpoint, unpack_checkpoint
from kpi_windows.compatibility import refuse_changed, refuse_incomplete, since_ms
from kpi_windows.decoding import AT_ONCE, Rejected, decode
from kpi_windows.definitions import HOUR_MS, MINUTE_MS, Definitions
from kpi_windows.events import TOPICS, Clock, Event, PageViewed, to_ms
from kpi_windows.facts import Deltas
from kpi_windows.forwarding import AT, STRAY, Forwarding, read
from kpi_windows.journeys import visitor
from kpi_windows.journeys.clicks import entry_of, id_of, page_entry, type_of
from kpi_windows.journeys.journal import Entry
from kpi_windows.measures import facts_of
from kpi_windows.records import Cut, DeadLetter, Record
from kpi_windows.rollup import Change, Panes
from kpi_windows.table import MANY, Table
from kpi_windows.watermark import Watermark
from kpi_windows.windows import Grid

__all__ = ["FORWARDED", "OUTCOMES", "Cut", "DeadLetter", "Record", "Shard"]

CLICKSTREAM = "clickstream"
FORWARDED = "forwarded"
"""The internal topic, beside the input topics."""

OUTCOMES = ("accepted", "duplicate", "late", "future", "rejected")
"""What can become of an event; of an input topic, their sum is all that came in."""


class Shard:
    """The state of one partition; `topics` are those that the shop uses."""

    def __init__(
        self,
        definitions: Definitions,
        partition: int,
        partitions: int,
        topics: Collection[str] = tuple(TOPICS),
    ) -> None:
        self.partition = partition
        self.positions: dict[str, int] = {}
        self._definitions = definitions
        self._forwarding = Forwarding(partition, partitions)
        facts = facts_of(definitions)
        self._deltas = Deltas(facts)
        self._measure = measuring.steps_of(definitions, self._deltas)
        grid = Grid(definitions.zone)
        self._panes = Panes(definitions, grid)
        self._arrivals = Arrivals(self._deltas, grid)
        self._watermark = Watermark(topics, definitions.idle_ms)
        lateness_ms, most = definitions.longest_lateness_ms, definitions.most_journeys
        rules = routes.rules_of(definitions, self._deltas, grid)
        self._orders = rules[routes.ORDERS]
        of_visitors = {routes.VISITORS: (definitions.visit_gap_ms, visitor.begin)}
        self._tables: dict[str, Table[Any]] = {
            name: Table(name.encode(), each, lateness_ms, most, *of_visitors.get(name, ()))
            for name, each in rules.items()
        }
        self._visitors = self._tables[routes.VISITORS]
        self._dead: list[DeadLetter] = []
        self._counts: dict[str, dict[str, int]] = {
            topic: dict.fromkeys(("in", *OUTCOMES), 0) for topic in topics
        }
        self._counts[FORWARDED] = self._forwarding.counts
        self._newest_arrival_ms = 0
        self._told: dict[str, int] = {}  # by the last checkpoint: how much is kept
        self._sequence = 0
        self._since_ms = dict.fromkeys(facts, 0)
        self._changed = False
        self._measures_clicks = not self._measure.keys().isdisjoint(TOPICS[CLICKSTREAM])
        self._now_ms = 0

    @property
    def watermark_ms(self) -> int | None:
        """How far event time has come; None before the first event."""
        return self._watermark.at_ms

    def counts(self) -> dict[str, dict[str, int]]:
        """How many events of each topic came "in", and how many had which outcome, ever."""
        self._rest(self._visitors)
        self._count_repeated()
        return self._counts

    def sizes(self) -> dict[str, int]:
        """How many journeys of each kind, and pane cells, are kept."""
        kept = {routes.PLURALS[name]: len(table) for name, table in self._tables.items()}
        return kept | {"cells": len(self._panes)}

    # ------------------------------------------------------------------ restore

    def load(self, table: str, key: bytes, value: bytes | None) -> None:
        """Takes one record of a changelog ("state" or "panes"); the last of a key counts.

        Raises DefinitionsChanged when the state means something else than it would today, and
        LookupError, TypeError or ValueError for what can't be a record of ours.
        """
        if key == CHECKPOINT:
            if value is not None and table == "state":
                self._load_checkpoint(unpack_checkpoint(value))
        elif table == "panes":
            self._panes.load(key, value)
        else:
            self._tables[chr(key[0])].load(key[1:].decode(), value)

    def loaded(self) -> None:
        """The changelogs were read to their end.

        Raises StateDamagedError when they don't hold what their checkpoint tells.
        """
        refuse_incomplete(self._told, self.sizes(), self.partition)

    def _load_checkpoint(self, checkpoint: Checkpoint) -> None:
        refuse_changed(checkpoint, self._definitions, self.partition, self._forwarding.partitions)
        self._told, self._sequence = checkpoint.kept, checkpoint.sequence
        self.positions = dict(checkpoint.positions)
        self._watermark.heard_ms = dict(checkpoint.heard_ms)
        self._watermark.at_ms = checkpoint.watermark_ms
        self._forwarding.heard_ms = dict(checkpoint.upstream_ms)
        self._forwarding.passed_ms = dict(checkpoint.passed_ms)
        self._newest_arrival_ms = checkpoint.newest_arrival_ms
        self._panes.room.folded = dict(checkpoint.folded)
        for name, table in self._tables.items():
            table.let_go = checkpoint.let_go.get(routes.PLURALS[name], 0)
        for topic, outcomes in checkpoint.counts.items():
            self._counts.setdefault(topic, {}).update(outcomes)
        self._since_ms = since_ms(checkpoint, self._since_ms)

    # ------------------------------------------------------------------ events

    def ingest(self, topic: str, records: Sequence[Record]) -> None:
        """Takes in what one fetch brought of a topic."""
        if not records:
            return
        self._changed = True
        if topic == FORWARDED:
            self._ingest_forwarded(records)
        else:
            self._counts[topic]["in"] += len(records)
            self._watermark.wake()
            for first in range(0, len(records), AT_ONCE):
                some = records[first : first + AT_ONCE]
                self._ingest_events(topic, some, decode(topic, [record.value for record in some]))
            newest_ms = max(map(attrgetter("timestamp_ms"), records))
            self._newest_arrival_ms = max(self._newest_arrival_ms, newest_ms)
        self.positions[topic] = records[-1].offset + 1
        for table in self._tables.values():
            if table.touched > MANY:
                self._rest(table)

    def _rest(self, table: Table[Any]) -> None:
        at_ms = -1 if self._watermark.at_ms is None else self._watermark.at_ms
        table.rest(at_ms, self._horizon_ms(at_ms))

    def _ingest_events(
        self, topic: str, records: Sequence[Record], events: Sequence[Event | Rejected]
    ) -> None:
        """Admits each event by its time, and passes it on.

        Written for speed: this loop and what it calls runs for every event of a shop.
        """
        watermark = self._watermark
        skew_ms = self._definitions.future_skew_ms
        lateness_ms = self._definitions.lateness_of(topic)
        others_ms = watermark.others_ms(topic)
        heard_ms = watermark.heard_ms.get(topic, -1)
        at_ms = -1 if watermark.at_ms is None else watermark.at_ms
        oldest_ms = at_ms - lateness_ms
        accepted = begin_ms = end_ms = 0
        taken: Any = None  # of the minute [begin, end)
        behind: Any = None
        is_clickstream = topic == CLICKSTREAM and not self._measures_clicks
        for record, event in zip(records, events, strict=True):
            if event.__class__ is Rejected:
                self._bury(topic, record, "rejected", event.reason, heard_ms)
                continue
            time_ms: int = event.timestamp  # type: ignore[union-attr, assignment]
            if time_ms < oldest_ms:
                reason = f"{oldest_ms - time_ms} ms older than what the topic's lateness allows"
                self._bury(topic, record, "late", reason)
                self._arrivals.add(event, LATE)  # type: ignore[arg-type]
                continue
            stamp_ms = record.timestamp_ms
            if time_ms > stamp_ms + skew_ms and stamp_ms >= 0:
                reason = f"{time_ms - stamp_ms} ms ahead of its record's timestamp"
                self._bury(topic, record, "future", reason)
                continue
            if time_ms > heard_ms:
                heard_ms = time_ms
                if at_ms < time_ms and at_ms < others_ms:
                    at_ms = time_ms if time_ms < others_ms else others_ms
                    oldest_ms = at_ms - lateness_ms
            if is_clickstream and event.__class__ is not Clock:
                fresh = self._add_click(event, time_ms, record)
            else:
                fresh = self._add(topic, event, record)  # type: ignore[arg-type]
            if fresh is None:
                continue
            accepted += 1
            if not begin_ms <= time_ms < end_ms:
                begin_ms = time_ms - time_ms % MINUTE_MS
                end_ms = begin_ms + MINUTE_MS
                taken, behind = self._arrivals.minute(begin_ms)
            taken[event.__class__].append(event)
            seconds = (heard_ms - time_ms + 999) // 1_000
            if seconds:
                behind[seconds] += 1
                self._arrivals.note(event, seconds)  # type: ignore[arg-type]
            if not fresh:
                self._count_repeat(topic, event.__class__, time_ms, seconds)  # type: ignore[arg-type]
        self._arrivals.take(topic)
        if heard_ms >= 0:
            watermark.hear(topic, heard_ms)
        self._counts[topic]["accepted"] += accepted

    def _add_click(self, event: Any, time_ms: int, record: Record) -> bool | None:
        """`_add` for what comes most, in a shop without measures of its own over it."""
        visitor_id = event.visitor_id
        table = self._visitors
        if not table.knows(visitor_id) and not self._forwarding.is_here(visitor_id):
            self._forwarding.send_on(CLICKSTREAM, visitor_id, record.value)
            return None
        if not (event.is_bot or event.is_test):
            is_page = event.__class__ is PageViewed
            entry = page_entry(event, time_ms) if is_page else entry_of(event, self._definitions)
            table.put(visitor_id, entry)
        return True

    def _add(self, topic: str, event: Event, record: Record) -> bool | None:
        """Passes an admitted event to its journeys.

        True: it counts, unless `_count_repeated` finds it to be a duplicate; False: it is one;
        None: neither yet (sent on), rejected, or a clock.
        """
        if event.__class__ is Clock:
            self._counts[topic]["accepted"] += 1
            return None
        name = routes.table_of(event)
        table = self._tables[name]
        key, journey_key = routes.own_key(event)
        reason = routes.uncountable(event, self._definitions)
        if reason is not None:
            self._bury(topic, record, "rejected", reason, to_ms(event.timestamp))
            return None
        if not table.knows(journey_key) and not self._forwarding.is_here(key):
            self._forwarding.send_on(topic, key, record.value)
            return None
        if event.is_bot or event.is_test:
            return True
        measure = self._measure.get(event.__class__)
        entry = routes.own_entry(name, event, self._definitions)
        if name == routes.VISITORS and measure is None:
            table.put(journey_key, entry)
            return True
        journal = table.get(journey_key)
        if name == routes.ORDERS and self._orders.repeats(journal.head, entry):
            return False
        if not table.journals.add(journal, entry):
            return False
        for other, other_key, other_entry in routes.others(event, self._definitions):
            self._tell(other, other_key, other_entry)
        if measure is not None:
            measure(event)
        return True

    def _count_repeated(self) -> None:
        """Events of visitors that were there already are duplicates."""
        for visitor_id, entry in self._visitors.repeated:
            event_type = type_of(entry)
            if event_type is not None:
                seconds = self._arrivals.noted(event_type, visitor_id, id_of(entry))
                self._count_repeat(TOPIC_OF[event_type], event_type, entry[0], seconds)
        for table in self._tables.values():
            table.repeated.clear()
        self._arrivals.forget()

    def _count_repeat(self, topic: str, event_type: type[Event], at_ms: int, seconds: int) -> None:
        """What was counted as accepted is a duplicate."""
        counts = self._counts[topic]
        counts["accepted"] -= 1
        counts["duplicate"] += 1
        self._arrivals.repeat(topic, event_type, at_ms, seconds)

    def _bury(
        self, topic: str, record: Record, outcome: str, reason: str, else_ms: int = -1
    ) -> None:
        """`else_ms` is when that was, where the log has no time."""
        self._counts[topic][outcome] += 1
        if outcome != "late":
            self._arrivals.refuse(topic, outcome, record.timestamp_ms, else_ms)
        content = (record.key, record.value, record.timestamp_ms)
        self._dead.append(DeadLetter(topic, record.offset, outcome, reason, *content))

    # ------------------------------------------------------------------ other partitions

    def _tell(self, table: str, key: str, entry: Entry) -> None:
        """Brings an entry to a journey under another key, here or in another partition."""
        home = self._forwarding.home_of(key)
        if home == self.partition:
            self._tables[table].put(key, entry)
        else:
            self._forwarding.send(home, table, key, entry)

    def _ingest_forwarded(self, records: Sequence[Record]) -> None:
        messages = [read(record.value) for record in records if record.value is not None]
        counts = self._forwarding.counts
        for kind, key, content in messages:
            if kind == STRAY:
                counts["arrived"] += 1
                self._ingest_stray(key, content)
            elif kind == AT:
                self._forwarding.hear(key, *content)
            else:
                counts["applied"] += 1
                self._tables[kind].put(key, tuple(content))

    def _ingest_stray(self, topic: str, value: bytes) -> None:
        """A message that another partition had received; it was judged by its time there."""
        record = Record(-1, -1, None, value)
        event = decode(topic, [value])[0]
        assert not isinstance(event, Rejected)
        fresh = self._add(topic, event, record)
        if fresh is not None:
            self._counts[topic]["accepted"] += 1
            self._arrivals.add(event, ACCEPTED)
            if not fresh:
                self._count_repeat(topic, type(event), event.timestamp, 0)  # type: ignore[arg-type]

    def _horizon_ms(self, watermark_ms: int) -> int:
        """No event or forwarded fact that is older than this will be accepted any more."""
        is_live = self._now_ms > 0 and abs(self._now_ms - watermark_ms) < HOUR_MS
        behind_ms = self._forwarding.behind_ms(watermark_ms, is_live=is_live)
        return behind_ms - self._definitions.longest_lateness_ms

    # ------------------------------------------------------------------ time, and the cut

    def tick(self, now_ms: int, at_end: Collection[str], arrived_ms: Mapping[str, int]) -> None:
        """Wall time, for inputs that are silent; see `Watermark.tick`."""
        self._now_ms = now_ms
        was_silent = self._watermark.is_silent
        if self._watermark.tick(now_ms, at_end, arrived_ms) or (
            self._watermark.is_silent and not was_silent
        ):
            self._changed = True

    def end(self) -> None:
        """Nothing more comes: brings time to the newest event."""
        self._watermark.end()
        self._changed = True

    def cut(self) -> Cut | None:
        """Takes, in one step, all that changed since the last cut; None when nothing did."""
        if not self._changed:
            return None
        self._changed = False
        state: list[Change] = []
        watermark_ms = self._watermark.at_ms
        self._forwarding.tell(watermark_ms, self._watermark.is_silent)
        at_ms = -1 if watermark_ms is None else watermark_ms
        horizon_ms = self._horizon_ms(at_ms)
        for table in self._tables.values():
            state += table.cut(at_ms, horizon_ms)
        self._count_repeated()
        panes = self._panes.cut(self._deltas, max(at_ms, 0))
        self._sequence += 1
        checkpoint = Checkpoint(
            fingerprint=self._definitions.fingerprint(),
            sequence=self._sequence,
            positions=dict(self.positions),
            heard_ms=dict(self._watermark.heard_ms),
            watermark_ms=watermark_ms,
            upstream_ms=dict(self._forwarding.heard_ms),
            passed_ms=dict(self._forwarding.passed_ms),
            newest_arrival_ms=self._newest_arrival_ms,
            counts=self._counts,
            since_ms=self._since_ms,
            partitions=self._forwarding.partitions,
            folded=dict(self._panes.room.folded),
            let_go={routes.PLURALS[name]: t.let_go for name, t in self._tables.items() if t.let_go},
            kept=self.sizes(),
        )
        dead, self._dead = self._dead, []
        packed = pack_checkpoint(checkpoint)
        return Cut(state, panes, self._forwarding.take(), dead, dict(self.positions), packed)
