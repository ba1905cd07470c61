"""What a fetch hands over: whole ranges of the log, and nothing that isn't committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from faust.types import TP

from kpi_windows.engine import Record
from streams.fetches import Batch, drain
from streams.restore import Held, PartitionStats
from streams.span import ALL, Span
from streams.tables import ShardStore
from streams.topics import Names
from tests.kafka.broker import KafkaBroker
from tests.streams.fake_shard import FakeShard
from tests.streams.settings import settings_for


async def _write(kafka: KafkaBroker, topic: str, commits: list[tuple[int, bool]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=topic)
    await producer.start()
    for count, commit in commits:
        await producer.begin_transaction()
        for number in range(count):
            await producer.send(topic, b"%d" % number, key=b"k", partition=0)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()


async def _consume(
    kafka: KafkaBroker,
    topic: str,
    use: Callable[[AIOKafkaConsumer], Awaitable[Any]],
    **options: Any,
) -> Any:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap,
        isolation_level="read_committed",
        **{"auto_offset_reset": "earliest", "fetch_max_wait_ms": 100, **options},
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        return await use(consumer)
    finally:
        await consumer.stop()


async def _batches(consumer: AIOKafkaConsumer, end: int) -> list[Batch]:
    batches: list[Batch] = []
    while not batches or batches[-1].end < end:
        batches += await asyncio.wait_for(drain(consumer._fetcher, 1.0), 20)
    return batches


@pytest.mark.kafka
def test_ranges_follow_on_each_other_over_markers_and_aborted_records(
    kafka: KafkaBroker, app_id: str
) -> None:
    kafka.create_topics([app_id], partitions=1)
    # 3 records and a marker, 2 aborted and a marker, 4 and a marker: the log ends at 12
    asyncio.run(_write(kafka, app_id, [(3, True), (2, False), (4, True)]))
    batches = asyncio.run(
        _consume(kafka, app_id, lambda c: _batches(c, 12), max_partition_fetch_bytes=100)
    )
    assert batches[0].start == 0
    assert batches[-1].end == 12
    assert all(one.end == other.start for one, other in pairwise(batches))
    offsets = [record.offset for batch in batches for record in batch.records]
    assert offsets == [0, 1, 2, 7, 8, 9, 10]
    assert batches[0].records[0]._replace(timestamp_ms=0) == Record(0, 0, b"k", b"0")


@pytest.mark.kafka
def test_a_log_that_ends_with_aborted_records_is_read_to_its_end(
    kafka: KafkaBroker, app_id: str
) -> None:
    kafka.create_topics([app_id], partitions=1)
    asyncio.run(_write(kafka, app_id, [(1, True), (5, False)]))
    batches = asyncio.run(_consume(kafka, app_id, lambda c: _batches(c, 8)))
    assert sum(len(batch.records) for batch in batches) == 1


@pytest.mark.kafka
def test_a_position_that_the_log_does_not_have_is_an_error_and_never_guessed(
    kafka: KafkaBroker, app_id: str
) -> None:
    kafka.create_topics([app_id], partitions=1)

    async def beyond(consumer: AIOKafkaConsumer) -> None:
        consumer.seek(TopicPartition(app_id, 0), 1000)
        while True:
            await drain(consumer._fetcher, 1.0)

    with pytest.raises(OffsetOutOfRangeError):
        asyncio.run(asyncio.wait_for(_consume(kafka, app_id, beyond, auto_offset_reset="none"), 20))


# -- partitions come and go


class _Writer:
    """It notes that it was closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True


def test_a_partition_that_goes_while_it_is_restored_is_not_held_though_the_restore_goes_on() -> (
    None
):
    """As when aiokafka waits for tasks of its own, and takes our cancellation for theirs."""

    async def run() -> None:
        app, store, held = _store()
        held.writer = writer = _Writer()
        store.held.clear()

        async def restore(_partition: int) -> Held:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass
            return held

        app.restorer = SimpleNamespace(restore=restore)
        all_topics = {TP(name, 0) for name in app.names.inputs.values()}
        await store.on_rebalance(all_topics, set(), set())
        await asyncio.sleep(0)
        await store.on_rebalance(set(), set(), set())
        for _ in range(5):
            await asyncio.sleep(0)
        assert store.held == {}
        assert writer.closed
        assert app.failed is None

    asyncio.run(run())


# -- the position guard


class _App:
    """What the store asks of the app; it notes where was sought and what failed."""

    def __init__(self) -> None:
        self.shop = settings_for(None, "app")
        self.names = Names.of(self.shop)
        self.restorer: Any = None
        self.failed: BaseException | None = None
        self.draining = False
        self.span = ALL
        self.sought: list[dict[TopicPartition, int]] = []
        self.held: list[TopicPartition] = []
        self.consumer = SimpleNamespace(thread=self, handing_out=False)
        self.told: dict[str, tuple[int, int, int]] = {}  # topic -> fetched to, log's end, said at

    def fail(self, error: BaseException) -> None:
        self.failed = error

    def queued(self) -> int:
        return 0

    def reach(self, tp: TopicPartition) -> tuple[int, int, int] | None:
        return self.told.get(tp.topic)

    def counts(self, topics: Iterable[str]) -> dict[str, int]:
        return dict.fromkeys(topics, self.shop.partitions)

    async def hold(self, tp: TopicPartition) -> None:
        self.held.append(tp)

    async def release(self, positions: dict[TopicPartition, int]) -> None:
        self.sought.append(positions)

    async def run(self, work: Awaitable[Any]) -> Any:
        return await work


