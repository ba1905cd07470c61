"""Workers and exporters are restarted one after the other, and who looks at the values sees no gap."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos import shop
from tests.chaos.harness import Run, Shop, until
from tests.kafka.broker import KafkaBroker
from tests.operation.running import Command, Looking, Page, page_of, ready

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

FRESH_S = 60.0
"""Nothing on the page is ever older; generous, as machines are slow at times."""
COUNTED = (
    'kpi_pages_per_visit_page_views{window="year"}',
    "kpi_processor_taken_in_total{",
    "kpi_processor_events_total{",
    "kpi_processor_checkpoints_total{",
    "kpi_processor_position{",
)
"""What only ever grows; a late event may rightly make one visit of two."""
KEPT = {
    f'kpi_{name}{{window="year"}}'
    for name in (
        "visits",
        "pages_per_visit_page_views",
        "bounce_rate_ratio",
        "pages_per_visit",
        "conversion_rate_ratio",
        "transactions",
    )
}
"""What never goes; the only ticket may be reopened, and there is no time to resolution then."""


class Watcher:
    """Somebody who scrapes one exporter, and believes that what was there stays and grows."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._before: Page = {}
        self.oldest_s = 0.0

    def look(self) -> None:
        page = page_of(self._url)
        gone = KEPT - page.keys()
        assert not gone, gone
        fell = {
            name: (value, page.get(name))
            for name, value in self._before.items()
            if name.startswith(COUNTED) and page.get(name, -1) < value
        }
        assert not fell, fell
        arrivals = [
            value for name, value in page.items() if name.startswith("kpi_processor_newest_arrival")
        ]
        assert len(arrivals) == 4
        self.oldest_s = max(self.oldest_s, time.time() - min(arrivals))
        assert self.oldest_s < FRESH_S
        self._before = page


def _settings(run: Run) -> dict[str, str]:
    return {
        "KPI_BOOTSTRAP_SERVERS": run.bootstrap,
        "KPI_APP_ID": run.settings.app_id,
        "KPI_PARTITIONS": str(run.settings.partitions),
        "KPI_TOPICS": ",".join(f"{topic}={name}" for topic, name in run.topics.items()),
        "KPI_SESSION_TIMEOUT": "45s",
        "KPI_COMMIT_INTERVAL": "300ms",
        "KPI_WORKER_PORT": "0",
        "KPI_EXPORTER_PORT": "0",
        "KPI_EXPORTER_WINDOWS": "year",
        "KPI_EXPORTER_BREAKDOWN_WINDOWS": "year",
        "KPI_EXPORTER_TOP_LABELS": "10000",
        "KPI_ALERTING_TOPIC": f"{run.settings.app_id}-told",
    }


@pytest.fixture
def run(kafka: KafkaBroker, app_id: str, tmp_path: Path) -> Iterator[Run]:
    run = Run(kafka.bootstrap, app_id, tmp_path, shard="shop")
    Command("topics", tmp_path, _settings(run), "topics").ends()
    with run:
        yield run


class Site:
    """Two workers and two exporters, and a shop that goes on all along."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.workers = {name: self.start_worker(name) for name in ("first", "second")}
        self.exporters = {name: self.start_exporter(name) for name in ("left", "right")}
        self.shop = Shop(run.bootstrap, run.topics, shop.events(5), 300)
        self.shop.start()

    def start_worker(self, name: str) -> Command:
        arguments = ("worker", "--instance-id", name)
        return Command(name, self.run.folder, _settings(self.run), *arguments)

    def start_exporter(self, name: str) -> Command:
        return Command(name, self.run.folder, _settings(self.run), "exporter")

    def restart_worker(self, name: str) -> float:
        took_s = self.workers[name].stop()
        self.workers[name] = self.start_worker(name)
        self.workers[name].says(r"partition \d: restored")
        return took_s

    def restart_exporter(self, name: str) -> float:
        """The other one watches the thresholds then."""
        until("one is elected", lambda: sum(map(_elected, self.exporters.values())) == 1, 90)
        (other,) = (each for called, each in self.exporters.items() if called != name)
        took_s = self.exporters[name].stop()
        until("the other is elected", lambda: _elected(other), 90)
        fresh = self.start_exporter(name)
        until("it is ready", lambda: ready(fresh.url), 90)
        self.exporters[name] = fresh
        return took_s

    def is_ready(self) -> None:
        assert any(ready(each.url) for each in list(self.exporters.values()))

    def close(self) -> None:
        self.shop.stop()
        for each in (*self.workers.values(), *self.exporters.values()):
            each.end()


def _elected(exporter: Command) -> bool:
    return page_of(exporter.url)["kpi_alerts_elected"] == 1


def _partitions(url: str) -> int:
    """Those that know their time: now is the least of theirs, and never goes back once all do."""
    return sum(name.startswith("kpi_processor_watermark_timestamp") for name in page_of(url))


def _counts(run: Run) -> dict[str, float]:
    """Events of each topic that were written."""
    return {topic: sum(1 for _ in run.read(name)) for topic, name in run.topics.items()}


def _counted(url: str) -> dict[str, float]:
    """And those that the exporter says came in."""
    page = page_of(url)
    assert not any(v for name, v in page.items() if name.startswith("kpi_processor_unaccounted"))
    begin, end = 'kpi_processor_taken_in_total{topic="', '"}'
    return {n[len(begin) : -len(end)]: v for n, v in page.items() if n.startswith(begin)}


def test_restarts_one_after_the_other_leave_no_gap_in_the_values(run: Run) -> None:
    with closing(Site(run)) as site:
        left = site.exporters["left"].url
        until("all partitions have values", lambda: _partitions(left) == 4, 120)
        until("all that is kept is there", lambda: page_of(left).keys() >= KEPT)
        watcher = Watcher(left)
        with Looking(watcher.look) as scraping:
            stops_s = [site.restart_worker(name) for name in ("first", "second")]
        with Looking(site.is_ready) as asking:
            stops_s += [site.restart_exporter(name) for name in ("left", "right")]
        site.shop.close()
        run.settle()
        right = site.exporters["right"].url
        written = _counts(run)
        until("all is counted", lambda: _counted(right) == written)
        shop.assert_exact(run)
        stops_s += [worker.stop() for worker in site.workers.values()]
    print(
        f"{scraping.looks} scrapes, no value older than {watcher.oldest_s:.1f} s; "
        f"one of two exporters was ready {asking.looks} times; stopped within {max(stops_s):.1f} s"
    )
