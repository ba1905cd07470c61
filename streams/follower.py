"""What is visible: every committed cut of every partition, applied to one `View` in order.

It must not know HTTP.  Cuts come from Kafka (`Follower`) or from a worker in the same process
(`Whole.take`), through the same code.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from kpi_windows.codec import Checkpoint, unpack_checkpoint
from kpi_windows.compatibility import refuse_changed
from kpi_windows.engine import FORWARDED
from kpi_windows.view import View
from streams.changelog import Committed, follow, reader
from streams.damage import trusted
from streams.reach import hidden, refusal
from streams.settings import Settings
from streams.stuck import Thing
from streams.topics import Names, no_answer, partitions_of

log = logging.getLogger(__name__)

Change = tuple[bytes, bytes | None]

DELAY_BOUNDS_S = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Of the histogram of delays."""
BEHIND_MS = 60_000
"""A partition whose watermark is this far behind the foremost one is behind."""
_RETRY_S = 2.0
_POINTS = 4


class _NotYetError(Exception):
    """Kafka answers, but what is to be followed isn't there as it should be."""


@dataclass
class Delays:
    """From an event's arrival in Kafka to its values being visible here, estimated by commit.

    A checkpoint tells when its newest event arrived.  The events of a commit are taken to have
    arrived evenly since the newest one of the commit before, over at most a commit interval.
    """

    counts: list[float] = field(default_factory=lambda: [0.0] * (len(DELAY_BOUNDS_S) + 1))
    total_s: float = 0.0

    def add(self, delay_s: float, events: float) -> None:
        """So many events were visible after this long."""
        place = sum(delay_s > bound for bound in DELAY_BOUNDS_S)
        self.counts[place] += events
        self.total_s += delay_s * events


@dataclass
class Seen:
    """The last cut of a partition."""

    checkpoint: Checkpoint
    applied_ms: int
    cuts: int = 1


def events_in(checkpoint: Checkpoint) -> int:
    """Events of input topics that the partition has judged, ever."""
    return sum(
        count
        for topic, outcomes in checkpoint.counts.items()
        if topic != FORWARDED
        for outcome, count in outcomes.items()
        if outcome != "in"
    )


