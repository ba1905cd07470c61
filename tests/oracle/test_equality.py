"""Every number of every KPI equals the oracle's, whatever the order, the batches, the partitions.

Disorder stays within lateness here, so that all events are accepted; see test_accepted.py.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import HOUR_MS, MINUTE_MS, Definitions
from kpi_windows.events import TOPICS
from kpi_windows.formula import number
from streams.simulator import Shop, ShopOptions
from tests.oracle.compare import breakdowns, told
from tests.oracle.drive import Drive
from tests.oracle.logs import BEGIN_MS, Maker, Style, shop
from tests.oracle.oracle import FORMULAS, Oracle
from tests.oracle.windows import Window

ZONES = tuple(BEGIN_MS)


def test_the_oracle_knows_every_number_of_every_kpi() -> None:
    known = {kpi: set(numbers) for kpi, numbers in FORMULAS.items()}
    assert known == {kpi.id: set(kpi.readings) for kpi in CATALOGUE.values()}
    assert all(breakdowns(reading) for k in CATALOGUE.values() for reading in k.readings.values())


@settings(max_examples=10)
@given(
    seed=st.integers(0, 10**6),
    zone=st.sampled_from(ZONES),
    partitions=st.integers(1, 4),
    events=st.integers(1, 400),
    batch=st.sampled_from((1, 7, 60)),
    quick=st.booleans(),
)
def test_any_log_gives_the_oracles_numbers(
    seed: int, zone: str, partitions: int, events: int, batch: int, quick: bool
) -> None:
    maker = Maker(seed, Style(zone=zone, events=events))
    definitions = shop(zone, quick=quick)
    drive = Drive(definitions, partitions, seed)
    drive.send(maker.sent())
    end_ms = maker.end_ms + random.Random(seed).randrange(7 * HOUR_MS)
    drive.send_clocks(end_ms)
    drive.run(batch)
    assert told(drive.view, Oracle(definitions, drive.accepted(), end_ms), seed) == []


@pytest.mark.parametrize("seed", range(5))
def test_numbers_are_right_in_the_middle_of_it_too(seed: int) -> None:
    """Some partitions are ahead: what is due has come only where time has."""
    zone, chance = ZONES[seed], random.Random(seed)
    definitions, maker = shop(zone, quick=True), Maker(seed, Style(zone=zone, events=400))
    drive = Drive(definitions, 3, seed)
    drive.send_clocks(maker.begin_ms)  # every input has been heard of
    drive.send(maker.sent()[: chance.randrange(150, 350)])
    drive.run(30)
    at_ms = drive.view.watermark_ms
    assert at_ms is not None
    oracle = Oracle(definitions, drive.accepted(), at_ms, drive.until)
    assert told(drive.view, oracle, seed) == []


@pytest.mark.parametrize("seed", range(3))
def test_windows_of_any_past_time_are_right(seed: int) -> None:
    zone = ZONES[seed + 1]
    definitions, maker = shop(zone, quick=True), Maker(seed, Style(zone=zone, events=300))
    drive = Drive(definitions, 2, seed)
    drive.send(maker.sent())
    drive.send_clocks(maker.end_ms)
    drive.run()
    asked_ms = random.Random(seed).randrange(maker.begin_ms, maker.end_ms)
    oracle = Oracle(definitions, drive.accepted(), maker.end_ms, asked_ms=asked_ms)
    assert told(drive.view, oracle, seed) == []


@pytest.mark.parametrize(
    ("seed", "partitions", "visits_per_hour", "days"), [(1, 2, 25.0, 1.3), (2, 3, 1.0, 130.0)]
)
def test_a_simulated_shop_gives_the_oracles_numbers(
    seed: int, partitions: int, visits_per_hour: float, days: float
) -> None:
    begin_ms, definitions = 1_571_234_400_000, Definitions(zone="Europe/Amsterdam")
    end_ms = begin_ms + int(days * 24) * HOUR_MS + 13 * MINUTE_MS + 123
    drive = Drive(definitions, partitions, seed, topics=tuple(TOPICS))
    options = ShopOptions(visits_per_hour=visits_per_hour)
    drive.send(Shop(seed, options).events(begin_ms, end_ms))
    drive.send_clocks(end_ms + 10 * MINUTE_MS)
    drive.run()
    assert not drive.dead
    oracle = Oracle(definitions, drive.accepted(), end_ms + 10 * MINUTE_MS)
    assert told(drive.view, oracle, seed) == []


@pytest.mark.parametrize("seed", range(4))
def test_live_without_a_clock_record_the_numbers_are_right(seed: int) -> None:
    """Most inputs are silent most of the time, some partitions always; the wall clock goes on."""
    zone = ZONES[seed]
    definitions, maker = shop(zone, quick=True), Maker(seed, Style(zone=zone, events=150))
    drive = Drive(definitions, 4, seed)
    drive.send(maker.sent())
    drive.live(maker.begin_ms, maker.end_ms + HOUR_MS, 2 * MINUTE_MS)
    drive.run()
    at_ms = drive.view.watermark_ms
    assert at_ms is not None
    assert at_ms >= maker.end_ms + HOUR_MS - 3 * MINUTE_MS
    assert not {letter.outcome for letter in drive.dead} - {"late"}
    oracle = Oracle(definitions, drive.accepted(), at_ms, drive.until)
    assert told(drive.view, oracle, seed) == []


def test_each_past_period_of_a_query_has_the_oracles_numbers() -> None:
    zone, seed = "Australia/Lord_Howe", 5
    definitions, maker = shop(zone, quick=True), Maker(seed, Style(zone=zone, events=500))
    drive = Drive(definitions, 2, seed)
    drive.send(maker.sent())
    drive.send_clocks(maker.end_ms)
    drive.run()
    periods = {
        f"{name} {number}": (name, Window(*each))
        for name in ("hour", "day", "1h")
        for number, each in enumerate(drive.view.grid.periods(name, maker.begin_ms, maker.end_ms))
    }
    now_ms = maker.end_ms - maker.end_ms % MINUTE_MS + MINUTE_MS
    windows = {name: Window(w.start_ms, min(w.end_ms, now_ms)) for name, (_, w) in periods.items()}
    oracle = Oracle(definitions, drive.accepted(), maker.end_ms, windows=(), extra=windows)
    for kpi in ("visits", "sales", "conversion_rate", "first_response_time", "backlog", "csat"):
        for name in ("hour", "day", "1h"):
            values = drive.view.query(CATALOGUE[kpi], name, maker.begin_ms, maker.end_ms)
            asked = [each for each, (window, _) in periods.items() if window == name]
            assert len(values) == len(asked)
            for value, each in zip(values, asked, strict=True):
                assert (value.start_ms, value.end_ms) == windows[each]
                assert value.value == number(oracle.evaluate(kpi, "default", each)[()].value)
