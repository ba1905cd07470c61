"""How a partition's state comes back: fence, read both changelogs to their end, check positions.

It knows the order of these steps and every reason to refuse; Faust's rebalancing is not its affair.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from kpi_windows.compatibility import DefinitionsChanged, StateDamagedError
from kpi_windows.engine import Cut, Record
from streams import commits
from streams.changelog import TruncatedError, read_to_end
from streams.commits import Writer
from streams.damage import StateLostError, remedy
from streams.fetches import Batch
from streams.progress import Progress
from streams.span import ALL, Span
from streams.topics import CHECKPOINT, PANES, STATE, EngineSettings, Names, RefusedError
from streams.transport import Offsets

log = logging.getLogger(__name__)

_ATTEMPTS = 3
_PAUSE_S = 1.0
_AT_ONCE = 8  # partitions
_END_PATIENCE_S = 10.0
_TELL_EVERY_S = 5.0


class ShardLike(Protocol):
    """The state of one partition, as `kpi_windows.engine.Shard` has it; no I/O, one thread."""

    positions: dict[str, int]

    def load(self, table: str, key: bytes, value: bytes | None) -> None: ...
    def loaded(self) -> None: ...
    def ingest(self, topic: str, records: Sequence[Record]) -> None: ...
    def tick(self, now_ms: int, at_end: Any, arrived_ms: Mapping[str, int]) -> None: ...
    def cut(self) -> Cut | None: ...


ShardFactory = Callable[[int, int], ShardLike]
AskOffsets = Callable[[list[TopicPartition]], Awaitable[dict[TopicPartition, Offsets]]]


@dataclass
class PartitionStats:
    """What the engine itself has to tell of a partition; written here, read by the metrics."""

    batches: int = 0
    events: int = 0
    rewinds: int = 0
    commits: int = 0
    commit_seconds: float = 0.0  # the last one
    commit_seconds_total: float = 0.0
    records_written: int = 0
    dead_letters: int = 0
    committed_at: float = 0.0  # wall clock, seconds
    restore_seconds: float = 0.0
    restore_records: int = 0
    positions: dict[str, int] = field(default_factory=dict)
    lag: dict[str, int] = field(default_factory=dict)

    def committed(self, seconds: float, cut: Cut) -> None:
        self.commits += 1
        self.commit_seconds = seconds
        self.commit_seconds_total += seconds
        self.records_written += len(cut.state) + len(cut.panes) + len(cut.forwards)
        self.dead_letters += len(cut.dead_letters)
        self.committed_at = time.time()
        self.positions = dict(cut.positions)


@dataclass
class Held:
    """A partition that this worker owns, restored."""

    partition: int
    shard: ShardLike
    writer: Writer
    positions: dict[str, int]  # logical topic -> the offset that the state takes next
    committed: dict[str, int]  # those of the last transaction
    stats: PartitionStats
    arrived_ms: dict[str, int] = field(default_factory=dict)  # what an input brought last
    told_ms: dict[str, int] = field(default_factory=dict)  # when the broker last spoke of an input
    settled: bool = False  # checked against the group in this assignment, and sought
    commit: asyncio.Future[None] | None = None
    commit_began_s: float = 0.0  # monotonic
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def committing(self) -> bool:
        """A commit is under way."""
        return self.commit is not None and not self.commit.done()


class SupersededError(Exception):
    """Another worker committed since: what was read is older than what Kafka has."""


def check(
    partition: int,
    names: Names,
    positions: Mapping[str, int],
    offsets: Mapping[str, Offsets],
    span: Span = ALL,
) -> dict[str, int]:
    """Where to go on, by logical topic; the state's position is the truth.

    A state that has seen nothing of a topic begins where the span does, or the log if that is later.
    Raises SupersededError when the group is ahead of the state, RefusedError when the log doesn't have what
    the state needs next.
    """
    start: dict[str, int] = {}
    for topic, (begin, end, group) in offsets.items():
        position = positions.get(topic)
        where = f"{names.inputs[topic]}-{partition}"
        if group is not None and (position is None or group > position):
            raise SupersededError(
                f"{where} is committed to {group}, the state holds {position or 0}"
            )
        if position is not None and position < begin:
            raise StateLostError(
                f"{where}: offsets {position} to {begin - 1} are lost. The log begins at {begin}, "
                f"but the state has seen it only up to {position}: the topic's retention was "
                f"shorter than the worker's absence."
            )
        if position is not None and position > end:
            raise StateLostError(
                f"{where}: offsets {end} to {position - 1} are lost. The log ends at {end}, but "
                f"the state has seen it up to {position}: the topic was truncated or created anew."
            )
        if group is not None and position is not None and group < position:
            log.warning(
                "%s: the group stands at %d, the state at %d; the state counts",
                where,
                group,
                position,
            )
        first = max(begin, span.begin(topic, partition))
        start[topic] = first if position is None else position
    return start


class Restorer:
    """Restores partitions of one application."""

    def __init__(
        self,
        settings: EngineSettings,
        names: Names,
        factory: ShardFactory,
        ask: AskOffsets,
        consumer_options: Mapping[str, Any],
        span: Span = ALL,
    ) -> None:
        self._span = span
        self._settings = settings
        self._options = consumer_options
        self._names = names
        self._factory = factory
        self._ask = ask
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.records = 0
        """Read so far, of all restores."""

    async def restore(self, partition: int) -> Held:
        """Fenced, read and checked; raises RefusedError when the state can't be trusted."""
        async with self._turns:
            return await self._restore(partition)

    async def _restore(self, partition: int) -> Held:
        for attempt in range(1, _ATTEMPTS + 1):
            writer = Writer(self._settings, self._names, partition)
            try:
                await writer.open()
                commits.reached("fenced", partition)
                return await self._read(partition, writer)
            except SupersededError as error:
                await writer.close()
                if attempt == _ATTEMPTS:
                    raise await self._lost(_beheaded(self._names, partition, error)) from error
                log.info("partition %d: restoring again, %s", partition, error)
            except (KafkaError, OSError, TimeoutError) as error:
                await writer.close()
                if attempt == _ATTEMPTS:
                    raise
                log.warning("partition %d: restoring again, for Kafka failed: %r", partition, error)
                await asyncio.sleep(_PAUSE_S)
            except StateLostError as error:
                await writer.close()
                raise await self._lost(str(error)) from error
            except BaseException:
                await writer.close()
                raise
        raise AssertionError

    async def _lost(self, what: str) -> RefusedError:
        """With what can be done about it."""
        settings = self._settings
        told = await remedy(self._ask, self._names, settings.app_id, settings.partitions)
        return RefusedError(f"{what} {told}")

    async def _read(self, partition: int, writer: Writer) -> Held:
        started = time.monotonic()
        shard = self._factory(partition, self._settings.partitions)
        try:
            records, checkpoints = await self._load(partition, shard)
            if len(set(checkpoints.values())) > 1:
                raise StateLostError(
                    f"{self._names.state}-{partition} and {self._names.panes}-{partition} end with "
                    "different checkpoints: one of them was deleted, truncated or restored from "
                    "elsewhere."
                )
            shard.loaded()
        except DefinitionsChanged as error:
            raise RefusedError(str(error)) from error
        except StateDamagedError as error:
            raise StateLostError(f"State is lost: {error}.") from error
        positions = dict(shard.positions)
        start = await self._start(partition, positions)
        if self._span is not ALL:  # whoever goes on without the span begins where it began
            shard.positions.update(start)
        stats = PartitionStats(
            restore_seconds=time.monotonic() - started,
            restore_records=records,
            positions=positions,
        )
        now_ms = time.time_ns() // 1_000_000
        arrived_ms = dict.fromkeys(start, now_ms)
        return Held(partition, shard, writer, start, positions, stats, arrived_ms)

    async def _load(self, partition: int, shard: ShardLike) -> tuple[int, dict[str, bytes | None]]:
        tables = {self._names.state: STATE, self._names.panes: PANES}
        checkpoints: dict[str, bytes | None] = dict.fromkeys(tables)
        count = 0
        unreadable: list[str] = []

        def load(batch: Batch) -> None:
            nonlocal count
            count += len(batch.records)
            self.records += len(batch.records)
            table = tables[batch.topic]
            for offset, _, key, value in batch.records:
                if key == CHECKPOINT:
                    checkpoints[batch.topic] = value
                elif unreadable:
                    continue  # the checkpoint may tell that all is of another format
                try:
                    shard.load(table, key, value)  # type: ignore[arg-type]
                except DefinitionsChanged:
                    raise
                except Exception as error:  # noqa: BLE001  whatever it is: it isn't ours
                    where = f"{batch.topic}-{partition}, offset {offset}"
                    unreadable.append(f"{where}: it isn't what a worker writes ({error!r}).")
            commits.reached("restoring", partition)

        tps = [TopicPartition(topic, partition) for topic in tables]
        servers, what = self._settings.bootstrap_servers, f"restoring partition {partition}"
        try:
            with Progress(what, None, "records", say=log.info, every_s=_TELL_EVERY_S) as told:
                progress = told.reached
                await read_to_end(servers, self._options, tps, load, ours=True, progress=progress)
        except TruncatedError as error:
            raise StateLostError(
                f"State is lost: {error}, so older records were deleted instead of compacted; a "
                "changelog's cleanup.policy must be 'compact', and nobody may delete its records."
            ) from error
        if unreadable:
            raise StateLostError(unreadable[0])
        return count, checkpoints

    async def _start(self, partition: int, positions: Mapping[str, int]) -> dict[str, int]:
        """Checked positions; a log that seems too short gets some seconds to show its true end."""
        deadline = time.monotonic() + _END_PATIENCE_S
        while True:
            offsets = await self.offsets(partition)
            short = any(positions.get(topic, 0) > known.end for topic, known in offsets.items())
            if not short or time.monotonic() > deadline:
                return check(partition, self._names, positions, offsets, self._span)
            await asyncio.sleep(0.2)

    async def offsets(self, partition: int) -> dict[str, Offsets]:
        """What the broker knows of a partition's inputs, by logical topic."""
        tps = {t: TopicPartition(name, partition) for t, name in self._names.inputs.items()}
        known = await self._ask(list(tps.values()))
        return {topic: known[tp] for topic, tp in tps.items()}


def _beheaded(names: Names, partition: int, error: SupersededError) -> str:
    return (
        f"State is lost: {error}. {names.state}-{partition} and {names.panes}-{partition} were "
        "deleted or truncated after it had been committed."
    )
