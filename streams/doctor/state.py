"""Whether the state is there that the group's offsets say was committed, and can be read as ours."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from kpi_windows.codec import FORMAT, Checkpoint
from streams.damage import words
from streams.doctor.findings import BAD, Finding
from streams.settings import Settings
from streams.topics import FORWARDED, Names
from streams.transport import Offsets

DAMAGED = "docs/how-to/damage.md says what this means, and how the state is made anew"


async def lost(settings: Settings, names: Names, known: Collection[int]) -> list[Finding]:
    """State that isn't there any more; `known` are the partitions whose panes have a checkpoint.

    Raises what Kafka's clients raise.
    """
    inputs, changelogs = await _offsets(settings, names)
    committed = {partition for (_, partition), at in inputs.items() if at.group}
    found = []
    for partition in sorted(committed):
        gone = [names.panes] if partition not in known else []
        if changelogs[names.state, partition].end == 0:
            gone.append(names.state)
        cut = [t for t in (names.state, names.panes) if changelogs[t, partition].begin > 0]
        if gone or cut:
            found.append(f"partition {partition}: {' and '.join(gone or cut)}")
    if not found:
        return []
    told = {
        f"{names.inputs[topic]}-{partition}": at
        for (topic, partition), at in inputs.items()
        if topic != FORWARDED
    }
    what = f"state is lost, what was committed isn't all there: {'; '.join(found)}"
    return [Finding(BAD, what, words(settings.app_id, told))]


async def _offsets(
    settings: Settings, names: Names
) -> tuple[dict[tuple[str, int], Offsets], dict[tuple[str, int], Offsets]]:
    """Of the inputs by logical topic, and of the changelogs, each by partition."""
    servers, options = list(settings.bootstrap_servers), settings.kafka_options
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=servers, **options)
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=servers, **options)
    try:
        await admin.start()
        await consumer.start()
        group: Mapping[Any, Any] = await admin.list_consumer_group_offsets(settings.app_id)
        topics = {**names.inputs, names.state: names.state, names.panes: names.panes}
        tps = {
            (topic, partition): TopicPartition(name, partition)
            for topic, name in topics.items()
            for partition in range(settings.partitions)
        }
        begins = await consumer.beginning_offsets(list(tps.values()))
        ends = await consumer.end_offsets(list(tps.values()))
    finally:
        await consumer.stop()
        await admin.close()
    known = {
        place: Offsets(begins[tp], ends[tp], group[tp].offset if tp in group else None)
        for place, tp in tps.items()
    }
    return (
        {place: at for place, at in known.items() if place[0] in names.inputs},
        {place: at for place, at in known.items() if place[0] not in names.inputs},
    )


def unfit(settings: Settings, last: Mapping[int, Checkpoint]) -> Iterator[Finding]:
    """State of another format, or of another number of partitions."""
    for partition, checkpoint in last.items():
        if checkpoint.format != FORMAT:
            yield Finding(
                BAD,
                f"the state of partition {partition} has format {checkpoint.format}, this version "
                f"reads {FORMAT}",
                "run the version that wrote it; docs/how-to/upgrade.md",
            )
            return
        if checkpoint.partitions not in (0, settings.partitions):
            yield Finding(
                BAD,
                f"the state was made with {checkpoint.partitions} partitions, and `partitions` is "
                f"{settings.partitions}",
                DAMAGED,
            )
            return
