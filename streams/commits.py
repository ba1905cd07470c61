"""A commit: the cut of a partition's state and the one transaction that writes all of it.

It knows cuts and Kafka's transactions, not what states mean nor how partitions come and go.

    cut()  one synchronous step: changed state and panes, outputs, positions, checkpoint
    begin -> state, panes, forwards, dead letters -> checkpoint last in both -> offsets -> commit

A step that fails is never tried again here: the outcome is in doubt, so the process ends and the
next one restores what Kafka says.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidTxnState, MessageSizeTooLargeError
from aiokafka.structs import OffsetAndMetadata

from kpi_windows.engine import Cut
from streams.topics import (
    CHECKPOINT,
    METADATA_AGE_MS,
    EngineSettings,
    Names,
    RefusedError,
    dead_letter,
)

log = logging.getLogger(__name__)

_BATCH_BYTES = 900 << 10  # under the broker's usual limit of 1 MB for a batch
_COMPRESSION = "snappy"  # to a third, at 500 MB/s; aiokafka's lz4 is the slow kind
_REQUEST_TIMEOUT_MS = 30_000
_LONG_S = 0.5
_TURNS = 12  # of the loop, for Kafka's answer to reach who waits for it and the next to be sent
_FAR_BEHIND = 50_000  # events of a partition
_INTERVALS_WHEN_FAR = 1.5  # and a half, so that the second is due
_LONGEST_KEY = 64 << 10  # of a dead letter

CommitHook: TypeAlias = Callable[[int, Cut, Any], None]
_Records: TypeAlias = Iterable[tuple[bytes | None, bytes | None]]


def _nothing(_point: str, _partition: int) -> None:
    pass


#: Called at each named point of a commit and a restore; tests of the guarantee kill there.
reached: Callable[[str, int], None] = _nothing


class Writer:
    """The transactional producer of one partition; opening it fences whoever had it before."""

    def __init__(self, settings: EngineSettings, names: Names, partition: int) -> None:
        self.partition = partition
        self._names = names
        self._group = settings.app_id
        self._producer = AIOKafkaProducer(
            bootstrap_servers=list(settings.bootstrap_servers),
            client_id=f"{settings.app_id}-{partition}",
            transactional_id=f"{settings.app_id}-{partition}",
            transaction_timeout_ms=settings.transaction_timeout_ms,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            max_batch_size=_BATCH_BYTES,
            compression_type=_COMPRESSION,
            **{"metadata_max_age_ms": METADATA_AGE_MS, **settings.kafka_options},
        )

    async def open(self) -> None:
        """Returns once every older transaction of this partition is committed or aborted."""
        await self._producer.start()
        if not self._producer._txn_manager.has_pid():
            raise RuntimeError(f"partition {self.partition}: no producer id, older ones not fenced")

    async def close(self) -> None:
        await self._producer.stop()

    def counts(self) -> dict[str, int]:
        """Partitions of the topics that were written, as the producer last heard."""
        return counts_known(self._producer.client, self._names.all())

    async def write(self, cut: Cut) -> None:
        """All of the cut and its offsets, or nothing; raises when that can't be said."""
        packed = self._pack(cut)  # with the cut in one step: nothing is awaited before it
        await self._producer.begin_transaction()
        try:
            await asyncio.gather(*(self._send(to, batches) for to, batches in packed.items()))
        except InvalidTxnState as error:
            raise self._why(error) from error
        reached("after the write", self.partition)
        if cut.positions:
            await self._producer.send_offsets_to_transaction(self._offsets(cut), self._group)
        reached("before the transaction's end", self.partition)
        await self._producer.commit_transaction()
        reached("after the transaction's end", self.partition)

    def _why(self, error: BaseException) -> BaseException:
        """What ended the transaction before, when it was one that `error` came from."""
        ended = self._producer._txn_manager.wait_for_transaction_end()
        return (ended.exception() if ended.done() else None) or error

    def _offsets(self, cut: Cut) -> dict[TopicPartition, OffsetAndMetadata]:
        return {
            TopicPartition(self._names.inputs[topic], self.partition): OffsetAndMetadata(offset, "")
            for topic, offset in cut.positions.items()
            if topic in self._names.inputs  # one that was switched off keeps its place in the state
        }

    def _pack(self, cut: Cut) -> dict[tuple[str, int], list[Any]]:
        """Batches by (topic, partition), in order; the checkpoint is each changelog's last."""
        end = [(CHECKPOINT, cut.checkpoint)]
        names, partition = self._names, self.partition
        records: dict[tuple[str, int], _Records] = {
            (names.state, partition): [*cut.state, *end],
            (names.panes, partition): [*cut.panes, *end],
        }
        if cut.dead_letters:
            records[names.dead_letters, partition] = [
                (letter.key and letter.key[:_LONGEST_KEY], dead_letter(partition, letter))
                for letter in cut.dead_letters
            ]
        forwards: dict[tuple[str, int], list[tuple[bytes, bytes]]] = defaultdict(list)
        for forward in cut.forwards:
            forwards[names.forwarded, forward.partition].append((forward.key, forward.value))
        now_ms = time.time_ns() // 1_000_000
        return {to: self._batches(of, now_ms) for to, of in {**records, **forwards}.items()}

    def _batches(self, records: _Records, now_ms: int) -> list[Any]:
        batches = [self._producer.create_batch()]
        append = batches[-1].append
        for key, value in records:
            if append(timestamp=now_ms, key=key, value=value) is None:
                batches.append(self._producer.create_batch())
                append = batches[-1].append
                append(timestamp=now_ms, key=key, value=value)  # a first one always fits
        return batches

    async def _send(self, to: tuple[str, int], batches: Sequence[Any]) -> None:
        topic, partition = to
        sent = [
            await self._producer.send_batch(batch, topic, partition=partition) for batch in batches
        ]
        try:
            await asyncio.gather(*sent)
        except MessageSizeTooLargeError as error:
            raise RefusedError(
                f"{topic}-{partition} takes no record as large as one that has to be written: "
                f"raise its max.message.bytes ({error})"
            ) from error


