"""Keys and checkpoints as bytes: what the changelogs hold, versioned.

It must not know Kafka; a changelog is a mapping of bytes to bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from kpi_windows.definitions import DAY_MS, MINUTE_MS
from kpi_windows.events import EARLIEST_MS, LATEST_MS
from kpi_windows.facts import FACTS, Fact

FORMAT = 1
"""Counts up when the bytes change."""

CHECKPOINT = b"checkpoint"
"""The key of the record that ends each transaction, in both changelogs."""

BEFORE = 9
"""The pane level that holds all expired days of a level fact; its start is 0."""

_FIRST_MS = EARLIEST_MS - DAY_MS
"""The day of the earliest event may begin before it."""
_LEVELS = frozenset((0, 1, 2))
_INT, _TEXT = {int}, {str}

_encode = msgspec.msgpack.Encoder().encode
_decode_key = msgspec.msgpack.Decoder(list[Any]).decode


def pane_key(fact: str, level: int, start_ms: int, labels: tuple[str, ...]) -> bytes:
    """The key of one cell in the panes' changelog.

    >>> parse_pane_key(pane_key("chat", 0, 60_000, ("home",)))[1:]
    (0, 60000, ('home',))
    """
    return _encode((fact, level, start_ms, *labels))


def parse_pane_key(
    key: bytes, facts: Mapping[str, Fact] = FACTS
) -> tuple[Fact, int, int, tuple[str, ...]]:
    """The reverse of `pane_key`; KeyError for a fact that is none of `facts`."""
    fact, level, start_ms, *labels = _decode_key(key)
    return facts[fact], level, start_ms, tuple(labels)


def check_pane_key(fact: Fact, level: int, start_ms: int, labels: tuple[str, ...]) -> None:
    """Raises ValueError for what can't be the key of a cell.

    >>> check_pane_key(FACTS["chat"], 0, 1_767_268_800_001, ("home",))
    Traceback (most recent call last):
    ...
    ValueError: no pane of chat
    """
    if {level.__class__, start_ms.__class__} != _INT or not (
        (level in _LEVELS and start_ms % MINUTE_MS == 0 and _FIRST_MS <= start_ms <= LATEST_MS)
        or (level == BEFORE and start_ms == 0)
    ):
        raise ValueError(f"no pane of {fact.name}")
    if len(labels) != len(fact.labels) or (labels and set(map(type, labels)) != _TEXT):
        raise ValueError(f"no labels of {fact.name}")


class Checkpoint(msgspec.Struct, kw_only=True):
    """What ends each transaction of a partition: where it stands after it."""

    format: int = FORMAT
    fingerprint: str = ""
    sequence: int = 0
    positions: dict[str, int] = {}
    """By topic: the next offset to read."""
    heard_ms: dict[str, int] = {}
    """By topic: the latest event time."""
    watermark_ms: Annotated[int, msgspec.Meta(ge=0, le=LATEST_MS)] | None = None
    upstream_ms: dict[int, int] = {}
    """By partition: the watermark that it had told when it last forwarded."""
    passed_ms: dict[int, int] = {}
    """By partition: the least watermark that it had heard of then; see `Forwarding.tell`."""
    newest_arrival_ms: int = 0
    """The largest record timestamp taken in so far."""
    counts: dict[str, dict[str, int]] = {}
    """By topic: how many events had which outcome (`accepted`, `duplicate`, `late`, …), ever."""
    since_ms: dict[str, int] = {}
    """By fact: the watermark from which on it has been kept, when that is not from the start."""
    partitions: int = 0
    """How many there are: they say where a key lives.  0: an earlier version didn't tell."""
    folded: dict[str, int] = {}
    """By fact: how often a pane had no room for a new value of a label, ever; see `room`."""
    let_go: dict[str, int] = {}
    """By kind of journey: how many had no room and were let go, ever; see `table`."""
    kept: dict[str, int] = {}
    """How many journeys of each kind, and cells, the changelogs hold; empty: it wasn't told."""


class _Format(msgspec.Struct):
    format: int


_encode_checkpoint = msgspec.msgpack.Encoder().encode
_decode_checkpoint = msgspec.msgpack.Decoder(Checkpoint).decode
_decode_format = msgspec.msgpack.Decoder(_Format).decode


def pack_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The checkpoint as bytes."""
    return _encode_checkpoint(checkpoint)


def unpack_checkpoint(packed: bytes) -> Checkpoint:
    """The reverse of `pack_checkpoint`; of another format only the format may be told.

    Raises DecodeError for what is no checkpoint.
    """
    try:
        return _decode_checkpoint(packed)
    except msgspec.DecodeError:
        told = _decode_format(packed)
        if told.format == FORMAT:
            raise
        return Checkpoint(format=told.format)
