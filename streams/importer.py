"""`kpi import`: a shop's own file, by a mapping, into our events in order of time.

Two passes: rows become pieces of events, sorted on disk by group where rows belong together; then
events, sorted on disk by time.  Both orders follow from the file and the mapping alone, so that a
run that was cut off goes on by counting.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from kpi_windows.decoding import Rejected, decode
from kpi_windows.events import TOPICS, key_of, to_ms
from streams.intake.plan import FileMapping
from streams.intake.resume import Resume, state_file
from streams.intake.rows import rows_of
from streams.intake.rules import BadRowError, BoundRule, Piece
from streams.intake.sorting import Sorter
from streams.intake.sources import Source, head_of, name_of
from streams.mapping import load_mapping
from streams.producer import ProducerOptions, Sender, TooLargeError
from streams.progress import Progress

Report = Callable[[str], None]
_EVERY = 5_000
_TELL_EVERY = 100
_CLOCKS_EVERY_S = 1.0
_TOPICS = tuple(TOPICS)


@dataclass(frozen=True)
class ImportOptions:
    """What to import, and how."""

    file: Path
    mapping: Path
    keep_order: bool = False
    """Send in the file's order and not by time: tests lateness on purpose."""
    clocks: bool = True
    """Tell all partitions of all topics how far the file's time has come, and at its end."""
    end_at_ms: int | None = None
    """The time of the last clocks; by default that of the last event."""
    restart: bool = False
    """Begin at the first event, whatever was sent before."""
    state_dir: Path | None = None
    """Where to note how far the run came; by default beside the file, or in the home folder."""
    work_dir: Path | None = None
    """Where to sort; by default the system's folder for temporary files."""
    memory_bytes: int = 96 << 20
    """Sorted in memory up to this, on disk beyond."""
    progress: bool = True
    shown_bad: int = 20
    """So many bad lines are reported one by one."""


@dataclass
class ImportResult:
    """What became of the file."""

    lines: int = 0
    bad: int = 0
    """Lines that were broken, or didn't have what a rule needs."""
    unused: int = 0
    """Lines that no rule wants."""
    events: Counter[str] = field(default_factory=Counter)
    """By type."""
    sent: int = 0
    before: int = 0
    """Events that an earlier run had sent."""
    clocks: int = 0
    first_ms: int | None = None
    last_ms: int | None = None


class Made(NamedTuple):
    """An event, ready to go."""

    topic: str
    key: bytes
    value: bytes
    line: int
    at_ms: int
    """0 in the file's order."""


def dry_run(
    options: ImportOptions,
    *,
    write: Callable[[bytes], object],
    report: Report = lambda _: None,
) -> ImportResult:
    """Hand each event over as a line of JSON with its `topic` (and a line end), send nothing."""
    with _Import(options, report) as run:
        for made in run.events():
            write(b'{"topic":"' + made.topic.encode() + b'",' + made.value[1:] + b"\n")
        return run.result


def import_file(
    options: ImportOptions, producer: ProducerOptions, *, report: Report = lambda _: None
) -> ImportResult:
    """Send a file's events.

    Raises MappingError, SourceError, RefusedError, UnreachableError or SendError; what was
    acknowledged until then is noted, and the next call goes on from there.
    """
    with Sender(producer) as sender, _Import(options, report) as run:
        for topic in sender.used:
            sender.partitions(topic)
        what = [run.name, run.mapping.fingerprint, str(options.keep_order), sender.destination]
        path = state_file(options.file, options.state_dir, what)
        resume = Resume(path, restart=options.restart)
        try:
            _send(run, sender, resume)
            sender.flush()
            resume.reached(run.result.before + run.result.sent + run.too_large)
        finally:
            resume.save()
        result = run.result
        if result.before:
            report(
                f"{options.file.name}: {result.before:,} events had been sent before (by {path}; "
                "restart to send all again)"
            )
        end_ms = options.end_at_ms if options.end_at_ms is not None else result.last_ms
        if options.clocks and end_ms is not None:
            result.clocks += sender.send_clocks(sender.used, end_ms)
        return result


def _send(run: _Import, sender: Sender, resume: Resume) -> None:
    result, skip = run.result, resume.done
    clocks = _Clocks(run.options, sender)
    for number, made in enumerate(run.events()):
        if number < skip:
            result.before += 1
            continue
        clocks.tell(made.at_ms)
        try:
            sender.send(made.topic, made.key, made.value)
        except TooLargeError as error:
            run.bad(made.line, f"an event of {len(made.value):,} bytes: {error}")
            sender.flush()  # so that counting what is in stays right
            run.too_large += 1
        if number % _EVERY == 0:
            resume.reached(result.before + sender.acknowledged - clocks.sent + run.too_large)
    result.sent = sender.sent - clocks.sent
    result.clocks = clocks.sent


