"""Readers of committed records check checksums, except on the broker that writes none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from streams.broker import EmbeddedBroker
from streams.changelog import Reader, read_to_end, reader
from tests.kafka.broker import KafkaBroker


async def _transaction(bootstrap: str, topic: str) -> list[Any]:
    """What is read back of one transaction."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic)
    await producer.start()
    async with producer.transaction():
        await producer.send(topic, b"tea", partition=0)
    await producer.stop()
    found: list[Any] = []
    await read_to_end(
        [bootstrap], {}, [TopicPartition(topic, 0)], lambda batch: found.extend(batch.records)
    )
    return [record.value for record in found]


def test_a_transaction_in_the_embedded_broker_is_read() -> None:
    with EmbeddedBroker() as broker:
        assert asyncio.run(_transaction(broker.bootstrap, "cups")) == [b"tea"]


@pytest.mark.kafka
def test_a_kafka_brokers_checksums_are_checked(kafka: KafkaBroker, app_id: str) -> None:
    async def look() -> bool:
        consumer: Reader = reader([kafka.bootstrap], {}, wait_ms=50)
        await consumer.start()
        try:
            await consumer.end_offsets([TopicPartition(app_id, 0)])
            return bool(consumer._fetcher._check_crcs)
        finally:
            await consumer.stop()

    kafka.create_topics([app_id], partitions=1)
    assert asyncio.run(look())
