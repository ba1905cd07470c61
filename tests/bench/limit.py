"""The limit: fetching the clickstream with aiokafka and decoding it as the worker does, no more.

A process of its own; prints what it measured as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from kpi_windows.decoding import AT_ONCE, Rejected, decode


async def measure(bootstrap: str, topic: str, partitions: int, events: int) -> dict[str, float]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=1 << 20,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, partition) for partition in range(partitions)])
        started, started_cpu = time.perf_counter(), time.process_time()
        seen = rejected = 0
        decoding_s = 0.0
        while seen < events:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                began = time.thread_time()
                for first in range(0, len(records), AT_ONCE):
                    some = records[first : first + AT_ONCE]
                    decoded = decode("clickstream", [record.value for record in some])
                    rejected += decoded[0].__class__ is Rejected
                decoding_s += time.thread_time() - began
                seen += len(records)
        assert not rejected
        return {
            "events": seen,
            "wall_s": time.perf_counter() - started,
            "cpu_s": time.process_time() - started_cpu,
            "decode_cpu_s": decoding_s,
        }
    finally:
        await consumer.stop()


if __name__ == "__main__":
    bootstrap, topic, partitions, events = sys.argv[1:]
    print(json.dumps(asyncio.run(measure(bootstrap, topic, int(partitions), int(events)))))
