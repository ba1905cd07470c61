"""Freshness: how long after it was sent an event is visible on the exporter's /metrics.

While a producer in a process of its own sends so many events a second, marked visits are sent
from here, one partition after the other, and their metric is read again and again until it counts
them. Prometheus' part is played, too: all of /metrics, each five seconds. What the exporter says of
itself over the same time stands beside it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from kpi_windows.keys import partition_of
from tests.bench.clickstream import producer
from tests.bench.processes import REPOSITORY, Kpi, cpu_s, get, until
from tests.bench.sizes import CLICKS, PARTITIONS, Sizes
from tests.bench.worker import RESTORED, settings_of

_SEND_EACH_S = 0.2
_LOOK_EACH_S = 0.2
_SCRAPE_EACH_S = 5.0
_GIVE_UP_S = 60.0


def marked_visits(page: str, partition: int) -> int:
    """How many marked visits of a partition are visible."""
    found = re.search(
        rf'^kpi_visits_by_source{{(?=[^}}]*source="probe-{partition}")(?=[^}}]*window="1h")[^}}]*}} (\S+)$',
        page,
        re.MULTILINE,
    )
    return int(float(found[1])) if found else 0


class Marks:
    """Sends marked visits: visitors of their own, from a source that names their partition."""

    def __init__(self, bootstrap: str, topic: str = CLICKS) -> None:
        self._topic = topic
        self._to = producer(bootstrap, **{"linger.ms": 0})
        self._numbers = count()
        self.sent: dict[int, list[float]] = {partition: [] for partition in range(PARTITIONS)}

    def send(self, partition: int) -> None:
        """One visit, in that partition."""
        visitor = next(
            key
            for key in (f"probe-{number}" for number in self._numbers)
            if partition_of(key.encode(), PARTITIONS) == partition
        )
        event = {
            "type": "page_viewed",
            "timestamp": time.time_ns() // 1_000_000,
            "visitor_id": visitor,
            "source": f"probe-{partition}",
            "page": "/",
        }
        self.sent[partition].append(time.monotonic())
        self._to.produce(self._topic, json.dumps(event).encode(), visitor.encode())
        self._to.poll(0)

    def flush(self) -> None:
        assert self._to.flush(10) == 0


class Probe:
    """Sends marks in one thread, scrapes in another, and notes here when /metrics shows them."""

    def __init__(self, bootstrap: str, url: str) -> None:
        self._marks = Marks(bootstrap)
        self._url = url
        self._closing = threading.Event()
        self.delays_s: list[float] = []
        self.scrape_s: list[float] = []

    def run(self, seconds: float) -> None:
        """Blocks until the last mark is visible."""
        others = [threading.Thread(target=f, daemon=True) for f in (self._send, self._scrape)]
        for thread in others:
            thread.start()
        ends = time.monotonic() + seconds
        shown = dict.fromkeys(range(PARTITIONS), 0)
        while time.monotonic() < ends or self._waiting(shown):
            if time.monotonic() > ends:
                self._closing.set()
            if time.monotonic() > ends + _GIVE_UP_S:
                raise TimeoutError(f"{self._waiting(shown)} marked visits never became visible")
            page = get(f"{self._url}?name[]=kpi_visits_by_source")
            now = time.monotonic()
            for partition, before in shown.items():
                visible = marked_visits(page, partition)
                sent = self._marks.sent[partition]
                self.delays_s += [now - at for at in sent[before:visible]]
                shown[partition] = max(before, visible)
            time.sleep(_LOOK_EACH_S)
        for thread in others:
            thread.join()

    def _waiting(self, shown: dict[int, int]) -> int:
        return sum(len(sent) - shown[p] for p, sent in self._marks.sent.items())

    def _scrape(self) -> None:
        while not self._closing.wait(_SCRAPE_EACH_S):
            asked = time.monotonic()
            get(self._url)
            self.scrape_s.append(time.monotonic() - asked)

    def _send(self) -> None:
        for number in count():
            if self._closing.wait(_SEND_EACH_S):
                return
            self._marks.send(number % PARTITIONS)


def exporters_delays(page: str) -> dict[float, float]:
    """The exporter's histogram: events visible within so many seconds."""
    found = re.findall(
        r'^kpi_processor_visible_delay_seconds_bucket{le="([^"]+)"} (\S+)$', page, re.MULTILINE
    )
    return {float(bound): float(events) for bound, events in found}


