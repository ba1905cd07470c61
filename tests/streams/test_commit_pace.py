"""When a partition's commit is due: each interval, and more seldom while it is far behind."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from streams.commits import Commits

INTERVAL_S = 1.0


def _commits(seconds_ago: float, lag: int) -> tuple[Commits, list[int]]:
    """One held partition that began its last commit so long ago; what is cut from now on."""
    cuts: list[int] = []
    held = SimpleNamespace(
        settled=True,
        commit=None,
        commit_began_s=time.monotonic() - seconds_ago,
        stats=SimpleNamespace(lag={"clickstream": lag - 10, "carts": 10}),
        shard=SimpleNamespace(cut=lambda: cuts.append(1)),
    )
    store = SimpleNamespace(held={0: held}, rewind_stalled=lambda: None, tick=lambda _: None)
    app: Any = SimpleNamespace(
        rebalancing=False,
        failed=None,
        draining=False,
        topics_fit=lambda: True,
        store=store,
        conf=SimpleNamespace(broker_commit_interval=INTERVAL_S),
    )
    return Commits(app, ()), cuts


@pytest.mark.parametrize(
    ("seconds_ago", "lag", "due"),
    [(1.0, 50_000, True), (1.0, 50_001, False), (1.4, 1_000_000, False), (2.0, 1_000_000, True)],
    ids=["near", "far", "still far", "far for long"],
)
def test_who_is_far_behind_commits_each_second_interval(
    seconds_ago: float, lag: int, due: bool
) -> None:
    async def run() -> None:
        commits, cuts = _commits(seconds_ago, lag)
        commits.begin()
        await commits.quiet()
        assert bool(cuts) == due

    asyncio.run(run())


def test_the_last_commit_waits_for_nothing() -> None:
    async def run() -> None:
        commits, cuts = _commits(0.0, 1_000_000)
        await commits.last()
        assert cuts

    asyncio.run(run())
