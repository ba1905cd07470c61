"""All values of an application as Kafka has them now, without an exporter.

It must not know what is asked of them.
"""

from __future__ import annotations

from aiokafka import TopicPartition

from kpi_windows.engine import Record
from kpi_windows.view import View
from streams.changelog import read_to_end, whole
from streams.damage import trusted
from streams.fetches import Batch
from streams.settings import Settings
from streams.topics import Names


async def snapshot(settings: Settings) -> View:
    """Every commit of every partition up to now, and no half one.

    Of other definitions too: who compares two applications may have changed them.
    Raises what `read_to_end` raises, and RefusedError for what can't be a worker's.
    """
    view = View(settings.definitions)
    topic = Names.of(settings).panes
    pending: dict[int, list[Record]] = {p: [] for p in range(settings.partitions)}

    def load(batch: Batch) -> None:
        for commit in whole(batch, pending[batch.partition], at_end=False):
            with trusted(commit.where(topic)):
                view.apply(commit.partition, commit.records, commit.checkpoint)

    tps = [TopicPartition(topic, partition) for partition in pending]
    await read_to_end(settings.bootstrap_servers, settings.kafka_options, tps, load, ours=True)
    return view