class _Clocks:
    """Tells all partitions about once a second how far the events have come.

    An input that has nothing for long then holds time back until its next event's turn, instead of
    being taken for idle: whatever is fetched first, nothing is late.
    """

    def __init__(self, options: ImportOptions, sender: Sender) -> None:
        self.sent = 0
        self._sender = sender
        self._next_s = math.inf if options.keep_order or not options.clocks else 0.0

    def tell(self, at_ms: int) -> None:
        """The next event is of this time."""
        if time.monotonic() < self._next_s:
            return
        self.sent += self._sender.send_clocks(self._sender.used, at_ms)
        self._sender.flush()  # so that counting what is in stays right
        self._next_s = time.monotonic() + _CLOCKS_EVERY_S


class _Import:
    """One reading of a file: `events()` once, then `result` is complete."""

    def __init__(self, options: ImportOptions, report: Report) -> None:
        self.options = options
        self.report = report
        self.result = ImportResult()
        self.mapping: FileMapping = load_mapping(options.mapping)
        self.name = name_of(options.file.name, head_of(options.file))
        self._open = ExitStack()
        self._bad_lines: set[int] = set()
        self.too_large = 0

    def __enter__(self) -> _Import:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        hidden = self.result.bad - self.options.shown_bad
        if hidden > 0:
            self.report(f"… and {hidden:,} more bad lines")

    def events(self) -> Iterator[Made]:
        """All events, in the order in which they go out."""
        made = self._sorter()
        self._read(made)
        show = self.options.progress
        with Progress("events", made.count, "events", show=show) as progress:
            for number, (at, packed) in enumerate(made, 1):
                topic, key, value = _PACKED.decode(packed)
                yield Made(_TOPICS[topic], key, value, at[1], at[0])
                if number % _TELL_EVERY == 0:
                    progress.reached(number)
            progress.reached(made.count)

    def bad(self, number: int, reason: str) -> None:
        """A line is bad; counted once, however many rules stumble over it."""
        if number in self._bad_lines:
            return
        self._bad_lines.add(number)
        self.result.bad += 1
        if self.result.bad <= self.options.shown_bad:
            self.report(f"{self.options.file.name}:{number}: {reason}")

    def _sorter(self) -> Sorter:
        return self._open.enter_context(Sorter(self.options.work_dir, self.options.memory_bytes))

    def _read(self, made: Sorter) -> None:
        source = Source(self.options.file)
        self._open.callback(source.close)
        header, rows = rows_of(source, self.mapping, self.bad)
        rules = [BoundRule(rule, self.mapping, header) for rule in self.mapping.rules]
        grouped = self._sorter()
        with Progress(source.name, source.size, show=self.options.progress) as progress:
            for count, (number, row) in enumerate(rows):
                self.result.lines += 1
                self._row(number, row, rules, grouped, made)
                if count % _EVERY == 0:
                    progress.reached(source.position)
            progress.reached(source.position)
        self._join(rules, grouped, made)

    def _row(
        self, number: int, row: list[str], rules: list[BoundRule], grouped: Sorter, made: Sorter
    ) -> None:
        used = False
        for index, rule in enumerate(rules):
            try:
                piece = rule.piece(row)
                if piece is None:
                    continue
                used = True
                if piece.group:
                    key = (index, *piece.group, piece.at_ms, number)
                    grouped.add(key, _ENCODE(piece[2:]))
                elif piece.event is not None:
                    self._make(number, index, rule, piece.event, made)
            except BadRowError as error:
                used = True
                self.bad(number, f"{rule.rule.title}: {error}")
            except UnicodeEncodeError:
                used = True
                self.bad(number, f"not text in {self.mapping.encoding}")
        self.result.unused += not used

    def _join(self, rules: list[BoundRule], grouped: Sorter, made: Sorter) -> None:
        for (index, *_), items in groupby(grouped, lambda item: item[0][:-2]):
            rule = rules[index]
            pieces = (
                (key[-1], Piece((), key[-2], *_PIECE.decode(packed))) for key, packed in items
            )
            for number, event in rule.events(pieces):
                self._make(number, index, rule, event, made)

    def _make(
        self, number: int, index: int, rule: BoundRule, event: dict[str, Any], made: Sorter
    ) -> None:
        event.setdefault("event_id", f"{self.name}:{number}:{index + 1}")
        value = msgspec.json.encode(event)
        (told,) = decode(rule.rule.topic, [value])
        if isinstance(told, Rejected):
            self.bad(number, f"{rule.rule.title}: {told.reason}")
            return
        at_ms = to_ms(told.timestamp)
        result = self.result
        result.events[rule.rule.type] += 1
        result.first_ms = at_ms if result.first_ms is None else min(result.first_ms, at_ms)
        result.last_ms = at_ms if result.last_ms is None else max(result.last_ms, at_ms)
        order = 0 if self.options.keep_order else at_ms
        packed = _ENCODE((_TOPICS.index(rule.rule.topic), key_of(told).encode(), value))
        made.add((order, number, index), packed)


_ENCODE = msgspec.msgpack.Encoder().encode
_PACKED = msgspec.msgpack.Decoder(tuple[int, bytes, bytes])
_PIECE = msgspec.msgpack.Decoder(
    tuple[dict[str, Any] | None, dict[str, Any] | None, bool, tuple[str | None, ...]]
)
