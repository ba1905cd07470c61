"""When a partition's commit is due: each interval, and more seldom while it is far behind."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from streams.commits import Commits
from streams.restore import Held, PartitionStats

INTERVAL_S = 0.2


class Cuts(list[tuple[int, float]]):
    """The partitions that were cut, in order, and when."""

    def of(self, partition: int) -> Any:
        """A shard without changes, which notes that it was asked."""
        return SimpleNamespace(cut=lambda: self.append((partition, time.monotonic())))


def _commits(partitions: int = 1, ago_s: float = INTERVAL_S, lag: int = 0) -> tuple[Any, Cuts]:
    """So many held partitions that began their last commit so long ago; what is cut from now on."""
    cuts = Cuts()
    writer: Any = None
    held = {
        partition: Held(
            partition,
            cuts.of(partition),
            writer,
            {},
            {},
            PartitionStats(lag={"clickstream": lag, "carts": 10}),
            settled=True,
            commit_began_s=time.monotonic() - ago_s,
        )
        for partition in range(partitions)
    }
    app = SimpleNamespace(
        rebalancing=False,
        failed=None,
        draining=False,
        topics_fit=lambda: True,
        loop=asyncio.get_running_loop(),
        store=SimpleNamespace(held=held, rewind_stalled=lambda: None, tick=lambda _: None),
        conf=SimpleNamespace(broker_commit_interval=INTERVAL_S),
    )
    app.commits = Commits(app, ())
    return app, cuts


@pytest.mark.parametrize(
    ("intervals_ago", "lag", "due"),
    [(1.0, 49_990, True), (1.0, 49_991, False), (1.3, 1_000_000, False), (2.0, 1_000_000, True)],
    ids=["near", "far", "still far", "far for long"],
)
def test_who_is_far_behind_commits_each_second_interval(
    intervals_ago: float, lag: int, due: bool
) -> None:
    async def run() -> None:
        app, cuts = _commits(ago_s=intervals_ago * INTERVAL_S, lag=lag)
        app.commits.begin()
        await asyncio.sleep(INTERVAL_S)
        assert bool(cuts) == due

    asyncio.run(run())


def test_partitions_are_cut_one_after_the_other_over_the_interval() -> None:
    async def run() -> None:
        app, cuts = _commits(partitions=4)
        began = time.monotonic()
        app.commits.begin()
        await asyncio.sleep(2 * INTERVAL_S)
        assert [partition for partition, _ in cuts] == [0, 1, 2, 3]
        for partition, at_s in cuts:
            assert at_s - began >= 0.99 * INTERVAL_S * partition / 4

    asyncio.run(run())


@pytest.mark.parametrize("what", ["rebalancing", "failed", "draining", "dropped"])
def test_what_is_due_later_is_let_be_when_it_must_not_be_cut_then(what: str) -> None:
    async def run() -> None:
        app, cuts = _commits(partitions=2)
        app.commits.begin()
        await asyncio.sleep(INTERVAL_S / 4)
        if what == "dropped":
            del app.store.held[1]
        else:
            setattr(app, what, RuntimeError() if what == "failed" else True)
        await asyncio.sleep(2 * INTERVAL_S)
        assert [partition for partition, _ in cuts] == [0]

    asyncio.run(run())


def test_the_last_commit_waits_for_nothing() -> None:
    async def run() -> None:
        app, cuts = _commits(partitions=2, ago_s=0.0, lag=1_000_000)
        await app.commits.last()
        assert [partition for partition, _ in cuts] == [0, 1]

    asyncio.run(run())
