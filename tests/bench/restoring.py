"""Restore: the worker's own code fences, reads both changelogs and loads them into shards.

A process of its own, all partitions at once as in a worker; prints what it measured as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from kpi_windows.engine import Shard
from streams.config import load
from streams.restore import Restorer
from streams.topics import Names
from streams.transport import Offsets


async def measure(bootstrap: str, app_id: str, partitions: int) -> dict[str, float]:
    settings = load(
        environ={
            "KPI_BOOTSTRAP_SERVERS": bootstrap,
            "KPI_APP_ID": app_id,
            "KPI_PARTITIONS": str(partitions),
        }
    )
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=app_id, enable_auto_commit=False
    )
    await consumer.start()

    async def offsets(tps: list[TopicPartition]) -> dict[TopicPartition, Offsets]:
        ends = await consumer.end_offsets(tps)
        groups = await asyncio.gather(*map(consumer.committed, tps))
        return {tp: Offsets(0, ends[tp], of) for tp, of in zip(tps, groups, strict=True)}

    def shard(partition: int, of: int) -> Shard:
        return Shard(settings.definitions, partition, of)

    names = Names.of(settings)
    # a worker's consumer has long found its group's coordinator
    await offsets([TopicPartition(name, 0) for name in names.inputs.values()])
    restorer = Restorer(settings, names, shard, offsets, settings.kafka_options)
    started, started_cpu = time.perf_counter(), time.process_time()
    held = await asyncio.gather(*(restorer.restore(p) for p in range(partitions)))
    wall_s, used_s = time.perf_counter() - started, time.process_time() - started_cpu
    for each in held:
        await each.writer.close()
    await consumer.stop()
    return {
        "records": sum(each.stats.restore_records for each in held),
        "visitors": sum(each.shard.sizes()["visitors"] for each in held),
        "wall_s": wall_s,
        "cpu_s": used_s,
    }


if __name__ == "__main__":
    bootstrap, app_id, partitions = sys.argv[1:]
    print(json.dumps(asyncio.run(measure(bootstrap, app_id, int(partitions)))))
