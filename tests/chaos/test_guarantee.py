"""Exactly once, through kills, zombies, joins, leaves and a broker's restart, on a real Kafka."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.chaos.harness import Run, Shop, Worker, amounts, assert_exact, until
from tests.kafka.broker import KafkaBroker

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.slow]

SEED = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(1 << 30)))
POINTS = (
    "after the cut",
    "after the write",
    "before the transaction's end",
    "after the transaction's end",
    "fenced",
    "restoring",
)


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    print(f"CHAOS_SEED={SEED}")
    return random.Random(f"{SEED}-{request.node.name}")


def _prepare(broker: KafkaBroker, run: Run) -> Shop:
    broker.create_topics(run.topics.values(), partitions=run.settings.partitions)
    app = run.settings.app_id
    changelog = {"cleanup.policy": "compact"}
    broker.create_topics([f"{app}-state", f"{app}-panes"], config=changelog)
    broker.create_topics([f"{app}-forwarded", f"{app}-dead-letters"])
    shop = Shop(run.bootstrap, run.topics, amounts(SEED))
    shop.start()
    return shop


def _working(run: Run, *workers: Worker) -> None:
    for worker in workers:
        until(f"{worker.name} restored", lambda worker=worker: "restored" in worker.said())


def _finish(run: Run, shop: Shop) -> None:
    shop.close()
    run.settle()
    codes = [worker.stop() for worker in run.workers]
    assert codes == [0] * len(codes)
    assert_exact(run)


def test_kills_at_named_points_and_at_random_moments(
    kafka: KafkaBroker, app_id: str, tmp_path: Path, chance: random.Random
) -> None:
    with Run(kafka.bootstrap, app_id, tmp_path) as run:
        shop = _prepare(kafka, run)
        one = run.worker("one", instance_id="one")
        two = run.worker("two", instance_id="two")
        _working(run, one, two)
        kills = 0
        for point in [*POINTS, *POINTS[:4]]:
            chance.choice([one, two]).die_at(point)
            kills += 1
        while kills < 22:
            worker = chance.choice([one, two])
            old = worker.pid
            time.sleep(chance.uniform(0, 2.5))  # the random moment itself
            worker.kill()
            worker.restarted(old)
            kills += 1
        _finish(run, shop)


def test_workers_join_and_leave(
    kafka: KafkaBroker, app_id: str, tmp_path: Path, chance: random.Random
) -> None:
    with Run(kafka.bootstrap, app_id, tmp_path) as run:
        shop = _prepare(kafka, run)
        _working(run, run.worker("stays"))
        for number in range(5):
            guest = run.worker(f"guest-{number}")
            _working(run, guest)
            time.sleep(chance.uniform(0, 2))  # the random moment itself
            assert guest.stop() == 0
            run.workers.remove(guest)
        _finish(run, shop)


def test_zombies_write_nothing(
    kafka: KafkaBroker, app_id: str, tmp_path: Path, chance: random.Random
) -> None:
    with Run(kafka.bootstrap, app_id, tmp_path, session_timeout_s=3.0, heartbeat_s=0.5) as run:
        shop = _prepare(kafka, run)
        workers = [run.worker("one"), run.worker("two")]
        _working(run, *workers)
        for _ in range(5):
            zombie = chance.choice(workers)
            pid = zombie.freeze()
            time.sleep(3.0 + chance.uniform(1, 3))  # longer than its session
            os.kill(pid, signal.SIGCONT)
            time.sleep(chance.uniform(0, 2))  # alive again, or found out: either way it goes on
        _finish(run, shop)


def test_a_broker_that_is_away_for_a_while(
    own_kafka: KafkaBroker, app_id: str, tmp_path: Path, chance: random.Random
) -> None:
    with Run(own_kafka.bootstrap, app_id, tmp_path) as run:
        shop = _prepare(own_kafka, run)
        _working(run, run.worker("one"), run.worker("two"))
        own_kafka.restart(kill=True, down_s=chance.uniform(4, 8))
        _finish(run, shop)
