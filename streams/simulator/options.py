"""What may be chosen about a simulated shop, and the message that it sends."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

EVENTS_PER_VISIT = 8.6
"""Of all topics together, as the stories that visits bring with them make them."""


class Message(NamedTuple):
    """One record for Kafka."""

    topic: str
    key: bytes
    value: bytes
    at_ms: int
    """When it happened."""
    arrival_ms: int
    """When the shop's system sends it: later than `at_ms` if it was held up."""


@dataclass(frozen=True)
class ShopOptions:
    """How busy the shop is, and how untidy what it sends."""

    visits_per_hour: float = 600.0
    events_per_second: float | None = None
    """Sets the visits instead: about this many events in all, at a mean hour."""
    rhythm: bool = True
    """Quiet nights and busy evenings; else the same at every hour."""
    ahead_hours: int = 0
    """The clock of the shop's customers is so many hours ahead of UTC."""
    late: float = 0.02
    """The share of events that arrive late, by up to `late_by_ms`."""
    late_by_ms: int = 5 * MINUTE_MS
    """Keep it below the allowed lateness, and all of these count."""
    too_late: float = 0.0
    """The share of events that arrive later than `too_late_from_ms`."""
    too_late_from_ms: int = 2 * HOUR_MS
    duplicates: float = 0.01
    """The share of events that are sent twice, with the same `event_id`."""
    bots: float = 0.005
    """The share of visits by machines that say so (`is_bot`)."""
    broken_ms: tuple[int, int] | None = None
    """From when until when the checkout is broken: no one who starts it gets to an order."""
    topics: Collection[str] | None = None
    """Only what is sent to these; absent: to all eight."""
    clickstream_only: bool = False
    """For benchmarks: clicks of `visitors` known visitors, `events_per_second` of them, no more."""
    visitors: int = 10_000
    """With `clickstream_only`: how many visitors there are."""
    people: int = 100_000
    """How many of its visitors the shop remembers at most, to come again."""
    run: str = ""
    """Part of all ids; by default made of the seed and the start, so that runs don't meet."""

    def __post_init__(self) -> None:
        for name in ("late", "too_late", "duplicates", "bots"):
            share = getattr(self, name)
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"{name}: expected a share of 0..1, got {share}")
        if self.late + self.too_late + self.duplicates > 1.0:
            raise ValueError("late + too_late + duplicates: expected at most 1 in all")
        if self.hourly_visits <= 0:
            raise ValueError("visits_per_hour, events_per_second: expected more than 0")
        if self.visitors < 1:
            raise ValueError("visitors: expected at least 1")

    def is_broken(self, at_ms: int) -> bool:
        """Whether the checkout fails at a time."""
        return self.broken_ms is not None and self.broken_ms[0] <= at_ms < self.broken_ms[1]

    @property
    def hourly_visits(self) -> float:
        """Visits that start in a mean hour."""
        if self.events_per_second is None:
            return self.visits_per_hour
        return self.events_per_second * 3600 / EVENTS_PER_VISIT

    @property
    def click_rate(self) -> float:
        """Events a second with `clickstream_only`."""
        if self.events_per_second is None:
            return self.visits_per_hour * EVENTS_PER_VISIT / 3600
        return self.events_per_second
