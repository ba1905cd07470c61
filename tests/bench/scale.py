"""`make bench-scale`: how speed, memory, restore and delay grow; see docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from kpi_windows.definitions import MINUTE_MS
from streams.simulator import Message
from tests.bench import clickstream, fresh, report, worker
from tests.bench.processes import REPOSITORY, Kpi, Progress, cpu_s, measured, memory_mb, until
from tests.bench.sizes import CLICKS, OTHERS, PARTITIONS, START_MS, UNHURRIED, Sizes
from tests.kafka.broker import KafkaBroker, why_not

_SIZES = Sizes(visitors=50_000, events=600_000, events_per_second=160.0)
_QUICK = replace(
    _SIZES, visitors=5_000, events=60_000, events_per_second=16.0, fresh_seconds=8,
    fresh_warm_up_seconds=5, fresh_visitors=20_000,
)  # fmt: skip
_SHARES = (0.1, 0.5, 0.9)
_BACKLOG = 1_200_000
"""Clicks by which it is found what a worker takes live."""
_REST_S = 10.0
_ACTIVE = 10_000
"""Of the known visitors so many have a visit at hand."""


def say(words: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {words}", file=sys.stderr, flush=True)


def pour(bootstrap: str, messages: Iterable[Message], end_ms: int, partitions: int) -> None:
    """Clicks, and clocks in all other inputs, so that time follows the clicks."""
    to = clickstream.producer(bootstrap)
    clickstream.clocks(to, OTHERS, end_ms, partitions)
    for message in messages:
        clickstream.produce(to, CLICKS, message.key, message.value, message.arrival_ms)
    assert to.flush(60) == 0


def once(visitors: int) -> Iterator[Message]:
    """A page view of each of so many visitors, within ten minutes."""
    for number in range(visitors):
        at_ms = START_MS + number * 10 * MINUTE_MS // visitors
        visitor = f"visitor-{number}"
        event = {"type": "page_viewed", "timestamp": at_ms, "visitor_id": visitor, "page": "/"}
        yield Message(CLICKS, visitor.encode(), json.dumps(event).encode(), at_ms, at_ms)


def work(
    broker: KafkaBroker,
    folder: Path,
    messages: Sequence[Message] | int,
    partitions: int,
    workers: int,
) -> dict[str, float]:
    """All of it through so many workers, which hold their partitions before the first event.

    A number is that of visitors who come `once`, and whose visits have ended.
    """
    app_id = f"scale-{partitions}-{workers}"
    broker.create_topics([CLICKS, *OTHERS], partitions=partitions)
    settings = worker.settings_of(broker.bootstrap, app_id, partitions)
    with ExitStack() as stack:
        kpis = []
        for number in range(workers):
            own = folder / f"{app_id}-{number}"
            own.mkdir()
            kpi = Kpi("worker", "--create-topics", folder=own, settings=settings)
            kpis.append(stack.enter_context(kpi))
            until("it begins", lambda each=kpi: each.said(worker.RESTORED), 90)
        processes = [each for kpi in kpis for each in kpi.processes()]
        began, began_cpu = time.perf_counter(), cpu_s(processes)
        time.sleep(_REST_S)
        rest_cores = (cpu_s(processes) - began_cpu) / (time.perf_counter() - began)
        rest_mb = memory_mb(kpis[0].processes()[-1])[0]
        began, began_cpu = time.perf_counter(), cpu_s(processes)
        if isinstance(messages, int):
            events = messages
            pour(broker.bootstrap, once(events), START_MS + 10 * MINUTE_MS, partitions)
            to = clickstream.producer(broker.bootstrap)
            clickstream.clocks(to, (CLICKS, *OTHERS), START_MS + 120 * MINUTE_MS, partitions)
            assert to.flush(60) == 0
        else:
            events = len(messages)
            pour(broker.bootstrap, messages, messages[-1].arrival_ms, partitions)
        ends = clickstream.ends(broker.bootstrap, CLICKS, partitions)
        progress = Progress(broker.bootstrap, app_id, CLICKS)
        until("all is committed", lambda: progress.has(ends), 900)
        wall_s = time.perf_counter() - began
        used_s = cpu_s(processes) - began_cpu
        peaks = [memory_mb(kpi.processes()[-1])[1] for kpi in kpis]
    found = measured("tests.bench.restoring", broker.bootstrap, app_id, partitions)
    return {
        "partitions": partitions,
        "workers": workers,
        "rest_cores": rest_cores,
        "rest_mb_each": rest_mb,
        "events_per_second": events / wall_s,
        "events_per_cpu_second": events / used_s,
        "rss_mb_each": max(peaks),
        "visitors": found["visitors"],
        "records": found["records"],
        "restore_s": found["wall_s"],
    }


def speeds(
    sizes: Sizes, counts: Sequence[int], visitors: Sequence[int], folder: Path
) -> list[dict[str, float]]:
    """Over one and two workers, then over partitions with one, then over visitors who come once."""
    rate = sizes.events_per_second
    messages = list(islice(clickstream.clicks(sizes, rate), sizes.events))
    told = []
    for partitions, workers in ((counts[0], 1), (counts[0], 2), *((c, 1) for c in counts[1:])):
        say(f"{partitions} partitions, {workers} worker(s)")
        with KafkaBroker(extra_properties=UNHURRIED) as broker:
            told.append(work(broker, folder, messages, partitions, workers))
    for number in visitors:
        say(f"{number:,} visitors, once each")
        with KafkaBroker(extra_properties=UNHURRIED) as broker:
            (folder / str(number)).mkdir()
            told.append(work(broker, folder / str(number), number, counts[0], 1))
    return told


def delays(sizes: Sizes, most: float, folder: Path) -> list[dict[str, Any]]:
    """From event to value at shares of the maximum; producer, exporter and probe run here too."""
    told = []
    for share in _SHARES:
        rate = int(most * share)
        say(f"delay at {rate:,} events a second, {share:.0%} of the most")
        with KafkaBroker(extra_properties=UNHURRIED) as broker:
            paced = replace(sizes, fresh_rate=rate, fresh_workers=1)
            found = fresh.measure(broker.bootstrap, paced, folder / f"fresh-{rate}")
        told.append({"share": share, "rate": rate, **found})
    return told


def table(result: dict[str, Any]) -> str:
    """The run on one screen."""
    lines = [
        (
            f"{'partitions':>10}{'workers':>9}{'at rest: cores':>16}{'RSS MB':>8}{'events/s':>12}"
            f"{'per CPU s':>12}{'RSS MB':>10}{'visitors':>11}{'records':>11}{'restore s':>11}"
        )
    ]
    lines += [
        f"{each['partitions']:>10}{each['workers']:>9}{each['rest_cores']:>16.3f}"
        f"{each['rest_mb_each']:>8,.0f}{each['events_per_second']:>12,.0f}"
        f"{each['events_per_cpu_second']:>12,.0f}{each['rss_mb_each']:>10,.0f}"
        f"{each['visitors']:>11,}{each['records']:>11,}{each['restore_s']:>11.1f}"
        for each in result["speeds"]
    ]
    lines += ["", f"{'known visitors':>14}{'bytes each':>12}{'RSS MB':>9}{'load, CPU s':>13}"]
    lines += [
        f"{each['visitors']:>14,}{each['state_bytes_each']:>12,.0f}{each['rss_mb']:>9,.0f}"
        f"{each['load_cpu_s']:>13.1f}"
        for each in result["known"]
    ]
    lines += ["", f"{'of the most':>14}{'events/s':>12}{'median s':>10}{'p99 s':>8}"]
    lines += [
        f"{each['share']:>14.0%}{each['events_per_second']:>12,.0f}"
        f"{each['probe_median_s']:>10.2f}{each['probe_p99_s']:>8.2f}"
        for each in result["delays"]
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-scale", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small and short: does it run?")
    parser.add_argument("--most-visitors", type=int, default=1_000_000, help="10 million need 7 GB")
    parser.add_argument("--json", type=Path, default=REPOSITORY / "build" / "bench-scale.json")
    told = parser.parse_args()
    missing = why_not()
    if missing:
        sys.exit(missing)
    sizes = _QUICK if told.quick else _SIZES
    counts = (2, 4) if told.quick else (PARTITIONS, 16, 64)
    known = (1_000, 10_000) if told.quick else (100_000, told.most_visitors)
    with tempfile.TemporaryDirectory(prefix="kpi-scale-") as folder:
        result: dict[str, Any] = {"machine": report.machine()}
        say("known visitors")
        result["known"] = [
            measured("tests.bench.known", visitors, PARTITIONS, min(visitors, _ACTIVE))
            for visitors in known
        ]
        result["speeds"] = speeds(sizes, counts, known, Path(folder))
        say("what one worker takes live")
        most = worker.maximum(Path(folder), sizes.events if told.quick else _BACKLOG)
        result["maximum"] = most
        result["delays"] = delays(sizes, most, Path(folder))
    report.write(told.json, result)
    print(table(result))
    say(f"all numbers: {told.json}")


if __name__ == "__main__":
    main()
