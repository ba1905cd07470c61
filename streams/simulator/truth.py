"""What is known about a simulated shop because it was made so: counts in all and by UTC day.

It must not look at messages: each story counts its own deeds, after the event has gone out.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

_DAY_MS = 86_400_000
_NOTE = (
    "Counts by construction. Amounts are in cents. A visit, its bounce and its newness are "
    "counted at the visit's start, a cart and what became of it at its first product, the rest "
    "at its own time. Bots are apart. Events beyond the allowed lateness are in these counts."
)


class Truth:
    """Counters by name."""

    def __init__(self) -> None:
        self.total: defaultdict[str, int] = defaultdict(int)
        self.days: defaultdict[int, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))

    def count(self, name: str, at_ms: int, amount: int = 1) -> None:
        """Add to a counter, in all and for the day."""
        self.total[name] += amount
        self.days[at_ms // _DAY_MS][name] += amount

    def as_json(self) -> dict[str, Any]:
        """The counts, ready for JSON."""
        return {
            "definition": _NOTE,
            "total": dict(sorted(self.total.items())),
            "per_day": {
                _day(day): dict(sorted(counts.items())) for day, counts in sorted(self.days.items())
            },
        }


def _day(number: int) -> str:
    return datetime.fromtimestamp(number * _DAY_MS / 1000, UTC).date().isoformat()
