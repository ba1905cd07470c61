"""What the routes share: who may send, how much, and where it goes.

It must not know aiohttp.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from kpi_windows.events import TOPICS
from streams import metrics
from streams.config import nearest
from streams.receiver.bodies import Limits
from streams.receiver.counts import Counts
from streams.receiver.memory import Memory
from streams.receiver.reception import Reception, Writer
from streams.receiver.refusals import RefusedRequest
from streams.receiver.room import Room
from streams.receiver.tokens import Tokens
from streams.settings import Settings


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Service:
    """One intake."""

    def __init__(
        self,
        settings: Settings,
        writer: Writer,
        *,
        now_ms: Callable[[], int] = _now_ms,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        told = settings.intake
        self.now_ms = now_ms
        self.settings = settings
        self.topics = settings.topics
        """Kafka's name of each topic that the shop uses."""
        self.limits = Limits(told.max_body, told.max_events, told.body_timeout_ms / 1_000)
        self.tokens = Tokens(told.tokens, told.rate, told.burst, now_s)
        self.reception = Reception(settings.definitions, writer, Memory(told.remembered), now_ms)
        self.room = Room(told.buffer)
        self.strangers = Room(told.buffer // 4)
        """For webhooks: who sends one is known only when all of it is there."""
        self.counts = Counts()
        self.stops = False
        """Whether it takes nothing new."""

    def check_topic(self, topic: str) -> None:
        """Raises RefusedRequest unless the shop uses the topic."""
        if topic not in TOPICS:
            raise RefusedRequest(
                404, f"there is no topic {topic!r}", nearest(topic, tuple(self.topics))
            )
        if topic not in self.topics:
            raise RefusedRequest(
                404,
                f"topic {topic!r} is switched off",
                f"[topics] {topic} = true in the shop's settings switches it on",
            )

    def check_open(self) -> None:
        """Raises RefusedRequest when the intake is about to end."""
        if self.stops:
            raise RefusedRequest(
                503,
                "this intake ends; nothing of this request was written",
                "send the same again after Retry-After seconds",
                retry_after_s=1,
            )

    def levels(self) -> Mapping[str, float]:
        """Gauges, by the series' name."""
        return {
            metrics.INTAKE_UNANSWERED.name: self.reception.unanswered,
            metrics.INTAKE_BUFFER.name: self.room.used + self.strangers.used,
            metrics.INTAKE_BUFFER_LIMIT.name: self.room.limit + self.strangers.limit,
            metrics.INTAKE_REMEMBERED.name: self.reception.remembered,
        }
