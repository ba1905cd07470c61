"""`kpi demo` as a newcomer runs it: in a process of its own, until its time is over."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PATIENCE_S = 90
OF_ALL_TOPICS = (
    "kpi_cart_abandonment_rate_ratio",
    "kpi_sales_money",
    "kpi_service_emails",
    "kpi_cost_per_click_money",
    "kpi_newsletter_subscribers",
    "kpi_inventory",
    "kpi_oee_ratio",
    "kpi_budget_left_money",
)


class Demo:
    """A demo under way; everything that it says, by line."""

    def __init__(self, folder: Path, *args: str) -> None:
        variables = {k: v for k, v in os.environ.items() if not k.startswith("KPI_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "demo", *args],
            cwd=folder,
            env={**variables, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())

    def until(self, found: Callable[[], object]) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if result := found():
                return str(result)
            assert self.process.poll() is None, "\n".join(self.said)
            time.sleep(0.1)
        raise AssertionError("\n".join(self.said))

    def address(self, what: str) -> str:
        pattern = re.compile(rf"  {what} +(\S+)")
        return self.until(
            lambda: next((m[1] for line in self.said if (m := pattern.match(line))), None)
        )

    def end(self) -> int:
        code = self.process.wait(PATIENCE_S)
        self._reader.join(10)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.kill()
            self.process.wait()


def scraped(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url, timeout=30) as reply:
        lines = reply.read().decode().splitlines()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"
    }


def test_it_shows_values_and_ends_by_itself(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = Demo(tmp_path, "--seconds", "45", "--hours", "2", "--port", str(port))
        try:
            wants = urllib.request.Request(demo.address("page"), headers={"Accept": "text/html"})
            with urllib.request.urlopen(wants, timeout=10) as reply:
                assert b"<!doctype html>" in reply.read()
            metrics = demo.address("metrics")
            assert metrics.startswith("http://127.0.0.1:")
            assert metrics.endswith("/metrics")
            assert f"port {port} is taken, so another one it is" in demo.said
            demo.until(lambda: scraped(metrics).get('kpi_visits{window="1h"}', 0) > 100)
            of_all_topics = {f'{name}{{window="24h"}}' for name in OF_ALL_TOPICS}
            demo.until(lambda: of_all_topics <= set(scraped(metrics)))
            told = scraped(metrics)
            assert told['kpi_visits{window="24h"}'] >= told['kpi_visits{window="1h"}']
            assert told['kpi_worker_events_total{partition="0"}'] > 0
            assert told['kpi_goal_target{goal="visits"}'] == 600 * 24 * 30 * 1.2
            assert demo.end() == 0
            assert demo.said[-1] == "the demo has ended; its broker, events and values are gone"
        finally:
            demo.close()
    assert list(tmp_path.iterdir()) == [], "nothing is written to disk"


def test_without_a_shop_it_takes_events_of_ones_own_until_interrupted(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    now_ms = time.time_ns() // 1_000_000
    events.write_text(
        "".join(
            f'{{"type":"page_viewed","visitor_id":"v{n}","timestamp":{now_ms - n}}}\n'
            for n in range(20)
        )
    )
    demo = Demo(tmp_path, "--no-shop", "--port", "0")
    try:
        metrics, kafka = demo.address("metrics"), demo.address("Kafka")
        fed = subprocess.run(
            [
                sys.executable,
                "-m",
                "streams.cli",
                "feed",
                events,
                "--topic",
                "clickstream",
                "--bootstrap-servers",
                kafka,
            ],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        assert fed.returncode == 0, fed.stderr
        assert "20 events sent" in fed.stderr
        demo.until(lambda: scraped(metrics).get('kpi_visits{window="24h"}') == 20)
        demo.process.send_signal(signal.SIGINT)
        assert demo.end() == 0
        assert "gone" in demo.said[-1]
        assert not any("Traceback" in line for line in demo.said)
    finally:
        demo.close()
