"""Messages into Kafka with librdkafka's idempotent producer, the outcome of each as a future.

It must not know what the messages say.  librdkafka, because it keeps each message until it is
acknowledged or out of time, in order and once, through any restart of a broker, and tells of each.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from streams.receiver.reception import Outcome
from streams.settings import Kafka
from streams.topics import EMBEDDED

log = logging.getLogger("librdkafka")

_POLL_S = 0.2
_LONGEST_MESSAGE = 1_048_588
"""Kafka's own default for a batch; an event is shorter."""


def connection(kafka: Kafka) -> dict[str, Any]:
    """How to connect, as librdkafka names it."""
    options: dict[str, Any] = {
        "bootstrap.servers": ",".join(kafka.bootstrap_servers),
        "security.protocol": kafka.security_protocol,
    }
    if "SSL" in kafka.security_protocol:
        files = {
            "ssl.ca.location": kafka.cafile,
            "ssl.certificate.location": kafka.certfile,
            "ssl.key.location": kafka.keyfile,
        }
        options |= {name: file for name, file in files.items() if file}
        options["ssl.endpoint.identification.algorithm"] = (
            "https" if kafka.check_hostname else "none"
        )
    if kafka.security_protocol.startswith("SASL"):
        options["sasl.mechanisms"] = kafka.sasl_mechanism
        options["sasl.username"] = kafka.sasl_username
        options["sasl.password"] = kafka.sasl_password
    return options


class KafkaWriter:
    """The producer, and a thread that hears of its acknowledgements.

    Every message is either acknowledged by all replicas in sync, or given up after
    `write_timeout_s`; `failed` is told when the producer can't go on, ever.
    """

    def __init__(
        self,
        kafka: Kafka,
        topics: Mapping[str, str],
        *,
        write_timeout_s: float,
        failed: Callable[[str], None],
    ) -> None:
        self._topics = topics
        self._write_timeout_s = write_timeout_s
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._known: list[tuple[Outcome, str | None]] = []
        self._ends = threading.Event()
        options = {
            **connection(kafka),
            "client.id": f"{kafka.app_id}-intake",
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2",  # Kafka's default: the worker expects a key where it says
            "message.timeout.ms": int(write_timeout_s * 1_000),
            "message.max.bytes": _LONGEST_MESSAGE,
            "linger.ms": 5,
            "compression.type": "lz4",
            "reconnect.backoff.max.ms": 1_000,
            "error_cb": self._trouble,
        }
        self._producer = Producer(options, logger=log)
        self._thread = threading.Thread(target=self._hear, name="intake-acknowledgements")
        self._thread.start()

    def write(self, topic: str, key: bytes, value: bytes, timestamp_ms: int) -> Outcome:
        """A message on its way; its outcome is known within `write_timeout_s`, and a bit."""
        outcome: Outcome = self._loop.create_future()
        try:
            self._producer.produce(
                self._topics[topic],
                value,
                key,
                timestamp=timestamp_ms,
                on_delivery=partial(self._delivered, outcome),
            )
        except BufferError:
            outcome.set_result("too much waits for Kafka already")
        except KafkaException as error:
            outcome.set_result(self._told(error.args[0]))
        return outcome

    async def missing(self, patience_s: float) -> list[str]:
        """Topics that Kafka doesn't have; raises KafkaException when no broker answers."""
        found = await asyncio.to_thread(self._producer.list_topics, timeout=patience_s)
        if str(found.cluster_id).startswith(EMBEDDED):  # it makes topics on first use
            return []
        led = [name for name, topic in found.topics.items() if _is_led(topic.partitions.values())]
        return [name for name in self._topics.values() if name not in led]

    async def close(self) -> None:
        """Waits until the outcome of everything is known."""
        self._ends.set()
        await asyncio.to_thread(self._thread.join)
        await asyncio.sleep(0)  # the last outcomes are told by then

    def _hear(self) -> None:
        """The thread: acknowledgements come in here, and are told to the loop in one go."""
        while not self._ends.is_set():
            self._producer.poll(_POLL_S)
            self._tell()
        self._producer.flush(self._write_timeout_s + 2)
        self._tell()

    def _tell(self) -> None:
        if self._known:
            known, self._known = self._known, []
            self._loop.call_soon_threadsafe(_settle, known)

    def _delivered(self, outcome: Outcome, error: Any, _message: Any) -> None:
        self._known.append((outcome, None if error is None else self._told(error)))

    def _told(self, error: Any) -> str:
        if error.code() in (KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT):
            return (
                f"Kafka didn't acknowledge it within {self._write_timeout_s:g} s: perhaps it is "
                "in, perhaps not"
            )
        if error.code() in (KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART):
            return "Kafka has no such topic: `kpi topics` creates it"
        return f"Kafka didn't take it: {error.str()}"

    def _trouble(self, error: Any) -> None:
        """What librdkafka gets over by itself is in its log already."""
        if error.fatal():
            log.error("the producer can't go on: %s", error.str())
            self._loop.call_soon_threadsafe(self._failed, error.str())


def _is_led(partitions: Sequence[Any]) -> bool:
    return bool(partitions) and all(partition.leader >= 0 for partition in partitions)


def _settle(known: list[tuple[Outcome, str | None]]) -> None:
    for outcome, why in known:
        if not outcome.done():
            outcome.set_result(why)
