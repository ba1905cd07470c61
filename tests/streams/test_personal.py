"""A simulated shop on a broker, worker, exporter and intake at the level debug, with every secret set:
neither an id of a person nor a secret is in any metric, page, alert, log, or list of processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from aiokafka import TopicPartition

from streams.broker import EmbeddedBroker
from streams.changelog import read_to_end
from streams.fetches import Batch

ROOT = Path(__file__).parents[2]
SECRETS = {
    "KPI_SASL_PASSWORD": "pass-0f-the-broker",
    "KPI_EXPORTER_TOKENS": "t0ken-of-the-page",
    "KPI_EXPORTER_TOKEN": "t0ken-of-the-page",
    "KPI_EXPORTER_METRICS_TOKENS": "t0ken-of-metrics",
    "KPI_WORKER_TOKENS": "t0ken-of-a-worker",
    "KPI_INTAKE_TOKENS": "t0ken-of-a-sender",
    "KPI_SHOPIFY_SECRET": "s3cret-of-shopify",
    "KPI_SEGMENT_SECRET": "s3cret-of-segment",
    "KPI_SEGMENT_PEPPER": "p3pper-of-segment",
    "KPI_ZENDESK_SECRET": "s3cret-of-zendesk",
}
IDS = (
    "visitor_id",
    "customer_id",
    "order_id",
    "ticket_id",
    "subscriber_id",
    "message_id",
    "cart_id",
)
PATIENCE_S = 120.0
ALWAYS_BREACHED = '[thresholds.visits_many]\nkpi = "visits"\nabove = 1\nwindow = "1h"\n'
NEVER_ASKED = "nobody-reads-this@example.com"


class Seen(NamedTuple):
    """What could be seen of it all, by where; and the ids of the shop's people."""

    places: dict[str, str]
    ids: set[str]


def until(what: str, true: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < deadline, what
        time.sleep(0.3)
    return found


def get(url: str, token: str) -> str:
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=60) as reply:
        return str(reply.read().decode())


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("personal")
    with EmbeddedBroker() as broker:
        shop = _Shop(folder, broker.bootstrap)
        try:
            yield Seen(shop.look(), shop.ids)
        finally:
            shop.close()


class _Shop:
    """Its processes, in a folder with their logs."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.folder, self.bootstrap = folder, bootstrap
        (folder / "shop.toml").write_text(ALWAYS_BREACHED)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KPI_")}
        own = {"KPI_BOOTSTRAP_SERVERS": bootstrap, "PYTHONPATH": str(ROOT)}
        self.variables = {**kept, **own, **SECRETS}
        self.running: list[subprocess.Popen[str]] = []
        self.ids: set[str] = set()
        self.said: list[str] = []

    def start(self, *args: str) -> Path:
        log = self.folder / f"{args[0]}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", *args],
                cwd=self.folder, env=self.variables, stdout=out, stderr=out, text=True,
            )  # fmt: skip
        self.running.append(process)
        return log

    def kpi(self, *args: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "streams.cli", *args],
            cwd=self.folder, env=self.variables, capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        self.said.append(f"$ kpi {' '.join(args)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def url(self, log: Path) -> str:
        found = until(
            f"{log.name} listens", lambda: re.search(r"https?://[\w.:]+", log.read_text())
        )
        return str(found[0])

    def feed(self) -> int:
        """Simulated events, and one that can't be read and says whose it is; how many."""
        simulate = [sys.executable, "-m", "streams.cli", "simulate", "--start", "now-2h"]
        made = subprocess.run(
            [*simulate, "--hours", "1.9", "--seed", "5"],
            capture_output=True,
            check=True,
            timeout=120,
        )
        events = [json.loads(line) for line in made.stdout.splitlines()]
        self.ids = {e[name] for e in events for name in IDS if isinstance(e.get(name), str)}
        assert len(self.ids) > 1_000
        bad = {"topic": "orders", "type": "order_completed", "customer_id": NEVER_ASKED}
        self.ids.add(NEVER_ASKED)
        file = self.folder / "shop.jsonl"
        file.write_text("".join(json.dumps(each) + "\n" for each in (*events, bad)))
        self.kpi("feed", str(file), "--keep-bad", "--debug")
        return len(events) + 1

    def look(self) -> dict[str, str]:
        worker = self.start("worker", "--create-topics", "--debug", "--port", "0")
        metrics = self.url(worker)
        page = self.url(self.start("exporter", "--debug", "--port", "0"))
        self.url(self.start("intake", "--debug", "--port", "0"))
        sent = self.feed()
        token = SECRETS["KPI_EXPORTER_TOKEN"]

        def taken() -> bool:
            events = json.loads(get(f"{page}/api/v1/status", token))["events"]
            return sum(topic["in"] for topic in events.values()) == sent

        until("all is counted", taken)
        for args in (
            ("doctor", "--debug"),
            ("query", "visits", "--url", page, "--by", "source"),
            ("query", "visits", "--url", "http://127.0.0.1:1"),
            ("topics", "--check", "--debug"),
            ("dead-letters", "groups"),
            ("generate", "--folder", str(self.folder / "made")),
            ("forget", "--help"),
            ("nonsense",),
        ):
            self.kpi(*args)
        until("the shop's threshold is breached", self.alerts)
        return {
            "/metrics": get(f"{page}/metrics", SECRETS["KPI_EXPORTER_METRICS_TOKENS"]),
            "a worker's /metrics": get(f"{metrics}/metrics", SECRETS["KPI_WORKER_TOKENS"]),
            "page": get(f"{page}/api/v1/page?window=24h", token),
            "status": get(f"{page}/api/v1/status", token),
            "alerts": self.alerts(),
            "processes": "\n".join(self._command_lines()),
            "commands": "\n".join(self.said),
            **{log.name: log.read_text() for log in self.folder.glob("*.log")},
            "generated": "\n".join(
                file.read_text() for file in (self.folder / "made").rglob("*") if file.is_file()
            ),
        }

    def alerts(self) -> str:
        """All messages that there are."""
        found: list[bytes] = []

        def load(batch: Batch) -> None:
            found.extend(record.value or b"" for record in batch.records)

        tps = [TopicPartition("kpi-alerts", 0)]
        asyncio.run(read_to_end([self.bootstrap], {}, tps, load, trimmed=True))
        return b"\n".join(found).decode()

    def _command_lines(self) -> Iterator[str]:
        """Of all processes that we started, and those that these started."""
        for process in self.running:
            one = psutil.Process(process.pid)
            for each in (one, *one.children(recursive=True)):
                yield " ".join(each.cmdline())

    def close(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.mark.slow
def test_no_id_of_a_person_is_in_a_metric_a_page_an_alert_or_a_log(seen: Seen) -> None:
    assert "kpi_visits" in seen.places["/metrics"]
    assert "DEBUG" in seen.places["worker.log"] + seen.places["exporter.log"]
    for place, text in seen.places.items():
        if place == "commands":  # what failed quotes what it was given
            continue
        assert text, place
        words = set(re.findall(r"[\w.@-]+", text))
        assert not sorted(seen.ids & words)[:3], place
        assert NEVER_ASKED not in text, place


@pytest.mark.slow
def test_no_secret_is_in_what_commands_say_a_log_or_a_list_of_processes(seen: Seen) -> None:
    assert "streams.cli worker" in seen.places["processes"]
    assert "✓" in seen.places["commands"]
    for place, text in seen.places.items():
        told = [name for name, secret in SECRETS.items() if secret in text]
        assert not told, place
