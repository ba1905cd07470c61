"""Reading changelogs as they were committed: to their end, or for ever.

It knows Kafka's transactions and that each commit ends with a checkpoint record, and nothing of
what the records hold.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from kpi_windows.engine import Record
from streams.damage import ForeignRecordError
from streams.fetches import Batch, drain
from streams.topics import CHECKPOINT

_RESTORE_WAIT_MS = 50  # an empty changelog answers after this long
_FOLLOW_WAIT_MS = 500
_PARTITION_FETCH = 4 << 20


class OpenEndError(Exception):
    """The end of a changelog can't be read yet: a transaction is open in it."""


class TruncatedError(Exception):
    """A changelog doesn't begin at its beginning: records were deleted, not compacted."""


class Committed(NamedTuple):
    """One transaction of one partition, whole."""

    partition: int
    records: list[tuple[bytes, bytes | None]]
    checkpoint: bytes
    offset: int  # of the checkpoint
    timestamp_ms: int
    caught_up: bool  # it was the newest when it was read

    def where(self, topic: str) -> str:
        """In words, for errors."""
        return f"{topic}-{self.partition}, the commit that ends at offset {self.offset}"


class Reader(AIOKafkaConsumer):
    """A consumer that reads the embedded broker too.

    The markers that end transactions in its log have no checksum, and it has no controller.  A
    cluster that is just electing one is read without a look at checksums; those of TCP remain.
    """

    async def start(self) -> None:
        """Connects."""
        await super().start()
        if self._client.cluster.controller is None:
            self._fetcher._check_crcs = False


def reader(bootstrap_servers: Sequence[str], options: Mapping[str, Any], *, wait_ms: int) -> Reader:
    """A consumer of committed records, outside any group, that begins at the beginning.

    `options` are aiokafka's, such as `kafka_options` of the settings.
    """
    return Reader(
        bootstrap_servers=list(bootstrap_servers),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=wait_ms,
        max_partition_fetch_bytes=_PARTITION_FETCH,
        **options,
    )


async def read_to_end(
    bootstrap_servers: Sequence[str],
    options: Mapping[str, Any],
    tps: Iterable[TopicPartition],
    load: Callable[[Batch], None],
    *,
    patience_s: float = 60,
    trimmed: bool = False,
    ours: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Give everything up to the log's end to `load`, in order for each partition.

    A log that doesn't begin at offset 0 raises `TruncatedError`, unless it may be `trimmed`.
    What wasn't written in a transaction raises `ForeignRecordError` where all is `ours`.
    The last stable offset has to reach the log's end, or `OpenEndError` is raised after `patience_s`
    without progress. Cancelling it is safe at any time. `progress` gets how many offsets are done,
    of how many: of what was compacted away, too.
    """
    tps = list(tps)
    consumer = reader(bootstrap_servers, options, wait_ms=_RESTORE_WAIT_MS)
    await consumer.start()
    try:
        consumer.assign(tps)
        begins = await consumer.beginning_offsets(tps)
        cut_off = {tp: begin for tp, begin in begins.items() if begin > 0}
        if cut_off and not trimmed:
            tp, begin = next(iter(cut_off.items()))
            raise TruncatedError(f"{tp.topic}-{tp.partition} begins at offset {begin}")
        moved_at = time.monotonic()
        while open_ends := _unread(consumer, tps):
            batches = await drain(consumer._fetcher, 1.0, foreign=refuse if ours else None)
            for batch in batches:
                load(batch)
            if batches:
                moved_at = time.monotonic()
                progress(*_done(consumer, begins))
            elif time.monotonic() - moved_at > patience_s:
                raise OpenEndError(
                    f"{open_ends[0].topic}-{open_ends[0].partition}: nothing could be read for "
                    f"{patience_s:g} s before its end; is a transaction open or a leader missing?"
                )
    finally:
        await consumer.stop()


def refuse(tp: TopicPartition, offset: int) -> None:
    """Raises ForeignRecordError for a record of a changelog that no commit has written."""
    raise ForeignRecordError(
        f"{tp.topic}-{tp.partition}, offset {offset}: somebody else than a worker has written into "
        "it, outside of any transaction, so the state can't be trusted."
    )


def _unread(consumer: AIOKafkaConsumer, tps: Iterable[TopicPartition]) -> list[TopicPartition]:
    assignment = consumer._subscription.subscription.assignment
    unread = []
    for tp in tps:
        state = assignment.state_value(tp)
        at_end = state.highwater is not None and state.has_valid_position
        if not at_end or state.position < state.highwater:
            unread.append(tp)
    return unread


def _positions(
    consumer: AIOKafkaConsumer, tps: Iterable[TopicPartition]
) -> Iterator[tuple[TopicPartition, int]]:
    """Of those that have one: up to where they were read."""
    assignment = consumer._subscription.subscription.assignment
    for tp in tps:
        state = assignment.state_value(tp)
        if state.has_valid_position:
            yield tp, state.position


def _done(consumer: AIOKafkaConsumer, begins: Mapping[TopicPartition, int]) -> tuple[int, int]:
    """Offsets that were read, and all; a partition that hasn't told its end counts as empty."""
    assignment = consumer._subscription.subscription.assignment
    done = total = 0
    for tp, begin in begins.items():
        state = assignment.state_value(tp)
        if state.highwater is not None and state.has_valid_position:
            done += state.position - begin
            total += state.highwater - begin
    return done, total


async def follow(
    bootstrap_servers: Sequence[str],
    options: Mapping[str, Any],
    topic: str,
    partitions: Iterable[int],
    positions: dict[TopicPartition, int] | None = None,
) -> AsyncIterator[Committed | None]:
    """Every transaction of a changelog, from the beginning and then for ever.

    Yields `None` when nothing came for half a second, so that a follower can look after its
    clock. Records compacted away are missing; the newest of each key comes. `positions` are kept
    up to date: what is below was read.
    """
    consumer = reader(bootstrap_servers, options, wait_ms=_FOLLOW_WAIT_MS)
    await consumer.start()
    try:
        tps = [TopicPartition(topic, partition) for partition in partitions]
        consumer.assign(tps)
        pending: dict[int, list[Record]] = {tp.partition: [] for tp in tps}
        positions = {} if positions is None else positions
        positions.update(dict.fromkeys(tps, 0))
        while True:
            batches = await drain(consumer._fetcher, 0.5, foreign=refuse)
            positions.update(_positions(consumer, tps))
            if not batches:
                yield None
            for batch in batches:
                at_end = not _unread(consumer, [TopicPartition(topic, batch.partition)])
                for committed in whole(batch, pending[batch.partition], at_end):
                    yield committed
    finally:
        await consumer.stop()


def whole(batch: Batch, pending: list[Record], at_end: bool) -> list[Committed]:
    """The transactions that this batch completes; what is incomplete stays in `pending`."""
    found: list[Committed] = []
    for record in batch.records:
        if record.key != CHECKPOINT:
            pending.append(record)
            continue
        changes = [(r.key or b"", r.value) for r in pending]
        pending.clear()
        checkpoint = record.value or b""
        found.append(
            Committed(
                batch.partition, changes, checkpoint, record.offset, record.timestamp_ms, False
            )
        )
    if at_end and found and not pending:
        found[-1] = found[-1]._replace(caught_up=True)
    return found
