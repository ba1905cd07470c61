"""A worker's clock that jumps by hours while it works changes no value."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from kpi_windows.codec import pack_checkpoint, unpack_checkpoint
from kpi_windows.engine import Cut
from streams.config import load
from streams.follower import Whole
from tests.chaos import shop
from tests.chaos.harness import Run, Shop, until
from tests.chaos.kept import cuts
from tests.kafka.broker import KafkaBroker
from tests.upgrade.make import Log

JUMPS_S = (5 * 3600, -8 * 3600, 40 * 86_400, -3 * 3600, 0)


@pytest.mark.kafka
@pytest.mark.chaos
@pytest.mark.slow
def test_a_workers_clock_that_jumps_changes_no_value(
    kafka: KafkaBroker, app_id: str, tmp_path: Path
) -> None:
    with Run(kafka.bootstrap, app_id, tmp_path, shard="shop", create_topics=True) as run:
        worker = run.worker("one")
        until("it has restored", lambda: "restored" in worker.said())
        events = Shop(run.bootstrap, run.topics, shop.events(5), rate=1000)
        events.start()
        try:
            for jump_s in JUMPS_S:
                seen = worker.seen()
                worker.jump(jump_s)
                until("it goes on", lambda seen=seen: worker.seen() > seen + 400)
        finally:
            events.close()
        run.settle()
        until("time is at its end", lambda: shop.settled(run))
        wanted = _undisturbed(run)
        assert len(wanted) > 100
        assert _answers(run) == wanted
        assert "the worker ended with" not in worker.said()
        assert worker.stop() == 0


def _answers(run: Run) -> dict[str, Any]:
    """Every value of what the workers committed."""
    panes: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    for (partition, key), value in run.table("panes").items():
        panes[partition].append((key, value))
    log = Log(run.settings.partitions)
    for partition, checkpoint in shop.checkpoints_of(run).items():
        log.view.apply(partition, panes[partition], checkpoint)
    return log.answers()


def _undisturbed(run: Run) -> dict[str, Any]:
    """Every value of the same inputs, read by one without a clock."""
    log = Log(run.settings.partitions)
    log.take(
        (message.partition(), topic, message.offset(), message.value().decode())
        for topic, name in run.topics.items()
        for message in run.read(name)
    )
    log.end()
    return log.answers()


def test_an_exporters_clock_that_jumps_changes_no_value() -> None:
    now_ms = iter((shop.START_MS, shop.START_MS - 10**8, *[shop.START_MS + 10**9] * 1000))
    calm, jumping = Whole(load(environ={})), Whole(load(environ={}), lambda: next(now_ms))
    for cut, _ in cuts():
        for whole in (calm, jumping):
            whole.take(0, cut.panes, _arrived(cut), live=True)
    assert calm.view.watermark_ms == jumping.view.watermark_ms
    one, other = calm.view, jumping.view
    for kpi in calm.settings.catalogue.values():
        for window in ("day", "hour"):
            if window in kpi.reading("default").windows:
                assert one.evaluate(kpi, window) == other.evaluate(kpi, window)
    assert jumping.delays.total_s >= 0


def _arrived(cut: Cut) -> bytes:
    """Its checkpoint, as if its events had come when they happened."""
    checkpoint = unpack_checkpoint(cut.checkpoint)
    checkpoint.newest_arrival_ms = checkpoint.watermark_ms or 0
    return pack_checkpoint(checkpoint)
