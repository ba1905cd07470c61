"""`kpi feed`: lines of JSON into Kafka, each as it stands, once.

An event without an id gets one from its source and line, never from its content, so that two
equal lines are two events and a run that was cut off goes on without counting anything twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from kpi_windows.decoding import Rejected, decode
from kpi_windows.events import TOPICS, Clock, Event, key_of
from streams.config import nearest
from streams.intake.ids import with_id
from streams.intake.resume import Resume, state_file
from streams.intake.sources import BROKEN, LONGEST_LINE, RawLine, Source, name_of, raw_lines
from streams.producer import ProducerOptions, Sender, TooLargeError
from streams.progress import Progress

Report = Callable[[str], None]
_BATCH = 1_000


@dataclass(frozen=True)
class FeedOptions:
    """What to feed, and how."""

    file: Path | None
    """Absent: standard input."""
    topic: str | None
    """The logical topic; absent: each line's own field `topic`, as `import --dry-run` prints it."""
    keep_bad: bool = False
    """Send lines that are no events as they are, for the dead letters."""
    end_at_ms: int | None = None
    """At the end, tell every partition that nothing happens before this time."""
    restart: bool = False
    """Begin at the first line, whatever was fed before."""
    state_dir: Path | None = None
    """Where to note how far the run came; by default beside the file."""
    progress: bool = True
    shown_bad: int = 20
    """So many bad lines are reported one by one."""


@dataclass
class FeedResult:
    """What became of the lines."""

    lines: int = 0
    sent: int = 0
    bad: int = 0
    before: int = 0
    """Lines that an earlier run had fed."""
    ids_derived: int = 0
    clocks: int = 0


class _Routed(msgspec.Struct):
    topic: str


_ROUTED = msgspec.json.Decoder(_Routed)


class Ready(NamedTuple):
    """A line that was looked at: to be sent under `topic`, unless `reason` says what is wrong."""

    line: RawLine
    topic: str
    key: bytes | None
    value: bytes
    reason: str | None
    derived: bool


def feed(
    options: FeedOptions, producer: ProducerOptions, *, report: Report = lambda _: None
) -> FeedResult:
    """Send a file's lines.

    Raises SourceError, RefusedError, UnreachableError or SendError; what was acknowledged until
    then is noted, and the next call goes on from there.
    """
    if options.topic is not None and options.topic not in TOPICS:
        raise ValueError(f"topic {options.topic!r}: {nearest(options.topic, list(TOPICS))}")
    source = Source(options.file)
    try:
        with Sender(producer) as sender:
            for topic in [options.topic] if options.topic else sender.used:
                sender.partitions(topic)
            return _Feed(options, source, sender, report).run()
    finally:
        source.close()


