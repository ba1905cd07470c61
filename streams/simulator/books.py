"""What the shop's other systems read and write: who came, what was sold, what lies in stock.

It must not know any event: the stories write here what they did, and report from it.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from streams.simulator.options import HOUR_MS

Origin = tuple[str | None, str | None, str | None]
"""Source, medium and campaign of a visit."""

_MOST_OPENED = 5_000


class Books:
    """The one memory of the marketing, the warehouse and the factory."""

    def __init__(self) -> None:
        self.hours: defaultdict[int, Counter[tuple[str | None, ...]]] = defaultdict(Counter)
        self.members: dict[str, list[str]] = {"email": [], "sms": []}
        self.opened: list[str] = []
        self.stock: dict[str, int] = {}
        self.counted_ms: dict[str, int] = {}
        self.making: set[str] = set()
        self.free_ms: dict[str, int] = {}

    def add(self, what: tuple[str | None, ...], at_ms: int, amount: int = 1) -> None:
        """To the sum of an hour."""
        self.hours[at_ms // HOUR_MS][what] += amount

    def of(self, hour: int, *what: str | None) -> int:
        """The sum of an hour so far; 0 if there is none."""
        return self.hours[hour][what] if hour in self.hours else 0

    def forget(self, before: int) -> None:
        """Hours that are reported for good."""
        for hour in [hour for hour in self.hours if hour < before]:
            del self.hours[hour]

    def is_opened(self, message_id: str) -> None:
        """A message that somebody may still click in; the oldest are given up."""
        self.opened.append(message_id)
        if len(self.opened) > _MOST_OPENED:
            del self.opened[: _MOST_OPENED // 2]
