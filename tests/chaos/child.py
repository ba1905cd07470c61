"""A worker for the tests of the guarantee, which can be told to kill itself at a named point.

`python -m tests.chaos.child SETTINGS` works; with `--supervised` before it, under the product's own
supervisor. SETTINGS is JSON. The file named by CHAOS_FAULT arms one fault: the name of a point, or
seconds, a colon and a point: then it does nothing at all for so long there, but for its heartbeats.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streams import logs
from streams.settings import Log

FAULT = "CHAOS_FAULT"
PID = "CHAOS_PID"
SEEN = "CHAOS_SEEN"
CLOCK = "CHAOS_CLOCK"


@dataclass(frozen=True)
class ChaosSettings:
    app_id: str
    bootstrap_servers: list[str]
    partitions: int
    topics: dict[str, str]
    instance_id: str | None = None
    commit_interval_s: float = 0.3
    session_timeout_s: float = 6.0
    heartbeat_s: float = 1.0
    transaction_timeout_ms: int = 10_000
    stuck_after_s: float = 60.0
    web_port: int | None = None
    kafka_options: dict[str, Any] = field(default_factory=dict)
    definitions: Any = None
    shard: str = "counter"
    create_topics: bool = False


POINTS = (
    "after the cut",
    "after the write",
    "before the transaction's end",
    "after the transaction's end",
    "fenced",
    "restoring",
)
"""Of a commit, and of a restore: where a process can be told to die."""


def die_at(fault: Path) -> Any:
    """A hook that ends this process as `kill -9` does, once, at the point that `fault` names.

    Or that hangs there, where it says for how long.
    """

    def reached(point: str, _partition: int) -> None:
        try:
            seconds, _, armed = fault.read_text().rpartition(":")
        except FileNotFoundError:
            return
        if armed == point:
            fault.unlink(missing_ok=True)
            if seconds:
                time.sleep(float(seconds))
            else:
                os.kill(os.getpid(), signal.SIGKILL)

    return reached


def die_with_parent() -> None:
    """A supervisor must not outlive the test that was to end it; its worker then stops too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def shift_clock(file: Path) -> None:
    """The wall clock is off by as many seconds as `file` says at any time; the monotonic isn't."""
    wall_ns = time.time_ns

    def off_ns() -> int:
        try:
            return int(file.read_text() or 0) * 1_000_000_000
        except FileNotFoundError:
            return 0

    time.time_ns = lambda: wall_ns() + off_ns()
    time.time = lambda: time.time_ns() / 1e9


def tell_seen(app: Any) -> None:
    """Write down, again and again, how many events were taken in."""
    seen = sum(stats.events for stats in app.stats.values())
    Path(os.environ.get(SEEN, os.devnull)).write_text(str(seen))
    app.loop.call_later(0.1, tell_seen, app)


def work(settings: ChaosSettings) -> None:
    from streams import commits
    from streams.worker import run_worker

    logs.configure(Log())
    if CLOCK in os.environ:
        shift_clock(Path(os.environ[CLOCK]))
    if FAULT in os.environ:
        commits.reached = die_at(Path(os.environ[FAULT]))
    if PID in os.environ:
        Path(os.environ[PID]).write_text(str(os.getpid()))
    run_worker(settings, factory(settings), create_topics=settings.create_topics, started=tell_seen)


def factory(settings: ChaosSettings) -> Any:
    if settings.shard == "counter":
        from tests.streams.fake_shard import FakeShard

        return FakeShard
    from kpi_windows.definitions import Definitions
    from kpi_windows.engine import Shard

    return lambda partition, partitions: Shard(Definitions(), partition, partitions)


def main(
    arguments: list[str],
    module: str = "tests.chaos.child",
    work: Callable[[ChaosSettings], None] = work,
) -> int:
    """A worker that does `work`, or its supervisor, which starts `module`."""
    if arguments[0] == "--supervised":
        from streams.worker import supervise

        die_with_parent()
        logs.configure(Log())
        child = [sys.executable, "-m", module, arguments[1]]
        return supervise(child, first_pause_s=0.2, longest_pause_s=1.0)
    work(ChaosSettings(**json.loads(arguments[0])))
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
