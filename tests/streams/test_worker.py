"""A worker's process always ends, and its supervisor starts a fresh one only when that can help."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from streams.worker import EXIT_FAILED, EXIT_REFUSED
from tests.chaos.harness import Run, until
from tests.kafka.broker import KafkaBroker, free_ports
from tests.streams.settings import settings_for

REPOSITORY = Path(__file__).parents[2]

CHILD = """
import pathlib, sys, time, signal
how = sys.argv[2]
if how == "waits":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if how == "hangs":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
count = pathlib.Path(sys.argv[1])
starts = len(count.read_text()) + 1 if count.exists() else 1
count.write_text("x" * starts)
if how == "fails twice" and starts <= 2:
    sys.exit(1)
if how == "is refused":
    sys.exit(78)
if how in {"waits", "hangs"}:
    time.sleep(60)
"""


def _supervise(count: Path, how: str) -> subprocess.Popen[bytes]:
    program = (
        "import sys; from streams.worker import supervise; "
        f"sys.exit(supervise([sys.executable, '-c', {CHILD!r}, {str(count)!r}, {how!r}], "
        "first_pause_s=0.05, patience_s=2))"
    )
    return subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY)


@pytest.mark.parametrize(
    ("how", "code", "starts"), [("fails twice", 0, 3), ("is refused", EXIT_REFUSED, 1)]
)
def test_a_fresh_worker_follows_one_that_failed_but_not_one_that_was_refused(
    tmp_path: Path, how: str, code: int, starts: int
) -> None:
    count = tmp_path / "count"
    assert _supervise(count, how).wait(30) == code
    assert len(count.read_text()) == starts


@pytest.mark.parametrize(("how", "code"), [("waits", 0), ("hangs", -signal.SIGKILL)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_passed_on_and_nothing_outlives_its_patience(
    tmp_path: Path, how: str, code: int, number: signal.Signals
) -> None:
    count = tmp_path / "count"
    supervisor = _supervise(count, how)
    until("the child runs", count.exists)
    supervisor.send_signal(number)
    assert supervisor.wait(30) in {code, code % 256}
    assert len(count.read_text()) == 1


def _worker(settings: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.child", json.dumps(asdict(settings))],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_worker_without_a_broker_says_so_in_a_line_and_fails() -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    worker = _worker(settings_for(None, "app", bootstrap_servers=[address]))
    _, said = worker.communicate(timeout=60)
    assert worker.returncode == EXIT_FAILED
    assert f"No Kafka broker answers at {address}" in said
    assert "Traceback" not in said


@pytest.mark.kafka
def test_a_worker_without_its_topics_is_refused(kafka: KafkaBroker, app_id: str) -> None:
    worker = _worker(settings_for(kafka, app_id))
    _, said = worker.communicate(timeout=60)
    assert worker.returncode == EXIT_REFUSED
    assert "`kpi topics` creates them" in said


@pytest.mark.kafka
def test_a_stopped_worker_commits_leaves_and_another_goes_on_at_once(
    kafka: KafkaBroker, app_id: str, tmp_path: Path
) -> None:
    with Run(kafka.bootstrap, app_id, tmp_path, commit_interval_s=30.0) as run:
        names = [f"{app_id}-{name}" for name in ("state", "panes")]
        kafka.create_topics(names, config={"cleanup.policy": "compact"})
        names = [f"{app_id}-{name}" for name in ("forwarded", "dead-letters")]
        kafka.create_topics([*run.topics.values(), *names])
        first = run.worker("first")
        until("it restored", lambda: first.said().count("restored") == 4)
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": kafka.bootstrap})
        producer.produce(run.topics["carts"], key=b"k", value=b"5")
        assert producer.flush(30) == 0
        until("it is taken in", lambda: first.seen() == 1)
        began = time.monotonic()
        assert first.stop() == 0
        assert time.monotonic() - began < 5
        assert list(run.table("state").values()) == [b"[5, 1]"]
        second = run.worker("second")
        until("another has all", lambda: second.said().count("restored") == 4, 20)
