"""A worker that hangs is noticed, says so, ends and begins anew; one that waits is left alone."""

from __future__ import annotations

import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.harness import Run, Shop, Worker, amounts, assert_sums, until
from tests.kafka.broker import KafkaBroker
from tests.operation.child import HANG, SLOW, URL

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PATIENCE_S = 4.0


class Hanging(Worker):
    """A supervised worker that hangs when it is told to."""

    child = "tests.operation.child"
    slow_s = 0.0

    def _tells(self) -> dict[str, object]:
        self._url = self.log.with_suffix(".url")
        self._hang = self.log.with_suffix(".hang")
        return {**super()._tells(), HANG: self._hang, URL: self._url, SLOW: self.slow_s}

    def hang(self, what: str) -> None:
        self._hang.write_text(what)

    def health(self) -> tuple[int, str]:
        """Status and text of /healthz; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"{self._url.read_text()}/healthz", timeout=1) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, ValueError):
            return 0, ""

    def trouble(self) -> str:
        status, told = self.health()
        return told if status == 503 else ""


@contextmanager
def _run(kafka: KafkaBroker, app_id: str, folder: Path, rate: float) -> Iterator[tuple[Run, Shop]]:
    run = Run(kafka.bootstrap, app_id, folder, stuck_after_s=PATIENCE_S, heartbeat_s=0.5)
    changelogs = [f"{app_id}-state", f"{app_id}-panes"]
    others = [*run.topics.values(), f"{app_id}-forwarded", f"{app_id}-dead-letters"]
    kafka.create_topics(changelogs, config={"cleanup.policy": "compact"})
    kafka.create_topics(others)
    shop = Shop(run.bootstrap, run.topics, amounts(7), rate)
    with run:
        try:
            yield run, shop
        finally:
            if shop.ident is not None:
                shop.stop()


def _worker(run: Run, name: str, slow_s: float = 0.0) -> Hanging:
    worker = Hanging(
        replace(run.settings, instance_id=name), run.folder, f"{run.settings.app_id}-{name}"
    )
    worker.slow_s = slow_s
    run.workers.append(worker)
    worker.start()
    return worker


def _working(worker: Hanging, times: int = 1) -> None:
    """All partitions restored by the process that works now."""
    until("it works", lambda: worker.said().count(": restored,") >= 4 * times, 60)


HANGS = {
    "loop": "the event loop has not turned for 4 s",
    "fetch": "has unread records, and nothing of it has moved for",
    "commit": "has taken in records that it doesn't commit, and nothing of it has moved for",
}


def _hangs(worker: Hanging, what: str) -> None:
    until("it is well", lambda: worker.health() == (200, "ok\n"))
    old, said = worker.pid, len(worker.said())
    worker.hang(what)
    if what != "loop":  # nobody answers then: a probe fails all the same
        told = until("it isn't well", worker.trouble)
        assert "stuck: " in told
        assert HANGS[what] in told
        assert told.endswith("after 4 s this process ends\n")
    worker.restarted(old)
    until("the reason is told", lambda: HANGS[what] in worker.said()[said:])
    assert "the worker ended with 1; a fresh one in" in worker.said()[said:]


def test_a_worker_that_hangs_says_so_ends_and_begins_anew(
    kafka: KafkaBroker, app_id: str, tmp_path: Path
) -> None:
    with _run(kafka, app_id, tmp_path, rate=200) as (run, shop):
        worker = _worker(run, "one")
        shop.start()
        for times, what in enumerate(HANGS, 1):
            _working(worker, times)
            _hangs(worker, what)
        shop.close()
        run.settle()
        assert_sums(run)
        assert worker.stop() == 0


def test_a_long_restore_and_a_long_rebalance_are_waited_for(
    kafka: KafkaBroker, app_id: str, tmp_path: Path
) -> None:
    with _run(kafka, app_id, tmp_path, rate=1_000) as (run, shop):
        first = _worker(run, "first")
        _working(first)
        shop.start()
        until("there is something to restore", lambda: shop.written > 3_000)
        assert first.stop() == 0
        slow = _worker(run, "slow", slow_s=2 * PATIENCE_S)
        _working(slow)
        assert max(map(float, _seconds(slow.said()))) > 2 * PATIENCE_S
        frozen = run.worker("frozen")
        until("two share the work", lambda: "restored" in frozen.said())
        pid = frozen.freeze()
        third = run.worker("third")  # the group waits for the frozen one, as long as its session
        until("all go on", lambda: "restored" in third.said(), 60)
        os.kill(pid, signal.SIGCONT)
        shop.close()
        run.settle()
        assert_sums(run)
        assert "stuck" not in slow.said()


def _seconds(said: str) -> Iterator[str]:
    for line in said.splitlines():
        if ": restored," in line:
            yield line.split(" records in ")[1].split(" s")[0]


def test_waiting_for_a_broker_or_for_events_isnt_being_stuck(
    own_kafka: KafkaBroker, app_id: str, tmp_path: Path
) -> None:
    with _run(own_kafka, app_id, tmp_path, rate=200) as (run, shop):
        worker = _worker(run, "one")
        _working(worker)
        shop.start()
        until("it has read", lambda: shop.written > 400)
        own_kafka.restart(kill=True, down_s=3 * PATIENCE_S)
        shop.close()
        run.settle()
        assert_sums(run)
        time.sleep(2 * PATIENCE_S)  # a quiet shop
        assert worker.health() == (200, "ok\n")
        assert "stuck" not in worker.said()
        assert worker.stop() == 0
