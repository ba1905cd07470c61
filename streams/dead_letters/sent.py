"""The note of which letters were sent: a topic, written in one transaction with the events.

Whoever opens it fences the one before, so that of two runs at a time only one sends; and what was
interrupted is in Kafka whole, with its note, or not at all.  It must not know what letters say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, ProducerFenced

from streams.changelog import read_to_end
from streams.dead_letters.judging import Ready
from streams.fetches import Batch
from streams.settings import Settings
from streams.topics import (
    CHANGELOG,
    DAY_MS,
    LONGEST_RECORD,
    Names,
    RefusedError,
    admin_of,
    answering,
    have,
    partitions_of,
)

_REQUEST_TIMEOUT_MS = 30_000
# A note outlives its letter, which is kept for 30 days.
_CONFIG = {**CHANGELOG, "cleanup.policy": "compact,delete", "retention.ms": str(90 * DAY_MS)}


def topic_of(settings: Settings) -> str:
    """The topic of the notes: one partition."""
    return f"{settings.app_id}-dead-letters-sent"


class Place(NamedTuple):
    """A letter's id, and where its event first stood."""

    letter: str
    topic: str
    partition: int
    offset: int


class Note(msgspec.Struct, array_like=True, frozen=True):
    """That a letter was sent: where its event first stood, and the id that it was given, if any."""

    topic: str
    partition: int
    offset: int
    given_id: str | None
    sent_ms: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Note).decode


async def notes(settings: Settings) -> dict[str, Note]:
    """Of all letters that were sent again, by the letter's id."""
    topic = topic_of(settings)
    found: dict[str, Note] = {}

    def load(batch: Batch) -> None:
        for record in batch.records:
            if record.key is not None and record.value is not None:
                found[record.key.decode()] = _decode(record.value)

    async with answering(settings):
        if await partitions_of(settings, topic):
            servers, options = settings.bootstrap_servers, settings.kafka_options
            await read_to_end(servers, options, [TopicPartition(topic, 0)], load, trimmed=True)
    return found


async def sent_before(settings: Settings) -> set[str]:
    """The ids of all letters that were sent again."""
    return set(await notes(settings))


class SentLog:
    """The only writer of events out of dead letters; `async with` opens and closes it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topic_of(settings)
        self._inputs = Names.of(settings).inputs
        self.sent: set[str] = set()
        """Ids of letters that were sent, now or before."""
        name = f"{settings.app_id}-dead-letters"
        self._producer = AIOKafkaProducer(
            bootstrap_servers=list(settings.bootstrap_servers),
            client_id=name,
            transactional_id=name,
            transaction_timeout_ms=settings.transaction_timeout_ms,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            max_request_size=LONGEST_RECORD,
            **settings.kafka_options,
        )

    async def __aenter__(self) -> SentLog:
        try:
            async with answering(self._settings):
                await self._ensure()
                await self._producer.start()  # what another run had not committed ends here
            if not self._producer._txn_manager.has_pid():
                raise RuntimeError("dead letters: no producer id, another run is not fenced")
            self.sent = await sent_before(self._settings)
        except BaseException:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._producer.stop()
        except KafkaError:
            pass  # what wasn't committed is aborted by the broker, or by the next run

    async def write(self, events: Sequence[tuple[Place, Ready]], now_ms: int) -> None:
        """Events, each with its letter's place, and the notes of them, or nothing of it.

        Raises RefusedError when another run has taken over, and UnreachableError.
        """
        producer = self._producer
        async with answering(self._settings):
            try:
                await producer.begin_transaction()
                sending = []
                for place, event in events:
                    to = {"topic": self._inputs[event.topic], "partition": event.partition}
                    sending.append(await producer.send(value=event.value, key=event.key, **to))
                    note = Note(place.topic, place.partition, place.offset, event.given_id, now_ms)
                    key = place.letter.encode()
                    sending.append(
                        await producer.send(self._topic, _encode(note), key=key, partition=0)
                    )
                await asyncio.gather(*sending)
                await producer.commit_transaction()
            except ProducerFenced as error:
                raise RefusedError(
                    "another run of `kpi dead-letters` sends now: nothing of this transaction was sent"
                ) from error
            except MessageSizeTooLargeError as error:
                raise RefusedError(
                    "an event is larger than its topic takes: raise its max.message.bytes, or leave "
                    f"it out by --topic, --reason and --since ({error})"
                ) from error
        self.sent.update(place.letter for place, _ in events)

    async def _ensure(self) -> None:
        async with admin_of(self._settings) as admin:
            await have(admin, {self._topic: _CONFIG}, 1, create=True)
