"""KPIs out of files: one shard in this process, a view of it, no Kafka.

It must not know KPIs.  Lines are events with their `topic`, in the order of their arrival, as
`kpi import --dry-run` and `kpi simulate` print them.
"""

from __future__ import annotations

import gzip
import heapq
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from kpi_windows.definitions import Definitions
from kpi_windows.engine import DeadLetter, Record, Shard
from kpi_windows.events import EARLIEST_MS, LATEST_MS, TOPICS, Time, to_ms
from kpi_windows.view import View

CHUNK = 5_000
"""Lines between two cuts; what is final is folded then, so that disorder costs little."""
FILE = 1 << 40
"""A record's offset is the file's number times this, plus the line's number."""
_SHOWN = 5

_TOPIC_OF = {
    str(cls.__struct_config__.tag): topic for topic, types in TOPICS.items() for cls in types
}
NOWHERE = ""
"""The topic of a line whose topic isn't known."""


class _Head(msgspec.Struct):
    """What decides where a line goes."""

    topic: str = NOWHERE
    type: str = ""
    timestamp: Time = 0


_decode_head = msgspec.json.Decoder(_Head).decode


class Line(NamedTuple):
    """One line of a file."""

    order_ms: int
    offset: int
    topic: str
    value: bytes


@dataclass
class Report:
    """What became of the lines."""

    files: tuple[str, ...] = ()
    lines: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    letters: list[str] = field(default_factory=list)
    """The first few that don't count: where and why."""

    def bury(self, offset: int, outcome: str, reason: str) -> None:
        """A line that doesn't count."""
        self.outcomes[outcome] += 1
        if len(self.letters) < _SHOWN:
            number, line = divmod(offset, FILE)
            self.letters.append(f"{self.files[number]}:{line}: {outcome}: {reason}")

    def bury_all(self, letters: Iterable[DeadLetter]) -> None:
        """Those of a cut."""
        for letter in letters:
            self.bury(letter.offset, letter.outcome, letter.reason)

    def add_duplicates(self, shard: Shard) -> None:
        """At the end: which events were duplicates is known, where each stood isn't."""
        told = [outcomes for topic, outcomes in shard.counts().items() if topic in TOPICS]
        duplicates = sum(outcomes["duplicate"] for outcomes in told)
        if duplicates:
            self.outcomes["duplicate"] += duplicates

    def words(self) -> str:
        """All of it, in a few lines."""
        lost = ", ".join(f"{count:,} {name}" for name, count in sorted(self.outcomes.items()))
        told = [f"{self.lines:,} lines" + (f"; don't count: {lost}" if lost else "")]
        return "\n".join([*told, *self.letters])


def compute(
    files: Sequence[str | Path], definitions: Definitions, names: Mapping[str, str] | None = None
) -> tuple[View, Report]:
    """The view of all events in the files; `-` is standard input, `.gz` is unpacked.

    Several files are read at once, merged by time.  `names` are Kafka's names of topics, where
    they differ.  At the end time has come to the latest event.
    """
    report = Report(files=tuple("standard input" if str(f) == "-" else str(f) for f in files))
    known = topics_by_name(names)
    view = View(definitions)
    shard = Shard(definitions, 0, 1)
    read_twice = all(Path(file).is_file() for file in files)  # not so a pipe
    present = _present(files, known) if read_twice else set(TOPICS)
    absent = set(TOPICS) - present
    latest_ms = -1
    for chunk in _chunks(_merged(files, known)):
        for topic, lines in chunk.items():
            ingest(shard, topic, lines, report)
            if topic in TOPICS:
                latest_ms = max(latest_ms, *(line.order_ms for line in lines))
        if absent:
            _pass_over(shard, absent, definitions)
        _cut(shard, view, report)
    end(shard, latest_ms)
    _cut(shard, view, report)
    report.add_duplicates(shard)
    return view, report


def topics_by_name(names: Mapping[str, str] | None) -> dict[str, str]:
    """Our own names of topics and Kafka's, where they differ, -> ours; `names` has the latter."""
    return {name: topic for topic, name in (names or {}).items()} | {t: t for t in TOPICS}


