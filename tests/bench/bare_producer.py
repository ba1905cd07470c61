"""The limit of the intake: the same events straight into the same producer, without HTTP or checks.

A process of its own; prints what it measured as JSON.
"""

from __future__ import annotations

import json
import sys
import time

from tests.bench import posts
from tests.bench.clickstream import producer


def measure(bootstrap: str, topic: str, events: int) -> dict[str, float]:
    to = producer(
        bootstrap, **{"enable.idempotence": True, "acks": "all", "linger.ms": 5, "log_level": 0}
    )
    bodies = [(posts.visitor(n).encode(), posts.body(n, 1)) for n in range(events)]
    written = 0

    def delivered(error: object, _message: object) -> None:
        nonlocal written
        written += error is None

    to.list_topics(topic, timeout=10)
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    for key, value in bodies:
        to.produce(topic, value, key, on_delivery=delivered)
        to.poll(0)
    to.flush(60)
    assert written == events
    return {
        "events": events,
        "wall_s": time.perf_counter() - started_s,
        "cpu_s": time.process_time() - started_cpu_s,
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
