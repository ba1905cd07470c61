"""The table of shards: which partitions this worker holds, restored, guarded and dropped.

A Faust table and store, so that Faust's assignor and table manager know it; Faust's recovery and
its changelog writes are kept out. It knows rebalancing, not what a shard does with a record.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.stores.memory import Store
from faust.tables import Table, TableManager
from faust.types import TP

from streams.fetches import Batch
from streams.restore import Held
from streams.topics import Names, RefusedError, check_counts

log = logging.getLogger(__name__)

_HEARD_EACH_MS = 1_000
"""A broker that is there says at least so often how far its log goes."""


class ShardStore(Store):
    """The shards by partition, in memory; `held` has each with its producer and positions."""

    app: Any
    mundane_level = "debug"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.held: dict[int, Held] = {}
        self.flowing = asyncio.Event()
        self._round = 0  # counts assignments
        self._restoring: dict[int, asyncio.Task[None]] = {}
        self._rewinding: set[TopicPartition] = set()
        self._more: set[TopicPartition] = set()  # the rest of a batch is in an agent's hands
        self._background: set[asyncio.Task[None]] = set()

    @property
    def names(self) -> Names:
        return self.app.names

    @property
    def is_ours(self) -> bool:
        """Whether anything is assigned to us."""
        return bool(self.held or self._restoring)

    def settling(self) -> list[int]:
        """Partitions that are ours and not at work yet: being restored, checked or sought."""
        return sorted(self._restoring)

    # -- partitions come and go

    async def on_rebalance(
        self, assigned: set[TP], _revoked: set[TP], _new: set[TP], _generation: int = 0
    ) -> None:
        """Drop what went, restore what came, check what stayed; all in the background."""
        try:
            ours = self._complete(assigned)
        except RefusedError as error:
            self.app.fail(error)  # raised here, Faust would tell of a crash first
            return
        self._round += 1
        for partition in (self.held.keys() | self._restoring.keys()) - ours:
            self._drop(partition)
        for held in self.held.values():
            held.settled = False
        for partition in sorted(ours - self._restoring.keys()):
            self._restoring[partition] = task = asyncio.ensure_future(self._settle(partition))
            task.add_done_callback(self._report)

    def _complete(self, assigned: set[TP]) -> set[int]:
        """The assigned partitions; each must come with all of its topics."""
        topics = set(self.names.inputs.values())
        check_counts(self.app.consumer.thread.counts(topics), self.names, self.app.shop.partitions)
        partitions = {tp.partition for tp in assigned}
        for partition in partitions:
            missing = topics - {tp.topic for tp in assigned if tp.partition == partition}
            if missing:
                raise RefusedError(
                    f"Partition {partition} was assigned without {', '.join(sorted(missing))}: "
                    "do all topics have the same number of partitions?"
                )
        return partitions

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self.app.fail(error)

    def _drop(self, partition: int) -> None:
        if task := self._restoring.pop(partition, None):
            task.cancel()
        if partition in self.held:
            log.info("partition %d: dropped", partition)
            self._forget(partition)

    def _forget(self, partition: int) -> None:
        held = self.held.pop(partition)
        del self.data[partition]
        self._soon(self._close(held))

    async def _close(self, held: Held) -> None:
        if held.commit is not None:
            await asyncio.wait([held.commit])
        try:
            await held.writer.close()
        except KafkaError as error:
            log.debug("partition %d: its writer ended with %r", held.partition, error)

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        task.add_done_callback(self._report)

    async def _settle(self, partition: int) -> None:
        """Have a partition restored, or checked if we had it, and flowing; again if reassigned."""
        while True:
            now = self._round
            if partition in self.held and not await self._untouched(self.held[partition]):
                log.warning("partition %d: another worker committed meanwhile", partition)
                self._forget(partition)
            if partition not in self.held and not await self._restore(partition):
                return
            await self.flowing.wait()
            held = self.held[partition]
            await self._seek(held, held.positions)
            if now == self._round:
                held.settled = True
                del self._restoring[partition]
                return

    async def _restore(self, partition: int) -> bool:
        """False when the partition went meanwhile: aiokafka may lose what cancelled this task."""
        held = await self.app.restorer.restore(partition)
        if self._restoring.get(partition) is not asyncio.current_task():
            self._soon(self._close(held))
            return False
        self.held[partition] = held
        self.data[partition] = held.shard
        log.info(
            "partition %d: restored, %d records in %.2f s, next %s",
            partition,
            held.stats.restore_records,
            held.stats.restore_seconds,
            held.positions,
        )
        return True

    async def _untouched(self, held: Held) -> bool:
        """Whether a partition that stayed with us is still as we committed it."""
        offsets = await self.app.restorer.offsets(held.partition)
        return all(held.committed.get(t) == known.group for t, known in offsets.items())

    # -- batches come in

    def ingest(self, topic: str, batch: Batch, *, more: bool = False) -> bool:
        """Give a batch to its shard; one that doesn't begin where the state ends is fetched again.

        `more` of the same fetch follows.  False when it wasn't taken.  Whatever the shard raises is
        a bug: in the same step nothing is committed any more.
        """
        tp = TopicPartition(self.names.inputs[topic], batch.partition)
        self._more.discard(tp)
        held = self.held.get(batch.partition)
        if held is None or not held.settled or self.app.failed is not None or self.app.draining:
            return False
        end = self.app.span.end(topic, batch.partition)
        if end is not None and batch.end > end:
            self._soon(self.app.consumer.thread.run(self.app.consumer.thread.hold(tp)))
            if held.positions[topic] >= end:
                return False
            batch = batch.until(end)
        if batch.start != held.positions[topic]:
            self._rewind(held, topic)
            return False
        try:
            if batch.records:
                records = self.app.span.read(topic, batch.partition, batch.records)
                held.shard.ingest(topic, records)
                held.arrived_ms[topic] = time.time_ns() // 1_000_000
        except BaseException as error:
            self.app.fail(error)
            raise
        held.positions[topic] = held.shard.positions[topic] = batch.end
        held.stats.batches += not more
        held.stats.events += len(batch.records)
        if more:
            self._more.add(tp)
        return True

    def tick(self, held: Held) -> None:
        """Tell the shard the time, and which of its inputs are read to their end.

        An input is silent only while the broker is heard: after its absence, producers have as long
        as ever to bring what they couldn't.
        """
        now_ms = time.time_ns() // 1_000_000
        at_end = []
        for topic, reach in self._reaches(held):
            unheard_ms = reach[2] - held.told_ms.get(topic, reach[2])
            held.told_ms[topic] = reach[2]
            if topic in held.arrived_ms:
                absent_ms = max(0, unheard_ms - _HEARD_EACH_MS)
                held.arrived_ms[topic] = min(now_ms, held.arrived_ms[topic] + absent_ms)
            lag = max(0, reach[1] - held.positions[topic])
            held.stats.lag[topic] = lag
            if not lag and abs(now_ms - reach[2]) < 5_000:  # what an absent broker said is too old
                at_end.append(topic)
        held.shard.tick(now_ms, at_end, held.arrived_ms)

    # -- positions

    def _reaches(self, held: Held) -> Iterable[tuple[str, tuple[int, int, int]]]:
        for topic, name in self.names.inputs.items():
            reach = self.app.consumer.thread.reach(TopicPartition(name, held.partition))
            if reach is not None:
                yield topic, reach

    async def _seek(self, held: Held, positions: dict[str, int]) -> None:
        inputs = self.names.inputs
        wanted = {TopicPartition(inputs[t], held.partition): at for t, at in positions.items()}
        thread = self.app.consumer.thread
        await thread.run(thread.release(wanted))

    def _rewind(self, held: Held, topic: str) -> None:
        """Fetch again from where the state is, once for however many batches are off."""
        tp = TopicPartition(self.names.inputs[topic], held.partition)
        if tp in self._rewinding:
            return
        self._rewinding.add(tp)
        held.stats.rewinds += 1

        async def seek() -> None:
            try:
                if self.held.get(held.partition) is held:
                    await self._seek(held, {topic: held.positions[topic]})
            finally:
                self._rewinding.discard(tp)

        self._soon(seek())

    def rewind_stalled(self) -> None:
        """Find what was fetched and then lost on its way here with nothing coming after it."""
        if self.app.consumer.handing_out or self.app.queued() or self._more:
            return
        for held in filter(lambda held: held.settled, self.held.values()):
            seen, held.seen = held.seen, {}
            for topic, reach in self._reaches(held):
                held.seen[topic] = now = (held.positions[topic], reach[0])
                end = self.app.span.end(topic, held.partition)
                if now[0] < now[1] and seen.get(topic) == now and now[0] != end:
                    self._rewind(held, topic)


class ShardTable(Table):
    """The table that Faust knows; its values are the shards, by partition."""

    mundane_level = "debug"

    def _new_store(self) -> ShardStore:
        return ShardStore("memory://", self.app, self, table_name=self.name, loop=self.loop)

    def _changelog_topic_name(self) -> str:
        return self.app.names.state

    async def on_start(self) -> None:
        await self.add_runtime_dependency(self.data)

    def on_key_get(self, _key: int) -> None:
        """Nothing: reading a shard is no event."""

    def on_key_set(self, _key: int, _value: Any) -> None:
        raise TypeError("shards are written by commits only")

    def on_key_del(self, _key: int) -> None:
        raise TypeError("shards are dropped when their partition is revoked")


class ShardTables(TableManager):
    """Faust's table manager without recovery: the flow goes on at once, partition by partition."""

    mundane_level = "debug"

    async def on_start(self) -> None:
        await self._update_channels()

    async def _update_channels(self) -> None:
        """Start the tables; their changelogs are read by us, so the consumer doesn't subscribe."""
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()

    def on_partitions_revoked(self, _revoked: set[TP]) -> None:
        self.app.store.flowing.clear()

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        for table in self.values():
            await table.on_rebalance(assigned, revoked, newly_assigned, generation_id)
        self.add_future(self._go_on(assigned, self.app.rebalancing_count))

    async def _go_on(self, assigned: set[TP], rebalance: int) -> None:
        """What Faust does after its recovery, without seeking."""
        app = self.app
        await app.on_rebalance_complete.send()
        if app.rebalancing_count != rebalance:
            return
        app.consumer.resume_partitions(assigned)
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.on_actives_ready()
        self.on_standbys_ready()
        app.on_rebalance_end()
        app.store.flowing.set()
        log.info("assigned %s", sorted({tp.partition for tp in assigned}) or "nothing")

    async def on_stop(self) -> None:
        for table in self.values():
            await table.stop()

    async def wait_until_recovery_completed(self) -> bool:
        return False