def counts_known(client: Any, topics: Iterable[str]) -> dict[str, int]:
    """Partitions of those of these topics that a client of Kafka has asked for."""
    known = {topic: client.cluster.partitions_for_topic(topic) for topic in topics}
    return {topic: len(partitions) for topic, partitions in known.items() if partitions}


class Commits:
    """Begins the commits of all held partitions, each on its own, and waits for them when asked."""

    def __init__(self, app: Any, hooks: Sequence[CommitHook]) -> None:
        self._app = app
        self._hooks = hooks

    def begin(self) -> None:
        """Once an interval: each partition at its own part of it, so that their cuts, which nothing
        can interrupt, don't make each other wait.

        A partition whose last commit is still under way waits its turn.  So does one that is far
        behind, for one interval: nobody sees now what it takes in, and what changes again and again
        until then is written once.
        """
        app = self._app
        if not self._may_begin() or not app.topics_fit():
            return
        app.store.rewind_stalled()
        interval_s = app.conf.broker_commit_interval
        recently = time.monotonic() - _INTERVALS_WHEN_FAR * interval_s
        due = [
            held
            for _, held in sorted(app.store.held.items())
            if held.commit_began_s <= recently or sum(held.stats.lag.values()) <= _FAR_BEHIND
        ]
        for place, held in enumerate(due):
            app.loop.call_later(interval_s * place / len(due), self._begin_one, held)

    def _may_begin(self) -> bool:
        app = self._app
        return not (app.rebalancing or app.failed is not None or app.draining)

    def _begin_one(self, held: Any) -> None:
        if self._may_begin() and self._app.store.held.get(held.partition) is held:
            self._begin_idle(held)

    def _begin_idle(self, held: Any) -> None:
        if held.settled and not held.committing:
            held.commit = asyncio.ensure_future(self._commit(held))
            held.commit_began_s = time.monotonic()

    async def make_room(self) -> None:
        """Let everything in the loop have its turn; wait for commits that are long under way.

        Without it, events that cost much would hold transactions open until they time out.
        """
        began_before = time.monotonic() - _LONG_S
        flying = [held for held in self._app.store.held.values() if held.committing]
        late = [held.commit for held in flying if held.commit_began_s < began_before]
        if late:
            await asyncio.wait(late)
            return
        for _ in range(_TURNS if flying else 1):
            await asyncio.sleep(0)

    async def quiet(self) -> None:
        """Wait for the commits in flight."""
        while flying := [h.commit for h in self._app.store.held.values() if h.committing]:
            await asyncio.wait(flying)

    async def last(self) -> None:
        """The commit of an orderly stop: what has been read so far."""
        await self.quiet()
        if self._app.failed is None and not self._app.rebalancing:
            for held in list(self._app.store.held.values()):
                self._begin_idle(held)
            await self.quiet()

    async def _commit(self, held: Any) -> None:
        try:
            await self._cut_and_write(held)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  whatever it is, the outcome is in doubt
            self._app.fail(error)

    async def _cut_and_write(self, held: Any) -> None:
        if self._app.failed is not None:
            return
        started = time.monotonic()
        self._app.store.tick(held)
        cut = held.shard.cut()
        if cut is None:
            return
        reached("after the cut", held.partition)
        await held.writer.write(cut)
        held.committed = dict(cut.positions)
        held.stats.committed(time.monotonic() - started, cut)
        for hook in self._hooks:
            hook(held.partition, cut, held.stats)
