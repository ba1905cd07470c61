"""Plain Faust: its stock transport and one write to a tumbling windowed table for each event.

A process of its own; prints what it measured, from the first event to the last, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta
from typing import Any

import faust


def build(
    app_id: str, bootstrap: str, topic: str, partitions: int, events: int, folder: str
) -> faust.App:
    app = faust.App(
        app_id,
        datadir=folder,
        broker=f"kafka://{bootstrap}",
        topic_partitions=partitions,
        web_enabled=False,
        autodiscover=False,
    )
    clicks = app.Table("clicks", default=int, partitions=partitions).tumbling(timedelta(hours=1))
    source = app.topic(topic, key_type=bytes, value_serializer="json")
    seen = 0
    started = (0.0, 0.0)

    @app.agent(source)
    async def count(stream: Any) -> None:
        nonlocal seen, started
        async for event in stream:
            clicks[event["visitor_id"]] += 1
            seen += 1
            if seen == 1:
                started = (time.perf_counter(), time.process_time())
            elif seen == events:
                _tell(seen - 1, *started)

    return app


def _tell(events: int, started: float, started_cpu: float) -> None:
    measured = {
        "events": events,
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - started_cpu,
    }
    os.write(1, f"\n{json.dumps(measured)}\n".encode())  # Faust takes print() for itself
    os._exit(0)


if __name__ == "__main__":
    app_id, bootstrap, topic, partitions, events, folder = sys.argv[1:]
    app = build(app_id, bootstrap, topic, int(partitions), int(events), folder)
    faust.Worker(app, loglevel="ERROR", quiet=True).execute_from_commandline()
