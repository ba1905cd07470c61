"""What one fetch brought for one partition, as one value; the only place inside aiokafka's fetcher.

It knows aiokafka and nothing of Faust, states or what the records mean.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from aiokafka.errors import CorruptRecordException

from kpi_windows.engine import Record
from streams.topics import RefusedError

Foreign: TypeAlias = Callable[[Any, int], None]


class CorruptError(RefusedError):
    """Bytes of a log that aren't those that were written to it: Kafka's checksum says so."""


class Batch(NamedTuple):
    """Everything in [start, end) of a partition's log that a reader of committed records sees.

    Offsets have holes (transaction markers, aborted or compacted records), so `end` comes from the
    fetch, never from the last record; a batch may be empty.
    """

    topic: str
    partition: int
    start: int
    end: int
    records: list[Record]

    def until(self, end: int) -> Batch:
        """Without what comes at `end` and later."""
        if self.end <= end:
            return self
        return self._replace(end=end, records=[r for r in self.records if r.offset < end])

    def split(self, most: int) -> tuple[Batch, Batch | None]:
        """The first `most` records, and the rest."""
        if len(self.records) <= most:
            return self, None
        end = self.records[most - 1].offset + 1
        first = self._replace(end=end, records=self.records[:most])
        return first, self._replace(start=end, records=self.records[most:])


def _record(_tp: Any, raw: Any, _new: Any = tuple.__new__) -> Record:
    # Once a record, in place of aiokafka's own of 11 fields: a third of the time of a fetch.
    return _new(Record, (raw.offset, raw.timestamp, raw.key, raw.value))


class _InTransactions:
    """Passes on what was fetched, and tells of what wasn't written in a transaction."""

    def __init__(self, records: Any, found: Callable[[int], None]) -> None:
        self._records = records
        self._found = found
        self.has_next = records.has_next

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        if not batch.is_transactional:
            self._found(batch.base_offset)
        return batch


def take(fetcher: Any, tp: Any, foreign: Foreign | None = None) -> Batch | None:
    """Take what was fetched of `tp` and let the fetcher go on; raises what the fetch met.

    `foreign` is called with where a batch begins that wasn't written in a transaction.
    """
    fetched = fetcher._records.pop(tp)
    fetcher._notify(fetcher._wait_consume_future)
    if hasattr(fetched, "check_raise"):
        fetched.check_raise()
    position = fetched._assignment.state_value(tp)
    if position is None or not position.has_valid_position:
        return None
    start = position.position
    unread = fetched._partition_records
    unread._consumer_record = _record
    if foreign is not None:
        unread._records = _InTransactions(unread._records, partial(foreign, tp))
    try:
        records = fetched.getall()
    except CorruptRecordException as error:
        offset = unread.next_fetch_offset
        raise CorruptError(
            f"{tp.topic}-{tp.partition} is damaged at offset {offset}: its bytes don't fit their "
            "checksum. If the topic has replicas, let another one lead the partition and start "
            "again; it is a disk, memory or network of the broker's (docs/how-to/damage.md)."
        ) from error
    end = position.position
    return Batch(tp.topic, tp.partition, start, end, records) if end > start else None


async def drain(
    fetcher: Any,
    timeout_s: float,
    wanted: Callable[[Any], bool] = lambda _tp: True,
    foreign: Foreign | None = None,
) -> list[Batch]:
    """All batches that are there, or the first that come within `timeout_s`; else none."""
    deadline = time.monotonic() + timeout_s
    while True:
        batches: list[Batch] = []
        if not fetcher._subscriptions.reassignment_in_progress:
            for tp in [tp for tp in fetcher._records if wanted(tp)]:
                batch = take(fetcher, tp, foreign)
                if batch is not None:
                    batches.append(batch)
        left_s = deadline - time.monotonic()
        if batches or left_s <= 0 or fetcher._closed:
            return batches
        waiter = fetcher._create_fetch_waiter()
        done, _ = await asyncio.wait([waiter], timeout=min(left_s, 0.2))
        if done:
            waiter.result()
        else:
            waiter.cancel()