class Whole:
    """The view, and what the checkpoints of all partitions say about it."""

    def __init__(self, settings: Settings, now_ms: Callable[[], int] | None = None) -> None:
        self.settings = settings
        self.partitions = settings.partitions
        self.now_ms = now_ms or (lambda: time.time_ns() // 1_000_000)
        self.view = View(settings.definitions)
        self.seen: dict[int, Seen] = {}
        self.caught_up: set[int] = set()
        self.delays = Delays()
        self.started_ms = self.now_ms()
        self.ready_ms: int | None = None
        self.trouble = ""

    def take(self, partition: int, panes: Sequence[Change], packed: bytes, *, live: bool) -> None:
        """Applies one committed cut; `live` when it was just committed, not read up later."""
        self.view.apply(partition, panes, packed)
        checkpoint = self.view.checkpoints[partition]
        now_ms = self.now_ms()
        before = self.seen.get(partition)
        if live and before is not None:
            self._measure(before.checkpoint, checkpoint, now_ms)
        self.seen[partition] = Seen(checkpoint, now_ms, before.cuts + 1 if before else 1)

    def _measure(self, before: Checkpoint, after: Checkpoint, now_ms: int) -> None:
        events = events_in(after) - events_in(before)
        newest_ms = after.newest_arrival_ms
        if events <= 0 or newest_ms <= before.newest_arrival_ms:
            return
        spread_ms = min(
            newest_ms - before.newest_arrival_ms, self.settings.kafka.commit_interval_ms
        )
        for point in range(_POINTS):
            delay_ms = now_ms - newest_ms + spread_ms * (point + 0.5) / _POINTS
            self.delays.add(max(delay_ms, 0.0) / 1_000, events / _POINTS)

    def begin(self) -> None:
        """All is told anew, from the beginning: what was told before is dropped."""
        for partition in self.seen:
            self.view.forget(partition)
        self.seen.clear()
        self.caught_up.clear()
        self.ready_ms = None
        self.trouble = ""

    def catch_up(self, partition: int) -> None:
        """The partition's changelog was read to its end."""
        self.caught_up.add(partition)
        if self.ready_ms is None and len(self.caught_up) == self.partitions:
            self.ready_ms = self.now_ms()
            log.info("all %d partitions are read; values are complete", self.partitions)

    @property
    def ready(self) -> bool:
        """True once every partition has been read to its end."""
        return self.ready_ms is not None

    def waiting(self) -> list[int]:
        """Partitions that are not read to their end yet."""
        return [p for p in range(self.partitions) if p not in self.caught_up]

    def behind(self) -> dict[int, int]:
        """Partition -> how many ms its watermark is behind the foremost one, where it's too far."""
        marks = {p: s.checkpoint.watermark_ms for p, s in self.seen.items()}
        known = {p: ms for p, ms in marks.items() if ms is not None}
        first_ms = max(known.values(), default=0)
        return {p: first_ms - ms for p, ms in known.items() if first_ms - ms > BEHIND_MS}


class Follower:
    """Reads the panes of all partitions from Kafka, for ever."""

    def __init__(self, settings: Settings, whole: Whole) -> None:
        self._settings = settings
        self._whole = whole
        self._topic = Names.of(settings).panes
        self._positions: dict[TopicPartition, int] = {}

    def things(self) -> Iterator[Thing]:
        """What ought to move: partitions of which there is more to read."""
        patience_s = self._settings.exporter.stuck_after_s
        for tp, position in self._positions.items():
            words = f"{tp.topic}-{tp.partition} has unread records"
            yield Thing(words, position, patience_s, tp, position, tp.partition)

    async def run(self) -> None:
        """Until cancelled; a broker that is gone is waited for, values stay as they were.

        Raises RefusedError for a changelog that can't be trusted or read.
        """
        while True:
            try:
                await self._follow()
            except _NotYetError as error:
                self._wait_for(str(error))
            except (TimeoutError, KafkaError, OSError) as error:
                servers = self._settings.bootstrap_servers
                why = await refusal(servers, self._settings.kafka_options)
                self._wait_for(no_answer(servers, error, why))
            await asyncio.sleep(_RETRY_S)

    def _wait_for(self, trouble: str) -> None:
        if trouble != self._whole.trouble:
            log.warning("%s; trying again every %g s", trouble, _RETRY_S)
        self._whole.trouble = trouble

    async def _follow(self) -> None:
        settings, whole = self._settings, self._whole
        self._positions.clear()
        empty = await self._empty()
        whole.begin()
        for partition in empty:
            whole.catch_up(partition)
        servers, options = settings.bootstrap_servers, settings.kafka_options
        partitions = range(whole.partitions)
        async for cut in follow(servers, options, self._topic, partitions, self._positions):
            if cut is None:
                for partition in whole.seen:
                    whole.catch_up(partition)
                continue
            self._take(cut)
            if cut.caught_up:
                whole.catch_up(cut.partition)

    def _take(self, cut: Committed) -> None:
        """Raises RefusedError for what can't be a worker's, or is one's with other definitions."""
        whole, partition = self._whole, cut.partition
        with trusted(cut.where(self._topic)):
            told = unpack_checkpoint(cut.checkpoint)
            refuse_changed(told, self._settings.definitions, partition, whole.partitions)
            before = whole.seen.get(partition)
            if before is not None and told.sequence < before.checkpoint.sequence:
                raise _NotYetError(f"{self._topic}-{partition} was made anew: all is read again")
            live = partition in whole.caught_up
            whole.take(partition, cut.records, cut.checkpoint, live=live)

    async def _empty(self) -> list[int]:
        """Partitions in which nothing was ever committed."""
        settings, topic = self._settings, self._topic
        found = await partitions_of(settings, topic)
        if not found:
            hint = hidden(settings.kafka_options)
            raise _NotYetError(f"{topic} isn't there yet: `kpi topics` creates it{hint}")
        if found != self._whole.partitions:
            raise _NotYetError(
                f"{topic} has {found} partitions, but `partitions` is {self._whole.partitions}: "
                "set it to the same, here and for the workers"
            )
        consumer: Any = reader(settings.bootstrap_servers, settings.kafka_options, wait_ms=50)
        await consumer.start()
        try:
            ends = await consumer.end_offsets([TopicPartition(topic, p) for p in range(found)])
        finally:
            await consumer.stop()
        return [tp.partition for tp, end in ends.items() if end == 0]
