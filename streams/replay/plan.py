"""What a replay reads: offsets that are fixed when it is first started, and kept in Kafka.

The topic of the plan also says that an application is a replay: others are never removed.
It must not know workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.changelog import read_to_end
from streams.fetches import Batch
from streams.settings import Settings
from streams.topics import (
    CHANGELOG,
    Names,
    RefusedError,
    admin_of,
    all_topics,
    answering,
    create_topics,
    on_embedded,
)

_KEY = b"plan"


class Plan(msgspec.Struct, kw_only=True):
    """One replay."""

    of: str
    """The application that it stands beside."""
    from_ms: int | None = None
    """None: from the beginning of the logs."""
    to_ms: int | None = None
    """None: to their ends when the replay was first started."""
    begins: dict[str, list[int]]
    """By logical topic, a number a partition."""
    ends: dict[str, list[int]]
    finished: bool = False
    """All was read, and had come to rest."""

    @property
    def records(self) -> int:
        """Offsets to read, of all topics."""
        return sum(self.by_topic().values())

    def by_topic(self) -> dict[str, int]:
        """Offsets to read, by logical topic."""
        return {
            topic: sum(end - begin for begin, end in zip(self.begins[topic], ends, strict=True))
            for topic, ends in self.ends.items()
        }


def topic_of(app_id: str) -> str:
    """The topic of a replay's plan: one partition, one record."""
    return f"{app_id}-replay"


def as_app(settings: Settings, app_id: str) -> Settings:
    """The same settings for another application."""
    return replace(settings, kafka=replace(settings.kafka, app_id=app_id, instance_id=""))


async def find(settings: Settings, app_id: str) -> Plan | None:
    """The plan of a replay; None when there is none.  Raises UnreachableError."""
    async with answering(settings):
        if topic_of(app_id) in await all_topics(settings):
            return await _read(settings, app_id)
    return None


async def make(settings: Settings, app_id: str, from_ms: int | None, to_ms: int | None) -> Plan:
    """Fix what a new replay reads, and keep that.  Raises RefusedError or UnreachableError."""
    if app_id == settings.app_id:
        raise RefusedError(f"--app-id: {app_id!r} is the running application; choose another name")
    async with answering(settings):
        there = await all_topics(settings)
        own = Names.of(as_app(settings, app_id))
        if taken := [t for t in (own.state, own.panes, own.dead_letters) if t in there]:
            raise RefusedError(
                f"--app-id: {app_id!r} has topics already ({', '.join(taken)}), and they are no "
                "replay's; choose another name"
            )
        for name in settings.topics.values():
            if there.get(name) != settings.partitions:
                found = f"has {there[name]} partitions" if name in there else "isn't there"
                raise RefusedError(
                    f"{name} {found}, and `partitions` is {settings.partitions}; "
                    "`kpi doctor` says what is wrong with a set-up"
                )
        plan = await _fix(settings, from_ms, to_ms)
        await _create(settings, app_id)
        await _keep(settings, app_id, plan)
    return plan


async def finish(settings: Settings, app_id: str, plan: Plan) -> None:
    """Keep that the replay is done.  Raises UnreachableError."""
    async with answering(settings):
        await _keep(settings, app_id, msgspec.structs.replace(plan, finished=True))


async def _fix(settings: Settings, from_ms: int | None, to_ms: int | None) -> Plan:
    """Offsets by the times of the records, with a margin on both sides.

    An event of a time T comes at T less the skew at the earliest, and at T and the lateness at the
    latest, if it counts; and what was open at T began before.
    """
    definitions = settings.definitions
    margin_ms = definitions.longest_lateness_ms
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=list(settings.bootstrap_servers), **settings.kafka_options
    )
    await consumer.start()
    try:
        tps = {
            (topic, partition): TopicPartition(name, partition)
            for topic, name in settings.topics.items()
            for partition in range(settings.partitions)
        }
        all_tps = list(tps.values())
        first = await consumer.beginning_offsets(all_tps)
        last = await consumer.end_offsets(all_tps)
        begins, ends = first, last
        if from_ms is not None:
            begin_ms = from_ms - max(margin_ms, definitions.future_skew_ms)
            begins = await _at(consumer, begin_ms, first, last)
        if to_ms is not None:
            ends = await _at(consumer, to_ms + margin_ms, first, last)
    finally:
        await consumer.stop()

    def by_topic(found: Mapping[Any, int]) -> dict[str, list[int]]:
        partitions = range(settings.partitions)
        return {t: [found[tps[t, partition]] for partition in partitions] for t in settings.topics}

    ends = {tp: max(begins[tp], end) for tp, end in ends.items()}
    return Plan(
        of=settings.app_id,
        from_ms=from_ms,
        to_ms=to_ms,
        begins=by_topic(begins),
        ends=by_topic(ends),
    )


async def _at(
    consumer: Any, at_ms: int, first: Mapping[Any, int], last: Mapping[Any, int]
) -> dict[Any, int]:
    """The offset of the first record of this time or later; the log's end where there is none."""
    full = {tp: max(0, at_ms) for tp, end in last.items() if end > first[tp]}
    found = await consumer.offsets_for_times(full) if full else {}
    return {
        tp: min(end, found[tp].offset) if found.get(tp) is not None else end
        for tp, end in last.items()
    }


async def _create(settings: Settings, app_id: str) -> None:
    async with admin_of(settings) as admin:
        if await on_embedded(admin):
            raise RefusedError("the demo's broker keeps too little for a replay; use a real Kafka")
        await create_topics(admin, {topic_of(app_id): CHANGELOG}, 1)


async def _keep(settings: Settings, app_id: str, plan: Plan) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=list(settings.bootstrap_servers),
        enable_idempotence=True,
        **settings.kafka_options,
    )
    await producer.start()
    try:
        value = msgspec.json.encode(plan)
        await producer.send_and_wait(topic_of(app_id), value, key=_KEY, partition=0)
    finally:
        await producer.stop()


async def _read(settings: Settings, app_id: str) -> Plan | None:
    found: list[Plan] = []

    def load(batch: Batch) -> None:
        values = (record.value for record in batch.records if record.key == _KEY)
        found.extend(msgspec.json.decode(value, type=Plan) for value in values if value)

    tps = [TopicPartition(topic_of(app_id), 0)]
    servers, options = settings.bootstrap_servers, settings.kafka_options
    await read_to_end(servers, options, tps, load, trimmed=True)
    return found[-1] if found else None
