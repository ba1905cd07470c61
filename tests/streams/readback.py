"""Reads everything that a broker has of some topics, for tests of what was sent."""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition


class Found(NamedTuple):
    partition: int
    key: bytes | None
    value: bytes

    @property
    def event(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.value)
        return told


def everything(bootstrap: str, topic: str) -> list[Found]:
    """All records of a topic, by partition and in its order."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "readback", "auto.offset.reset": "earliest"}
    )
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {
            p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1]
            for p in partitions
        }
        consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
        found: list[Found] = []
        deadline = time.monotonic() + 30
        while len(found) < sum(ends.values()):
            assert time.monotonic() < deadline, f"{topic}: {len(found)} of {ends}"
            for message in consumer.consume(10_000, timeout=0.2):
                assert not message.error(), message.error()
                found.append(Found(message.partition(), message.key(), message.value()))
        return sorted(found, key=lambda record: record.partition)
    finally:
        consumer.close()
