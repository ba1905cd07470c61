"""What one partition tells the others: facts under another key, strays, and how far it has come.

A fact was judged by its time where its event arrived; whoever hears of it doesn't judge again.
What others have told of their watermarks says how long an older fact may still come from them.
It must not know journeys.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from kpi_windows.definitions import MINUTE_MS
from kpi_windows.journeys.journal import NEVER
from kpi_windows.keys import partition_of

_TELL_EVERY_MS = MINUTE_MS
"""Others hear of the watermark when it has moved this far."""

STRAY, AT = "raw", "at"
"""Kinds of messages beside the tables' letters: an event for another partition; a watermark."""


class Forward(NamedTuple):
    """Something for the journeys of another partition."""

    partition: int
    key: bytes
    value: bytes


class Forwarding:
    """The outgoing messages of a partition, and what it heard of the others' watermarks."""

    def __init__(self, partition: int, partitions: int) -> None:
        self.partition = partition
        self.heard_ms: dict[int, int] = {}
        """The watermarks that others told."""
        self.passed_ms: dict[int, int] = {}
        """How old, less lateness, what they pass on may be: the least that they had heard."""
        self.counts = {"sent": 0, "applied": 0, "misrouted": 0, "arrived": 0}
        self.partitions = partitions
        self._others = [other for other in range(partitions) if other != partition]
        self._told_ms = (-1, -1)
        self._out: list[Forward] = []

    def home_of(self, key: str) -> int:
        """The partition where the key lives."""
        return partition_of(key.encode(), self.partitions)

    def is_here(self, key: str) -> bool:
        """True when the key lives in this partition."""
        return self.home_of(key) == self.partition

    def send(self, home: int, table: str, key: str, entry: tuple[Any, ...]) -> None:
        """An entry for a journey in another partition."""
        self.counts["sent"] += 1
        self._out.append(Forward(home, key.encode(), _encode((table, key, entry))))

    def send_on(self, topic: str, key: str, value: bytes | None) -> None:
        """An event that arrived in a partition which is not its key's."""
        self.counts["misrouted"] += 1
        self._out.append(Forward(self.home_of(key), key.encode(), _encode((STRAY, topic, value))))

    def tell(self, watermark_ms: int | None, is_silent: bool) -> None:
        """Tells the others how far time has come here; a silent partition holds nobody back.

        And how far it has come where strays may come from: an order that went astray tells its
        customer from its own partition, whose time may be ahead of where it was judged.
        """
        at_ms = NEVER if is_silent else watermark_ms
        if at_ms is None:
            return
        passed_ms = min(at_ms, *self._told(self.heard_ms), NEVER)
        if not any(map(_has_moved, self._told_ms, (at_ms, passed_ms))):
            return
        self._told_ms = at_ms, passed_ms
        message = _encode((AT, self.partition, (at_ms, passed_ms)))
        self._out += [Forward(other, b"", message) for other in self._others]

    def hear(self, partition: int, at_ms: int, passed_ms: int) -> None:
        """Another one has told how far it is."""
        self.heard_ms[partition], self.passed_ms[partition] = at_ms, passed_ms

    def take(self) -> list[Forward]:
        """The messages since the last time."""
        out, self._out = self._out, []
        return out

    def behind_ms(self, watermark_ms: int, *, is_live: bool) -> int:
        """The least watermark, of this partition and of all that may still send here.

        What is silent may yet begin with something old, unless time is that of the clock here.
        """
        told = self._told(self.heard_ms)
        if NEVER in told and not is_live:
            return 0
        return min(watermark_ms, *told, *self._told(self.passed_ms), NEVER)

    def _told(self, told_ms: dict[int, int]) -> list[int]:
        return [told_ms.get(other, 0) for other in self._others]


def _has_moved(told_ms: int, now_ms: int) -> bool:
    """Far enough to say so."""
    if 0 <= told_ms < NEVER:
        return now_ms - told_ms >= _TELL_EVERY_MS
    return now_ms != told_ms


def read(value: bytes) -> tuple[str, Any, Any]:
    """A message: (table, key, entry), (STRAY, topic, value) or (AT, partition, times)."""
    return _decode(value)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[str, Any, Any]).decode
