"""How far a shop's time has come, by the checkpoints of its workers: when something happens now.

It must not know what happens.
"""

from __future__ import annotations

from aiokafka import TopicPartition

from kpi_windows.codec import unpack_checkpoint
from kpi_windows.definitions import HOUR_MS
from streams.changelog import read_to_end
from streams.fetches import Batch
from streams.settings import Settings
from streams.topics import CHECKPOINT, Names, answering


async def now_of(settings: Settings, now_ms: int) -> int:
    """An event of that time comes after all that was accepted, and carries no time too far on.

    Where the shop's time is that of the clock it is the clock's, else that of the newest event.
    Raises UnreachableError.
    """
    tps = [TopicPartition(Names.of(settings).state, p) for p in range(settings.partitions)]
    found: dict[int, bytes] = {}

    def load(batch: Batch) -> None:
        for record in batch.records:
            if record.key == CHECKPOINT and record.value is not None:
                found[batch.partition] = record.value

    async with answering(settings):
        servers, options = settings.bootstrap_servers, settings.kafka_options
        await read_to_end(servers, options, tps, load, trimmed=True)
    newest_ms = 0
    for checkpoint in map(unpack_checkpoint, found.values()):
        newest_ms = max(newest_ms, checkpoint.watermark_ms or 0, *checkpoint.heard_ms.values())
    is_live = not newest_ms or abs(now_ms - newest_ms) < HOUR_MS
    return max(now_ms, newest_ms) if is_live else newest_ms
