"""How far the state has come, by its last checkpoints, against what the inputs hold."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from kpi_windows.codec import Checkpoint
from kpi_windows.compatibility import are_others
from streams.changelog import OpenEndError, TruncatedError
from streams.checkpoints import last_checkpoints
from streams.doctor.findings import BAD, CONNECTION, NOTE, Finding, ok
from streams.doctor.state import DAMAGED, lost, unfit
from streams.settings import Settings
from streams.topics import Names, RefusedError
from streams.units import show_duration, show_time

_STALE_MS = 10 * 60_000
_SKEW_MS = 2_000


async def progress(settings: Settings) -> AsyncIterator[Finding]:
    """What the last checkpoints say, against what the inputs hold."""
    names = Names.of(settings)
    try:
        stood = await last_checkpoints(settings)
        ends = await _ends(settings, names)
        damaged = await lost(settings, names, stood.keys())
    except (*CONNECTION, OpenEndError) as error:
        yield Finding(NOTE, f"{names.panes} can't be read: {error}")
        return
    except (RefusedError, TruncatedError) as error:
        yield Finding(BAD, f"the state is damaged: {error}", DAMAGED)
        return
    for finding in damaged:
        yield finding
    last = {partition: each.checkpoint for partition, each in stood.items()}
    written_ms = {partition: each.written_ms for partition, each in stood.items()}
    if not last:
        yield Finding(NOTE, "no worker has committed anything yet", "start one: kpi worker")
        return
    for finding in unfit(settings, last):
        yield finding
    zone = settings.definitions.zone
    marks = {p: c.watermark_ms for p, c in last.items() if c.watermark_ms is not None}
    if marks:
        low_ms = min(marks.values())
        yield ok(f"values are complete up to {show_time(low_ms - low_ms % 1000, zone)}")
    for finding in _behind(settings, last, marks, ends):
        yield finding
    for finding in _clocks(settings, last, written_ms):
        yield finding
    if are_others(last.values(), settings.definitions):
        yield Finding(
            BAD,
            "the state was made under other definitions ([shop]: zone, currency, gaps, targets …)",
            "set them back, or read the inputs again: kpi replay --app-id NEW --from earliest",
        )


async def _ends(settings: Settings, names: Names) -> dict[tuple[str, int], int]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(settings.bootstrap_servers), **settings.kafka_options
    )
    await consumer.start()
    try:
        logical = {name: topic for topic, name in names.inputs.items()}
        tps = [TopicPartition(n, p) for n in logical for p in range(settings.partitions)]
        ends: Mapping[Any, int] = await consumer.end_offsets(tps)
        return {(logical[tp.topic], tp.partition): end for tp, end in ends.items()}
    finally:
        await consumer.stop()


def _behind(
    settings: Settings,
    last: Mapping[int, Checkpoint],
    marks: Mapping[int, int],
    ends: Mapping[tuple[str, int], int],
) -> Iterator[Finding]:
    waiting = sum(
        max(0, end - (last[p].positions.get(topic, 0) if p in last else 0))
        for (topic, p), end in ends.items()
    )
    if waiting > 0:
        yield Finding(
            NOTE,
            f"about {waiting:,} records wait to be taken in",
            "run again: the number should fall; else start workers, or look at their logs",
        )
    first_ms = max(marks.values(), default=0)
    far = {p: first_ms - ms for p, ms in marks.items() if first_ms - ms > _STALE_MS}
    for partition, behind_ms in sorted(far.items()):
        yield Finding(
            NOTE,
            f"partition {partition} is {show_duration(behind_ms // 1000 * 1000)} behind others",
            "values wait for it: does every input get events, or does a producer stand still? "
            "`kpi feed --end-at` moves time on in inputs that have ended",
        )
    silent = [t for t in settings.topics if all(ends.get((t, p), 0) == 0 for p in last)]
    for topic in silent:
        yield Finding(NOTE, f"{settings.topics[topic]} has no event yet")


def _clocks(
    settings: Settings, last: Mapping[int, Checkpoint], written_ms: Mapping[int, int]
) -> Iterator[Finding]:
    ahead_ms = max(
        (c.newest_arrival_ms - written_ms[p] for p, c in last.items()), default=-_SKEW_MS
    )
    if ahead_ms > _SKEW_MS:
        yield Finding(
            NOTE,
            f"a producer's clock is at least {show_duration(ahead_ms)} ahead of Kafka's",
            "keep all clocks in step (NTP): event times and delays are only as right as they are",
        )
    now_ms = time.time_ns() // 1_000_000
    if any(written > now_ms + _SKEW_MS for written in written_ms.values()):
        yield Finding(NOTE, "Kafka's clock is ahead of this machine's", "keep clocks in step")
    skew_ms = settings.definitions.future_skew_ms
    future = sum(c.counts.get(t, {}).get("future", 0) for c in last.values() for t in c.counts)
    if future:
        yield Finding(
            NOTE,
            f"{future:,} events lay more than {show_duration(skew_ms)} ahead of their arrival",
            "look at the clocks of the shop's servers, or at seconds taken for milliseconds",
        )
