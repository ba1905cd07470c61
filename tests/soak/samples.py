"""What is looked at while it runs: memory, descriptors, threads and CPU time of each process, how far
behind the worker is, and how soon events are visible.

It must not know what is too much; `verdict` does.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.bench.fresh import exporters_delays, quantile
from tests.bench.processes import get

Sample = dict[str, float]

_TAKEN = re.compile(r"^kpi_worker_events_total{[^}]*} (\S+)$", re.MULTILINE)
_LAG = re.compile(r"^kpi_worker_lag{[^}]*} (\S+)$", re.MULTILINE)
_KEPT = re.compile(r"^kpi_worker_state_entries{[^}]*} (\S+)$", re.MULTILINE)


def of_process(process: psutil.Process) -> Sample:
    """Megabytes resident, open descriptors, threads, and CPU seconds since its start."""
    with process.oneshot():
        times = process.cpu_times()
        return {
            "rss_mb": process.memory_info().rss / 1e6,
            "descriptors": process.num_fds(),
            "threads": process.num_threads(),
            "cpu_s": times.user + times.system,
        }


def disk_mb(folder: Path) -> float:
    """Of all files in it; one that goes meanwhile counts nothing."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_blocks * 512
        except OSError:
            continue
    return total / 1e6


class Sampler:
    """Takes samples; each has all numbers by `process.what` or `what`."""

    def __init__(
        self, processes: Mapping[str, psutil.Process], worker: str, exporter: str, disk: Path
    ) -> None:
        self._processes = processes
        self._worker = worker
        self._exporter = exporter
        self._disk = disk
        self._began = time.monotonic()
        self._delays: dict[float, float] = {}
        self.samples: list[Sample] = []

    def take(self) -> Sample:
        """One more.  A process that has ended raises psutil.NoSuchProcess."""
        sample: Sample = {"at_s": time.monotonic() - self._began}
        for name, process in self._processes.items():
            sample |= {f"{name}.{what}": value for what, value in of_process(process).items()}
        sample |= self._of_worker() | self._of_exporter()
        sample["disk_mb"] = disk_mb(self._disk)
        self.samples.append(sample)
        return sample

    def _of_worker(self) -> Sample:
        page = get(self._worker)
        found: dict[str, re.Pattern[str]] = {"events": _TAKEN, "lag": _LAG, "entries": _KEPT}
        return {name: sum(map(float, pattern.findall(page))) for name, pattern in found.items()}

    def _of_exporter(self) -> Sample:
        asked = time.monotonic()
        page = get(self._exporter)
        took_s = time.monotonic() - asked
        before, self._delays = self._delays, exporters_delays(page)
        series = sum(1 for line in page.splitlines() if line and not line.startswith("#"))
        sample: dict[str, Any] = {"scrape_s": took_s, "series": series}
        if before and self._delays != before:
            for name, share in (("delay_p50_s", 0.5), ("delay_p99_s", 0.99)):
                sample[name] = quantile(before, self._delays, share)
        return sample