def quantile(before: dict[float, float], after: dict[float, float], share: float) -> float:
    """Within its bucket in a straight line, as Prometheus' histogram_quantile."""
    counts = {bound: events - before.get(bound, 0.0) for bound, events in after.items()}
    wanted = share * max(counts.values(), default=0.0)
    low_s = low = 0.0
    for bound, events in sorted(counts.items()):
        if events >= wanted and events > low:
            return (
                bound
                if bound == float("inf")
                else low_s + (bound - low_s) * (wanted - low) / (events - low)
            )
        low_s, low = bound, events
    return float("nan")


def measure(bootstrap: str, sizes: Sizes, folder: Path) -> dict[str, Any]:
    """Workers, exporter and a producer at the wanted rate on a broker with nothing else to do."""
    folder.mkdir()
    settings = settings_of(bootstrap, "fresh")
    seconds = sizes.fresh_warm_up_seconds + sizes.fresh_seconds + 15
    with ExitStack() as stack:
        workers = []
        for number in range(sizes.fresh_workers):
            own = folder / f"worker-{number}"
            own.mkdir()
            worker = Kpi("worker", "--create-topics", folder=own, settings=settings)
            workers.append(stack.enter_context(worker))
            _await_partitions(worker)
        exporter = stack.enter_context(Kpi("exporter", folder=folder, settings=settings))
        url = exporter.url() + "/metrics"
        clicks = stack.enter_context(_clicks(bootstrap, sizes, seconds))
        assert clicks.stdout is not None
        assert clicks.stdout.readline().strip() == "sending"
        time.sleep(sizes.fresh_warm_up_seconds)  # what is measured is the steady state
        processes = [each for kpi in (*workers, exporter) for each in kpi.processes()]
        before = exporters_delays(get(url))
        began, began_cpu = time.monotonic(), cpu_s(processes)
        probe = Probe(bootstrap, url)
        probe.run(sizes.fresh_seconds)
        page = get(url)
        wall_s, used_s = time.monotonic() - began, cpu_s(processes) - began_cpu
        clicks.terminate()
        told = json.loads(clicks.stdout.read().strip().splitlines()[-1])
    after = exporters_delays(page)
    ordered = sorted(probe.delays_s)
    return {
        "workers": len(workers),
        "events_per_second": told["events"] / told["wall_s"],
        "most_behind_s": told["behind_s"],
        "cores_of_workers_and_exporter": used_s / wall_s,
        "probes": len(ordered),
        "probe_median_s": ordered[len(ordered) // 2],
        "probe_p99_s": ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))],
        "probe_max_s": ordered[-1],
        "exporter_median_s": quantile(before, after, 0.5),
        "exporter_p99_s": quantile(before, after, 0.99),
        "scrape_median_s": sorted(probe.scrape_s)[len(probe.scrape_s) // 2],
        "scrape_max_s": max(probe.scrape_s),
    }


def _await_partitions(worker: Kpi) -> None:
    """Those that began before it have given some up then."""
    until("a worker begins", lambda: worker.said(RESTORED), 60)


@contextmanager
def _clicks(bootstrap: str, sizes: Sizes, seconds: int) -> Iterator[subprocess.Popen[str]]:
    told = bootstrap, sizes.fresh_rate, seconds, sizes.fresh_visitors
    command = [sys.executable, "-m", "tests.bench.prepared", *map(str, told)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as clicks:
        try:
            yield clicks
        finally:
            clicks.kill()
