"""Partitions added by mistake: workers that run and workers that start end, and say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from streams.worker import EXIT_REFUSED
from tests.chaos import shop
from tests.chaos.harness import Run, Shop, Worker, until
from tests.kafka.broker import KafkaBroker

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.slow]

_HEARS = {"metadata_max_age_ms": 500}
"""Instead of a minute."""


@pytest.fixture
def run(kafka: KafkaBroker, app_id: str, tmp_path: Path) -> Iterator[Run]:
    settings = {"shard": "shop", "create_topics": True, "kafka_options": _HEARS}
    with Run(kafka.bootstrap, app_id, tmp_path, **settings) as made:
        yield made


def grow(run: Run, topic: str) -> None:
    """One partition more, as somebody's tool does it."""
    admin = AdminClient({"bootstrap.servers": run.bootstrap, "log_level": 0})
    partitions = run.settings.partitions + 1
    (done,) = admin.create_partitions([NewPartitions(topic, partitions)]).values()
    done.result(30)


@contextmanager
def shop_open(run: Run) -> Iterator[None]:
    """A shop that goes on writing, to where its keys belong by what partitions there now are."""
    writing = Shop(run.bootstrap, run.topics, shop.events(3), rate=300)
    writing.start()
    try:
        yield
    finally:
        writing.stop()


def refused(worker: Worker) -> str:
    """What it says when it ends for good."""
    assert worker._supervisor is not None
    assert worker._supervisor.wait(60) == EXIT_REFUSED
    return worker.said()


@pytest.mark.parametrize("which", ["orders", "state"])
def test_a_running_worker_ends_and_so_does_each_that_starts(run: Run, which: str) -> None:
    topic = run.topics.get(which, f"{run.settings.app_id}-{which}")
    with shop_open(run):
        worker = run.worker("one")
        until("it takes events in", lambda: worker.seen() > 100)
        grow(run, topic)
        first = refused(worker)
    for said in (first, refused(run.worker("two"))):
        assert f"`partitions` is 4, but {topic} has 5" in said
        assert "docs/how-to/damage.md" in said
        assert "Traceback" not in said
