"""This worker: the real `kpi worker`, from the restored state to the last commit."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench import clickstream
from tests.bench.processes import KPI, Kpi, Progress, cpu_s, get, memory_mb, until
from tests.bench.sizes import CLICKS, PARTITIONS, UNHURRIED, Sizes
from tests.kafka.broker import KafkaBroker

RESTORED = r"partition (\d+): restored, (\d+) records in ([\d.]+) s"
LIVE = 0.3
"""Of what a worker takes from a backlog, where several events of a visitor come at once: of 63,000 a
second 19,000, where 17,000 lasted and 20,000 did not (docs/benchmarks.md)."""
_TOLD = ("batches_total", "commit_seconds_count", "commit_seconds_sum", "records_written_total")


def settings_of(bootstrap: str, app_id: str, partitions: int = PARTITIONS) -> dict[str, str]:
    """As environment variables; else as a shop would run it."""
    return {
        "bootstrap_servers": bootstrap,
        "app_id": app_id,
        "partitions": str(partitions),
        "worker_port": "0",
        "exporter_port": "0",
    }


class Start:
    """Notes when, and at which CPU time, the worker began to take events in."""

    def __init__(self) -> None:
        self.at: tuple[float, float] | None = None
        self.kpi: Kpi | None = None

    def line(self, line: str) -> None:
        if self.at is None and self.kpi is not None and re.search(RESTORED, line):
            self.at = (time.perf_counter(), cpu_s(self.kpi.processes()))


def measure(
    bootstrap: str,
    app_id: str,
    folder: Path,
    ends: Mapping[int, int],
    command: tuple[str, ...] = KPI,
    *more: str,
) -> dict[str, float]:
    """Processes all of the clickstream under a new app id."""
    folder.mkdir()
    start = Start()
    progress = Progress(bootstrap, app_id, CLICKS)
    with Kpi(
        "worker",
        "--create-topics",
        *more,
        folder=folder,
        settings=settings_of(bootstrap, app_id),
        command=command,
        on_line=start.line,
    ) as kpi:
        start.kpi = kpi
        until("the worker begins", lambda: kpi.said(RESTORED) and start.at, 60)
        assert start.at is not None
        until("all is committed", lambda: kpi.runs() and progress.has(ends), 900)
        ended, ended_cpu = time.perf_counter(), cpu_s(kpi.processes())
        rss_mb, peak_mb = memory_mb(kpi.processes()[-1])
        own = _own_metrics(get(kpi.url() + "/metrics"))
    return {
        "events": sum(ends.values()),
        "wall_s": ended - start.at[0],
        "cpu_s": ended_cpu - start.at[1],
        "start_cpu_s": start.at[1],
        "rss_mb": rss_mb,
        "rss_peak_mb": peak_mb,
        **own,
    }


def maximum(folder: Path, events: int) -> float:
    """Events a second that a worker takes live, by what it takes from a backlog."""
    sizes = Sizes(events=events, visitors=events // 12, plain_events=0)
    with KafkaBroker(extra_properties=UNHURRIED) as broker:
        clickstream.fill(broker, sizes)
        ends = clickstream.ends(broker.bootstrap, CLICKS)
        found = measure(broker.bootstrap, "maximum", folder / "maximum", ends)
    return LIVE * found["events"] / found["wall_s"]


def _own_metrics(page: str) -> dict[str, float]:
    """The worker's own counters, summed over the partitions."""
    told = {}
    for name in _TOLD:
        values = re.findall(rf"^kpi_worker_{name}{{[^}}]*}} (\S+)$", page, re.MULTILINE)
        told[name.removesuffix("_total")] = sum(map(float, values))
    entries = re.findall(
        r'^kpi_worker_state_entries{[^}]*what="visitors"[^}]*} (\S+)$', page, re.MULTILINE
    )
    return told | {"visitors": sum(map(float, entries))}


def restored(bootstrap: str, app_id: str, folder: Path) -> dict[str, float]:
    """The real worker once more, with its state read back: how it says that went."""
    folder.mkdir()
    with Kpi("worker", folder=folder, settings=settings_of(bootstrap, app_id)) as kpi:
        until("all partitions are back", lambda: len(_restores(kpi)) == PARTITIONS, 120)
        rss_mb, peak_mb = memory_mb(kpi.processes()[-1])
        restores = _restores(kpi)
    return {
        "records": sum(records for records, _ in restores),
        "slowest_s": max(seconds for _, seconds in restores),
        "rss_mb": rss_mb,
        "rss_peak_mb": peak_mb,
    }


def _restores(kpi: Kpi) -> list[tuple[int, float]]:
    kpi.runs()
    found = (re.search(RESTORED, line) for line in kpi.lines)
    return [(int(each[2]), float(each[3])) for each in found if each]
