"""A producer at a steady rate that takes next to nothing of the cores: all is made before.

A process of its own. The simulated clickstream, moved to when it will be sent, becomes Kafka's
batches first, compressed; then it prints `sending`, and at the end, or when told to stop, what it
did as JSON.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer

from kpi_windows.keys import partition_of
from tests.bench.pace import Click, clicks
from tests.bench.sizes import CLICKS, PARTITIONS

_TICK_MS = 20
"""Of arrivals, a batch each for every partition, as a producer's linger makes them."""
_TRIED_S = 5
"""So many seconds are made for nothing, to know how long all will take."""
_RESERVE = 1.5

_Tick = tuple[int, list[Any]]
"""When it is due, in ms since the start, and the batch of each partition."""


def made(to: AIOKafkaProducer, told: Iterator[Click], began_ms: int) -> Iterator[_Tick]:
    """Tick by tick, ready to be sent."""
    partitions: dict[bytes, int] = {}
    due_ms, batches = 0, [to.create_batch() for _ in range(PARTITIONS)]
    for arrival_ms, key, front, happened_ms, rest in told:
        if arrival_ms >= due_ms + _TICK_MS:
            yield due_ms + _TICK_MS, _built(batches)
            due_ms, batches = arrival_ms, [to.create_batch() for _ in range(PARTITIONS)]
        partition = partitions.get(key)
        if partition is None:
            partition = partitions[key] = partition_of(key, PARTITIONS)
        value = b"%s%d%s" % (front, began_ms + happened_ms, rest)
        batches[partition].append(timestamp=began_ms + arrival_ms, key=key, value=value)
    yield due_ms + _TICK_MS, _built(batches)


def _built(batches: list[Any]) -> list[Any]:
    """Compressed now; aiokafka would do it while it sends."""
    for batch in batches:
        batch._build()
    return batches


async def send(bootstrap: str, rate: int, seconds: int, visitors: int) -> dict[str, float]:
    """In step with the clock; `behind_s` is by how much it ever fell behind."""
    to = AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type="lz4", max_batch_size=1 << 20
    )
    tried = time.monotonic()
    list(made(to, clicks(rate, visitors, rate * _TRIED_S), 0))
    will_take_s = (time.monotonic() - tried) / _TRIED_S * seconds * _RESERVE + _TRIED_S
    began_ms = time.time_ns() // 1_000_000 + int(will_take_s * 1_000)
    ticks = list(made(to, clicks(rate, visitors, rate * seconds), began_ms))
    await to.start()
    try:
        return await _in_step(to, ticks, began_ms)
    finally:
        await to.stop()


async def _in_step(to: AIOKafkaProducer, ticks: list[_Tick], began_ms: int) -> dict[str, float]:
    ahead_s = began_ms / 1e3 - time.time()
    if ahead_s < 0:
        raise RuntimeError(f"made {-ahead_s:.1f} s later than it should have been sent")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await asyncio.sleep(ahead_s)
    print("sending", flush=True)
    events, behind_s, sent = 0, 0.0, []
    for due_ms, batches in ticks:
        ahead_s = (began_ms + due_ms) / 1e3 - time.time()
        behind_s = max(behind_s, -ahead_s)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(0.0, ahead_s))
        if stop.is_set():
            break
        full = [(place, each) for place, each in enumerate(batches) if each.record_count()]
        sent += await asyncio.gather(
            *(to.send_batch(each, CLICKS, partition=place) for place, each in full)
        )
        events += sum(each.record_count() for _, each in full)
    wall_s = time.time() - began_ms / 1e3
    await asyncio.gather(*sent)
    return {"events": events, "wall_s": wall_s, "behind_s": behind_s}


def main(bootstrap: str, rate: str, seconds: str, visitors: str) -> None:
    did = asyncio.run(send(bootstrap, int(rate), int(seconds), int(visitors)))
    print(json.dumps(did), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
