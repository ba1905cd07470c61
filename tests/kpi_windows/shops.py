"""Shops made by hand: amounts in, the changes of real panes out, for one or more partitions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from kpi_windows.aggregators import Kind, merge
from kpi_windows.codec import Checkpoint, pack_checkpoint
from kpi_windows.definitions import MINUTE_MS, Definitions
from kpi_windows.facts import FACTS, Deltas, Fact
from kpi_windows.rollup import Change, Panes
from kpi_windows.sketches import Distinct, bucket_of, hash64
from kpi_windows.view import View
from kpi_windows.windows import CALENDAR, Grid

ZONE = "Europe/Amsterdam"


def at(text: str, zone: str = ZONE) -> int:
    """Milliseconds of a local time, `2024-03-05 14:30`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


class Partition:
    """One partition's panes, and what was added to them since the last cut."""

    def __init__(self, definitions: Definitions) -> None:
        self.panes = Panes(definitions, Grid(definitions.zone))
        self.fingerprint = definitions.fingerprint()
        self.deltas = Deltas()
        self.counts: dict[str, dict[str, int]] = {}
        self.since_ms: dict[str, int] = {}

    def add(
        self, fact: Fact, at_ms: int, labels: tuple[str, ...], amounts: Mapping[str, Any]
    ) -> None:
        cell = self.deltas.adder(fact)(at_ms, *labels)
        empty = Deltas().adder(fact)(at_ms, *labels)
        for name, amount in amounts.items():
            empty[fact.slot(name)] = amount
        merge(cell, empty)

    def cut(self, watermark_ms: int) -> tuple[list[Change], bytes]:
        checkpoint = Checkpoint(
            fingerprint=self.fingerprint,
            watermark_ms=watermark_ms,
            counts=self.counts,
            since_ms=self.since_ms,
        )
        return self.panes.cut(self.deltas, watermark_ms), pack_checkpoint(checkpoint)


class Shop:
    """A view over partitions to which amounts are added by hand."""

    def __init__(self, partitions: int = 1, **decided: Any) -> None:
        self.definitions = Definitions(**{"zone": ZONE, **decided})
        self.partitions = [Partition(self.definitions) for _ in range(partitions)]
        self.view = View(self.definitions)

    def add(
        self, fact: Fact, when: str | int, *labels: str, partition: int = 0, **amounts: Any
    ) -> None:
        at_ms = at(when, self.definitions.zone) if isinstance(when, str) else when
        self.partitions[partition].add(fact, at_ms, labels, amounts)

    def commit(self, when: str | int, partition: int | None = None) -> View:
        """All partitions (or one) commit, with the watermark at a time."""
        at_ms = at(when, self.definitions.zone) if isinstance(when, str) else when
        for number, each in enumerate(self.partitions):
            if partition in (None, number):
                self.view.apply(number, *each.cut(at_ms))
        return self.view


_VALUES: dict[str, tuple[str, ...]] = {
    "period": CALENDAR,
    "weekday": tuple("1234567"),
    "hour": tuple(str(hour) for hour in range(24)),
    "device": ("mobile", "desktop"),
    "medium": ("paid", "direct", "display"),
    "channel": ("email", "phone", "chat", "social"),
    "customer": ("new", "returning", "guest"),
    "visitor": ("new", "returning"),
    "overdue": ("yes", "no"),
}


def random_labels(chance: random.Random, fact: Fact) -> tuple[str, ...]:
    return tuple(chance.choice(_VALUES.get(label, ("a", "b", "c"))) for label in fact.labels)


def random_amount(chance: random.Random, fact: Fact, kind: Kind, at_ms: int) -> Any:
    if kind is Kind.SUM:
        return chance.randrange(-3, 9)
    if kind is Kind.DISTINCT:
        return Distinct(hash64(str(chance.randrange(300))) for _ in range(chance.randrange(5)))
    sign = chance.choice((1, 1, 1, -1))
    if fact.name == "sequence":
        return {f"{chance.randrange(4)}:{chance.choice('abc')}": sign}
    if kind is Kind.NAMES:
        return {chance.choice("abc"): sign}
    if fact.name == "ticket_flow":
        return {at_ms // MINUTE_MS: sign}
    return {bucket_of(chance.randrange(10_000)): sign}


def random_amounts(chance: random.Random, fact: Fact, at_ms: int) -> dict[str, Any]:
    return {
        name: random_amount(chance, fact, kind, at_ms)
        for name, kind in zip(fact.amounts, fact.kinds, strict=True)
    }


def some_of_everything(
    shop: Shop, chance: random.Random, from_ms: int, to_ms: int, each: int = 2
) -> None:
    """A few amounts of every fact, anywhere between two times and in any partition."""
    for fact in FACTS.values():
        for _ in range(each):
            at_ms = chance.randrange(from_ms, to_ms)
            partition = chance.randrange(len(shop.partitions))
            amounts = random_amounts(chance, fact, at_ms)
            shop.add(fact, at_ms, *random_labels(chance, fact), partition=partition, **amounts)
