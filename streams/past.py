"""Logs of past events in order of event time: read through once, then given line by line.

Files that are in order are read as they stand; of others the lines are sorted, on disk beyond
some memory.  It must not know what becomes of the lines.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from kpi_windows.definitions import Definitions
from kpi_windows.events import TOPICS
from streams.intake.sorting import Sorter
from streams.intake.sources import BROKEN, Source, SourceError, raw_lines
from streams.offline import FILE, Line, place_of, topics_by_name
from streams.progress import Progress

_EVERY = 5_000

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[str, bytes]).decode


@dataclass
class Log:
    """What there is in some files; `lines` gives it in order of time."""

    files: tuple[Path, ...]
    known: dict[str, str]
    """Names of topics, also those that Kafka uses -> ours."""
    lines: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    disordered: set[int] = field(default_factory=set)
    """The files, by number, that aren't in order of time."""
    late: int = 0
    """Events further behind others of their topic than its lateness allows."""

    def in_order(self, work_dir: Path | None, open_until: ExitStack) -> Iterator[Line]:
        """All lines, oldest first; one without a time comes where it stands.

        Temporary files go when `open_until` closes.
        """
        streams = [
            self._read(number, Progress("", None, show=False))
            for number in range(len(self.files))
            if number not in self.disordered
        ]
        if self.disordered:
            streams.append(self._sorted(open_until.enter_context(Sorter(work_dir))))
        return heapq.merge(*streams, key=_place) if len(streams) > 1 else streams[0]

    def _read(self, number: int, progress: Progress) -> Iterator[Line]:
        """The lines of a file as they stand; one without a time has that of the latest so far."""
        latest_ms = 0
        source = Source(self.files[number])
        try:
            for line in raw_lines(source.stream):
                if line.number % _EVERY == 0:
                    progress.reached(source.position)
                if not line.value:
                    continue
                topic, at_ms = place_of(line.value, self.known)
                latest_ms = max(latest_ms, at_ms)
                yield Line(at_ms or latest_ms, number * FILE + line.number, topic, line.value)
        except BROKEN as error:
            raise SourceError(f"{source.path}: ends in the middle: {error}") from error
        finally:
            source.close()

    def _sorted(self, sorter: Sorter) -> Iterator[Line]:
        for number in sorted(self.disordered):
            for line in self._read(number, Progress("", None, show=False)):
                sorter.add((line.order_ms, line.offset), _encode((line.topic, line.value)))
        for (at_ms, offset), packed in sorter:
            yield Line(at_ms, offset, *_decode(packed))


def survey(
    files: Sequence[Path],
    definitions: Definitions,
    names: Mapping[str, str] | None = None,
    *,
    progress: bool = True,
) -> Log:
    """Reads files of events (gzip too) through; `names` are Kafka's names of topics.

    Raises SourceError.
    """
    log = Log(tuple(files), topics_by_name(names))
    heard_ms: dict[str, int] = {}
    for number, file in enumerate(files):
        before_ms = 0
        with Progress(f"reading {file.name}", file.stat().st_size, show=progress) as reading:
            for line in log._read(number, reading):
                log.lines += 1
                at_ms, topic = line.order_ms, line.topic
                if at_ms < before_ms:
                    log.disordered.add(number)
                before_ms = max(before_ms, at_ms)
                if topic not in TOPICS or not at_ms:
                    continue
                _span(log, at_ms)
                latest_ms = heard_ms.get(topic, 0)
                if at_ms >= latest_ms:
                    heard_ms[topic] = at_ms
                elif at_ms < latest_ms - definitions.lateness_of(topic):
                    log.late += 1
        heard_ms.clear()
    return log


def _span(log: Log, at_ms: int) -> None:
    if log.first_ms is None or at_ms < log.first_ms:
        log.first_ms = at_ms
    if log.last_ms is None or at_ms > log.last_ms:
        log.last_ms = at_ms


def _place(line: Line) -> tuple[int, int]:
    return line.order_ms, line.offset
