"""Alerts on their topic: each once, through kills at the worst moments, and readable."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced
from confluent_kafka import Producer

from kpi_windows.alerting import Alert, Event, State, Watch
from kpi_windows.definitions import MINUTE_MS, Definitions
from kpi_windows.thresholds import Threshold
from kpi_windows.view import Value
from streams import topics as all_topics
from streams.alerting import topics
from streams.alerting.collector import AlertCollector
from streams.alerting.evaluator import Evaluator
from streams.alerting.log import AlertLog
from streams.alerting.messages import key_of, message_of
from streams.changelog import read_to_end
from streams.fetches import Batch
from streams.follower import Whole
from streams.settings import Alerting, Kafka, Settings
from streams.topics import CHECKPOINT, RefusedError
from tests.kafka.broker import KafkaBroker
from tests.kpi_windows.test_alerting import START_MS, Desk

PATIENCE_S = 60
OVERDUE = Threshold(
    "overdue", "backlog", above=0.25, definition="share", window="1h", min_volume=10,
    severity="critical", summary="Look at the desk.",
)  # fmt: skip
AT_MS = START_MS + 9 * MINUTE_MS
VALUE = Value("backlog", "1h", "share", {}, 0.3, 30, 100, AT_MS - 60 * MINUTE_MS, AT_MS, True)
BREACH = Alert(Event.BREACH, OVERDUE, START_MS, AT_MS, AT_MS, VALUE)


def settings_of(kafka: KafkaBroker | None, app_id: str, **more: Any) -> Settings:
    servers = (kafka.bootstrap if kafka else "127.0.0.1:1",)
    return Settings(
        kafka=Kafka(bootstrap_servers=servers, app_id=app_id, partitions=1),
        alerting=Alerting(topic=f"{app_id}-alerts"),
        definitions=Definitions(zone="Europe/Amsterdam"),
        thresholds=(OVERDUE,),
        **more,
    )


def committed(settings: Settings) -> list[dict[str, Any]]:
    """All messages of the alerts' topic that were committed."""
    found: list[dict[str, Any]] = []

    def load(batch: Batch) -> None:
        found.extend(json.loads(record.value or b"") for record in batch.records)

    tp = TopicPartition(settings.alerting.topic, 0)
    asyncio.run(read_to_end(settings.bootstrap_servers, {}, [tp], load))
    return found


# ------------------------------------------------------------------ what is written


def test_a_message_says_what_happened_in_numbers_and_in_words() -> None:
    told = json.loads(message_of(BREACH, settings_of(None, "tea")))
    name = told.pop("alert")
    assert name == BREACH.id_in("tea") != BREACH.id_in("coffee")
    assert told == {
        "id": f"{name}-breach",
        "event": "breach",
        "at": "2025-03-03T12:09:00+01:00",
        "since": "2025-03-03T12:00:00+01:00",
        "breached": "2025-03-03T12:09:00+01:00",
        "app": "tea",
        "shop": "Shop",
        "threshold": "overdue",
        "severity": "critical",
        "summary": "Look at the desk. Backlog (share), window 1h: 30 % (30 of 100), above the "
        "threshold of 25 %.",
        "kpi": "backlog",
        "definition": "share",
        "labels": {},
        "unit": "ratio",
        "direction": "above",
        "bound": 0.25,
        "value": 0.3,
        "numerator": 30,
        "denominator": 100,
        "window": "1h",
        "window_start": "2025-03-03T11:09:00+01:00",
        "window_end": "2025-03-03T12:09:00+01:00",
    }


def test_a_recovery_has_the_breachs_key_and_alert_and_an_id_of_its_own() -> None:
    settings = settings_of(None, "tea")
    recovery = replace_event(BREACH, VALUE._replace(value=0.1, numerator=10))
    told, breach = (json.loads(message_of(each, settings)) for each in (recovery, BREACH))
    assert key_of(recovery, settings) == key_of(BREACH, settings) == b"tea/overdue"
    assert (told["alert"], told["breached"]) == (breach["alert"], breach["breached"])
    assert told["id"] == f"{told['alert']}-recovery"
    assert told["summary"] == (
        "Backlog (share), window 1h: 10 % (10 of 100), no longer above the threshold of 25 %."
    )


