"""What may go wrong, as data: each fault has a name, a weight, and what it does to the stage.

A fault takes all its chances from the `Random` that it is given, and returns in words what it did;
what it broke is whole again by then, or mends by itself.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.chaos.child import POINTS
from tests.chaos.harness import Worker, until
from tests.chaos.stage import SESSION_S, TRANSACTION_S, WAYS, Stage

JUMPS_S = (5 * 3600, -8 * 3600, 40 * 86_400, -3 * 3600, 0)
MOST_WORKERS = 4

Act = Callable[[Stage, Random], str]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong; it is drawn as often as its weight says."""

    name: str
    weight: int
    act: Act
    brokers: int = 1
    """It takes at least so many."""


FAULTS: list[Fault] = []


def _fault(name: str, weight: int, brokers: int = 1) -> Callable[[Act], Act]:
    def add(act: Act) -> Act:
        FAULTS.append(Fault(name, weight, act, brokers))
        return act

    return add


def drawn(seed: int, number: int, brokers: int) -> tuple[Fault, Random]:
    """The fault of a run that has this place in it, and its chances: the same in every run."""
    chance = Random(f"{seed}/{number}")
    known = [fault for fault in FAULTS if fault.brokers <= brokers]
    return chance.choices(known, [fault.weight for fault in known])[0], chance


# ---------------------------------------------------------------------------- workers


@_fault("worker killed", 12)
def kill(stage: Stage, chance: Random) -> str:
    worker = chance.choice(stage.workers)
    time.sleep(chance.uniform(0, 2))  # the random moment itself
    worker.kill()
    return worker.name


@_fault("worker killed at a point", 14)
def kill_at_point(stage: Stage, chance: Random) -> str:
    worker, point = chance.choice(stage.workers), chance.choice(POINTS)
    if point in POINTS[:4]:
        _until_it_commits(stage, worker)
    worker.die_at(point)
    return f"{worker.name} {point}"


@_fault("worker frozen until it is a zombie", 8)
def zombie(stage: Stage, chance: Random) -> str:
    worker, frozen_s = chance.choice(stage.workers), SESSION_S + chance.uniform(1, 4)
    pid = worker.freeze()
    time.sleep(frozen_s)  # longer than its session
    os.kill(pid, signal.SIGCONT)
    return f"{worker.name} for {frozen_s:.1f} s"


@_fault("worker hangs in a commit beyond the transaction's timeout", 6)
def hang(stage: Stage, chance: Random) -> str:
    """It goes on sending heartbeats, so nobody takes its partitions over."""
    worker, point = chance.choice(stage.workers), chance.choice(POINTS[:4])
    hangs_s = TRANSACTION_S + chance.uniform(1, 4)
    _until_it_commits(stage, worker)
    worker.hang_at(point, hangs_s)
    time.sleep(hangs_s)
    return f"{worker.name} {point} for {hangs_s:.1f} s"


@_fault("worker joins", 8)
def join(stage: Stage, chance: Random) -> str:
    if len(stage.workers) == MOST_WORKERS:
        return leave(stage, chance)
    worker = stage.add_worker(static=chance.random() < 0.5)
    time.sleep(chance.uniform(0, 4))
    return f"{worker.name}, of {len(stage.workers)}"


@_fault("worker leaves", 6)
def leave(stage: Stage, chance: Random) -> str:
    if len(stage.workers) == 1:
        return join(stage, chance)
    worker = chance.choice(stage.workers)
    _stop(worker)
    stage.workers.remove(worker)
    worker.end()
    return f"{worker.name}, {len(stage.workers)} stay"


@_fault("workers restarted one by one", 4)
def roll_workers(stage: Stage, _: Random) -> str:
    for worker in stage.workers:
        _stop(worker)
        worker.start()
        until(f"{worker.name} works", lambda w=worker: w.pid)  # type: ignore[misc]
    return f"{len(stage.workers)} of them"


@_fault("worker's clock jumps", 5)
def jump(stage: Stage, chance: Random) -> str:
    worker, seconds = chance.choice(stage.workers), chance.choice(JUMPS_S)
    worker.jump(seconds)
    time.sleep(1)
    return f"{worker.name} by {seconds / 3600:+.0f} h"


# ---------------------------------------------------------------------------- brokers


@_fault("broker killed", 6)
def kill_broker(stage: Stage, chance: Random) -> str:
    return _away(stage, chance.randrange(len(stage.cluster.brokers)), chance)


@_fault("leader killed", 4, brokers=3)
def kill_leader(stage: Stage, chance: Random) -> str:
    """Of a partition of the state."""
    partition = chance.randrange(stage.run.settings.partitions)
    topic = f"{stage.run.settings.app_id}-state"
    leader = until("it has a leader", lambda: stage.cluster.leader_of(topic, partition))
    return f"of state-{partition}: " + _away(stage, leader - 1, chance)


