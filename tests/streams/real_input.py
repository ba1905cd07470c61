"""The real sets of `shared/data`, where there are any, and slow answers out of a dry run's lines.

The answers are made with plain loops, apart from the project's code.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
MAPPINGS = PROJECT / "examples" / "mappings"
HOUR = 3_600_000
Events = list[dict[str, Any]]


def folder() -> Path | None:
    """Where the sets are: KPI_REAL_DATA, else `shared/data` beside the project."""
    told = os.environ.get("KPI_REAL_DATA")
    for path in [Path(told)] if told else [PROJECT.parent / "shared" / "data"]:
        if (path / "README.md").is_file():
            return path
    return None


WITHOUT = (
    "the real sets aren't here (KPI_REAL_DATA or shared/data beside the project): "
    "imports are tested on small files only"
)


def truth(name: str) -> dict[str, Any]:
    """The answers beside a set."""
    found = folder()
    assert found is not None
    told: dict[str, Any] = json.loads((found / f"{name}.truth.json").read_text(encoding="utf-8"))
    return told


def of(events: Events, kind: str) -> Events:
    return [event for event in events if event["type"] == kind]


def day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def worth(event: dict[str, Any]) -> Decimal:
    """Quantity × price over its products."""
    return sum((Decimal(p["price"]) * p.get("quantity", 1) for p in event["products"]), Decimal())


def orders_by_customer(orders: Events) -> dict[str, Counter[str]]:
    """Orders of new, returning and guest customers by month, in order of time and id."""
    seen: set[str] = set()
    months: dict[str, Counter[str]] = defaultdict(Counter)
    for order in sorted(orders, key=lambda o: (o["timestamp"], o["order_id"])):
        customer = order.get("customer_id")
        kind = "guest" if customer is None else "returning" if customer in seen else "new"
        months[day(order["timestamp"])[:7]][kind] += 1
        if customer is not None:
            seen.add(customer)
    return months


def spans(events: Events, opening: str, closing: str) -> list[float]:
    """Hours from each ticket's opening to its first `closing`."""
    opened = {e["ticket_id"]: e["timestamp"] for e in of(events, opening)}
    ended: dict[str, int] = {}
    for event in of(events, closing):
        ended.setdefault(event["ticket_id"], event["timestamp"])
    return [(at - opened[ticket]) / HOUR for ticket, at in ended.items()]


def open_at_day_ends(events: Events) -> dict[str, int]:
    """Open tickets at the end of each day on which the log has events or not, up to the last."""
    changes: Counter[str] = Counter()
    for event in events:
        if event["type"] == "ticket_opened":
            changes[day(event["timestamp"])] += 1
        elif event["type"] == "ticket_resolved":
            changes[day(event["timestamp"])] -= 1
    first, last = (datetime.fromisoformat(each(changes)).date() for each in (min, max))
    level, levels = 0, {}
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        name = datetime.fromordinal(ordinal).replace(tzinfo=UTC).date().isoformat()
        level += changes[name]
        levels[name] = level
    return levels


class Visits:
    """Visits by visitor: any event of theirs, a gap of more than 30 minutes begins another."""

    def __init__(self, events: Events) -> None:
        by_visitor: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for event in events:
            by_visitor[event["visitor_id"]].append((event["timestamp"], event["type"]))
        self.visits: list[list[tuple[int, str]]] = []
        for told in by_visitor.values():
            told.sort()
            self.visits.append([told[0]])
            for event in told[1:]:
                if event[0] - self.visits[-1][-1][0] > HOUR // 2:
                    self.visits.append([])
                self.visits[-1].append(event)

    def having(self, *kinds: str) -> int:
        """Visits with events of all these types."""
        return sum(all(any(k == kind for _, k in v) for kind in kinds) for v in self.visits)

    def mean_seconds(self) -> float:
        total = sum(v[-1][0] - v[0][0] for v in self.visits)
        return total / len(self.visits) / 1000


def median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
