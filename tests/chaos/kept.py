"""A small real state in Kafka, written as a worker writes it, and ways to damage it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from kpi_windows.definitions import Definitions
from kpi_windows.engine import Cut, Record, Shard
from streams import topics
from streams.commits import Writer
from streams.restore import Held, Restorer
from streams.simulator import Shop, ShopOptions
from streams.topics import Names
from streams.transport import Offsets
from tests.chaos.shop import HOUR_MS, START_MS
from tests.kafka.broker import KafkaBroker
from tests.streams.settings import settings_for


def made(definitions: Definitions, partition: int = 0, partitions: int = 1) -> Shard:
    """The state that the product keeps."""
    return Shard(definitions, partition, partitions)


def cuts() -> Iterator[tuple[Cut, dict[str, list[Record]]]]:
    """What a worker commits after the first hours of a small shop, and after one more; and what it
    had read for that."""
    shard = made(Definitions())
    offsets: dict[str, int] = defaultdict(int)
    shop = Shop(7, ShopOptions(visits_per_hour=6))
    for begin_ms, end_ms in ((0, 27 * HOUR_MS), (27 * HOUR_MS, 28 * HOUR_MS)):
        read: dict[str, list[Record]] = defaultdict(list)
        for message in shop.events(START_MS + begin_ms, START_MS + end_ms):
            offset = offsets[message.topic]
            read[message.topic].append(Record(offset, -1, message.key, message.value))
            offsets[message.topic] += 1
        for topic, records in read.items():
            shard.ingest(topic, records)
        shard.end()  # else the topics that few events come to hold it back
        cut = shard.cut()
        assert cut is not None
        yield cut, read


class Kept:
    """An application of one partition, whose state was committed some times."""

    def __init__(self, broker: KafkaBroker, app_id: str) -> None:
        self.broker = broker
        self.settings: Any = settings_for(broker, app_id, partitions=1)
        self.names = Names.of(self.settings)

    async def write(self, *, between: Any = None) -> None:
        """Write the inputs and two commits; `between` damages something before the second."""
        await topics.ensure(self.settings, create=True)
        writer = Writer(self.settings, self.names, 0)
        await writer.open()
        for number, (cut, read) in enumerate(cuts()):
            for topic, records in read.items():
                await self.produce(self.names.inputs[topic], [(r.key, r.value) for r in records])
            if number and between is not None:
                await between()
            await writer.write(cut)
        await writer.close()

    async def produce(
        self,
        topic: str,
        records: Sequence[tuple[bytes | None, bytes | None]],
        transactional_id: str | None = None,
    ) -> None:
        """As somebody else would."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.broker.bootstrap, transactional_id=transactional_id
        )
        await producer.start()
        try:
            if transactional_id:
                await producer.begin_transaction()
            for key, value in records:
                await producer.send(topic, value, key=key, partition=0)
            await producer.flush()
            if transactional_id:
                await producer.commit_transaction()
        finally:
            await producer.stop()

    async def delete_records(self, topic: str, before: int) -> None:
        """Up to an offset; -1: all.  Of a changelog Kafka does so only while its policy says so."""
        admin = await self._admin()
        try:
            await _set(admin, topic, {"cleanup.policy": "compact,delete"})
            await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before)})
            await _set(admin, topic, {"cleanup.policy": self._policy(topic)})
        finally:
            await admin.close()

    def _policy(self, topic: str) -> str:
        return self.names.config(topic).get("cleanup.policy", "delete")

    async def make_anew(self, *names: str) -> None:
        """Delete topics and create them again, as empty as they first were."""
        admin = await self._admin()
        try:
            await admin.delete_topics(list(names))
            for _ in range(600):
                if not (await topics.counts(admin, None)).keys() & set(names):
                    break
                await asyncio.sleep(0.05)
        finally:
            await admin.close()
        await topics.ensure(self.settings, create=True)

    async def _admin(self) -> Any:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker.bootstrap)
        await admin.start()
        return admin

    async def restored(self, definitions: Definitions | None = None) -> Held:
        """By a worker that starts now."""
        settings = self.settings
        asker: Any = AIOKafkaConsumer(
            bootstrap_servers=self.broker.bootstrap,
            group_id=settings.app_id,
            enable_auto_commit=False,
        )
        await asker.start()

        async def ask(tps: list[TopicPartition]) -> dict[TopicPartition, Offsets]:
            begins = await asker.beginning_offsets(tps)
            ends = await asker.end_offsets(tps)
            groups = {tp: await asker.committed(tp) for tp in tps}
            return {tp: Offsets(begins[tp], ends[tp], groups[tp]) for tp in tps}

        def factory(partition: int, partitions: int) -> Shard:
            return made(definitions or Definitions(), partition, partitions)

        try:
            held = await Restorer(settings, self.names, factory, ask, {}).restore(0)
            await held.writer.close()
        finally:
            await asker.stop()
        return held

    def newest(self, topic: str, wanted: Any = lambda _key: True) -> tuple[int, bytes, bytes]:
        """Offset, key and value of the newest record that is `wanted`, no checkpoint."""
        found: list[tuple[int, bytes, bytes]] = []

        async def read() -> None:
            from streams.changelog import read_to_end

            await read_to_end(
                [self.broker.bootstrap],
                {},
                [TopicPartition(topic, 0)],
                lambda batch: found.extend(
                    (r.offset, r.key, r.value)
                    for r in batch.records
                    if r.key != b"checkpoint" and r.value is not None and wanted(r.key)
                ),
            )

        asyncio.run(read())
        return found[-1]


async def _set(admin: Any, topic: str, config: dict[str, str]) -> None:
    """Configure a topic, and wait until that is so everywhere."""
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=config)])
