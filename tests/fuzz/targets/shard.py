"""The engine: any events in any order keep the law of outcomes, and a restore goes on alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kpi_windows.definitions import Definitions
from kpi_windows.engine import OUTCOMES, Cut, Record, Shard
from kpi_windows.events import TOPICS
from tests.fuzz.target import Target
from tests.fuzz.targets.shop import NAMES, START_MS, messages, of_each_kind

_DEFINITIONS = Definitions()
_MOST = 40
"""Lines of one input that are taken in."""
Kept = dict[tuple[str, bytes], bytes]


def attempt(told: bytes) -> None:
    """The first byte says where it is cut; then one record a line, its first byte is the topic."""
    lines = told[1:].split(b"\n")[:_MOST]
    where = (told[0] if told else 0) % (len(lines) + 1)
    shard = Shard(_DEFINITIONS, 0, 1)
    kept: Kept = {}
    _take(shard, lines[:where])
    _keep(kept, shard.cut())
    again = _restored(kept)
    assert again.sizes() == shard.sizes()
    for each in (shard, again):
        _take(each, lines[where:])
        each.end()
    one, other = shard.cut(), again.cut()
    assert one is not None
    assert other is not None
    before = dict(kept)
    for after, cut in ((before, one), (kept, other)):
        _keep(after, cut)
    assert before == kept, "what is kept differs after a restore"
    assert len(one.dead_letters) == len(other.dead_letters)
    counts = shard.counts()
    assert counts == again.counts()
    for topic in TOPICS:
        outcomes = counts[topic]
        assert outcomes["in"] == sum(outcomes[name] for name in OUTCOMES), (topic, outcomes)


def _take(shard: Shard, lines: list[bytes]) -> None:
    for topic, values in _runs(lines):
        begin = shard.positions.get(topic, 0)
        shard.ingest(
            topic,
            [
                Record(begin + n, START_MS if n % 3 else -1, None, value)
                for n, value in enumerate(values)
            ],
        )


def _runs(lines: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Neighbours of one topic come in one batch."""
    topic, values = "", []
    for line in lines:
        of_line = NAMES[line[0] % len(NAMES)] if line else NAMES[0]
        if of_line != topic and values:
            yield topic, values
            values = []
        topic = of_line
        values.append(line[1:])
    if values:
        yield topic, values


def _keep(kept: Kept, cut: Cut | None) -> None:
    if cut is None:
        return
    for table, changes in (("state", cut.state), ("panes", cut.panes)):
        for key, value in changes:
            if value is None:
                kept.pop((table, key), None)
            else:
                kept[table, key] = value
        kept[table, b"checkpoint"] = cut.checkpoint


def _restored(kept: Kept) -> Shard:
    shard = Shard(_DEFINITIONS, 0, 1)
    for (table, key), value in kept.items():
        shard.load(table, key, value)
    shard.loaded()
    return shard


def seeds() -> Iterable[bytes]:
    """Stretches of a shop's hours, and of each type a few together."""
    for some in (*_stretches(12), of_each_kind(1)):
        lines = [b"%c%s" % (NAMES.index(m.topic), m.value) for m in some]
        yield bytes([len(lines) // 2]) + b"\n".join(lines)


def _stretches(length: int) -> Iterator[tuple[object, ...]]:
    told = messages()
    for begin in range(0, min(len(told), 40 * length), length):
        yield told[begin : begin + length]


TARGET = Target(seeds, attempt, is_json=True)
