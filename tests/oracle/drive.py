"""Shards of all partitions in one process: any batches, any cuts, any delay of what is forwarded.

A log a partition and topic, as in Kafka; what is committed is what a fresh shard starts from.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from kpi_windows.definitions import Definitions
from kpi_windows.engine import FORWARDED, DeadLetter, Record, Shard
from kpi_windows.keys import partition_of
from kpi_windows.view import View
from tests.oracle.log import Accepted

MAIN = ("clickstream", "carts", "orders", "tickets", "marketing")
"""The topics of a shop that sells, serves and advertises."""


class Sent(NamedTuple):
    """A record as a producer sends it."""

    topic: str
    key: bytes | None
    value: bytes | None
    arrival_ms: int


def sent_of(messages: Iterable[Any]) -> list[Sent]:
    """What a simulated shop sends."""
    return [Sent(m.topic, m.key, m.value, m.arrival_ms) for m in messages]


class Drive:
    """A shop's partitions, and the view of what they committed."""

    def __init__(
        self,
        definitions: Definitions,
        partitions: int,
        seed: int = 0,
        *,
        route: Callable[[bytes | None], int] | None = None,
        topics: Sequence[str] = MAIN,
    ) -> None:
        self.topics = topics
        self.definitions = definitions
        self.partitions = partitions
        self.chance = random.Random(seed)
        self.logs: defaultdict[tuple[int, str], list[Record]] = defaultdict(list)
        self.sent: list[Sent] = []
        self.shards = [Shard(definitions, p, partitions, topics) for p in range(partitions)]
        self.states: list[dict[bytes, bytes]] = [{} for _ in range(partitions)]
        self.panes: list[dict[bytes, bytes]] = [{} for _ in range(partitions)]
        self.checkpoints: list[bytes | None] = [None] * partitions
        self.committed: list[dict[str, int]] = [{} for _ in range(partitions)]
        self.dead: list[DeadLetter] = []
        self.view = View(definitions)
        self._route = route or (lambda key: partition_of(key or b"", partitions))

    # ------------------------------------------------------------------ Kafka's part

    def send(self, messages: Iterable[Any]) -> None:
        """Appends to the logs, in order of arrival."""
        for sent in sent_of(messages):
            self.sent.append(sent)
            self.append(self._route(sent.key), sent)

    def append(self, partition: int, sent: Sent) -> None:
        """Appends to one partition's log."""
        log = self.logs[partition, sent.topic]
        log.append(Record(len(log), sent.arrival_ms, sent.key, sent.value))

    def send_clocks(self, at_ms: int, topics: Sequence[str] = ()) -> None:
        """Brings time to an instant in all partitions, in some topics or all."""
        clock = msgspec.json.encode({"type": "clock", "timestamp": at_ms})
        for partition in range(self.partitions):
            for topic in topics or self.topics:
                self.append(partition, Sent(topic, b"", clock, at_ms))

    # ------------------------------------------------------------------ the worker's part

    def ingest(self, partition: int, topic: str, most: int | None = None) -> int:
        """The next records of a log, as one batch; how many."""
        log = self.logs[partition, topic]
        at = self.shards[partition].positions.get(topic, 0)
        batch = log[at:] if most is None else log[at : at + most]
        self.shards[partition].ingest(topic, batch)
        return len(batch)

    def cut(self, partition: int) -> bool:
        """One commit; False when nothing had changed."""
        cut = self.shards[partition].cut()
        if cut is None:
            return False
        _keep(self.states[partition], cut.state)
        _keep(self.panes[partition], cut.panes)
        self.checkpoints[partition] = cut.checkpoint
        self.committed[partition] = cut.positions
        self.dead += cut.dead_letters
        for forward in cut.forwards:
            log = self.logs[forward.partition, FORWARDED]
            log.append(Record(len(log), 0, forward.key, forward.value))
        self.view.apply(partition, cut.panes, cut.checkpoint)
        return True

    def restart(self, partition: int) -> None:
        """The worker dies, with all that it hadn't committed; another takes the partition over."""
        shard = self.shards[partition] = Shard(
            self.definitions, partition, self.partitions, self.topics
        )
        checkpoint = self.checkpoints[partition]
        for table, kept in (("state", self.states), ("panes", self.panes)):
            records = list(kept[partition].items())
            self.chance.shuffle(records)
            for key, value in records:
                shard.load(table, key, value)
            if checkpoint is not None:
                shard.load(table, b"checkpoint", checkpoint)
        shard.loaded()
        assert shard.positions == self.committed[partition]

    def review(self) -> View:
        """A view by somebody who starts to look only now."""
        view = View(self.definitions)
        for partition, checkpoint in enumerate(self.checkpoints):
            if checkpoint is not None:
                view.apply(partition, list(self.panes[partition].items()), checkpoint)
        return view

    # ------------------------------------------------------------------ all together

    def left(self) -> list[tuple[int, str]]:
        """Logs that aren't read to their end."""
        return [
            (partition, topic)
            for (partition, topic), log in self.logs.items()
            if self.shards[partition].positions.get(topic, 0) < len(log)
        ]

    def run(
        self, batch: int = 200, cuts: float = 0.3, deaths: float = 0.0, forwards: float = 0.3
    ) -> None:
        """Reads all logs to their ends in a random interleaving, and commits everything."""
        chance, most_deaths = self.chance, 60  # who comes back tells others: it must end
        while True:
            while left := self.left():
                partition, topic = chance.choice(left)
                if topic == FORWARDED and chance.random() > forwards and len(left) > 1:
                    continue
                self.ingest(partition, topic, chance.randint(1, batch))
                if chance.random() < cuts:
                    self.cut(partition)
                if chance.random() < deaths and most_deaths:
                    self.restart(chance.randrange(self.partitions))
                    most_deaths -= 1
            cuts_made = sum(self.cut(partition) for partition in range(self.partitions))
            if not cuts_made:
                return

    def run_evenly(self, batch: int, *, restarts: bool) -> None:
        """Reads all logs in turn, and cuts after each batch; perhaps it restarts each time."""
        while left := self.left():
            for partition, topic in sorted(left):
                self.ingest(partition, topic, batch)
                self.cut(partition)
                if restarts:
                    self.restart(partition)

    def live(self, from_ms: int, to_ms: int, step_ms: int) -> None:
        """As it happens: each step brings what has arrived by then, and a look at the clock."""
        last_ms: dict[tuple[int, str], int] = {}
        for now_ms in range(from_ms, to_ms + step_ms, step_ms):
            for partition, topic in self.chance.sample(left := self.left(), len(left)):
                at = self.shards[partition].positions.get(topic, 0)
                waiting = self.logs[partition, topic][at:]
                come = sum(1 for record in waiting if record.timestamp_ms <= now_ms)
                if topic == FORWARDED:
                    come = self.chance.randint(0, len(waiting))
                if come:
                    self.ingest(partition, topic, come)
                    last_ms[partition, topic] = now_ms
            for partition, shard in enumerate(self.shards):
                arrived = {topic: last_ms.get((partition, topic), from_ms) for topic in self.topics}
                shard.tick(now_ms, self.topics, arrived)
                if self.chance.random() < 0.5:
                    self.cut(partition)

    def accepted(self) -> list[Accepted]:
        """All that was sent, less the dead letters, in order of arrival."""
        dead = Counter((letter.topic, letter.value) for letter in self.dead)
        accepted: list[Accepted] = []
        for topic, _, value, _ in reversed(self.sent):  # of copies, the later ones died
            if dead[topic, value]:
                dead[topic, value] -= 1
            else:
                assert value is not None
                accepted.append(Accepted(topic, value))
        return accepted[::-1]

    def until(self, key: str) -> int:
        """How far time has come where a key lives."""
        at_ms = self.shards[partition_of(key.encode(), self.partitions)].watermark_ms
        return -1 if at_ms is None else at_ms


def _keep(kept: dict[bytes, bytes], changes: Iterable[tuple[bytes, bytes | None]]) -> None:
    for key, value in changes:
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = value
