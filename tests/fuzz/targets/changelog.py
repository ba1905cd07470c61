"""Records of changelogs: what isn't ours is refused by the errors that a restore knows."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import msgspec

from kpi_windows.compatibility import DefinitionsChanged, StateDamagedError
from kpi_windows.definitions import Definitions
from kpi_windows.engine import Record, Shard
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
