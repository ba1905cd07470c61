"""Every number of the catalogue has a value from a simulated shop, in every window that suits it."""

from __future__ import annotations

from functools import cache
from heapq import merge
from itertools import islice

import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import DAY_MS, HOUR_MS, Definitions
from kpi_windows.events import TOPICS
from kpi_windows.view import View
from streams.simulator import Shop, ShopOptions
from tests.kpi_windows.shops import at
from tests.oracle.drive import Drive

NOW_MS = at("2024-11-20 15:23")
SHOPS = ((1, 0.25, 400 * DAY_MS), (2, 15.0, 80 * HOUR_MS), (3, 1_200.0, 3 * HOUR_MS))
"""Seed, visits an hour, and since when: more than a year of a quiet shop, a busy one up to now."""


@cache
def view() -> View:
    """What the shops together come to, read as it happened."""
    drive = Drive(Definitions(zone="Europe/Amsterdam"), 1, topics=tuple(TOPICS))
    played = (
        Shop(seed, ShopOptions(visits_per_hour=rate)).events(NOW_MS - since, NOW_MS)
        for seed, rate, since in SHOPS
    )
    messages = merge(*played, key=lambda message: message.arrival_ms)
    while some := list(islice(messages, 500)):
        drive.send(some)
        for partition, topic in drive.left():
            drive.ingest(partition, topic)
    drive.send_clocks(NOW_MS)
    drive.run(batch=10_000)
    assert {letter.outcome for letter in drive.dead} <= {"duplicate"}
    return drive.view


NEVER = {
    ("cart_abandonment_rate", "recovery_time"): ("5m", "1h", "hour"),
    ("product_affinity", "default"): ("year",),
    ("product_sequence", "default"): ("year",),
    ("customer_lifetime_value", "predicted"): ("hour",),
}
"""Nobody comes back for a cart within the hour; pairs aren't kept for so long; nobody is lost."""
REPORTED = {"ads", "spent", "position", "social", "machine", "labour", "project"}
"""Facts that are told by the hour or the booking, so not in every five minutes."""


def windows(kpi: str, name: str) -> set[str]:
    """In which a number must have a value."""
    reading = CATALOGUE[kpi].readings[name]
    reported = any(fact.name in REPORTED for fact in reading.formula.facts())
    return set(reading.windows) - set(NEVER.get((kpi, name), ())) - ({"5m"} if reported else set())


@pytest.mark.parametrize("kpi", CATALOGUE)
def test_every_number_has_a_value_in_every_window(kpi: str) -> None:
    missing = {
        f"{name} {window}"
        for name in CATALOGUE[kpi].readings
        for window in windows(kpi, name)
        if view().evaluate(CATALOGUE[kpi], window, definition=name)[0].value is None
    }
    assert missing == set(), kpi
