"""The processes that are measured: how they are started, read and ended."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

REPOSITORY = Path(__file__).parents[2]
KPI = (sys.executable, "-m", "streams.cli")


def until(what: str, true: Callable[[], Any], within_s: float, each_s: float = 0.05) -> Any:
    """Polls until `true()` is; fails with `what`."""
    deadline = time.monotonic() + within_s
    while not (result := true()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:g} s: {what}")
        time.sleep(each_s)
    return result


def measured(module: str, *arguments: object, within_s: float = 900) -> dict[str, Any]:
    """Runs a module in a process of its own and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    told = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not told:
        raise RuntimeError(
            f"{module} ended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-4000:]}"
        )
    return json.loads(told[-1])


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """User and system time of all of them."""
    total = 0.0
    for process in processes:
        times = process.cpu_times()
        total += times.user + times.system
    return total


class Kpi:
    """A `kpi` command that runs until it is stopped; its log is read line by line."""

    def __init__(
        self,
        *arguments: str,
        folder: Path,
        settings: Mapping[str, str],
        command: Sequence[str] = KPI,
        on_line: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.log = folder / f"{arguments[0]}.log"
        self.lines: list[str] = []
        self._on_line = on_line
        told = {f"KPI_{name.upper()}": value for name, value in settings.items()}
        self._process = subprocess.Popen(
            [*command, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **told},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Kpi:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        children = self.processes()
        self._process.terminate()
        try:
            self._process.wait(40)
        except subprocess.TimeoutExpired:
            self._process.kill()
            for child in children[1:]:
                child.kill()
        self._process.wait()
        self._reader.join(5)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self.log.open("a") as log:
            for line in self._process.stdout:
                log.write(line)
                log.flush()
                self.lines.append(line)
                self._on_line(line)

    def processes(self) -> list[psutil.Process]:
        """The command itself, and the child that it supervises."""
        try:
            own = psutil.Process(self._process.pid)
            return [own, *own.children()]
        except psutil.NoSuchProcess:
            return []

    def runs(self) -> bool:
        """True; raises when the command has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"it ended with {self._process.returncode}:\n{self.tail()}")
        return True

    def said(self, pattern: str) -> re.Match[str] | None:
        """The first line of the log with it."""
        self.runs()
        return next((found for line in self.lines if (found := re.search(pattern, line))), None)

    def tail(self) -> str:
        """What it said last."""
        return "".join(self.lines[-30:])

    def url(self, within_s: float = 60) -> str:
        """Where its metrics are."""
        found = until("it serves metrics", lambda: self.said(r"(http://\S+)/metrics"), within_s)
        return str(found[1])


def memory_mb(process: psutil.Process) -> tuple[float, float]:
    """Resident memory now, and the most that it ever was (Linux; elsewhere the same again)."""
    now = process.memory_info().rss / 1e6
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return now, now
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    return now, int(found[1]) * 1024 / 1e6 if found else now


def get(url: str, within_s: float = 30) -> str:
    """A page of the exporter's or a worker's."""
    with urllib.request.urlopen(url, timeout=within_s) as answer:
        return answer.read().decode()


class Progress:
    """What a group has committed of a topic."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._group = group
        self._topic = topic

    def committed(self) -> dict[int, int]:
        """By partition; missing where nothing was committed yet."""
        asked = [ConsumerGroupTopicPartitions(self._group)]
        told = self._admin.list_consumer_group_offsets(asked)[self._group].result(10)
        return {
            each.partition: each.offset
            for each in told.topic_partitions or ()
            if each.topic == self._topic and each.offset >= 0
        }

    def has(self, ends: Mapping[int, int]) -> bool:
        """True when all of the topic is committed."""
        at = self.committed()
        return all(at.get(partition, 0) >= end for partition, end in ends.items())
