"""The last checkpoint of each partition, as the panes' changelog has it: how far a state has come.

It must not know what is done with it.
"""

from __future__ import annotations

from typing import NamedTuple

from aiokafka import TopicPartition

from kpi_windows.codec import CHECKPOINT, Checkpoint, unpack_checkpoint
from streams.changelog import read_to_end
from streams.fetches import Batch
from streams.settings import Settings
from streams.topics import Names, is_embedded


class Stood(NamedTuple):
    """A checkpoint, and when it was written."""

    checkpoint: Checkpoint
    written_ms: int


async def last_checkpoints(settings: Settings) -> dict[int, Stood]:
    """By partition; one in which nothing was committed yet is left out.

    Raises what `read_to_end` raises.
    """
    last: dict[int, Stood] = {}

    def load(batch: Batch) -> None:
        for record in batch.records:
            if record.key == CHECKPOINT and record.value is not None:
                last[batch.partition] = Stood(unpack_checkpoint(record.value), record.timestamp_ms)

    panes = Names.of(settings).panes
    tps = [TopicPartition(panes, partition) for partition in range(settings.partitions)]
    servers, options = settings.bootstrap_servers, settings.kafka_options
    embedded = await is_embedded(settings)
    await read_to_end(servers, options, tps, load, trimmed=embedded, ours=True)
    return last
