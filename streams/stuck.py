"""Notices that a process is stuck: it doesn't do what it could do now.

It must not know what it watches, nor how a process ends.  Each `Thing` has a clock, which runs while
it stands still although it could move.  Waiting for Kafka is not being stuck, since a fresh process
would wait too: every clock goes back to zero while Kafka can't be worked with.  So it does while
nothing is unread: a quiet shop is quiet.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from aiokafka import TopicPartition

from streams.unread import Unread

log = logging.getLogger(__name__)

_LOOKS = 12
"""So many times within its patience it is looked at, and at least each five seconds."""


class StuckError(Exception):
    """The process doesn't go on; a fresh one would."""


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
    """Looks at things again and again; `trouble` says what stands still for half its time.

    Things of partitions can only move while `works` says so of these.
    """

    def __init__(
        self,
        things: Callable[[], Iterable[Thing]],
        unread: Unread,
        patience_s: float,
        works: Callable[[set[int]], Awaitable[bool]] | None = None,
    ) -> None:
        self._things = things
        self._unread = unread
        self._patience_s = patience_s
        self._works = works
        self._clocks: dict[str, _Clock] = {}
        self.trouble = ""

    async def run(self) -> None:
        """For ever; raises StuckError."""
        each_s = min(5.0, self._patience_s / _LOOKS)
        before = time.monotonic()
        try:
            while True:
                await asyncio.sleep(each_s)
                now = time.monotonic()
                seconds, before = min(now - before, 2 * each_s), now  # a frozen process saw nothing
                await self.look(seconds)
        finally:
            await self._unread.close()

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

    async def _can_move(self, still: list[Thing]) -> set[str]:
        """Which of these could go on now, as far as Kafka is concerned."""
        if not still:
            return set()
        ends = await self._unread.ends([thing.input for thing in still if thing.input])
        if ends is None:
            return set()
        can = [t for t in still if t.input is None or ends.get(t.input, 0) > t.position]
        partitions = {thing.partition for thing in can if thing.partition is not None}
        if not can or (self._works is not None and not await self._works(partitions)):
            return set()
        return {thing.words for thing in can}