def test_a_threshold_that_is_gone_is_told_without_a_value() -> None:
    gone = replace_event(BREACH, None, replace(OVERDUE, kpi="no_longer_a_kpi"))
    told = json.loads(message_of(gone, settings_of(None, "tea")))
    assert (told["event"], told["value"], told["window_end"]) == ("recovery", None, None)
    assert "overdue was removed or changed" in told["summary"]


def replace_event(alert: Alert, value: Value | None, threshold: Threshold = OVERDUE) -> Alert:
    return Alert(Event.RECOVERY, threshold, AT_MS, alert.breached_ms, AT_MS, value)


# ------------------------------------------------------------------ what Prometheus sees


def samples(evaluator: Evaluator, settings: Settings) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in AlertCollector(settings, evaluator).collect()
        for sample in family.samples
    }


def test_only_the_elected_one_shows_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(None, "tea")
    evaluator = Evaluator(settings, Whole(settings))
    assert samples(evaluator, settings) == {("kpi_alerts_elected",): 0}
    monkeypatch.setattr(Evaluator, "elected", True)
    watches = {"overdue": Watch(OVERDUE, START_MS, AT_MS)}
    evaluator.state = State(AT_MS, watches, {"overdue": {"breach": 2, "recovery": 1}})
    assert samples(evaluator, settings) == {
        ("kpi_alerts_elected",): 1,
        ("kpi_alerts_firing", "overdue", "critical"): 1,
        ("kpi_alerts_total", "overdue", "breach"): 2,
        ("kpi_alerts_total", "overdue", "recovery"): 1,
        ("kpi_alerts_judged_timestamp_seconds",): AT_MS / 1_000,
    }


# ------------------------------------------------------------------ on a real Kafka


@pytest.mark.kafka
def test_the_topics_are_created_once_and_never_by_an_exporter(
    kafka: KafkaBroker, app_id: str
) -> None:
    settings = settings_of(kafka, app_id)
    with pytest.raises(RefusedError, match=f"Missing in Kafka: {app_id}-alerts, .*`kpi topics`"):
        asyncio.run(topics.ensure(settings))
    names = list(topics.AlertTopics.of(settings))
    assert asyncio.run(topics.ensure(settings, create=True)) == names
    assert asyncio.run(topics.ensure(settings)) == []


@pytest.mark.kafka
def test_who_opens_the_log_takes_back_what_was_not_committed_and_shuts_the_other_out(
    kafka: KafkaBroker, app_id: str
) -> None:
    settings = settings_of(kafka, app_id)

    async def use() -> list[State]:
        await topics.ensure(settings, create=True)
        first, second, third = (AlertLog(settings) for _ in range(3))
        assert await first.open() == State()
        await first.write(State(AT_MS), [(b"k", b'"first"')])
        producer = first._producer
        await producer.begin_transaction()
        await producer.send_and_wait(settings.alerting.topic, b'"half"', partition=0)
        state = await second.open()
        with pytest.raises(ProducerFenced):
            await producer.commit_transaction()
        await second.write(State(AT_MS + 1), [(b"k", b'"second"')])
        states = [state, await third.open()]
        with pytest.raises(ProducerFenced):
            await second.write(State(0), [(b"k", b'"zombie"')])
        for each in (first, second, third):
            await each.close()
        return states

    assert asyncio.run(use()) == [State(AT_MS), State(AT_MS + 1)]
    assert committed(settings) == ["first", "second"]


