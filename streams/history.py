"""The past played again: a log's events in order of time, and what was visible at each step.

At a step all events up to it are in, and time has come exactly there in every input: the state of
a live processor at that watermark.  It must not know what is read off at a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kpi_windows.engine import Shard
from streams.follower import Whole
from streams.offline import CHUNK, Line, Report, by_topic, end, ingest
from streams.settings import Settings


class History:
    """One shard and a view of it, brought forward step by step."""

    def __init__(self, settings: Settings, lines: Iterator[Line], files: tuple[str, ...]) -> None:
        self.settings = replace(settings, kafka=replace(settings.kafka, partitions=1))
        self.whole = Whole(self.settings, now_ms=lambda: 0)
        self.whole.caught_up.add(0)
        self.whole.ready_ms = 0
        self.report = Report(files)
        self._shard = Shard(settings.definitions, 0, 1)
        self._lines = lines
        self._next = next(lines, None)

    def bring_to(self, at_ms: int) -> None:
        """Takes in all up to a time, itself included."""
        while chunk := self._up_to(at_ms):
            for topic, lines in by_topic(chunk).items():
                ingest(self._shard, topic, lines, self.report)
            if len(chunk) == CHUNK:  # so that what is final is folded on a long way, too
                self._stand_at(chunk[-1].order_ms)
        self._stand_at(at_ms)

    def _up_to(self, at_ms: int) -> list[Line]:
        """The next lines until a time, some at once."""
        chunk: list[Line] = []
        while self._next is not None and self._next.order_ms <= at_ms and len(chunk) < CHUNK:
            chunk.append(self._next)
            self._next = next(self._lines, None)
        return chunk

    def _stand_at(self, at_ms: int) -> None:
        end(self._shard, at_ms)
        cut = self._shard.cut()
        if cut is None:
            return
        self.whole.take(0, cut.panes, cut.checkpoint, live=False)
        self.report.bury_all(cut.dead_letters)

    def finish(self) -> Report:
        """What became of the lines."""
        self.report.add_duplicates(self._shard)
        return self.report


def steps(first_ms: int, last_ms: int, step_ms: int) -> range:
    """The multiples of a step from a time to a time, both included."""
    return range(-(-first_ms // step_ms) * step_ms, last_ms + 1, step_ms)
