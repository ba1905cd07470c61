"""Worker and exporter as operators run them, on a real Kafka: the whole way of an event."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kpi_windows.definitions import HOUR_MS
from kpi_windows.events import TOPICS
from streams.simulator import Shop, ShopOptions, line_of
from tests.kafka.broker import KafkaBroker
from tests.streams.visible import NOON_MS

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PATIENCE_S = 120
QUESTIONS = (
    ["visits", "--window", "hour", "--from", "2026-01-01", "--by", "source"],
    ["conversion_rate", "--window", "hour", "--from", "2026-01-01"],
    ["cart_abandonment_rate", "--window", "hour", "--from", "2026-01-01"],
    ["sales", "--window", "day", "--from", "2026-01-01", "--by", "channel"],
    ["first_response_time", "--window", "day", "--from", "2026-01-01"],
    ["active_issues", "--window", "hour", "--from", "2026-01-01", "--by", "priority"],
)


class Place:
    """A folder with a shop.toml, and the commands run in it."""

    def __init__(self, folder: Path, kafka: KafkaBroker, app_id: str) -> None:
        self.folder = folder
        topics = ", ".join(f'{topic} = "{app_id}-{topic}"' for topic in TOPICS)
        (folder / "shop.toml").write_text(
            f'[kafka]\nbootstrap_servers = ["{kafka.bootstrap}"]\napp_id = "{app_id}"\n'
            f'partitions = 3\ntopics = {{ {topics} }}\ncommit_interval = "200ms"\n'
        )
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KPI_")}
        self.variables = {**kept, "PYTHONPATH": str(Path(__file__).parents[2])}
        self.running: list[subprocess.Popen[str]] = []

    def kpi(self, *args: str | Path, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", *map(str, args)],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def start(self, *args: str) -> subprocess.Popen[str]:
        log = (self.folder / f"{args[0]}-{len(self.running)}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", *args],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        self.running.append(process)
        return process

    def exporter(self) -> tuple[subprocess.Popen[str], str]:
        process = self.start("exporter", "--port", "0")
        assert process.stdout is not None
        return process, process.stdout.readline().split()[-1].removesuffix("/")

    def logs(self) -> str:
        return "\n".join(file.read_text() for file in sorted(self.folder.glob("*.log")))


@pytest.fixture
def place(tmp_path: Path, kafka: KafkaBroker, app_id: str) -> Iterator[Place]:
    made = Place(tmp_path, kafka, app_id)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in made.running:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def get(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(url, timeout=30) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def until(place: Place, found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline, place.logs()
        time.sleep(0.2)


def simulated(folder: Path) -> tuple[Path, int]:
    shop = Shop(5, ShopOptions(visits_per_hour=150, rhythm=False, late_by_ms=60_000))
    file = folder / "events.jsonl"
    lines = [line_of(message) for message in shop.events(NOON_MS, NOON_MS + 2 * HOUR_MS)]
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file, len(lines)


def test_what_is_fed_is_exposed_and_equals_the_offline_answer(place: Place) -> None:
    assert "Missing in Kafka" in place.kpi("doctor", code=1)
    first, url = place.exporter()
    until(place, lambda: "kpi topics" in str(get(f"{url}/readyz")[1]))
    assert get(f"{url}/readyz")[0] == 503
    assert "all with 3 partitions" in place.kpi("topics")
    assert "created" not in place.kpi("topics", "--check")
    until(place, lambda: get(f"{url}/readyz")[0] == 200)

    worker = place.start("worker", "--port", "0")
    file, count = simulated(place.folder)
    place.kpi("feed", file, "--end-at", "2026-01-01T14:00")

    def all_in(at: str) -> bool:
        status = get(f"{at}/api/v1/status")[1]
        taken = sum(topic["in"] for topic in status["events"].values())
        marks = [partition["watermark_ms"] for partition in status["partitions"].values()]
        done = len(marks) == 3 and all(ms == NOON_MS + 2 * HOUR_MS for ms in marks)
        return taken >= count and done

    until(place, lambda: all_in(url))
    offline = place.folder / "offline.jsonl"
    clock = '{"topic":"orders","type":"clock","timestamp":"2026-01-01T14:00:00Z"}\n'
    offline.write_text(file.read_text() + clock)

    def same(at: str) -> None:
        for name, *question in QUESTIONS:
            told = json.loads(place.kpi("query", name, *question, "--url", at, "--format", "json"))
            computed = place.kpi("compute", offline, "--kpi", name, *question, "--format", "json")
            assert told == json.loads(computed) != [], name

    same(url)
    law = get(f"{url}/api/v1/status")[1]["events"]
    assert all(topic["accounted_for"] for topic in law.values())

    second, other = place.exporter()  # reads all that was committed, and shows the same
    until(place, lambda: get(f"{other}/readyz")[0] == 200)
    same(other)

    told = place.kpi("doctor", "--url", url)
    assert "values are complete up to 2026-01-01T14:00:00+00:00" in told
    assert "no dead letters" in told
    for process in (first, second, worker):
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, place.logs()
    assert "Traceback" not in place.logs()


def test_a_worker_tells_what_it_does_on_its_own_port(place: Place) -> None:
    place.kpi("topics")
    place.start("worker", "--port", "0")
    marker = "this worker's own metrics: "
    until(place, lambda: marker in place.logs())
    url = place.logs().split(marker)[1].split()[0]

    def restored() -> bool:
        with urllib.request.urlopen(url, timeout=30) as reply:
            page = reply.read().decode()
        return all(f'kpi_worker_restore_seconds{{partition="{p}"}}' in page for p in range(3))

    until(place, restored)


def test_a_worker_that_must_not_start_says_why_and_is_not_started_again(place: Place) -> None:
    place.kpi("topics")
    (place.folder / "shop.toml").write_text(
        (place.folder / "shop.toml").read_text().replace("partitions = 3", "partitions = 5")
    )
    worker = place.start("worker")
    assert worker.wait(60) == 78
    assert "All topics need the same number of partitions" in place.logs()
    assert "Traceback" not in place.logs()
