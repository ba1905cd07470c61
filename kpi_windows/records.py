"""What goes into a partition's state, and what comes out of it for one transaction.

It must not know how either is made.
"""

from __future__ import annotations

from typing import NamedTuple

from kpi_windows.forwarding import Forward
from kpi_windows.rollup import Change


class Record(NamedTuple):
    """One Kafka record as it came."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class DeadLetter(NamedTuple):
    """An event that doesn't count, where it stood, and why."""

    topic: str
    offset: int
    outcome: str
    reason: str
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


class Cut(NamedTuple):
    """All that one transaction must write; None as a value drops the key."""

    state: list[Change]
    panes: list[Change]
    forwards: list[Forward]
    dead_letters: list[DeadLetter]
    positions: dict[str, int]
    checkpoint: bytes
