"""Notices that a worker is stuck: it doesn't do what it could do now.

It must not know how a process ends.  Each of these has a clock, which runs while it stands still:

    an input of a partition    records of it are unread, and the state's position stays
    commits of a partition     records were taken in, and no commit ends
    partitions to be restored  nothing of any of them is read
    an assignment              it doesn't end

Waiting for Kafka is not being stuck, since a fresh process would wait too: every clock goes back to
zero while Kafka can't be worked with.  So it does while nothing is unread: a quiet shop is quiet.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from streams.transport import rebalance_timeout_ms
from streams.unread import Unread

log = logging.getLogger(__name__)

_LOOKS = 12
"""So many times within its patience it is looked at, and at least each five seconds."""


class StuckError(Exception):
    """The worker doesn't go on; a fresh one would."""


class Thing(NamedTuple):
    """Something that ought to move, and how long it may stand still."""

    words: str
    mark: object
    patience_s: float
    input: TopicPartition | None = None
    position: int = 0
    partition: int | None = None


@dataclass
class _Clock:
    mark: object = None
    stood_s: float = 0.0


class Watch:
    """Looks at a `ShopApp` again and again; `trouble` says what stands still for half its time."""

    def __init__(self, app: Any, unread: Unread) -> None:
        self._app = app
        self._unread = unread
        self._patience_s: float = app.shop.stuck_after_s
        self._clocks: dict[str, _Clock] = {}
        self._taken: dict[int, tuple[int, int]] = {}
        self.trouble = ""

    async def run(self) -> None:
        """For ever; raises StuckError."""
        each_s = min(5.0, self._patience_s / _LOOKS)
        before = time.monotonic()
        while True:
            await asyncio.sleep(each_s)
            now = time.monotonic()
            seconds, before = min(now - before, 2 * each_s), now  # a frozen process saw nothing
            await self.look(seconds)

    async def look(self, seconds: float) -> None:
        """Once, so long after the last time."""
        things = {thing.words: thing for thing in self._things()}
        self._clocks = {words: self._clocks.get(words, _Clock()) for words in things}
        still = []
        for words, clock in self._clocks.items():
            mark = things[words].mark
            if clock.mark == mark:
                still.append(things[words])
            else:
                clock.mark, clock.stood_s = mark, 0.0
        can_move = await self._can_move(still)
        for thing in still:
            clock = self._clocks[thing.words]
            clock.stood_s = clock.stood_s + seconds if thing.words in can_move else 0.0
        self._tell(things)

    def _tell(self, things: dict[str, Thing]) -> None:
        """Raises StuckError when one has stood still for too long."""
        shares = {
            words: self._clocks[words].stood_s / thing.patience_s for words, thing in things.items()
        }
        worst = max(shares, key=shares.__getitem__, default="")
        if not worst or shares[worst] < 0.5:
            self.trouble = ""
            return
        stood_s, patience_s = self._clocks[worst].stood_s, things[worst].patience_s
        told = (
            f"stuck: {worst}, and nothing of it has moved for {stood_s:.0f} s, though Kafka answers"
        )
        if shares[worst] >= 1:
            raise StuckError(told)
        if not self.trouble:
            log.warning("%s; after %.0f s this process ends", told, patience_s)
        self.trouble = f"{told}; after {patience_s:.0f} s this process ends"

    def _things(self) -> Iterator[Thing]:
        app, patience_s = self._app, self._patience_s
        if app.failed is not None or app.draining:
            return
        rebalance_s = rebalance_timeout_ms(app.shop) / 1_000
        if app.rebalancing:
            yield Thing(
                "partitions are being assigned", app.rebalancing_count, patience_s + rebalance_s
            )
            return
        if settling := app.store.settling():
            transaction_s = app.shop.transaction_timeout_ms / 1_000
            yield Thing(
                "partitions are being restored",
                (app.rebalancing_count, app.restorer.records, *settling),
                patience_s + rebalance_s + transaction_s,
            )
        for held in app.held():
            if held.settled:
                yield from self._of_partition(held)

    def _of_partition(self, held: Any) -> Iterator[Thing]:
        partition, patience_s = held.partition, self._patience_s
        for topic, position in list(held.positions.items()):
            tp = TopicPartition(self._app.names.inputs[topic], partition)
            end = self._app.span.end(topic, partition)
            if end is None or position < end:
                words = f"{tp.topic}-{partition} has unread records"
                yield Thing(words, (id(held), position), patience_s, tp, position, partition)
        commits, taken = self._taken.get(partition, (-1, 0))
        if commits != held.stats.commits:
            self._taken[partition] = (held.stats.commits, held.stats.events)
        elif held.stats.events > taken:
            words = f"partition {partition} has taken in records that it doesn't commit"
            yield Thing(words, (id(held), commits), patience_s, partition=partition)

    async def _can_move(self, still: list[Thing]) -> set[str]:
        """Which of these could go on now, as far as Kafka is concerned."""
        if not still:
            return set()
        ends = await self._unread.ends([thing.input for thing in still if thing.input])
        if ends is None:
            return set()
        can = [t for t in still if t.input is None or ends.get(t.input, 0) > t.position]
        partitions = {thing.partition for thing in can if thing.partition is not None}
        if not can or not await self._unread.takes_commits(partitions):
            return set()
        return {thing.words for thing in can}
