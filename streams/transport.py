"""The batch transport: Faust's aiokafka transport, with one message for each fetched batch.

Here stands what replaces Faust's bookkeeping per message: offsets, gaps, acks, seeking and the
commit are answered by the table of shards instead. It knows Faust and aiokafka, not the states.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError
from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import Message

from streams.commits import counts_known
from streams.fetches import Batch, drain
from streams.topics import METADATA_AGE_MS, EngineSettings

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_FETCH_WAIT_MS = 200  # a fetch under way holds back those partitions that it left out
_GRACE_MS = 5_000
_REQUEST_TIMEOUT_MS = 40_000
_PARTITION_FETCH = 1 << 19  # twice of this waits for each partition


def rebalance_timeout_ms(shop: EngineSettings) -> int:
    """How long Kafka waits for the slowest member of a group to join anew.

    State comes back in the background: all that a worker does before it joins is to wait for its
    commits, and none of these lasts longer than its transaction may.
    """
    return shop.transaction_timeout_ms + _GRACE_MS


class Offsets(NamedTuple):
    """What the broker knows of a source partition: its log's range, and what the group committed."""

    begin: int
    end: int
    group: int | None


class BatchSchema(Schema):
    """Hands a batch to the agent as it is: decoding is the state's work, for a batch at a time."""

    def loads_key(self, _app: Any, message: Message, **_: Any) -> Any:
        return message.key

    def loads_value(self, _app: Any, message: Message, **_: Any) -> Any:
        return message.value


class RebalanceListener(driver.ConsumerRebalanceListener):
    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> Awaitable[None]:
        self._thread.hold_all(())
        return super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing is fetched before its state has been restored and says where to begin."""
        self._thread.hold_all(assigned)
        await super().on_partitions_assigned(assigned)


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka fetches and sends heartbeats."""

    mundane_level = "debug"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._released: set[TopicPartition] = set()

    def _create_worker_consumer(self, _transport: Any) -> aiokafka.AIOKafkaConsumer:
        app = self.app
        shop: EngineSettings = app.shop
        self._assignor = app.assignor
        return aiokafka.AIOKafkaConsumer(
            client_id=f"{shop.app_id}-worker",
            group_id=shop.app_id,
            group_instance_id=shop.instance_id,
            bootstrap_servers=list(shop.bootstrap_servers),
            partition_assignment_strategy=[app.assignor],
            enable_auto_commit=False,
            auto_offset_reset="none",  # a position that the log doesn't have is never guessed
            isolation_level="read_committed",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=_PARTITION_FETCH,
            session_timeout_ms=int(shop.session_timeout_s * 1000),
            heartbeat_interval_ms=int(shop.heartbeat_s * 1000),
            rebalance_timeout_ms=rebalance_timeout_ms(shop),
            # longer than the one request that waits for all others of the group
            request_timeout_ms=max(_REQUEST_TIMEOUT_MS, rebalance_timeout_ms(shop) + _GRACE_MS),
            **{"metadata_max_age_ms": METADATA_AGE_MS, **app.consumer_options},
        )

    async def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine in this thread's loop: aiokafka's objects are not thread-safe."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.thread_loop))

    def hold_all(self, assigned: Iterable[TopicPartition]) -> None:
        self._released.clear()
        self._ensure_consumer().pause(*assigned)

    async def release(self, positions: Mapping[TopicPartition, int]) -> None:
        """Fetch these partitions, from these offsets on; those no longer ours are left alone."""
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        for tp, offset in positions.items():
            if tp in assigned:
                consumer.seek(tp, offset)
                consumer.resume(tp)
                self._released.add(tp)

    async def hold(self, tp: TopicPartition) -> None:
        """Fetch no more of a partition, until it is released."""
        consumer = self._ensure_consumer()
        if tp in consumer.assignment():
            consumer.pause(tp)
            self._released.discard(tp)

    async def fetch(self, timeout_s: float) -> list[Batch]:
        consumer = self._ensure_consumer()
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        consumer._coordinator.check_errors()  # it waits until somebody has looked
        with fetcher._subscriptions.fetch_context():
            return await drain(fetcher, timeout_s, self._released.__contains__)

    async def look(self) -> None:
        """Raises what the group has against us: while nothing is assigned, nobody else asks."""
        if self._consumer is not None:
            await self.run(self._look(self._consumer))

    async def _look(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        if consumer._coordinator is not None and not consumer._closed:
            consumer._coordinator.check_errors()

    async def offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, Offsets]:
        consumer = self._ensure_consumer()
        begins = await consumer.beginning_offsets(tps)
        ends = await consumer.end_offsets(tps)
        groups = await asyncio.gather(*(consumer.committed(tp) for tp in tps))
        return {
            tp: Offsets(begins[tp], ends[tp], group) for tp, group in zip(tps, groups, strict=True)
        }

    def counts(self, topics: Iterable[str]) -> dict[str, int]:
        """Partitions of those topics that this consumer knows, as it last heard."""
        return counts_known(self._ensure_consumer()._client, topics)

    def reach(self, tp: TopicPartition) -> tuple[int, int, int] | None:
        """(next offset to fetch, log end, when the broker said so in ms); None before a fetch."""
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = subscription and subscription.assignment
        state = assignment and assignment.state_value(tp)
        if not state or state.highwater is None or not state.has_valid_position:
            return None
        return state.position, state.highwater, state.timestamp


