"""Sends messages to Kafka with kafka-python, and says clearly when that can't be done.

It must not know what the messages say; keys and values are bytes, topics go by their logical names.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import kafka.record.default_records
import msgspec
from aiokafka.record.util import calc_crc32c
from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError

from kpi_windows.events import TOPICS
from streams.reach import may_not, refusal_now
from streams.topics import RefusedError, UnreachableError

API_VERSION = (2, 0)
"""Spoken to any broker: Kafka from 2.0 to 4.x, and the embedded one, which can't negotiate."""
_CHUNK = 2_000
"""After so many messages the acknowledgements of those before are awaited: bounds the memory."""

# kafka-python sums up its batches in plain Python, the larger part of its time (45 µs a message
# instead of 90 without that).  The same function in C is there, because aiokafka brings it.
kafka.record.default_records.calc_crc32c = calc_crc32c


class SendError(Exception):
    """Kafka did not take a message; those that were acknowledged before are in."""


class TooLargeError(Exception):
    """One message is larger than Kafka takes; it was not sent."""


@dataclass(frozen=True)
class ProducerOptions:
    """Where to send, and how."""

    bootstrap_servers: Sequence[str]
    kafka_options: Mapping[str, Any] = field(default_factory=dict)
    """How to connect, as kafka-python names it: security, certificates, log-in."""
    topics: Mapping[str, str] = field(default_factory=dict)
    """Names in Kafka of logical topics, where they differ."""
    used: Sequence[str] = tuple(TOPICS)
    """Logical topics that the shop uses; others are refused."""
    compression: str | None = "gzip"
    """gzip needs no package; the embedded broker keeps 5 MB a partition, compressed."""
    connect_timeout_s: float = 10.0
    delivery_timeout_s: float = 120.0
    max_request_bytes: int = 1_000_000


class Sender:
    """Messages on their way; `with Sender(options) as sender:` waits for them at the end.

    Messages of one partition stay in order; none is written twice by a retry (idempotent).
    """

    def __init__(self, options: ProducerOptions) -> None:
        self._options = options
        _reach(options)
        self._pending: deque[Any] = deque()
        self._partitions: dict[str, list[int]] = {}
        self.sent = 0
        self.acknowledged = 0
        """How many of the messages sent, from the first on, are surely in."""
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=list(options.bootstrap_servers),
                api_version=API_VERSION,
                client_id="kpi",
                compression_type=options.compression,
                linger_ms=20,
                batch_size=64 << 10,
                max_request_size=options.max_request_bytes,
                max_block_ms=int(options.connect_timeout_s * 1000),
                delivery_timeout_ms=int(options.delivery_timeout_s * 1000),
                allow_auto_create_topics=False,
                **options.kafka_options,
            )
        except (KafkaError, AssertionError, ValueError) as error:
            raise RefusedError(f"the connection's settings don't fit: {error}") from error

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._producer.close(5)

    @property
    def destination(self) -> str:
        """Which cluster and topics, once a topic is known: others have seen nothing yet."""
        cluster = getattr(self._producer._metadata, "cluster_id", None) or ""
        return f"{cluster} {sorted(self._options.topics.items())}"

    @property
    def used(self) -> Sequence[str]:
        """Logical topics that the shop uses."""
        return self._options.used

    def partitions(self, topic: str) -> list[int]:
        """The partitions of a logical topic.  Raises RefusedError when there is no such topic."""
        known = self._partitions.get(topic)
        if known is None and topic not in self._options.used:
            raise RefusedError(f"topic {topic!r} is switched off: [topics] {topic} = true uses it")
        if known is None:
            name = self._options.topics.get(topic, topic)
            try:
                known = sorted(self._producer.partitions_for(name))
            except TopicAuthorizationFailedError as error:
                raise RefusedError(may_not("topic", name)) from error
            except KafkaError as error:
                raise RefusedError(
                    f"topic {name!r}: the broker knows no such topic "
                    f"(`kpi topics` creates what is missing): {error}"
                ) from error
            self._partitions[topic] = known
        return known

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        *,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> None:
        """Send under a logical topic, to the key's partition by Kafka's default partitioner.

        Raises TooLargeError for this message, SendError for any that was sent before.
        """
        if topic not in self._partitions:
            self.partitions(topic)
        name = self._options.topics.get(topic, topic)
        try:
            future = self._producer.send(
                name, value=value, key=key, partition=partition, timestamp_ms=timestamp_ms
            )
        except MessageSizeTooLargeError as error:
            most = self._options.max_request_bytes
            raise TooLargeError(f"larger than a message may be ({most:,} bytes)") from error
        except KafkaError as error:
            raise SendError(f"topic {name!r}: {error}") from error
        self.sent += 1
        self._pending.append(future)
        if len(self._pending) >= 2 * _CHUNK:
            self._settle(_CHUNK)

    def send_clocks(self, topics: Iterable[str], at_ms: int) -> int:
        """A `clock` record to every partition of the topics: nothing happens before `at_ms`."""
        value = msgspec.json.encode({"type": "clock", "timestamp": at_ms})
        count = 0
        for topic in topics:
            for partition in self.partitions(topic):
                self.send(topic, None, value, partition=partition)
                count += 1
        return count

    def flush(self) -> None:
        """Wait until all that was sent is in.  Raises SendError."""
        try:
            self._producer.flush(self._options.delivery_timeout_s)
        except KafkaError as error:
            raise SendError(f"not acknowledged in time: {error}") from error
        self._settle(len(self._pending))

    def _settle(self, count: int) -> None:
        pending = self._pending
        for _ in range(count):
            try:
                pending[0].get(self._options.delivery_timeout_s)
            except KafkaError as error:
                raise SendError(
                    f"Kafka did not take message {self.acknowledged + 1:,}: {error}"
                ) from error
            pending.popleft()
            self.acknowledged += 1


def _reach(options: ProducerOptions) -> None:
    """Raise UnreachableError unless a broker at one of the addresses lets us in."""
    reasons = []
    for server in options.bootstrap_servers:
        host, _, port = server.rpartition(":")
        try:
            address = (host.strip("[]"), int(port))
            socket.create_connection(address, options.connect_timeout_s).close()
            break
        except (OSError, ValueError) as error:
            reasons.append(f"{server}: {error}")
    else:
        raise UnreachableError(f"no broker answers at {'; '.join(reasons)}")
    if why := refusal_now(options.bootstrap_servers, options.kafka_options):
        raise UnreachableError(f"Kafka doesn't let us in: {why}")