@_fault("broker frozen", 4)
def freeze_broker(stage: Stage, chance: Random) -> str:
    """Longer than its session with the controllers: on its return it isn't the leader any more."""
    number, frozen_s = chance.randrange(len(stage.cluster.brokers)), chance.uniform(3, 9)
    stage.cluster.freeze(number)
    try:
        time.sleep(frozen_s)
    finally:
        stage.cluster.thaw(number)
    return f"{number + 1} for {frozen_s:.1f} s"


@_fault("brokers restarted one by one", 2)
def roll_brokers(stage: Stage, _: Random) -> str:
    for broker in stage.cluster.brokers:
        broker.restart()
        stage.cluster.until_in_sync()
    return f"{len(stage.cluster.brokers)} of them"


@_fault("all brokers killed at once", 1)
def kill_brokers(stage: Stage, chance: Random) -> str:
    down_s = chance.uniform(0, 4)
    stage.cluster.restart_all(down_s=down_s)
    return f"for {down_s:.1f} s"


# ---------------------------------------------------------------------------- the network


@_fault("network cut", 8)
def cut(stage: Stage, chance: Random) -> str:
    """Of one way: to all brokers, or to one."""
    way, cut_s = chance.choice(WAYS), chance.uniform(1, 12)
    links = stage.cluster.ways[way]
    some = links if chance.random() < 0.5 else [chance.choice(links)]
    stage.cluster.proxy.cut(some)
    time.sleep(cut_s)
    stage.cluster.proxy.heal()
    return f"way {way} to {len(some)} of {len(links)} brokers for {cut_s:.1f} s"


@_fault("network silent", 5)
def stall(stage: Stage, chance: Random) -> str:
    """Connections stay, and nothing comes through."""
    way, silent_s = chance.choice(WAYS), chance.uniform(2, SESSION_S + 6)
    for link in stage.cluster.ways[way]:
        link.stalls = True
    time.sleep(silent_s)
    stage.cluster.proxy.heal()
    return f"way {way} for {silent_s:.1f} s"


@_fault("network slow", 5)
def slow(stage: Stage, chance: Random) -> str:
    way, slow_s = chance.choice(WAYS), chance.uniform(3, 8)
    delay_s, bytes_per_s = chance.uniform(0.02, 0.3), chance.uniform(100_000, 1_000_000)
    for link in stage.cluster.ways[way]:
        link.delay_s, link.bytes_per_s = delay_s, bytes_per_s
    time.sleep(slow_s)
    stage.cluster.proxy.heal()
    return f"way {way}: {delay_s:.2f} s, {bytes_per_s / 1000:.0f} KB/s, for {slow_s:.1f} s"


# ---------------------------------------------------------------------------- exporters, intake


@_fault("exporter killed", 4)
def kill_exporter(stage: Stage, chance: Random) -> str:
    exporter = chance.choice(stage.exporters)
    exporter.signal(signal.SIGKILL)
    return exporter.name


@_fault("exporter killed as it writes alerts", 5)
def kill_exporter_at_point(stage: Stage, chance: Random) -> str:
    """Whichever is elected."""
    point = chance.choice(("alerts are written", "alerts are committed"))
    for exporter in stage.exporters:
        exporter.fault.write_text(point)
    until("alerts are judged", lambda: any(not e.fault.exists() for e in stage.exporters), 120)
    for exporter in stage.exporters:
        exporter.fault.unlink(missing_ok=True)
    return point


@_fault("exporter frozen until it is a zombie", 4)
def freeze_exporter(stage: Stage, chance: Random) -> str:
    exporter, frozen_s = chance.choice(stage.exporters), SESSION_S + chance.uniform(1, 4)
    exporter.signal(signal.SIGSTOP)
    try:
        time.sleep(frozen_s)
    finally:
        exporter.signal(signal.SIGCONT)
    return f"{exporter.name} for {frozen_s:.1f} s"


@_fault("intake killed", 5)
def kill_intake(stage: Stage, chance: Random) -> str:
    time.sleep(chance.uniform(0, 1))
    stage.intake.signal(signal.SIGKILL)
    return "and started anew"


@_fault("intake restarted", 3)
def restart_intake(stage: Stage, _: Random) -> str:
    stage.intake.signal(signal.SIGTERM)
    return "in order"


# ----------------------------------------------------------------------------


def _until_it_commits(stage: Stage, worker: Worker) -> None:
    """It may have no partition, or not any more: then the others have one too many, and leave it.

    A worker that joined is given some as soon as the group has settled.
    """
    seen = worker.seen()
    until(f"{worker.name} takes events in", lambda: worker.seen() != seen, 120)


def _stop(worker: Worker) -> None:
    code = worker.stop(60)
    assert code in (0, 1), f"{worker.name} stopped with {code}"  # 1: Kafka took no last commit


def _away(stage: Stage, number: int, chance: Random) -> str:
    down_s = chance.uniform(0, 8)
    stage.cluster.brokers[number].restart(kill=True, down_s=down_s)
    return f"broker {number + 1} for {down_s:.1f} s"
