"""A worker that reads what the plan says, and ends once all of it has come to rest.

    reading    until every input has come to its planned end
    idle       so long that inputs which are truly silent hold time back no more
    resting    until nothing is on its way between partitions any more

It must not know how the plan was made, nor who watches.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NoReturn

from aiokafka import TopicPartition

from streams.dead_letters.sent import notes
from streams.progress import Progress
from streams.replay.plan import Plan, as_app
from streams.settings import Settings
from streams.span import Span
from streams.topics import FORWARDED

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_REST_COMMITS = 3
_OTHERS_AFTER_S = 60.0


async def span_of(settings: Settings, plan: Plan) -> Span:
    """What the replay's worker reads; `settings` are those of the replay.

    An event that was a dead letter and was sent again stands in the inputs twice. The first gets
    the id that the second was given, so that one of them counts.  Raises UnreachableError.
    """
    given: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
    for note in (await notes(as_app(settings, plan.of))).values():
        if note.given_id is not None and note.offset >= 0:
            given[note.topic, note.partition][note.offset] = note.given_id
    return Span(plan.begins, plan.ends, given)


def work(settings: Settings, plan: Plan, span: Span, *, bar: bool) -> NoReturn:
    """Read on, from the last commit or from the plan's beginning, to its end; ends the process.

    `settings` are those of the replay.
    """
    from kpi_windows.engine import Shard
    from streams.worker import run_worker

    def shard(partition: int, partitions: int) -> Shard:
        return Shard(settings.definitions, partition, partitions, tuple(settings.topics))

    def started(app: Any) -> None:
        app.own_watch = asyncio.ensure_future(_Watch(app, settings, plan, bar=bar).run())

    run_worker(settings, shard, create_topics=True, started=started, span=span)


def read_so_far(plan: Plan, positions: Mapping[int, Mapping[str, int]]) -> int:
    """Offsets that are read, of those in the plan; `positions` by partition and topic."""
    done = 0
    for topic, ends in plan.ends.items():
        for partition, end in enumerate(ends):
            begin = plan.begins[topic][partition]
            at = positions.get(partition, {}).get(topic, begin)
            done += max(0, min(at, end) - begin)
    return done


class _Watch:
    """Tells how far the worker has come, and has it finish."""

    def __init__(self, app: Any, settings: Settings, plan: Plan, *, bar: bool) -> None:
        self._app = app
        self._settings = settings
        self._plan = plan
        say = None if bar else log.info
        self._progress = Progress("replay", plan.records, "records", say=say)
        self._first: int | None = None
        self._began_s = time.monotonic()

    async def run(self) -> None:
        try:
            while True:
                if self._has_read():
                    break
                await asyncio.sleep(_LOOK_S)
            self._progress.close()
            if self._plan.to_ms is None:
                log.info("all is read; waiting for time to come to rest")
                await asyncio.sleep(self._settings.definitions.idle_ms / 1_000)
            await self._rest()
            if self._end():
                await self._rest()
            self._app.finish()
        except Exception as error:  # noqa: BLE001  whatever it is: the supervisor starts anew
            self._app.fail(error)

    def _has_read(self) -> bool:
        held = self._app.held()
        done = read_so_far(self._plan, {each.partition: each.positions for each in held})
        whole = len(held) == self._settings.partitions and all(each.settled for each in held)
        if not whole and time.monotonic() - self._began_s > _OTHERS_AFTER_S:
            log.warning(
                "only %d of %d partitions are here: does another worker of %s run? Stop it",
                len(held),
                self._settings.partitions,
                self._settings.app_id,
            )
            self._began_s = time.monotonic()
        if whole:
            self._tell(done)
        return whole and done == self._plan.records

    def _tell(self, done: int) -> None:
        """What was read before this run, or taken over since, says nothing about the rate."""
        if self._first is None or done < self._first:
            self._first = done
            self._progress.skip(done)
        self._progress.reached(done)

    async def _rest(self) -> None:
        """Until nothing was committed for some commits' time that another partition must read."""
        wanted_s = _REST_COMMITS * self._settings.commit_interval_s + _LOOK_S
        before, since_s = await self._forwarded(), time.monotonic()
        while time.monotonic() - since_s < wanted_s:
            await asyncio.sleep(_LOOK_S)
            now = await self._forwarded()
            if now != before or any(now[0][p] != now[1][p] for p in now[1]) or self._committing():
                before, since_s = now, time.monotonic()

    async def _forwarded(self) -> tuple[dict[int, int], dict[int, int]]:
        """Of the internal topic, by partition: where it is read to, and where it ends."""
        name, held = self._app.names.forwarded, self._app.held()
        tps = [TopicPartition(name, each.partition) for each in held]
        known = await self._app.offsets(tps)
        read = {each.partition: each.positions[FORWARDED] for each in held}
        return read, {tp.partition: known[tp].end for tp in tps}

    def _committing(self) -> bool:
        return any(each.commit and not each.commit.done() for each in self._app.held())

    def _end(self) -> bool:
        """Bring time to its end where it is known, or where nothing was ever heard.

        Up to a time that is asked for, nothing more comes.  In a replay up to now the next events
        wait already for whoever goes on: time stays where they find it.  True when something moved.
        """
        ended = False
        for held in self._app.held():
            if self._plan.to_ms is not None or not held.committed:
                held.shard.end()
                ended = True
        return ended
