"""The product as a user has it: a folder with a shop.toml and the real file, and `kpi` commands.

Each set has topics of its own on the tests' broker, workers and an exporter.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from kpi_windows.events import TOPICS
from tests.kafka.broker import KafkaBroker
from tests.streams import real_input as real

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 400
Answers = list[dict[str, Any]]


class Product:
    """`with Product(…) as product:` has workers and an exporter, ready for `kpi` commands."""

    def __init__(
        self,
        folder: Path,
        kafka: KafkaBroker,
        name: str,
        *,
        partitions: int,
        workers: int,
        shop: str = "",
    ) -> None:
        self.folder = folder
        self.partitions = partitions
        self.took_s: dict[str, float] = {}
        self._workers = workers
        app_id = f"{name}-{uuid.uuid4().hex[:8]}"
        self.bootstrap = kafka.bootstrap
        self.app_id = app_id
        self.topics = {topic: f"{app_id}-{topic}" for topic in TOPICS}
        topics = ", ".join(f'{topic} = "{name}"' for topic, name in self.topics.items())
        (folder / "shop.toml").write_text(
            f'[shop]\nname = "{name}"\n{shop}\n[kafka]\nbootstrap_servers = ["{kafka.bootstrap}"]\n'
            f'app_id = "{app_id}"\npartitions = {partitions}\ntopics = {{ {topics} }}\n'
        )
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KPI_")}
        self._variables = {**kept, "PYTHONPATH": str(REPOSITORY)}
        self._running: list[subprocess.Popen[str]] = []
        self.url = ""

    def __enter__(self) -> Product:
        try:
            self.kpi("topics")
            for _ in range(self._workers):
                self._start("worker", "--port", "0")
            exporter = self._start("exporter", "--port", "0")
            assert exporter.stdout is not None
            self.url = exporter.stdout.readline().split()[-1].removesuffix("/")
            assert self.url.startswith("http://"), self.logs()
            self.until("the exporter is ready", lambda: bool(self.status()["ready"]))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._running:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kpi(self, *args: str | Path, out: Path | None = None) -> tuple[str, str]:
        """What the command said on standard output and error; it must succeed."""
        began = time.monotonic()
        with (out or self.folder / "out").open("w+") as output:
            done = subprocess.run(
                [sys.executable, "-m", "streams.cli", *map(str, args)],
                cwd=self.folder,
                env=self._variables,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
            output.seek(0)
            said = "" if out else output.read()
        self.took_s[str(args[0])] = time.monotonic() - began
        assert done.returncode == 0, said + done.stderr
        return said, done.stderr

    def query(self, kpi: str, *options: str) -> Answers:
        """`kpi query`, as JSON."""
        said, _ = self.kpi("query", kpi, *options, "--url", self.url, "--format", "json")
        answers: Answers = json.loads(said)
        return answers

    def compute(self, events: Path, *options: str) -> Answers:
        """`kpi compute` over what `--dry-run` printed, as JSON."""
        said, _ = self.kpi("compute", events, *options, "--format", "json")
        answers: Answers = json.loads(said)
        return answers

    def values(self, kpi: str, *options: str) -> dict[str, dict[str, Any]]:
        """The answers by the beginning of their window, as far as it is told by day or minute."""
        return {told["start"][:16]: told for told in self.query(kpi, *options)}

    def take_in(self, name: str, mapping: str) -> str:
        """Imports a set and waits until all of it is processed; what the import said."""
        folder = real.folder()
        assert folder is not None
        file = self.folder / f"{name}.csv.gz"
        if not file.is_symlink():
            file.symlink_to(folder / file.name)  # what an import notes for itself stays here
        began = time.monotonic()
        _, said = self.kpi("import", file, "--mapping", real.MAPPINGS / f"{mapping}.toml")
        self.took_s["import"] = time.monotonic() - began
        self.until_processed()
        self.took_s["import and processing"] = time.monotonic() - began
        return said

    def until_processed(self) -> None:
        """Wait until everything that was sent is in, and everything forwarded has arrived."""
        self.until("all is processed", self._has_all)

    def sent(self) -> dict[str, dict[int, int]]:
        """How many messages there are in each partition of each input topic."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "looks-only"})
        try:
            return {
                topic: {
                    p: consumer.get_watermark_offsets(TopicPartition(name, p), timeout=30)[1]
                    for p in range(self.partitions)
                }
                for topic, name in self.topics.items()
            }
        finally:
            consumer.close()

    def _has_all(self) -> bool:
        parts = self.status()["partitions"]
        for topic, ends in self.sent().items():
            for partition, end in ends.items():
                told = parts.get(str(partition), {"positions": {}})["positions"]
                if end and told.get(topic) != end:
                    return False
        return self.metric("kpi_processor_forwards_in_flight") == 0

    def status(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/api/v1/status", timeout=60) as reply:
            told: dict[str, Any] = json.load(reply)
        return told

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=60) as reply:
            for line in reply.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return float(line.split()[1])
        raise AssertionError(f"no {name} on /metrics")

    def outcomes(self) -> dict[str, int]:
        """Of all topics together; each topic's law is checked."""
        total: dict[str, int] = defaultdict(int)
        for topic, told in self.status()["events"].items():
            assert told.pop("accounted_for"), topic
            assert told.pop("in") == sum(told.values()), topic
            for outcome, count in told.items():
                total[outcome] += count
        return dict(total)

    def until(self, what: str, found: Any) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not found():
            assert time.monotonic() < deadline, f"{what}: not after {PATIENCE_S} s\n{self.logs()}"
            assert not any(process.poll() for process in self._running), self.logs()
            time.sleep(0.5)

    def logs(self) -> str:
        return "\n".join(
            f"== {file.name} ==\n{file.read_text()[-4_000:]}"
            for file in sorted(self.folder.glob("*.log"))
        )

    def _start(self, *args: str) -> subprocess.Popen[str]:
        with (self.folder / f"{args[0]}-{len(self._running)}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", *args],
                cwd=self.folder,
                env=self._variables,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._running.append(process)
        return process
