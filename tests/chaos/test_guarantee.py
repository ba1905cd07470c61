"""Exactly once, through kills, zombies, joins, leaves and a broker's restart, on a real Kafka."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import shop
from tests.chaos.child import POINTS
from tests.chaos.harness import Run, Shop, Worker, amounts, assert_sums, until
from tests.kafka.broker import KafkaBroker

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.slow]

SEED = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(1 << 30)))


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    print(f"CHAOS_SEED={SEED}")
    return random.Random(f"{SEED}-{request.node.name}")


@dataclass(frozen=True)
class Kind:
    """What the workers compute, what is fed to them, and how the outcome is judged."""

    shard: str
    events: Callable[[int], Iterator[tuple[str, bytes, bytes]]]
    judge: Callable[[Run], None]


COUNTER = Kind("counter", amounts, assert_sums)  # every sum is known from the inputs alone
SHOP = Kind("shop", shop.events, shop.assert_exact)  # the product, against an undisturbed run


class Play:
    """A run with its topics, a shop that goes on meanwhile, and the verdict."""

    def __init__(
        self, broker: KafkaBroker, kind: Kind, app_id: str, folder: Path, **settings: Any
    ) -> None:
        self.run = Run(broker.bootstrap, app_id, folder, shard=kind.shard, **settings)
        self._kind = kind
        changelogs = [f"{app_id}-state", f"{app_id}-panes"]
        others = [*self.run.topics.values(), f"{app_id}-forwarded", f"{app_id}-dead-letters"]
        broker.create_topics(changelogs, config={"cleanup.policy": "compact"})
        broker.create_topics(others)
        self._shop = Shop(self.run.bootstrap, self.run.topics, kind.events(SEED))

    def __enter__(self) -> Play:
        self.run.__enter__()
        self._shop.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._shop.stop()
        self.run.__exit__(*error)

    def worker(self, name: str, **changes: Any) -> Worker:
        """One more, restored."""
        worker = self.run.worker(name, **changes)
        until(f"{name} has restored", lambda: "restored" in worker.said())
        return worker

    def finish(self) -> None:
        self._shop.close()
        self.run.settle()
        self._kind.judge(self.run)
        assert [worker.stop() for worker in self.run.workers] == [0] * len(self.run.workers)


def _kill_at_random(workers: Sequence[Worker], chance: random.Random) -> None:
    worker = chance.choice(workers)
    old = worker.pid
    time.sleep(chance.uniform(0, 2.5))  # the random moment itself
    worker.kill()
    worker.restarted(old)


@pytest.mark.parametrize(
    ("kind", "at_points", "at_random"),
    [(SHOP, (*POINTS, *POINTS[:4]), 12), (COUNTER, POINTS, 4)],
    ids=["shop", "counter"],
)
def test_kills_at_named_points_and_at_random_moments(
    kafka: KafkaBroker,
    app_id: str,
    tmp_path: Path,
    chance: random.Random,
    kind: Kind,
    at_points: Sequence[str],
    at_random: int,
) -> None:
    with Play(kafka, kind, app_id, tmp_path) as play:
        workers = [play.worker(name, instance_id=name) for name in ("one", "two")]
        for point in at_points:
            chance.choice(workers).die_at(point)
        for _ in range(at_random):
            _kill_at_random(workers, chance)
        play.finish()


def test_workers_join_and_leave(
    kafka: KafkaBroker, app_id: str, tmp_path: Path, chance: random.Random
) -> None:
    with Play(kafka, SHOP, app_id, tmp_path) as play:
        play.worker("stays")
        for number in range(5):
            guest = play.worker(f"guest-{number}")
            time.sleep(chance.uniform(0, 2))  # the random moment itself
            assert guest.stop() == 0
            play.run.workers.remove(guest)
        play.finish()


def test_zombies_write_nothing(
    kafka: KafkaBroker, app_id: str, tmp_path: Path, chance: random.Random
) -> None:
    with Play(kafka, SHOP, app_id, tmp_path, session_timeout_s=3.0, heartbeat_s=0.5) as play:
        workers = [play.worker("one"), play.worker("two")]
        for _ in range(5):
            pid = chance.choice(workers).freeze()
            time.sleep(3.0 + chance.uniform(1, 3))  # longer than its session
            os.kill(pid, signal.SIGCONT)
            time.sleep(chance.uniform(0, 2))  # alive again, or found out: either way it goes on
        play.finish()


def test_a_broker_that_is_away_for_a_while(
    own_kafka: KafkaBroker, app_id: str, tmp_path: Path, chance: random.Random
) -> None:
    with Play(own_kafka, SHOP, app_id, tmp_path) as play:
        for name in ("one", "two"):
            play.worker(name)
        until("events are taken in", lambda: all(w.seen() > 1000 for w in play.run.workers))
        own_kafka.restart(kill=True, down_s=chance.uniform(4, 8))
        play.finish()
