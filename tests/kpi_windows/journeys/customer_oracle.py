"""A slow second opinion on one customer: intervals over all events at once, no state.

Time is counted in thirds of a millisecond: what happens at once is first an order or the start of a
subscription, or what comes of itself, then a cancellation, and being forgotten at last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from kpi_windows.definitions import DAY_MS, Definitions
from kpi_windows.journeys.customer import CANCELLED, FORGOTTEN, ORDERED
from kpi_windows.journeys.journal import NEVER, Entry

PERIODS = ("hour", "day", "week", "month", "quarter", "year")
Told = Iterator[tuple[str, int, tuple[str, ...], str, Any, int]]


class Live(NamedTuple):
    """One uninterrupted time of one subscription, in thirds of a millisecond."""

    start: int
    end: int
    is_forgotten: bool


def oracle(
    life: Sequence[Entry], definitions: Definitions, until_ms: int
) -> dict[tuple[Any, ...], int]:
    """(fact, minute, labels, amount, bucket) -> what isn't 0."""
    told: Counter[tuple[Any, ...]] = Counter()
    lives: list[list[Entry]] = [[]]
    for entry in sorted(life):
        lives[-1].append(entry)
        if entry[1] == FORGOTTEN:
            lives.append([])
    latest = 3 * max([until_ms, *(entry[0] for entry in life)])
    for one in lives:
        for fact, third, labels, amount, bucket, value in Life(one, definitions).facts():
            if third <= latest + 2:
                told[fact, third // 3 // 60_000 * 60_000, labels, amount, bucket] += value
    return {key: value for key, value in told.items() if value}


class Life:
    """Of a customer from the first event, or from being forgotten, to being forgotten."""

    def __init__(self, entries: Sequence[Entry], definitions: Definitions) -> None:
        self.definitions = definitions
        self.zone = ZoneInfo(definitions.zone)
        self.orders = [entry for entry in entries if entry[1] == ORDERED]
        self.signs = [entry for entry in entries if entry[1] not in (CANCELLED, FORGOTTEN)]
        forgotten = [entry[0] for entry in entries if entry[1] == FORGOTTEN]
        self.end = 3 * forgotten[0] + 2 if forgotten else 3 * NEVER
        names = {entry[3] for entry in entries if entry[1] not in (ORDERED, FORGOTTEN)}
        self.lives = [live for name in sorted(names) for live in self.lives_of(name, entries)]

    def lives_of(self, name: str, entries: Sequence[Entry]) -> Iterator[Live]:
        start, end = -1, -1
        for entry in entries:
            if entry[1] in (ORDERED, FORGOTTEN) or entry[3] != name:
                continue
            at = 3 * entry[0]
            if end <= at and start >= 0:
                yield Live(start, end, False)
                start = -1
            if entry[1] == CANCELLED:
                if start >= 0:
                    yield Live(start, at + 1, False)
                start = -1
            else:
                start = start if start >= 0 else at
                end = 3 * entry[4]
        if start >= 0:
            yield Live(start, min(end, self.end), self.end < end)

    def is_live(self, third: int) -> bool:
        return any(live.start <= third < live.end for live in self.lives)

    def losses(self) -> list[int]:
        """When the customer is lost: a subscription ends and none is left, or no order came."""
        ends = {live.end for live in self.lives if not live.is_forgotten and live.end < 3 * NEVER}
        lost = [end for end in ends if not any(one.start < end < one.end for one in self.lives)]
        for order in self.orders:
            at = 3 * order[0]
            deadline = at + 3 * self.definitions.lost_ms
            if deadline >= self.end or any(
                3 * o[0] > at and 3 * o[0] < deadline for o in self.orders
            ):
                continue
            if not any(live.start <= deadline - 1 and live.end > at for live in self.lives):
                lost.append(deadline)
        return sorted(set(lost))

    def facts(self) -> Told:
        losses = self.losses()
        for third in losses:
            yield "customer", third, (), "lost", "", 1
            for period in PERIODS:
                yield "customer_period", third, (period,), "lost", "", 1
        yield from self.of_activity(losses)
        for live in self.lives:
            yield "customer", live.start, (), "subscribed", "", 1
            if live.end < 3 * NEVER:
                yield "customer", live.end, (), "unsubscribed", "", 1
        for number, order in enumerate(self.orders):
            yield from self.of_order(order, self.orders[number - 1] if number else None)

    def of_activity(self, losses: list[int]) -> Told:
        """Active from the first sign on, and from the first one after each loss."""
        since = -1
        for loss in [*losses, self.end]:
            signs = [3 * entry[0] for entry in self.signs if since <= 3 * entry[0] < loss]
            if signs:
                yield "customer", min(signs), (), "active", "", 1
                if loss < 3 * NEVER:
                    yield "customer", loss, (), "active", "", -1
            since = loss
        for number, entry in enumerate(self.signs):
            earlier = [3 * sign[0] for sign in self.signs[:number]]
            earlier += [live.end for live in self.lives if live.end <= 3 * entry[0]]
            gap = 3 * entry[0] - max(earlier, default=-NEVER)
            if gap // 3 > self.definitions.new_again_ms and not self.is_live(3 * entry[0] - 1):
                yield "customer", 3 * entry[0], (), "customers", "", 1
                for period in PERIODS:
                    yield "customer_period", 3 * entry[0], (period,), "new", "", 1

    def of_order(self, order: Entry, before: Entry | None) -> Told:
        at_ms, _, _, value, products = order
        if before is not None and at_ms - before[0] > self.definitions.new_again_ms:
            is_new = True
        else:
            is_new = before is None
        who = "new" if is_new else "returning"
        yield "buyer", 3 * at_ms, (who,), "orders", "", 1
        yield "buyer", 3 * at_ms, (who,), "value_micros", "", value
        for period in PERIODS:
            number = self.number(period, at_ms)
            last = self.number(period, before[0]) if before else None
            if number != last:
                yield "customer_period", 3 * at_ms, (period,), "active", "", 1
                if last == number - 1 and not is_new:
                    yield "customer_period", 3 * at_ms, (period,), "retained", "", 1
        for product in products:
            yield "sequence_start", 3 * at_ms, (product,), "orders", "", 1
        if before is not None and not is_new:
            days = (at_ms - before[0]) // DAY_MS
            for product in before[4]:
                for following in products:
                    bucket = f"{days}:{following}"
                    yield "sequence", 3 * before[0], (product,), "followed", bucket, 1

    def number(self, period: str, at_ms: int) -> int:
        """Increases by one a period; hours only in a zone of whole hours."""
        local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone)
        months = local.year * 12 + local.month - 1
        return {
            "hour": at_ms // 3_600_000,
            "day": local.toordinal(),
            "week": (local.toordinal() - 1) // 7,
            "month": months,
            "quarter": months // 3,
            "year": local.year,
        }[period]
