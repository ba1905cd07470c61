"""How much may wait for Kafka at once, in bytes; what doesn't fit is told to come back.

It must not know what waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from streams.receiver.refusals import RefusedRequest

REQUEST_BYTES = 8 << 10
"""What a request takes beside its body: the connection, its headers, its answer."""
EVENT_BYTES = 1 << 10
"""What an event takes beside its own bytes while it waits."""


class Room:
    """Requests from their first byte until they are answered."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    @contextmanager
    def share(self) -> Iterator[Share]:
        """A request's part, given back at its end.  Raises RefusedRequest."""
        share = Share(self)
        share.take(REQUEST_BYTES)
        try:
            yield share
        finally:
            self.used -= share.taken


class Share:
    """What one request has of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.taken = 0

    def take(self, count: int) -> None:
        """So many bytes more.  Raises RefusedRequest when there is no room."""
        room = self._room
        if room.used + count > room.limit:
            raise RefusedRequest(
                503,
                "too much waits for Kafka already; nothing of this request was written",
                "send the same again after Retry-After seconds",
                retry_after_s=1,
            )
        room.used += count
        self.taken += count
