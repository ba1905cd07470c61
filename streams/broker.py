"""A broker inside this process, for a try-out: librdkafka's mock cluster, which speaks real Kafka.

It keeps at most some 5 MB a partition, never compacts, and all is gone at exit.
"""

from __future__ import annotations

from types import TracebackType

from confluent_kafka import Producer

PARTITIONS = 4  # what it gives each topic on first use


class EmbeddedBroker:
    """`with EmbeddedBroker() as broker:` listens on localhost at `broker.bootstrap`."""

    def __init__(self) -> None:
        self._owner: Producer | None = None
        self.bootstrap = ""

    def __enter__(self) -> EmbeddedBroker:
        self._owner = Producer(
            {"test.mock.num.brokers": 1, "bootstrap.servers": "localhost:1", "log_level": 0}
        )
        (address,) = (str(b) for b in self._owner.list_topics(timeout=10).brokers.values())
        self.bootstrap = address.rsplit("/", 1)[0]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._owner = None
