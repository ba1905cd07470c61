"""The whole product on a cluster, for faults to befall: workers, exporters, the intake and a shop.

shop --+-------------------------> brokers <-- way a --> workers, exporter a, intake
       +--> intake --> way a -->           <-- way b --> workers, exporter b
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from kpi_windows.thresholds import DEFAULTS
from streams import topics
from streams.alerting import topics as alert_topics
from streams.config import load
from tests.chaos.harness import Run, Worker, until
from tests.chaos.services import Service
from tests.chaos.till import TOKEN, Till
from tests.chaos.truth import Truth
from tests.kafka.broker import free_ports
from tests.kafka.cluster import KafkaCluster

WAYS = ("a", "b")
SESSION_S = 6.0
TRANSACTION_S = 8.0
_PATIENCE_S = 240.0
_PARTITIONS = 4


class Stage:
    """`with Stage(...) as stage:` everything works; at the end nothing of it is left."""

    def __init__(self, cluster: KafkaCluster, app_id: str, folder: Path, *, seed: int) -> None:
        self.cluster = cluster
        self.folder = folder
        self.run = Run(
            cluster.bootstrap,
            app_id,
            folder,
            shard="shop",
            session_timeout_s=SESSION_S,
            transaction_timeout_ms=int(TRANSACTION_S * 1000),
        )
        self.exporters: list[Service] = []
        self._began = 0
        self._ports = dict(zip(("intake", *WAYS), free_ports(3), strict=True))
        self._configs = {way: self._configured(way) for way in WAYS}
        self.settings = load(self._configured("direct"), environ={})
        self.intake = self._service("intake", "intake", "a")
        self.truth = Truth(self.run, self.settings)
        self._seed = seed
        self._open = ExitStack()

    def __enter__(self) -> Stage:
        asyncio.run(topics.ensure(self.settings, create=True))
        asyncio.run(alert_topics.ensure(self.settings, create=True))
        if len(self.cluster.brokers) == 3:
            for topic in (*self.run.topics.values(), f"{self.settings.app_id}-state"):
                assert self.cluster.setting_of(topic, "min.insync.replicas") == "2"
        with ExitStack() as opened:
            opened.enter_context(self.run)
            self.exporters = [self._service(f"exporter-{way}", "exporter", way) for way in WAYS]
            for service in (self.intake, *self.exporters):
                opened.callback(service.end)
                service.start()
            self._open = opened.pop_all()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        for service in (self.intake, *self.exporters):
            if error is not None:
                print(f"==== {service.name}\n{service.said()[-4000:]}")
        self._open.__exit__(kind, error, trace)

    def begin(self, workers: int, rate: float) -> None:
        """Returns when events come in, values are shown and alerts judged."""
        for _ in range(workers):
            self.add_worker()
        for worker in self.workers:
            until(f"{worker.name} has restored", lambda w=worker: "restored" in w.said())
        until("the intake is ready", lambda: self.intake.ask("/readyz"))
        self.till = Till(
            self.run.bootstrap, self.run.topics, _PARTITIONS, self.intake.url, self._seed, rate
        )
        self.till.start()
        self.till.go_on()
        self.truth.begin()

    @property
    def workers(self) -> list[Worker]:
        return self.run.workers

    def add_worker(self, *, static: bool = False) -> Worker:
        """One more, by the way whose turn it is."""
        self._began += 1
        name, way = f"worker-{self._began}", WAYS[self._began % len(WAYS)]
        return self.run.worker(
            name,
            bootstrap_servers=self.cluster.by(way),
            instance_id=name if static else None,
        )

    def recovered(self) -> float:
        """Seconds until all that was written by now is committed by workers."""
        began = time.monotonic()
        ends = until("the brokers tell the logs' ends", self._ends, _PATIENCE_S, 0.5)

        def is_read() -> bool:
            try:
                committed = self.run.committed()
            except (KafkaError, TimeoutError):
                return False
            return all(committed.get(at, 0) >= end for at, end in ends.items())

        until("all that was written is committed", is_read, _PATIENCE_S, 0.25)
        return time.monotonic() - began

    def _ends(self) -> dict[tuple[str, int], int]:
        """Empty while not all brokers answer."""
        try:
            return self.run.ends()
        except (KafkaError, TimeoutError):
            return {}

    def checkpoint(self) -> dict[str, int]:
        """Rests, compares everything, goes on; returns how much was found equal."""
        self.cluster.proxy.heal()
        self.cluster.until_in_sync()
        self.till.pause()
        compared = self.truth.checkpoint(self.till, self.exporters)
        self.till.go_on()
        return compared

    def finish(self) -> None:
        """An orderly end."""
        self.till.close()
        assert [worker.stop() for worker in self.workers] == [0] * len(self.workers)
        assert [service.stop() for service in (self.intake, *self.exporters)] == [0, 0, 0]

    def _service(self, name: str, command: str, way: str) -> Service:
        port = self._ports["intake" if command == "intake" else way]
        arguments = (command, "--port", str(port))
        service = Service(self.folder, name, arguments, self._configs[way])
        service.url = f"http://127.0.0.1:{port}"
        return service

    def _configured(self, way: str) -> Path:
        """Settings of those who come by a way."""
        kafka = self.run.settings
        servers = self.cluster.by(way) if way in WAYS else self.run.bootstrap.split(",")
        names = ", ".join(f'{topic} = "{name}"' for topic, name in kafka.topics.items())
        off = "".join(f"[thresholds.{each.name}]\nenabled = false\n" for each in DEFAULTS)
        path = self.folder / f"{way}.toml"
        path.write_text(
            f'[kafka]\nbootstrap_servers = {servers}\napp_id = "{kafka.app_id}"\n'
            f'partitions = {_PARTITIONS}\nsession_timeout = "{SESSION_S:g}s"\nheartbeat = "1s"\n'
            f'transaction_timeout = "{TRANSACTION_S:g}s"\ntopics = {{ {names} }}\n'
            f'[alerting]\ntopic = "{kafka.app_id}-alerts"\n[exporter]\nbreakdowns = false\n'
            f'[intake]\ntokens = ["{TOKEN}"]\nrate = 100000\nburst = 1000000\n'
            f"{off}{_OWN}"
        )
        return path


# Each counts what is stated by events of one topic, at their own time, and is never taken back: what it is
# in a minute doesn't depend on when that is judged.  Both are crossed again and again.
_OWN = """
[thresholds.many_chats]
kpi = "service_chats"
window = "5m"
above = 23
for = "1m"
keep_firing_for = "2m"
[thresholds.few_calls]
kpi = "service_calls"
window = "5m"
below = 4
for = "0s"
keep_firing_for = "1m"
"""
