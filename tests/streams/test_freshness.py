"""What is sent to Kafka becomes visible on /metrics, through the real commands.

How soon is a matter of the machine: `make bench` measures that.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.fresh import Marks, marked_visits
from tests.bench.processes import Kpi, get, until
from tests.bench.sizes import PARTITIONS
from tests.bench.worker import RESTORED, settings_of
from tests.kafka.broker import KafkaBroker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

_VISITS = 3


def test_visits_sent_now_are_counted_on_metrics_whichever_partition_they_are_in(
    own_kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = settings_of(own_kafka.bootstrap, "fresh")
    with (
        Kpi("worker", "--create-topics", folder=tmp_path, settings=settings) as worker,
        Kpi("exporter", folder=tmp_path, settings=settings) as exporter,
    ):
        until("the worker begins", lambda: worker.said(RESTORED), 90)
        url = exporter.url(90) + "/metrics"
        marks = Marks(own_kafka.bootstrap)
        for _ in range(_VISITS):
            for partition in range(PARTITIONS):
                marks.send(partition)
        marks.flush()

        def visible() -> bool:
            page = get(url)
            return all(marked_visits(page, each) == _VISITS for each in range(PARTITIONS))

        until("all of them are visible", lambda: worker.runs() and visible(), 120, each_s=0.5)
