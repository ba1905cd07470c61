"""Workers to kill, stop and join, a shop that goes on meanwhile, and what must come out of it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import aiokafka
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    Producer,
    TopicPartition,
)

from kpi_windows.events import TOPICS
from tests.chaos.child import CLOCK, FAULT, PID, SEEN, ChaosSettings

REPOSITORY = Path(__file__).parents[2]
NO_BEGINS: Mapping[int, int] = {}


def until(what: str, true: Callable[[], Any], within_s: float = 60.0, each_s: float = 0.1) -> Any:
    """Poll until `true()` is; fails with `what` after `within_s`."""
    deadline = time.monotonic() + within_s
    while not (result := true()):
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(each_s)
    return result


class Worker:
    """A supervised worker; `kill`, `freeze` and `thaw` are for the process that does the work."""

    child = "tests.chaos.child"
    """What runs; other tests have one of their own."""

    def __init__(self, settings: ChaosSettings, folder: Path, name: str) -> None:
        self.name = name
        self._settings = settings
        self._pid = folder / f"{name}.pid"
        self._fault = folder / f"{name}.fault"
        self._seen = folder / f"{name}.seen"
        self._clock = folder / f"{name}.clock"
        self.log = folder / f"{name}.log"
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", self.child, "--supervised"]
        environment = {**os.environ, **{name: str(told) for name, told in self._tells().items()}}
        with self.log.open("ab") as log:
            self._supervisor = subprocess.Popen(
                [*command, json.dumps(asdict(self._settings))],
                cwd=REPOSITORY,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _tells(self) -> dict[str, object]:
        """The variables by which the child is told what to do."""
        return {FAULT: self._fault, PID: self._pid, SEEN: self._seen, CLOCK: self._clock}

    @property
    def pid(self) -> int | None:
        """The process that works; None when there is none just now."""
        try:
            pid = int(self._pid.read_text())
            os.kill(pid, 0)
            told = Path(f"/proc/{pid}/cmdline")
            is_other = told.exists() and self.child.encode() not in told.read_bytes()
        except (OSError, ValueError):
            return None
        return None if is_other else pid  # the number may be somebody else's by now

    def seen(self) -> int:
        """Events that the process which works has taken in."""
        told = self._seen.read_text() if self._seen.exists() else ""
        return int(told or 0)

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def jump(self, seconds: int) -> None:
        """Its wall clock is off by so much from now on."""
        partial = self._clock.with_suffix(".partial")
        partial.write_text(str(seconds))
        partial.replace(self._clock)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, which: signal.Signals) -> int:
        """To the process that works, as soon as one does; returns its id."""

        def sent() -> int | None:
            try:
                if (pid := self.pid) is not None:
                    os.kill(pid, which)
            except ProcessLookupError:
                return None
            return pid

        return int(until(f"{self.name} works", sent))

    def restarted(self, old: int | None) -> int:
        return int(
            until(f"{self.name} works anew", lambda: self.pid not in (None, old) and self.pid)
        )

    def die_at(self, point: str) -> None:
        """Kill at a named point, and wait for that and for the fresh start."""
        old = until(f"{self.name} works", lambda: self.pid)
        self._fault.write_text(point)
        if point in {"fenced", "restoring"}:
            old = self._signal(signal.SIGKILL)
        until(f"{self.name} comes to {point!r}", lambda: not self._fault.exists(), 90)
        self.restarted(old)

    def hang_at(self, point: str, seconds: float) -> None:
        """Do nothing for so long at a named point, but for heartbeats; returns when it began."""
        until(f"{self.name} works", lambda: self.pid)
        self._fault.write_text(f"{seconds}:{point}")
        until(f"{self.name} comes to {point!r}", lambda: not self._fault.exists(), 90)

    def freeze(self) -> int:
        return self._signal(signal.SIGSTOP)

    def stop(self, within_s: float = 40) -> int:
        """SIGTERM to the supervisor; returns its exit code."""
        assert self._supervisor is not None
        self._supervisor.send_signal(signal.SIGTERM)
        code = self._supervisor.wait(within_s)
        self._supervisor = None
        return code

    def end(self) -> None:
        """Whatever happened: nothing of it is left."""
        if self._supervisor is not None:
            self._supervisor.kill()
            self._supervisor.wait()
            self._supervisor = None
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGKILL)


class Shop(threading.Thread):
    """Writes events to the inputs at some rate until it is closed; seeded."""

    def __init__(
        self,
        bootstrap: str,
        topics: dict[str, str],
        events: Iterator[tuple[str, bytes, bytes]],
        rate: float = 1500.0,
    ) -> None:
        super().__init__(daemon=True)
        self._topics = topics
        self._events = events
        self._rate = rate
        self._closing = threading.Event()
        self.written = 0
        self.lost: list[Any] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 20,
                "log_level": 0,
                "delivery.timeout.ms": 240_000,
            }
        )

    def run(self) -> None:
        began = time.monotonic()
        while not self._closing.is_set():
            due = int((time.monotonic() - began) * self._rate) - self.written
            for _ in range(due):
                self._write()
            self._producer.poll(0)
            self._closing.wait(0.02)

    def _write(self) -> None:
        topic, key, value = next(self._events)
        self._producer.produce(self._topics[topic], key=key, value=value, on_delivery=self._told)
        self.written += 1

    def _told(self, error: Any, _message: Any) -> None:
        if error is not None:
            self.lost.append(error)

    def stop(self) -> None:
        self._closing.set()
        self.join()

    def close(self) -> None:
        """Stop, and have all of it in Kafka."""
        self.stop()
        assert self._producer.flush(240) == 0
        assert not self.lost


class Run:
    """One application on one broker: its inputs, workers and what they committed."""

    def __init__(self, bootstrap: str, app_id: str, folder: Path, **settings: Any) -> None:
        self.bootstrap = bootstrap
        self.topics = {topic: f"{app_id}-{topic}" for topic in TOPICS}
        self.settings = ChaosSettings(
            app_id=app_id,
            bootstrap_servers=[bootstrap],
            partitions=4,
            topics=self.topics,
            **settings,
        )
        self.folder = folder
        self.workers: list[Worker] = []

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self.workers:
            worker.end()
            if error is not None:
                print(f"==== {worker.name}\n{worker.said()[-6000:]}")

    def worker(self, name: str, **changes: Any) -> Worker:
        settings = replace(self.settings, **changes)
        worker = Worker(settings, self.folder, f"{settings.app_id}-{name}")
        self.workers.append(worker)
        worker.start()
        return worker

    # -- what Kafka has

    def read(
        self, topic: str, begins: Mapping[int, int] = NO_BEGINS, *, partitions: int | None = None
    ) -> Iterator[Any]:
        """Every committed record of a topic, by partition and offset; or those from some on."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "chaos-reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "log_level": 0,
            }
        )
        try:
            count = partitions or self.settings.partitions
            consumer.assign(
                [TopicPartition(topic, p, begins.get(p, OFFSET_BEGINNING)) for p in range(count)]
            )
            ended: set[int] = set()
            while len(ended) < count:
                for message in consumer.consume(10_000, 0.1):
                    if message.error() is None:
                        yield message
                    elif message.error().code() == KafkaError._PARTITION_EOF:
                        ended.add(message.partition())  # other errors it gets over by itself
        finally:
            consumer.close()

    def table(self, name: str) -> dict[tuple[int, bytes], bytes]:
        """A changelog as it would be restored, without checkpoints."""
        rows: dict[tuple[int, bytes], bytes] = {}
        for message in self.read(f"{self.settings.app_id}-{name}"):
            key = (message.partition(), message.key())
            if message.value() is None:
                rows.pop(key, None)
            elif message.key() != b"checkpoint":
                rows[key] = message.value()
        return rows

    def committed(self) -> dict[tuple[str, int], int]:
        """Where the workers' group stands in the inputs, the internal one included."""
        names = [*self.topics.values(), f"{self.settings.app_id}-forwarded"]

        async def ask(consumer: Any, tps: list[Any]) -> list[int | None]:
            return list(await asyncio.gather(*(consumer.committed(tp) for tp in tps)))

        return self._asked(names, ask)

    def ends(self) -> dict[tuple[str, int], int]:
        """How far the logs of the inputs go."""

        async def ask(consumer: Any, tps: list[Any]) -> list[int | None]:
            found = await consumer.end_offsets(tps)
            return [found[tp] for tp in tps]

        return self._asked(self.topics.values(), ask)

    def _asked(self, topics: Iterable[str], ask: Any) -> dict[tuple[str, int], int]:
        """Raises KafkaError or TimeoutError while a broker is away."""
        tps = [
            aiokafka.TopicPartition(topic, partition)
            for topic in topics
            for partition in range(self.settings.partitions)
        ]

        async def asked() -> list[int | None]:
            consumer = aiokafka.AIOKafkaConsumer(
                bootstrap_servers=self.bootstrap.split(","),
                group_id=self.settings.app_id,
                enable_auto_commit=False,
            )
            await consumer.start()
            try:
                return list(await asyncio.wait_for(ask(consumer, tps), 30))
            finally:
                await consumer.stop()

        found = zip(tps, asyncio.run(asked()), strict=True)
        return {(tp.topic, tp.partition): at for tp, at in found if at is not None}

    def unread(self) -> int:
        """Records in the inputs, the internal one included, that no commit covers yet."""
        committed = self.committed()
        partitions = range(self.settings.partitions)
        names = [*self.topics.values(), f"{self.settings.app_id}-forwarded"]
        return sum(
            1
            for name in names
            for _ in self.read(name, {p: committed.get((name, p), 0) for p in partitions})
        )

    def settle(self, within_s: float = 120) -> None:
        """Wait until everything that was written is committed."""
        until("everything is read", lambda: self.unread() == 0, within_s, 1.0)


