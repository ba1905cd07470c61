"""What becomes of each event of a request: the heart of the intake, without HTTP and without Kafka.

An event is answered `accepted` when Kafka has it, `duplicate` when Kafka had it before, `rejected`
when it is none, and `not_written` when that isn't known: then the same is to be sent again, under
the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from kpi_windows.definitions import Definitions
from streams.receiver.judging import Judged, judge
from streams.receiver.memory import Mark, Memory, mark_of

Status = Literal["accepted", "duplicate", "rejected", "not_written"]
STATUSES: tuple[Status, ...] = ("accepted", "duplicate", "rejected", "not_written")
Outcome = asyncio.Future[str | None]
"""None: Kafka has it, acknowledged by all replicas in sync; else why that isn't known."""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one event."""

    index: int
    """Its place in the request, from 0."""
    topic: str
    status: Status
    event_id: str | None = None
    reason: str | None = None


class Writer(Protocol):
    """Writes messages; the outcome of each is known once."""

    def write(self, topic: str, key: bytes, value: bytes, timestamp_ms: int) -> Outcome:
        """A message on its way, after those of the same key that were written before."""
        ...


class _Sent(NamedTuple):
    outcome: Outcome
    is_copy: bool


class Reception:
    """Takes in events, one request at a time or many at once."""

    def __init__(
        self,
        definitions: Definitions,
        writer: Writer,
        memory: Memory,
        now_ms: Callable[[], int],
    ) -> None:
        self._definitions = definitions
        self._writer = writer
        self._memory = memory
        self._now_ms = now_ms
        self._unanswered: dict[Mark, Outcome] = {}

    @property
    def unanswered(self) -> int:
        """Events given to Kafka of which nothing is known yet."""
        return len(self._unanswered)

    @property
    def remembered(self) -> int:
        """Events of which a copy would be known."""
        return len(self._memory)

    async def take(
        self, topic: str, values: Sequence[bytes], request_key: str | None = None
    ) -> list[Answer]:
        """One answer a value, in the same order; comes when all are known."""
        now_ms = self._now_ms()
        judged = judge(topic, values, self._definitions, now_ms, request_key)
        sent = [self._write(topic, one, now_ms) if one.reason is None else None for one in judged]
        for one in sent:
            if one is not None and not one.outcome.done():
                await asyncio.shield(one.outcome)  # others may wait for it too
        return [
            _answer(index, topic, one, what)
            for index, (one, what) in enumerate(zip(judged, sent, strict=True))
        ]

    def _write(self, topic: str, one: Judged, now_ms: int) -> _Sent:
        assert one.event_id is not None
        mark = mark_of(topic, one.kind, one.key, one.event_id)
        if mark in self._memory:
            known: Outcome = asyncio.get_running_loop().create_future()
            known.set_result(None)
            return _Sent(known, is_copy=True)
        if mark in self._unanswered:  # a copy is in only when the first one is
            return _Sent(self._unanswered[mark], is_copy=True)
        outcome = self._writer.write(topic, one.key, one.value, now_ms)
        self._unanswered[mark] = outcome
        outcome.add_done_callback(lambda done: self._known(mark, done))
        return _Sent(outcome, is_copy=False)

    def _known(self, mark: Mark, outcome: Outcome) -> None:
        del self._unanswered[mark]
        if not outcome.cancelled() and outcome.result() is None:
            self._memory.add(mark)


def _answer(index: int, topic: str, one: Judged, sent: _Sent | None) -> Answer:
    if sent is None:
        return Answer(index, topic, "rejected", one.event_id, one.reason)
    why = "the intake ends" if sent.outcome.cancelled() else sent.outcome.result()
    if why is not None:
        return Answer(index, topic, "not_written", one.event_id, why)
    return Answer(index, topic, "duplicate" if sent.is_copy else "accepted", one.event_id)


def summed(answers: Sequence[Answer]) -> Mapping[str, int]:
    """How many have which status."""
    counts: dict[str, int] = dict.fromkeys(STATUSES, 0)
    for answer in answers:
        counts[answer.status] += 1
    return counts