class _Forgetful(dict[TP, int | None]):
    """Faust's note of what it has read: always empty, else it drops what is fetched again."""

    def __missing__(self, _tp: TP) -> None:
        return None

    def __setitem__(self, _tp: TP, _offset: int | None) -> None:
        pass

    def update(self, *_: Any, **__: Any) -> None:
        pass


class Consumer(driver.Consumer):
    """Faust's consumer; the state says what is read, and a commit is the app's own."""

    RebalanceListener = RebalanceListener
    mundane_level = "debug"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _Forgetful()
        self.handing_out = False

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def thread(self) -> ConsumerThread:
        return self._thread

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109 - Faust's name for it
    ) -> AsyncIterator[tuple[TP, Message]]:
        if self.app.draining:
            await asyncio.sleep(timeout)  # nothing is taken in any more
            return
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        generation = self.app.consumer_generation_id
        batches = await self.thread.run(self.thread.fetch(timeout))
        self.handing_out = True
        try:
            for batch in batches:
                if self.should_stop or not self.flow_active:
                    break  # the position guard has it fetched again
                yield _message(batch, generation)
        finally:
            self.handing_out = False

    async def commit(self, *_: Any, **__: Any) -> bool:
        """Faust's commit timer drives our commits; offsets go with the state or not at all."""
        if not (self.app.store.is_ours or self.app.draining):
            await self.thread.look()
        self.app.commits.begin()
        return False

    async def wait_empty(self) -> None:
        """Before partitions change hands: wait for the commits in flight, begin none."""
        await self.app.commits.quiet()

    async def commit_and_end_transactions(self) -> None:
        await self.app.commits.quiet()

    async def perform_seek(self) -> None:
        """Nothing: the group's offsets are not where we go on."""

    async def verify_all_partitions_active(self) -> None:
        """Nothing: lag and stalls are judged by the state's positions."""

    async def on_task_error(self, exc: BaseException) -> None:
        self.app.fail(exc)

    def on_buffer_full(self, _tp: TP) -> None:
        """Nothing: a full queue holds back the one loop that fills it."""

    def on_buffer_drop(self, _tp: TP) -> None:
        """Nothing, see on_buffer_full."""


def _message(batch: Batch, generation: int) -> tuple[TP, Message]:
    tp = TP(batch.topic, batch.partition)
    message = Message(
        batch.topic,
        batch.partition,
        batch.start,
        timestamp=0.0,
        timestamp_type=0,
        headers=None,
        key=None,
        value=batch,
        checksum=None,
        tp=tp,
        generation_id=generation,
    )
    return tp, message


class Producer(driver.Producer):
    """Faust's own producer writes nothing of ours; it only needs to connect."""

    mundane_level = "debug"

    def _settings_auth(self) -> Mapping[str, Any]:
        return self.app.shop.kafka_options


class Transport(driver.Transport):
    Consumer = Consumer
    Producer = Producer
