"""What posts to the intake cost beside its bare producer: one event a post, and a hundred.

The client is in this process, and isn't counted; on a machine of two cores it takes one of them,
so that only what a CPU second does compares.
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from tests.bench.processes import Kpi, cpu_s, measured
from tests.bench.sizes import CLICKS
from tests.streams.receiver.load import Load

MANY = 100
_TOKEN = "token-of-the-bench"
_WARM_UP = 200
_TICK_S = 0.01  # CPU time is told in ticks; what took less than one took at most one


def visitor(number: int) -> str:
    return f"visitor-{number % 5_000}"


def body(number: int, events: int) -> bytes:
    """A post of so many clicks, the first of which has this number."""
    now_ms = time.time_ns() // 1_000_000
    told = [
        {
            "type": "page_viewed",
            "timestamp": now_ms,
            "event_id": f"{events}-{each}",
            "visitor_id": visitor(each),
            "page": f"/products/{each % 100}",
            "source": "newsletter",
            "device": "mobile",
        }
        for each in range(number, number + events)
    ]
    return json.dumps(told[0] if events == 1 else told).encode()


def measure(bootstrap: str, folder: Path, count: int) -> dict[str, Any]:
    """So many posts of one event, as many events in posts of a hundred, and bare."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "bootstrap_servers": bootstrap,
        "intake_tokens": _TOKEN,
        "intake_port": "0",
        "intake_rate": "1000000",
        "intake_burst": "10000000",
    }
    many = max(MANY, count // MANY * MANY)
    with Kpi("intake", folder=folder, settings=settings) as intake:
        url = intake.url()
        _post(intake, url, [body(n, 1) for n in range(-_WARM_UP, 0)], 1)
        one = _post(intake, url, [body(n, 1) for n in range(count)], 1)
        hundred = _post(intake, url, [body(n, MANY) for n in range(0, many, MANY)], MANY)
    bare = measured("tests.bench.bare_producer", bootstrap, CLICKS, count)
    per_cpu_s = bare["events"] / bare["cpu_s"]
    return {
        "one": one,
        "hundred": hundred,
        "bare": bare,
        "one_ratio": one["events"] / one["cpu_s"] / per_cpu_s,
        "hundred_ratio": hundred["events"] / hundred["cpu_s"] / per_cpu_s,
    }


def _post(intake: Kpi, url: str, bodies: list[bytes], events: int) -> dict[str, float]:
    load = Load(url, _TOKEN, bodies, connections=64, topic=CLICKS)
    before_s, started_s = cpu_s(intake.processes()), time.perf_counter()
    asyncio.run(load.run())
    wall_s = time.perf_counter() - started_s
    assert load.statuses == {200: len(bodies)}, load.statuses
    return {
        "posts": len(bodies),
        "events": len(bodies) * events,
        "wall_s": wall_s,
        "cpu_s": max(_TICK_S, cpu_s(intake.processes()) - before_s),
    }