def _store() -> tuple[_App, ShardStore, Held]:
    app = _App()
    store = ShardStore("memory://", app, None, table_name="shards")
    held = Held(0, FakeShard(0, 2), None, {"carts": 5}, {}, PartitionStats(), settled=True)
    store.held[0] = held
    return app, store, held


def _batch(start: int, *values: bytes, end: int | None = None) -> Batch:
    records = [Record(start + i, 0, b"k", value) for i, value in enumerate(values)]
    return Batch("app-carts", 0, start, start + len(values) if end is None else end, records)


def test_a_batch_that_begins_where_the_state_ends_moves_it_to_the_ends_of_the_range() -> None:
    async def run() -> None:
        _, store, held = _store()
        store.ingest("carts", _batch(5, b"1", b"2", end=9))
        assert held.positions["carts"] == held.shard.positions["carts"] == 9
        assert held.shard.sums == {b"carts/k": [3, 2]}
        store.ingest("carts", _batch(9, end=11))  # nothing but a marker
        assert held.positions["carts"] == 11

    asyncio.run(run())


@pytest.mark.parametrize("start", [4, 6], ids=["again", "after a hole"])
def test_a_batch_that_begins_elsewhere_is_dropped_and_fetched_again_once(start: int) -> None:
    async def run() -> None:
        app, store, held = _store()
        store.ingest("carts", _batch(start, b"1"))
        store.ingest("carts", _batch(start, b"1"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert held.shard.sums == {}
        assert app.sought == [{TopicPartition("app-carts", 0): 5}]
        assert held.stats.rewinds == 1
        store.ingest("carts", _batch(5, b"1"))
        assert held.positions["carts"] == 6

    asyncio.run(run())


def test_what_stands_beyond_the_end_of_a_span_is_never_taken_in_nor_fetched_on() -> None:
    async def run() -> None:
        app, store, held = _store()
        app.span = Span(ends={"carts": [7]})
        store.ingest("carts", _batch(5, b"1", b"2", b"4", b"8"))
        await asyncio.sleep(0)
        assert held.positions["carts"] == held.shard.positions["carts"] == 7
        assert held.shard.sums == {b"carts/k": [3, 2]}
        assert app.held == [TopicPartition("app-carts", 0)]
        assert not store.ingest("carts", _batch(9, b"16"))  # was on its way already
        app.told["app-carts"] = (10, 30, 0)
        store.rewind_stalled()
        store.rewind_stalled()
        await asyncio.sleep(0)
        assert held.positions["carts"] == 7
        assert app.sought == [], "nothing was lost"

    asyncio.run(run())


def test_an_exception_in_a_shard_ends_all_commits_in_the_same_step() -> None:
    async def run() -> None:
        app, store, held = _store()
        held.shard.ingest = lambda *_: 1 / 0
        with pytest.raises(ZeroDivisionError):
            store.ingest("carts", _batch(5, b"1"))
        assert isinstance(app.failed, ZeroDivisionError)
        assert held.positions["carts"] == 5

    asyncio.run(run())


def test_nothing_is_taken_in_for_a_partition_that_is_not_checked_yet() -> None:
    async def run() -> None:
        _, store, held = _store()
        held.settled = False
        store.ingest("carts", _batch(5, b"1"))
        store.ingest("carts", _batch(5, b"1")._replace(partition=1))
        assert held.shard.sums == {}

    asyncio.run(run())


def test_what_was_lost_with_nothing_coming_after_it_is_fetched_again_at_the_second_look() -> None:
    async def run() -> None:
        app, store, held = _store()
        app.told["app-carts"] = (9, 9, 0)  # fetched to 9, but the state is at 5
        store.rewind_stalled()
        assert held.stats.rewinds == 0  # it may be on its way
        store.rewind_stalled()
        await asyncio.sleep(0)
        assert app.sought == [{TopicPartition("app-carts", 0): 5}]

    asyncio.run(run())


def test_while_the_broker_is_away_nothing_grows_silent() -> None:
    async def run() -> None:
        app, store, held = _store()
        now_ms = time.time_ns() // 1_000_000
        held.arrived_ms["carts"] = now_ms - 60_000
        silent_ms = []
        for heard_ms in (50_000, 49_500, 3_000, 2_800):  # before now
            app.told["app-carts"] = (5, 5, now_ms - heard_ms)
            store.tick(held)
            silent_ms.append(now_ms - heard_ms - held.arrived_ms["carts"])
        assert silent_ms == [10_000, 10_500, 11_500, 11_700], "46.5 s of absence count as one"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("position", "end", "seconds_ago", "at_end"),
    [(5, 5, 1, True), (5, 6, 1, False), (5, 5, 60, False)],
    ids=["read", "not read", "who knows: the broker is silent"],
)
def test_an_input_is_at_its_end_only_when_the_broker_has_just_said_so(
    position: int, end: int, seconds_ago: int, at_end: bool
) -> None:
    async def run() -> None:
        app, store, held = _store()
        seen: list[Any] = []
        held.shard.tick = lambda now_ms, at_end, arrived_ms: seen.append(list(at_end))
        now_ms = time.time_ns() // 1_000_000
        app.told["app-carts"] = (position, end, now_ms - seconds_ago * 1000)
        store.tick(held)
        assert seen == [["carts"] if at_end else []]
        assert held.stats.lag == {"carts": end - position}

    asyncio.run(run())
