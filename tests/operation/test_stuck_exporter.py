"""An exporter that reads nothing, or answers nobody, ends; one that waits for Kafka is left alone."""

from __future__ import annotations

import re
import sys
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench.fresh import Marks, marked_visits
from tests.bench.processes import Kpi, get, until
from tests.bench.sizes import PARTITIONS
from tests.bench.worker import RESTORED, settings_of
from tests.kafka.broker import KafkaBroker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PATIENCE_S = 10.0
HANGING = """
import asyncio, pathlib, sys, time
from streams import changelog
from streams.cli import main
hang, read = pathlib.Path(sys.argv.pop()), changelog.drain
async def drain(*told, **more):
    batches = await read(*told, **more)
    if not hang.exists():
        return batches
    what = hang.read_text()
    hang.unlink()
    if what == "loop":
        time.sleep(600)
    await asyncio.Event().wait()
changelog.drain = drain
main()
"""
"""`kpi exporter`, which hangs once the file has a word."""


def _visible(exporter: Kpi, sent: int) -> bool:
    page = get(exporter.url() + "/metrics")
    return all(marked_visits(page, each) == sent for each in range(PARTITIONS))


class Site:
    """A worker, somebody who sends visits to each partition, and exporters that can be made to hang."""

    def __init__(self, kafka: KafkaBroker, folder: Path) -> None:
        self._folder = folder
        self._hang = folder / "hang"
        self._settings = {
            **settings_of(kafka.bootstrap, "stuck"),
            "exporter_stuck_after": f"{PATIENCE_S:g}s",
        }
        self._marks = Marks(kafka.bootstrap)
        self.sent = 0

    def worker(self) -> Kpi:
        return Kpi("worker", "--create-topics", folder=self._folder, settings=self._settings)

    @contextmanager
    def exporter(self) -> Iterator[Kpi]:
        command = (sys.executable, "-c", HANGING)
        arguments = ("exporter", str(self._hang))
        with Kpi(*arguments, folder=self._folder, settings=self._settings, command=command) as run:
            yield run

    def send(self) -> None:
        for partition in range(PARTITIONS):
            self._marks.send(partition)
        self._marks.flush()
        self.sent += 1

    def hang(self, what: str) -> None:
        partial = self._hang.with_suffix(".partial")
        partial.write_text(what)
        partial.replace(self._hang)

    def shows_all(self, exporter: Kpi) -> None:
        until("all that was sent is visible", lambda: _visible(exporter, self.sent), 90, each_s=0.5)


@pytest.fixture
def site(own_kafka: KafkaBroker, tmp_path: Path) -> Iterator[Site]:
    site = Site(own_kafka, tmp_path)
    with site.worker() as worker:
        until("the worker begins", lambda: worker.said(RESTORED), 90)
        yield site


def _trouble(exporter: Kpi) -> str:
    """What /healthz says against it."""
    try:
        get(exporter.url() + "/healthz")
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"
    return ""


def _ended(exporter: Kpi) -> int | None:
    """Its exit code; None while it runs."""
    return exporter._process.poll()


def test_an_exporter_that_hangs_says_so_and_ends_and_a_fresh_one_has_all(site: Site) -> None:
    with site.exporter() as exporter:
        site.send()
        site.shows_all(exporter)
        assert not _trouble(exporter)
        site.hang("reading")
        site.send()
        told = until("it isn't well", lambda: _trouble(exporter), 60)
        assert re.match(
            r"503 stuck: stuck-panes-\d has unread records, and nothing of it has", told
        )
        assert told.endswith("after 10 s this process ends\n")
        assert until("it ends", lambda: _ended(exporter), 60) == 1
        until("it says why", lambda: "started anew, it reads all again" in exporter.tail(), 10)
        assert "Traceback" not in exporter.tail()
    with site.exporter() as exporter:
        site.shows_all(exporter)
        site.hang("loop")
        assert until("it ends", lambda: _ended(exporter), 60) == 1
        until("it says why", lambda: "nothing is read or answered" in "".join(exporter.lines), 10)


def test_a_quiet_shop_and_a_broker_that_is_away_are_waited_for(
    site: Site, own_kafka: KafkaBroker
) -> None:
    with site.exporter() as exporter:
        site.send()
        site.shows_all(exporter)
        time.sleep(1.5 * PATIENCE_S)
        assert not _trouble(exporter)
        own_kafka.restart(down_s=1.5 * PATIENCE_S)
        site.send()
        site.shows_all(exporter)
        assert "stuck" not in "".join(exporter.lines).replace("stuck-", "")
