"""Real Prometheus and Alertmanager on the generated configuration, on free ports of this machine."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from streams.generate.processor_alerts import EXPORTER, WORKER
from tests.kafka.broker import free_ports

T = TypeVar("T")
PATIENCE_S = 150.0
PROMETHEUS = shutil.which("prometheus")
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
with_both = pytest.mark.skipif(
    not (PROMETHEUS and ALERTMANAGER),
    reason="Prometheus or Alertmanager is missing (Debian: prometheus, prometheus-alertmanager)",
)


def until(found: Callable[[], T | None], what: str, patience_s: float = PATIENCE_S) -> T:
    """What is found, asked for again and again until the deadline."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.2)
    raise AssertionError(f"not within {patience_s:g} s: {what}")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def written(folder: Path, made: dict[str, str]) -> Path:
    """The files, where Prometheus finds them; their folder `grafana`."""
    for name, text in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "grafana"


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def prometheus(
    folder: Path, exporter: str, worker: str, alertmanager: str, every: str
) -> Iterator[str]:
    """Scrapes an exporter and a worker (`host:port`); its own address."""
    file = folder / "prometheus/prometheus.yml"
    told = yaml.safe_load(file.read_text("utf-8"))
    port = free_ports(1)[0]
    targets = {EXPORTER: exporter, WORKER: worker}
    for job in told["scrape_configs"]:
        target = targets.get(job["job_name"], f"127.0.0.1:{port}")
        job["static_configs"] = [{"targets": [target]}]
        job.pop("scrape_timeout", None)
    told["global"] = {
        "scrape_interval": every,
        "scrape_timeout": every,
        "evaluation_interval": every,
    }
    told["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    file.write_text(yaml.safe_dump(told), encoding="utf-8")
    command = [str(PROMETHEUS), f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    url = f"http://127.0.0.1:{port}"
    with _running([*command, f"--web.listen-address=127.0.0.1:{port}"], folder / "prometheus.log"):
        until(lambda: answers(f"{url}/-/ready"), "Prometheus is ready")
        yield url


@contextmanager
def alertmanager(folder: Path) -> Iterator[str]:
    """Its `host:port`; groups are told at once."""
    file = folder / "alertmanager/alertmanager.yml"
    told = yaml.safe_load(file.read_text("utf-8"))
    told["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    file.write_text(yaml.safe_dump(told), encoding="utf-8")
    where = f"127.0.0.1:{free_ports(1)[0]}"
    command = [str(ALERTMANAGER), f"--config.file={file}", f"--storage.path={folder / 'am'}"]
    command += [f"--web.listen-address={where}", "--cluster.listen-address="]
    with _running(command, folder / "alertmanager.log"):
        until(lambda: answers(f"http://{where}/-/ready"), "Alertmanager is ready")
        yield where


@contextmanager
def serving(data: Path, config: Path) -> Iterator[str]:
    """Prometheus on a folder of blocks, whatever their age; its own address."""
    port = free_ports(1)[0]
    command = [str(PROMETHEUS), f"--config.file={config}", f"--storage.tsdb.path={data}"]
    command += ["--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}"]
    with _running(command, config.with_suffix(".log")):
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/-/ready"), "Prometheus is ready")
        yield url


def ask(url: str, expr: str, at_ms: int | None = None) -> list[dict[str, Any]]:
    """The result of an instant query, now or at a time."""
    told = {"query": expr} | ({} if at_ms is None else {"time": str(at_ms / 1_000)})
    body = urllib.parse.urlencode(told).encode()
    with urllib.request.urlopen(f"{url}/api/v1/query", body, timeout=20) as reply:
        result: list[dict[str, Any]] = json.load(reply)["data"]["result"]
        return result


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address, and all alerts that arrive there."""
    told: list[dict[str, Any]] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.extend(body["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/alerts", told
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
