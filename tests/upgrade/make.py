"""Writes down a small real state, and what it answers, for every later version to be tried on.

    python -m tests.upgrade.make      writes tests/upgrade/state-FORMAT-VERSION.json.xz

One file for each format and version of the definitions; a file is never written again once it was. It holds
two partitions after the first hours of a shop, the events of the hours after, and all values of both.
"""

from __future__ import annotations

import base64
import lzma
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.codec import FORMAT
from kpi_windows.definitions import VERSION, Definitions
from kpi_windows.engine import FORWARDED, Cut, DeadLetter, Record, Shard
from kpi_windows.keys import partition_of
from kpi_windows.view import View
from streams.questions import Question, answer
from streams.simulator import Shop, ShopOptions

FOLDER = Path(__file__).parent
PARTITIONS = 2
START_MS = 1_583_020_800_000  # 2020-03-01
HOUR_MS = 3_600_000


class Story(msgspec.Struct, kw_only=True):
    """What is kept of one format."""

    format: int
    version: int
    """Of the definitions."""
    state: list[dict[str, str]]
    panes: list[dict[str, str]]
    """By partition: key -> value, in base64."""
    checkpoints: list[str]
    later: list[tuple[int, str, int, str]]
    """Records that come then: partition, topic, offset, value."""
    answers: list[dict[str, Any]]
    """By name: all values of the state as it is, and after what comes then."""


def file_of(format_: int, version: int) -> Path:
    """Where the state of a format and a version of the definitions is."""
    return FOLDER / f"state-{format_}-{version}.json.xz"


def read(path: Path) -> Story:
    """A state as it was written down."""
    return msgspec.json.decode(lzma.decompress(path.read_bytes()), type=Story)


class Log:
    """Partitions of the product's state, and what one forwards to the other."""

    def __init__(self, partitions: int = PARTITIONS) -> None:
        definitions = Definitions()
        self.view = View(definitions)
        self.shards = [Shard(definitions, p, partitions) for p in range(partitions)]
        self.kept: dict[str, list[dict[bytes, bytes]]] = {
            table: [{} for _ in self.shards] for table in ("state", "panes")
        }
        self.checkpoints = [b""] * partitions
        self.dead: list[tuple[int, DeadLetter]] = []
        """With its partition."""
        self._forwarded = [0] * partitions

    def load(self, story: Story) -> None:
        """Restore what was written down; raises what `Shard.load` raises."""
        for partition, shard in enumerate(self.shards):
            checkpoint = base64.b64decode(story.checkpoints[partition])
            panes = [*_packed(story.panes[partition])]
            for table, records in (("state", _packed(story.state[partition])), ("panes", panes)):
                for key, value in records:
                    shard.load(table, key, value)
                shard.load(table, b"checkpoint", checkpoint)
            shard.loaded()
            self.view.apply(partition, panes, checkpoint)
            self._forwarded[partition] = shard.positions[FORWARDED]

    def take(self, records: Iterable[tuple[int, str, int, str]]) -> None:
        """Events come in; then all is committed until nothing is on its way any more."""
        batches: dict[tuple[int, str], list[Record]] = defaultdict(list)
        for partition, topic, offset, value in records:
            batches[partition, topic].append(Record(offset, -1, None, value.encode()))
        self.take_batches(batches)

    def take_batches(self, batches: Mapping[tuple[int, str], Sequence[Record]]) -> None:
        """The same, by partition and topic."""
        for (partition, topic), batch in batches.items():
            self.shards[partition].ingest(topic, batch)
        self._settle()

    def end(self) -> None:
        """Nothing more comes."""
        for shard in self.shards:
            shard.end()
        self._settle()

    def _settle(self) -> None:
        while any(self._commit(partition) for partition in range(len(self.shards))):
            pass

    def _commit(self, partition: int) -> bool:
        cut: Cut | None = self.shards[partition].cut()
        if cut is None:
            return False
        for table, changes in (("state", cut.state), ("panes", cut.panes)):
            kept = self.kept[table][partition]
            for key, value in changes:
                if value is None:
                    kept.pop(key, None)
                else:
                    kept[key] = value
        self.checkpoints[partition] = cut.checkpoint
        self.dead += ((partition, letter) for letter in cut.dead_letters)
        self.view.apply(partition, cut.panes, cut.checkpoint)
        for forward in cut.forwards:
            to = forward.partition
            record = Record(self._forwarded[to], -1, forward.key, forward.value)
            self._forwarded[to] += 1
            self.shards[to].ingest(FORWARDED, [record])
        return True

    def answers(self) -> dict[str, Any]:
        """Every value of every KPI by each definition: by day in total and by label, and by hour."""
        told = {}
        for kpi in CATALOGUE.values():
            for name, reading in kpi.readings.items():
                asked = [("hour", ()), ("day", ()), *(("day", (by,)) for by in reading.by or ())]
                for window, by in asked:
                    if window in reading.windows:
                        rows = self._answer(kpi.id, name, window, by)
                        told["/".join([kpi.id, name, window, *by])] = rows
        return {asked: rows for asked, rows in told.items() if rows}

    def _answer(self, kpi: str, definition: str, window: str, by: tuple[str, ...]) -> list[Any]:
        question = Question(
            kpi, window, str(START_MS), str(START_MS + 48 * HOUR_MS), by=by,
            definition=definition, top=50,
        )  # fmt: skip
        return [
            [row[name] for name in ("start_ms", "labels", "value", "numerator", "denominator")]
            for row in answer(self.view, question)
        ]


def _packed(kept: Mapping[str, str]) -> Iterator[tuple[bytes, bytes]]:
    for key, value in kept.items():
        yield base64.b64decode(key), base64.b64decode(value)


def _text(kept: Mapping[bytes, bytes]) -> dict[str, str]:
    return {
        base64.b64encode(key).decode(): base64.b64encode(value).decode()
        for key, value in sorted(kept.items())
    }


def _events() -> Iterator[list[tuple[int, str, int, str]]]:
    """The first hours, and those after."""
    offsets: dict[tuple[int, str], int] = defaultdict(int)
    shop = Shop(11, ShopOptions(visits_per_hour=5))
    for begin, end in ((0, 25), (25, 28)):
        records = []
        for message in shop.events(START_MS + begin * HOUR_MS, START_MS + end * HOUR_MS):
            at = partition_of(message.key, PARTITIONS), message.topic
            records.append((*at, offsets[at], message.value.decode()))
            offsets[at] += 1
        yield records


def main() -> None:
    """Write down the state of this version's format, unless that was done."""
    path = file_of(FORMAT, VERSION)
    if path.exists():
        raise SystemExit(f"{path} is there: what an earlier version wrote isn't written again")
    log = Log()
    answers = []
    first, later = _events()
    log.take(first)
    answers.append(log.answers())
    state, panes = ([_text(kept) for kept in log.kept[table]] for table in ("state", "panes"))
    checkpoints = [base64.b64encode(packed).decode() for packed in log.checkpoints]
    log.take(later)
    answers.append(log.answers())
    story = Story(
        format=FORMAT,
        version=VERSION,
        state=state,
        panes=panes,
        checkpoints=checkpoints,
        later=later,
        answers=answers,
    )
    path.write_bytes(lzma.compress(msgspec.json.encode(story), preset=9))


if __name__ == "__main__":
    main()