class Exporters:
    """Exporters of one shop as processes, and the panes that they follow, written by hand."""

    def __init__(self, folder: Path, kafka: KafkaBroker, app_id: str) -> None:
        self.settings = settings_of(kafka, app_id)
        self.fault = folder / "fault"
        self.desk = Desk()
        self._folder = folder
        self._producer = Producer(
            {"bootstrap.servers": kafka.bootstrap, "transactional.id": f"{app_id}-0"}
        )
        self._producer.init_transactions(30)
        self.running: dict[str, subprocess.Popen[str]] = {}
        (folder / "shop.toml").write_text(
            f'[shop]\nzone = "Europe/Amsterdam"\n[kafka]\nbootstrap_servers = '
            f'["{kafka.bootstrap}"]\napp_id = "{app_id}"\npartitions = 1\n'
            f'session_timeout = "2s"\nheartbeat = "500ms"\n'
            f'[alerting]\ntopic = "{app_id}-alerts"\n[exporter]\nbreakdowns = false\n'
            '[thresholds.overdue]\nkpi = "backlog"\ndefinition = "share"\nwindow = "1h"\n'
            'above = 0.25\nfor = "3m"\nkeep_firing_for = "2m"\nmin_volume = 10\n'
        )

    def start(self) -> None:
        """One more, which kills itself at the point that the fault's file names."""
        script = (
            "import pathlib, sys; from streams import commits; from streams.cli import main; "
            "from tests.chaos.child import die_at; "
            "commits.reached = die_at(pathlib.Path(sys.argv.pop())); main()"
        )
        variables = {k: v for k, v in os.environ.items() if not k.startswith("KPI_")}
        variables["PYTHONPATH"] = str(Path(__file__).parents[2])
        process = subprocess.Popen(
            [sys.executable, "-c", script, "exporter", "--port", "0", str(self.fault)],
            cwd=self._folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=(self._folder / f"{len(self.running)}.log").open("w"),
            text=True,
        )
        assert process.stdout is not None
        page = process.stdout.readline().split()[-1]  # that of the page comes first
        self.running[f"{page}metrics"] = process

    def minutes(self, *overdue: int) -> None:
        """Commits minutes with so many overdue of 100 tickets."""
        desk = self.desk
        desk.minutes(overdue)
        panes, checkpoint = desk.shop.partitions[0].cut(self.now_ms)
        self._producer.begin_transaction()
        for key, value in [*panes, (CHECKPOINT, checkpoint)]:
            self._producer.produce(f"{self.settings.app_id}-panes", value, key, partition=0)
        self._producer.commit_transaction(30)

    @property
    def now_ms(self) -> int:
        return START_MS + self.desk.minute * MINUTE_MS

    def judged_ms(self) -> float | None:
        """The last minute that the elected one has judged; None while nobody is elected."""
        name = "kpi_alerts_judged_timestamp_seconds "
        for url, process in self.running.items():
            if process.poll() is None:
                with urllib.request.urlopen(url, timeout=30) as reply:
                    lines = reply.read().decode().splitlines()
                found = [float(line.split()[1]) for line in lines if line.startswith(name)]
                if found:
                    return found[0] * 1_000
        return None

    def killed(self) -> int:
        return sum(process.poll() == -9 for process in self.running.values())

    def until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not reached():
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.1)

    def logs(self) -> str:
        return "\n".join(file.read_text() for file in sorted(self._folder.glob("*.log")))


@pytest.fixture
def exporters(tmp_path: Path, kafka: KafkaBroker, app_id: str) -> Iterator[Exporters]:
    made = Exporters(tmp_path, kafka, app_id)
    yield made
    for process in made.running.values():
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.kafka
@pytest.mark.slow
def test_a_breach_and_a_recovery_are_told_once_each_though_the_elected_one_is_killed(
    exporters: Exporters,
) -> None:
    """Once before its transaction is committed, and once after, before it knows."""
    settings = exporters.settings
    asyncio.run(all_topics.ensure(settings, create=True))
    asyncio.run(topics.ensure(settings, create=True))
    exporters.minutes(10)
    exporters.start()
    exporters.start()
    exporters.until(lambda: exporters.judged_ms() == exporters.now_ms)
    exporters.minutes(30, 30, 30)
    exporters.until(lambda: exporters.judged_ms() == exporters.now_ms)
    assert committed(settings) == []

    exporters.fault.write_text("alerts are written")
    exporters.minutes(30, 30)
    exporters.until(lambda: exporters.killed() == 1)
    exporters.start()
    exporters.until(lambda: exporters.judged_ms() == exporters.now_ms)
    assert [told["event"] for told in committed(settings)] == ["breach"]

    exporters.minutes(10)
    exporters.until(lambda: exporters.judged_ms() == exporters.now_ms)
    exporters.fault.write_text("alerts are committed")
    exporters.minutes(10, 10)
    exporters.until(lambda: exporters.killed() == 2)
    exporters.minutes(10, 10)
    exporters.until(lambda: exporters.judged_ms() == exporters.now_ms)

    breach, recovery = committed(settings)
    assert (breach["event"], recovery["event"]) == ("breach", "recovery")
    assert breach["alert"] == recovery["alert"]
    assert (breach["since"][11:16], breach["at"][11:16]) == ("12:02", "12:05")
    assert (recovery["since"][11:16], recovery["at"][11:16]) == ("12:07", "12:09")
    assert (breach["value"], recovery["value"]) == (0.3, 0.1)
    assert "Traceback" not in exporters.logs()
