"""Stock, prices, production and projects: every number equals the oracle's, whatever the order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_windows.catalogue import GROUPS
from kpi_windows.definitions import HOUR_MS
from tests.oracle.compare import differences
from tests.oracle.drive import Drive
from tests.oracle.logs import BEGIN_MS, Style, shop
from tests.oracle.operations import TOPICS, OperationsMaker
from tests.oracle.oracle import Oracle

ZONES = tuple(BEGIN_MS)
KPIS = (
    "inventory",
    "competitor_price_index",
    *(kpi.id for group in ("production", "projects") for kpi in GROUPS[group]),
)


def driven(seed: int, zone: str, partitions: int, events: int) -> tuple[Drive, int]:
    maker = OperationsMaker(seed, Style(zone=zone, events=events))
    drive = Drive(shop(zone, quick=True), partitions, seed, topics=TOPICS)
    drive.send(maker.sent())
    end_ms = maker.end_ms + random.Random(seed).randrange(7 * HOUR_MS)
    drive.send_clocks(end_ms)
    return drive, end_ms


def unequal(drive: Drive, oracle: Oracle, seed: int) -> list[object]:
    chance = random.Random(seed)
    return list(differences(drive.view, oracle, kpis=KPIS, filters=chance))[:20]


@settings(max_examples=6)
@given(
    seed=st.integers(0, 10**6),
    zone=st.sampled_from(ZONES),
    partitions=st.integers(1, 4),
    events=st.integers(1, 500),
    batch=st.sampled_from((1, 7, 60)),
)
def test_any_log_gives_the_oracles_numbers(
    seed: int, zone: str, partitions: int, events: int, batch: int
) -> None:
    drive, end_ms = driven(seed, zone, partitions, events)
    drive.run(batch)
    assert unequal(drive, Oracle(drive.definitions, drive.accepted(), end_ms), seed) == []


@pytest.mark.parametrize("seed", range(2))
def test_after_deaths_windows_of_a_past_time_are_right(seed: int) -> None:
    drive, end_ms = driven(seed, ZONES[seed], 3, 400)
    drive.run(20, cuts=0.4, deaths=0.1)
    asked_ms = end_ms - random.Random(seed).randrange(40 * HOUR_MS)
    oracle = Oracle(drive.definitions, drive.accepted(), end_ms, asked_ms=asked_ms)
    assert unequal(drive, oracle, seed) == []
