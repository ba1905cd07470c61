"""Days of a simulated shop, and the values of all KPIs that a stream of events comes to.

It must not know vendors.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.decoding import Rejected, decode
from kpi_windows.definitions import DAY_MS, HOUR_MS, Definitions
from kpi_windows.events import TOPICS, key_of
from kpi_windows.view import View
from streams.adapters import Adapter
from streams.simulator import Shop, ShopOptions
from tests.kpi_windows.shops import at
from tests.oracle.drive import Drive, Sent

END_MS = at("2024-11-20 00:00")
START_MS = END_MS - 4 * DAY_MS
"""The last of these days is looked at; refunds and answers in it are of the days before."""
DEFINITIONS = Definitions(zone="Europe/Amsterdam", default_lateness_ms=2 * HOUR_MS)
Values = dict[tuple[str, ...], Any]
_WINDOWS = ("day", "24h", "week", "1h")


class Happened(NamedTuple):
    """An event of the simulated shop."""

    topic: str
    event: dict[str, Any]
    arrival_ms: int

    @property
    def at_ms(self) -> int:
        at_ms: int = self.event["timestamp"]
        return at_ms


class Delivery(NamedTuple):
    """What a vendor sends."""

    body: bytes
    headers: dict[str, str]
    arrival_ms: int


@cache
def days(seed: int = 8, visits_per_hour: float = 30.0) -> tuple[Happened, ...]:
    """Some days, in order of arrival, with late events and some that are sent twice."""
    options = ShopOptions(visits_per_hour=visits_per_hour)
    messages = Shop(seed, options).events(START_MS, END_MS)
    return tuple(Happened(m.topic, json.loads(m.value), m.arrival_ms) for m in messages)


def adapted(
    adapter: Adapter, deliveries: Iterable[Delivery], section: Any
) -> tuple[list[Sent], list[str]]:
    """The adapter's events as records, and what it ignored."""
    sent: list[Sent] = []
    ignored: list[str] = []
    for delivery in deliveries:
        events, reasons = adapter.events_of(delivery.body, delivery.headers, section)
        sent += [as_sent(topic, event, delivery.arrival_ms) for topic, event in events]
        ignored += reasons
    return sent, ignored


def as_sent(topic: str, event: dict[str, Any], arrival_ms: int) -> Sent:
    """An event as a record; it must pass the worker's own decoder."""
    value = msgspec.json.encode(event)
    (told,) = decode(topic, [value])
    assert not isinstance(told, Rejected), (told.reason, event)
    return Sent(topic, key_of(told).encode(), value, arrival_ms)


def view_of(sent: Sequence[Sent], *, end_ms: int = END_MS + 5 * HOUR_MS) -> View:
    """What a stream comes to, at some time after its end; nothing of it may be refused."""
    drive = Drive(DEFINITIONS, 1, topics=tuple(TOPICS))
    drive.send(sorted(sent, key=lambda one: one.arrival_ms))
    drive.send_clocks(end_ms)
    drive.run(batch=2_000)
    refused = [letter for letter in drive.dead if letter.outcome != "duplicate"]
    assert not refused, refused[:3]
    return drive.view


def values_of(view: View, *, at_ms: int = END_MS - 1) -> Values:
    """Every number of the catalogue that has a value, in some windows, in all and by each label."""
    told: Values = {}
    for kpi in CATALOGUE.values():
        for name, reading in kpi.readings.items():
            for window in (w for w in _WINDOWS if w in reading.windows):
                for by in ((), *((label,) for label in reading.all_labels)):
                    asked = {"at_ms": at_ms, "by": by, "definition": name, "top": 10_000}
                    for value in view.evaluate(kpi, window, **asked):
                        if value.numerator or value.denominator or value.value:
                            key = (kpi.id, name, window, *sorted(map(str, value.labels.items())))
                            told[key] = (value.value, value.numerator, value.denominator)
        if kpi.table is not None:
            rows = view.table(kpi, "day", 10_000, at_ms=at_ms).rows
            told[kpi.id, "table"] = sorted(map(repr, rows))
    return told


def check_same(ours: Iterable[Happened], theirs: Sequence[Sent]) -> Values:
    """The values of theirs; fails unless they are those of ours, all of them and no others."""
    sent = [as_sent(one.topic, one.event, one.arrival_ms) for one in ours]
    expected, told = values_of(view_of(sent)), values_of(view_of(theirs))
    differ = {key for key in expected | told if expected.get(key) != told.get(key)}
    assert not differ, [(key, expected.get(key), told.get(key)) for key in sorted(differ)[:5]]
    return told


def shaken(once: Sequence[Sent], seed: int, again: int) -> list[Sent]:
    """The same events some minutes later, each by its own delay, and some of them twice."""
    chance = random.Random(seed)
    late = [one._replace(arrival_ms=one.arrival_ms + chance.randrange(200_000)) for one in once]
    return late + chance.sample(once, again)


def kpis_of(values: Values) -> set[str]:
    """The KPIs that have a value."""
    return {key[0] for key, value in values.items() if value}