def ingest(shard: Shard, topic: str, lines: list[Line], report: Report) -> None:
    """Lines of one topic into the shard; without a topic they are buried."""
    report.lines += len(lines)
    if topic in TOPICS:
        shard.ingest(topic, [Record(line.offset, -1, None, line.value) for line in lines])
        return
    for line in lines:
        report.bury(line.offset, "rejected", _no_topic(topic))


def _pass_over(shard: Shard, absent: set[str], definitions: Definitions) -> None:
    """Inputs that the files don't have hold no time back."""
    shard.tick(definitions.idle_ms, absent, dict.fromkeys(absent, 0))


def end(shard: Shard, latest_ms: int) -> None:
    """Brings time to here: nothing older comes."""
    if latest_ms < 0:
        return
    clock = msgspec.json.encode({"type": "clock", "timestamp": latest_ms})
    for topic in TOPICS:
        shard.ingest(topic, [Record(shard.positions.get(topic, 0), -1, None, clock)])


def _cut(shard: Shard, view: View, report: Report) -> None:
    cut = shard.cut()
    if cut is None:
        return
    view.apply(0, cut.panes, cut.checkpoint)
    report.bury_all(cut.dead_letters)


def _no_topic(topic: str) -> str:
    known = ", ".join(TOPICS)
    if topic == NOWHERE:
        return f'not an event with its topic: expected {{"topic": …, "type": …}} of {known}'
    return f"no topic {topic!r}: expected one of {known}"


def _open(file: str | Path) -> IO[bytes]:
    if str(file) == "-":
        return sys.stdin.buffer
    if str(file).endswith(".gz"):
        return gzip.open(file, "rb")  # type: ignore[return-value]
    return Path(file).open("rb")


def _present(files: Iterable[str | Path], known: dict[str, str]) -> set[str]:
    """The topics that the files have."""
    found: set[str] = set()
    for number, file in enumerate(files):
        for line in _lines(number, file, known):
            found.add(line.topic)
            if len(found & TOPICS.keys()) == len(TOPICS):
                return found
    return found & TOPICS.keys()


def _lines(number: int, file: str | Path, known: dict[str, str]) -> Iterator[Line]:
    """Lines in order; the time of each is the latest one so far, so that a merge keeps order."""
    latest_ms = 0
    with _open(file) as opened:
        for count, value in enumerate(opened, 1):
            value = value.rstrip(b"\r\n")
            if not value.strip():
                continue
            topic, at_ms = place_of(value, known)
            latest_ms = max(latest_ms, at_ms)
            yield Line(latest_ms, number * FILE + count, topic, value)


def place_of(value: bytes, known: dict[str, str]) -> tuple[str, int]:
    """A line's topic (`NOWHERE` without one) and time (0 without one that can be)."""
    try:
        head = _decode_head(value)
        at_ms = to_ms(head.timestamp)
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError):
        found = _topic_of_bad(value, known)
        return found, 0
    topic = head.topic or _TOPIC_OF.get(head.type, NOWHERE)
    return known.get(topic, topic), at_ms if EARLIEST_MS <= at_ms <= LATEST_MS else 0


class _TopicOnly(msgspec.Struct):
    topic: str = NOWHERE


_decode_topic = msgspec.json.Decoder(_TopicOnly).decode


def _topic_of_bad(value: bytes, known: dict[str, str]) -> str:
    """The topic of a line whose time can't be read: the topic's own check says what is wrong."""
    try:
        topic = _decode_topic(value).topic
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return NOWHERE
    return known.get(topic, topic)


def _merged(files: Sequence[str | Path], known: dict[str, str]) -> Iterator[Line]:
    streams = [_lines(number, file, known) for number, file in enumerate(files)]
    if len(streams) == 1:
        return streams[0]
    return heapq.merge(*streams, key=lambda line: line.order_ms)


def _chunks(lines: Iterator[Line]) -> Iterator[dict[str, list[Line]]]:
    """The next lines by topic, each topic in order.

    Order among topics is free: time comes no further than the topic that is furthest behind.
    """
    while chunk := list(islice(lines, CHUNK)):
        yield by_topic(chunk)


def by_topic(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Lines of each topic, in order."""
    told: dict[str, list[Line]] = {}
    for line in lines:
        told.setdefault(line.topic, []).append(line)
    return told
