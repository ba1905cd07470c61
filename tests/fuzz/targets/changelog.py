"""Records of changelogs: what isn't ours is refused by the errors that a restore or an exporter
knows, and of what isn't refused every value can be told."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import msgspec

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.compatibility import DefinitionsChanged, StateDamagedError
from kpi_windows.definitions import Definitions
from kpi_windows.engine import Record, Shard
from kpi_windows.kpi import Kpi
from kpi_windows.view import View
from tests.fuzz.target import Target
from tests.fuzz.targets.shop import messages

_DEFINITIONS = Definitions()
_REFUSED = (DefinitionsChanged, LookupError, TypeError, ValueError, msgspec.DecodeError)
_TABLES = ("state", "panes")


def attempt(told: bytes) -> None:
    """Table, length of the key, key, value."""
    if len(told) < 2:
        return
    table, length = _TABLES[told[0] % 2], told[1]
    key, value = told[2 : 2 + length], told[2 + length :]
    if table == "panes" and key != b"checkpoint":
        _follow(key, value)
    shard = Shard(_DEFINITIONS, 0, 1) if key == b"checkpoint" else _empty()
    try:
        shard.load(table, key, value)
        shard.loaded()
    except (*_REFUSED, StateDamagedError):
        assert not sum(shard.sizes().values()), "it was refused, and kept"
        return
    if key != b"checkpoint":
        shard.load(table, key, value)
        shard.load(table, key, None)
        shard.loaded()
        assert not sum(shard.sizes().values())


def _follow(key: bytes, value: bytes) -> None:
    """As an exporter does: whatever it takes in, it can show."""
    view = View(_DEFINITIONS)
    try:
        view.apply(0, [(key, value)], records()[-1][2])
    except (TypeError, ValueError):
        return
    for kpi in _kpis().get(next(iter(view.panes.versions), ""), ()):
        for window in kpi.windows:
            view.evaluate(kpi, window)
            view.evaluate(kpi, window, by=kpi.reading("default").all_labels[:1], previous=True)


@cache
def _kpis() -> dict[str, list[Kpi]]:
    """By fact, some of those that are made of it."""
    found: dict[str, list[Kpi]] = {}
    for kpi in CATALOGUE.values():
        for fact in kpi.facts:
            found.setdefault(fact, []).append(kpi)
    return {fact: kpis[:3] for fact, kpis in found.items()}


@cache
def _empty() -> Shard:
    return Shard(_DEFINITIONS, 0, 1)


@cache
def records() -> tuple[tuple[int, bytes, bytes], ...]:
    """What a worker writes for an hour or two."""
    shard = Shard(_DEFINITIONS, 0, 1)
    for number, message in enumerate(messages()[:1_500]):
        shard.ingest(message.topic, [Record(number, -1, None, message.value)])
    cut = shard.cut()
    assert cut is not None
    told = [(0, key, value) for key, value in cut.state if value is not None]
    told += [(1, key, value) for key, value in cut.panes if value is not None]
    return (*told, (0, b"checkpoint", cut.checkpoint), (1, b"checkpoint", cut.checkpoint))


def seeds() -> Iterable[bytes]:
    """Some of each kind, the shortest first."""
    seen: dict[tuple[int, bytes, int], int] = {}
    for table, key, value in records():
        kind = (table, key[:6], len(value).bit_length())
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] < 4:
            yield bytes([table, len(key)]) + key + value


TARGET = Target(seeds, attempt)
