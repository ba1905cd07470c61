"""How far event time has come in a partition: the minimum over its live inputs, never backwards.

    heard   clickstream 12:00:07   carts 12:00:03   orders 11:20 (idle)   tickets 12:00:05
    watermark           12:00:03

It must not read a clock: wall time comes in as an argument of `tick`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from kpi_windows.definitions import HOUR_MS

_FAR = 1 << 62


class Watermark:
    """The watermark of one partition and what it follows from."""

    def __init__(self, topics: Iterable[str], idle_ms: int) -> None:
        self.topics = tuple(topics)
        self.heard_ms: dict[str, int] = {}
        self.idle: set[str] = set()
        self.at_ms: int | None = None
        self._idle_ms = idle_ms
        self._woken = False
        self._woken_ms = 0

    def others_ms(self, topic: str) -> int:
        """The minimum over the other inputs that hold time back: −1 when one was never heard."""
        least = _FAR
        for other in self.topics:
            if other != topic and other not in self.idle:
                least = min(least, self.heard_ms.get(other, -1))
        return least

    def wake(self) -> None:
        """Something comes: when all inputs were idle, none is any more, for the idle time.

        Else what is fetched first of an import that begins would run ahead of all the others.
        """
        if len(self.idle) == len(self.topics):
            self.idle.clear()
            self._woken = True

    def hear(self, topic: str, heard_ms: int) -> None:
        """An input has come to an event time."""
        self.idle.discard(topic)
        if heard_ms > self.heard_ms.get(topic, -1):
            self.heard_ms[topic] = heard_ms
        self._rise(min(self.heard_ms[topic], self.others_ms(topic)))

    def tick(self, now_ms: int, at_end: Collection[str], arrived_ms: Mapping[str, int]) -> bool:
        """Wall time: an input that is read to its end and silent for the idle time is idle; when
        all are, the clock carries on a watermark that is within an hour of it.

        `arrived_ms` is when each input last brought something (or was taken over).  True when
        the watermark moved.
        """
        before = self.at_ms
        if self._woken:
            self._woken, self._woken_ms = False, now_ms
        self._woken_ms = min(self._woken_ms, now_ms)  # the clock may have been put back
        silent_since_ms = now_ms - self._idle_ms
        self.idle = {
            topic
            for topic in self.topics
            if topic in at_end
            and max(arrived_ms.get(topic, now_ms), self._woken_ms) <= silent_since_ms
        }
        if len(self.idle) < len(self.topics):
            least = self.others_ms("")
            if least != _FAR:
                self._rise(least)
        else:
            self.end()
            if self.at_ms is not None and now_ms - self.at_ms < HOUR_MS:
                self._rise(now_ms - self._idle_ms)
        return self.at_ms != before

    def end(self) -> None:
        """Nothing more comes: time is where the newest event is."""
        if self.heard_ms:
            self._rise(max(self.heard_ms.values()))

    @property
    def is_silent(self) -> bool:
        """Nothing was ever heard, and nobody is waited for."""
        return self.at_ms is None and len(self.idle) == len(self.topics)

    def _rise(self, at_ms: int) -> None:
        if at_ms >= 0 and (self.at_ms is None or at_ms > self.at_ms):
            self.at_ms = at_ms
