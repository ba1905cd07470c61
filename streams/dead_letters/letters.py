"""Dead letters as Kafka has them: read up to the topic's end, filtered, each with its identity.

It must not know how one is mended, nor what was sent again.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from aiokafka import TopicPartition

from streams.changelog import OpenEndError, reader
from streams.fetches import drain
from streams.settings import Settings
from streams.topics import Names, RefusedError, answering, partitions_of

_WAIT_MS = 50
_PATIENCE_S = 60.0


class _Told(msgspec.Struct):
    topic: str
    partition: int
    offset: int
    outcome: str
    reason: str
    timestamp_ms: int
    key_base64: bytes | None = None
    value_base64: bytes | None = None
    value_bytes: int | None = None


_decode = msgspec.json.Decoder(_Told).decode


def parts_of(raw: bytes) -> tuple[bytes | None, bytes | None, str]:
    """Key and value of the event that a letter's value holds, and why it didn't count.

    Raises DecodeError.
    """
    told = _decode(raw)
    return told.key_base64, told.value_base64, told.reason


class Letter(NamedTuple):
    """An event that didn't count, and why; `topic` is the logical one."""

    topic: str
    partition: int
    offset: int
    outcome: str
    reason: str
    timestamp_ms: int
    """Of the event's record."""
    key: bytes | None
    value: bytes | None
    cut: bool
    """The value was longer than what is kept of it."""
    buried_ms: int
    place: tuple[int, int]
    """Partition and offset of the letter itself."""

    @property
    def id(self) -> str:
        """The same for the same event of the same topic, whoever buried it and how often.

        The record's timestamp tells topics apart that were created anew under one name.
        """
        if self.offset < 0:  # it had come by way of another partition, and lost its offset there
            return f"letter-{self.place[0]}-{self.place[1]}"
        return f"{self.topic}-{self.partition}-{self.offset}-{self.timestamp_ms}"


@dataclass(frozen=True)
class Wanted:
    """Which letters are meant."""

    topics: tuple[str, ...] = ()
    """Of these; none named: of all."""
    reason: str = ""
    """A part of outcome and reason, as `groups` or `list` show them; case doesn't matter."""
    since_ms: int = 0
    """Buried then or later."""

    def fits(self, letter: Letter) -> bool:
        """Whether this letter is meant."""
        if letter.buried_ms < self.since_ms or (self.topics and letter.topic not in self.topics):
            return False
        asked = self.reason.lower()
        told = f"{letter.outcome}: {letter.reason}".lower()
        return asked in told or asked in pattern_of(told).lower()


_VARIES = re.compile(r"'[^']*'|\"[^\"]*\"|-?\d+(?:[.,:]\d+)*")


def pattern_of(reason: str) -> str:
    """A reason without what differs from one event to the next.

    >>> pattern_of("1200 ms older than what the topic's lateness allows")
    "… ms older than what the topic's lateness allows"
    >>> pattern_of("Invalid value 'pageview' - at `$.products[3].type`")
    'Invalid value … - at `$.products[…].type`'
    """
    return _VARIES.sub("…", reason)


async def read(
    settings: Settings,
    *,
    newest: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> AsyncIterator[list[Letter]]:
    """All letters up to the end that the topic has now, some at a time, each partition in order.

    With `newest` only about so many of each partition. `progress` gets how many offsets are done,
    of how many.  Raises RefusedError when there is no such topic, and UnreachableError.
    """
    topic = Names.of(settings).dead_letters
    async with answering(settings):
        found = await partitions_of(settings, topic)
        if not found:
            raise RefusedError(
                f"{topic} isn't there, so there are no dead letters. Is --app-id right? "
                "`kpi topics` creates the topics."
            )
        async for some in _read(settings, topic, found, newest, progress):
            yield some


async def _read(
    settings: Settings,
    topic: str,
    partitions: int,
    newest: int | None,
    progress: Callable[[int, int], None],
) -> AsyncIterator[list[Letter]]:
    consumer: Any = reader(settings.bootstrap_servers, settings.kafka_options, wait_ms=_WAIT_MS)
    await consumer.start()
    try:
        tps = [TopicPartition(topic, partition) for partition in range(partitions)]
        begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        left = {}
        for tp in tps:
            begin = begins[tp] if newest is None else max(begins[tp], ends[tp] - newest)
            if begin < ends[tp]:
                left[tp] = begin
        total = sum(ends[tp] - begin for tp, begin in left.items())
        consumer.assign(list(left))
        for tp, begin in left.items():
            consumer.seek(tp, begin)
        moved_s = time.monotonic()
        while any(at < ends[tp] for tp, at in left.items()):
            batches = await drain(consumer._fetcher, 0.5)
            for batch in batches:
                tp = TopicPartition(topic, batch.partition)
                end, left[tp] = ends[tp], batch.end
                yield [_letter(batch.partition, r) for r in batch.records if r.offset < end]
            progress(total - sum(max(0, ends[tp] - at) for tp, at in left.items()), total)
            if batches:
                moved_s = time.monotonic()
            elif time.monotonic() - moved_s > _PATIENCE_S:
                raise OpenEndError(f"{topic}: nothing could be read for {_PATIENCE_S:g} s")
    finally:
        await consumer.stop()


def _letter(partition: int, record: Any) -> Letter:
    told = _decode(record.value)
    return Letter(
        topic=told.topic,
        partition=told.partition,
        offset=told.offset,
        outcome=told.outcome,
        reason=told.reason,
        timestamp_ms=told.timestamp_ms,
        key=told.key_base64,
        value=told.value_base64,
        cut=told.value_bytes is not None,
        buried_ms=record.timestamp_ms,
        place=(partition, record.offset),
    )
