"""Events that were acknowledged lately: a second copy is answered without being written again.

It is a courtesy that saves Kafka the copies; that nothing counts twice is the worker's business,
which outlives a restart of the intake.  It must not know Kafka.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

Mark = bytes


def mark_of(topic: str, kind: str, key: bytes, event_id: str) -> Mark:
    """What tells one event from all others: as the worker has it, and in 16 bytes."""
    # With the key's length, as key and id may hold any character.
    framed = b"%b %b %d %b%b" % (topic.encode(), kind.encode(), len(key), key, event_id.encode())
    return hashlib.blake2b(framed, digest_size=16).digest()


class Memory:
    """The latest `limit` of them; 0 remembers none."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._marks: OrderedDict[Mark, None] = OrderedDict()

    def __contains__(self, mark: Mark) -> bool:
        return mark in self._marks

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, mark: Mark) -> None:
        """It is in Kafka for sure."""
        self._marks[mark] = None
        self._marks.move_to_end(mark)
        if len(self._marks) > self._limit:
            self._marks.popitem(last=False)