class _Feed:
    """One run."""

    def __init__(
        self, options: FeedOptions, source: Source, sender: Sender, report: Report
    ) -> None:
        self.options = options
        self.source = source
        self.sender = sender
        self.report = report
        self.result = FeedResult()
        self.name = ""
        self.resume = Resume(None)
        self._marks: deque[tuple[int, int]] = deque()

    def run(self) -> FeedResult:
        result = self.result
        show = self.options.progress
        with Progress(self.source.name, self.source.size, show=show) as progress:
            try:
                for lines in self._batches():
                    self._send(lines)
                    progress.reached(self.source.position)
                self.sender.flush()
                self._note()
            finally:
                self.resume.save()
        if result.bad > self.options.shown_bad:
            self.report(f"… and {result.bad - self.options.shown_bad:,} more bad lines")
        if self.options.end_at_ms is not None:
            topics = [self.options.topic] if self.options.topic else list(self.sender.used)
            result.clocks = self.sender.send_clocks(topics, self.options.end_at_ms)
        return result

    def _batches(self) -> Iterator[list[RawLine]]:
        """Lines that weren't fed before, some at a time; blank ones are left out."""
        lines = raw_lines(self.source.stream)
        batch: list[RawLine] = []
        try:
            for line in lines:
                if line.number == 1:
                    self._begin(line.value)
                self.result.lines = line.number
                if line.number <= self.resume.done:
                    self.result.before = line.number
                elif line.value:
                    batch.append(line)
                if len(batch) >= _BATCH:
                    yield batch
                    batch = []
        except BROKEN as error:
            self.report(f"{self.source.name}: ends in the middle: {error}")
        yield batch

    def _begin(self, first: bytes) -> None:
        """Name the source by its first line, and find where an earlier run stopped."""
        self.name = name_of(self.source.name, first)
        if self.options.file is None:
            return
        what = [self.name, self.options.topic or "", self.sender.destination]
        path = state_file(self.options.file, self.options.state_dir, what)
        self.resume = Resume(path, restart=self.options.restart)
        if self.resume.done:
            self.report(
                f"{self.source.name}: goes on after line {self.resume.done:,}, fed before "
                f"(by {path}; restart to feed all again)"
            )

    def _send(self, lines: list[RawLine]) -> None:
        for ready in look(lines, self.options.topic, self.name, self.sender.used):
            reason = ready.reason
            if reason is None or self.options.keep_bad:
                try:
                    self.sender.send(ready.topic, ready.key, ready.value)
                    self.result.sent += 1
                    self.result.ids_derived += ready.derived
                except TooLargeError as error:
                    reason = str(error)
            if reason is not None:
                self._bad(ready.line, reason)
                if not ready.line.ended:
                    continue  # perhaps still being written: not done with
            self._marks.append((self.sender.sent, ready.line.number))
        self._note()

    def _bad(self, line: RawLine, reason: str) -> None:
        self.result.bad += 1
        if self.result.bad <= self.options.shown_bad:
            self.report(f"{self.source.name}:{line.number}: {reason}")

    def _note(self) -> None:
        done = 0
        while self._marks and self._marks[0][0] <= self.sender.acknowledged:
            done = self._marks.popleft()[1]
        self.resume.reached(done)


def look(
    lines: list[RawLine], topic: str | None, source: str, used: Sequence[str] = tuple(TOPICS)
) -> list[Ready]:
    """Validate lines, find their keys and derive the ids that they lack; order is kept."""
    routed = [(line, *_route(line, topic, used)) for line in lines]
    ready: dict[int, Ready] = {}
    for each in dict.fromkeys(to for _, to, _ in routed):
        mine = [line for line, to, reason in routed if to == each and reason is None]
        events = decode(each, [line.value for line in mine]) if each in TOPICS else []
        for line, event in zip(mine, events, strict=False):
            ready[line.number] = _ready(line, each, event, source)
    for line, to, reason in routed:
        if reason is not None:
            ready[line.number] = Ready(line, to, None, line.value, reason, derived=False)
    return [ready[line.number] for line in lines]


def _route(line: RawLine, topic: str | None, used: Sequence[str]) -> tuple[str, str | None]:
    """The line's topic, and what is wrong with the line already."""
    if line.cut:
        return (topic or used[0], f"a line of more than {LONGEST_LINE:,} bytes")
    if topic is not None:
        return (topic, None)
    try:
        told = _ROUTED.decode(line.value).topic
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return (used[0], f"no topic given, and none in the line: {error}")
    if told not in TOPICS:
        return (used[0], f"topic {told!r}: {nearest(told, list(TOPICS))}")
    if told not in used:
        return (used[0], f"topic {told!r} is switched off in [topics]")
    return (told, None)


def _ready(line: RawLine, topic: str, event: Event | Rejected, source: str) -> Ready:
    if isinstance(event, Rejected):
        return Ready(line, topic, None, line.value, event.reason, derived=False)
    if isinstance(event, Clock):
        reason = "a clock must reach every partition: use end-at"
        return Ready(line, topic, None, line.value, reason, derived=False)
    key = key_of(event).encode()
    if event.event_id is not None:
        return Ready(line, topic, key, line.value, None, derived=False)
    value = with_id(line.value, f"{source}:{line.number}")
    return Ready(line, topic, key, value, None, derived=True)
