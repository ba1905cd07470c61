"""The simulated clickstream, written into Kafka once for all who are measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.simulator import Message, Shop, ShopOptions
from tests.bench.sizes import CLICKS, OTHERS, PARTITIONS, PLAIN, START_MS, Sizes
from tests.kafka.broker import KafkaBroker

_QUEUED = 50_000


def clicks(sizes: Sizes, rate: float, start_ms: int = START_MS) -> Iterator[Message]:
    """Visits of several pages, in order of arrival: 2 % late by up to 5 minutes, 1 % twice."""
    options = ShopOptions(clickstream_only=True, visitors=sizes.visitors, events_per_second=rate)
    return Shop(1, options).events(start_ms)


def producer(bootstrap: str, **more: Any) -> Producer:
    """Partitions as Java's and kafka-python's producers do; lz4, as a busy shop's would."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 20,
            "queue.buffering.max.messages": 2 * _QUEUED,
            "log_level": 0,
            **more,
        }
    )


def fill(broker: KafkaBroker, sizes: Sizes) -> int:
    """Writes the clickstream and its beginning; the other inputs say that time has passed.

    Without those clocks an empty topic holds the watermark back until it counts as idle, and
    nothing would ever be settled or trimmed in the time that is measured.
    """
    broker.create_topics([CLICKS, PLAIN, *OTHERS], partitions=PARTITIONS)
    end_ms = _send(broker.bootstrap, sizes)
    to = producer(broker.bootstrap)
    clocks(to, OTHERS, end_ms, PARTITIONS)
    assert to.flush(60) == 0
    return end_ms


def clocks(to: Producer, topics: Iterable[str], at_ms: int, partitions: int) -> None:
    """In each partition of these it is that late."""
    clock = json.dumps({"type": "clock", "timestamp": at_ms}).encode()
    for topic in topics:
        for partition in range(partitions):
            to.produce(topic, clock, partition=partition, timestamp=at_ms)


def _send(bootstrap: str, sizes: Sizes) -> int:
    to = producer(bootstrap)
    end_ms = START_MS
    messages = islice(clicks(sizes, sizes.events_per_second), sizes.events)
    for number, message in enumerate(messages):
        end_ms = message.arrival_ms
        produce(to, CLICKS, message.key, message.value, end_ms)
        if number < sizes.plain_events:
            produce(to, PLAIN, message.key, message.value, end_ms)
    assert to.flush(60) == 0
    return end_ms


def produce(to: Producer, topic: str, key: bytes, value: bytes, at_ms: int) -> None:
    """Waits while the queue is full."""
    while True:
        try:
            to.produce(topic, value, key, timestamp=at_ms)
        except BufferError:
            to.poll(0.05)
        else:
            to.poll(0)
            return


def ends(bootstrap: str, topic: str, partitions: int = PARTITIONS) -> dict[int, int]:
    """The end of each partition's log."""
    from confluent_kafka import Consumer

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "ends", "log_level": 0})
    try:
        return {
            p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1]
            for p in range(partitions)
        }
    finally:
        consumer.close()


def drop(bootstrap: str, topics: Iterable[str]) -> None:
    """Deletes topics that nobody needs any more, so that the disk doesn't fill up."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    for deleted in admin.delete_topics(list(topics)).values():
        deleted.result(30)