def amounts(seed: int, keys: int = 500) -> Iterator[tuple[str, bytes, bytes]]:
    """Events for the fake shard: some forwarded, a few that are none."""
    chance = random.Random(seed)
    while True:
        topic = chance.choices(("clickstream", "carts", "orders", "tickets"), (5, 1, 2, 1))[0]
        key = f"k{chance.randrange(keys)}".encode()
        value = str(chance.randrange(-50, 100))
        if topic == "orders":
            value += f">k{chance.randrange(keys)}"
        if chance.random() < 0.001:
            value = "none"
        yield topic, key, value.encode()


def expected_of(run: Run) -> tuple[dict[tuple[int, bytes], list[int]], set[tuple[str, int, int]]]:
    """Sums and counts by (partition, topic and key), and dead letters, from the inputs alone."""
    from kpi_windows.keys import partition_of

    partitions = run.settings.partitions
    sums: dict[tuple[int, bytes], list[int]] = {}
    dead: set[tuple[str, int, int]] = set()

    def add(partition: int, topic: str, key: bytes, amount: int) -> None:
        of = sums.setdefault((partition, topic.encode() + b"/" + key), [0, 0])
        of[0] += amount
        of[1] += 1

    for topic, name in run.topics.items():
        for message in run.read(name):
            amount, _, other = message.value().decode().partition(">")
            try:
                number = int(amount)
            except ValueError:
                dead.add((topic, message.partition(), message.offset()))
                continue
            add(message.partition(), topic, message.key(), number)
            if other:
                add(partition_of(other.encode(), partitions), "forwarded", other.encode(), number)
    return sums, dead


def assert_sums(run: Run) -> None:
    """State, panes and dead letters are what one undisturbed pass makes of the inputs."""
    sums, dead = expected_of(run)
    state = {key: json.loads(value) for key, value in run.table("state").items()}
    wrong = {k: (state.get(k), v) for k, v in sums.items() if state.get(k) != v}
    assert not wrong, f"{len(wrong)} of {len(sums)} sums are wrong: {dict(list(wrong.items())[:5])}"
    assert state.keys() == sums.keys()
    panes = {(p, k.removeprefix(b"n/")): json.loads(v) for (p, k), v in run.table("panes").items()}
    assert panes == state
    letters = [json.loads(m.value()) for m in run.read(f"{run.settings.app_id}-dead-letters")]
    found = [(letter["topic"], letter["partition"], letter["offset"]) for letter in letters]
    assert len(found) == len(set(found)), "a dead letter came twice"
    assert set(found) == dead
