"""Laws of whole shards: however events come, whoever asks, the sums are the same sums.

the same events -> any batches, partitions, interleaving, routes -> the same values
segments sum to their total, funnels get narrower, nothing is lost between partitions
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import HOUR_MS
from kpi_windows.keys import partition_of
from kpi_windows.kpi import Kpi
from kpi_windows.view import View
from tests.oracle.compare import told
from tests.oracle.drive import Drive, Sent
from tests.oracle.logs import BEGIN_MS, Maker, Style, shop
from tests.oracle.oracle import Oracle
from tests.oracle.spoil import spoilt

ZONES = tuple(BEGIN_MS)
WINDOWS = ("1h", "24h", "7d", "day", "week")
Told = dict[tuple[str, str, str, tuple[str, ...]], tuple[float | None, ...]]


def log_of(seed: int, events: int = 200, **style: int) -> tuple[Maker, list[Sent]]:
    maker = Maker(seed, Style(zone=ZONES[seed % len(ZONES)], events=events, **style))
    return maker, maker.sent()


def shopping(maker: Maker, sent: list[Sent], partitions: int, batch: int, seed: int) -> Drive:
    """The log, read to its end, and a few hours more."""
    drive = Drive(shop(maker.style.zone, quick=True), partitions, seed)
    drive.send(sent)
    drive.run(batch, cuts=random.Random(seed).choice((0.0, 0.2, 1.0)))
    drive.send_clocks(maker.end_ms + HOUR_MS)
    drive.run(batch)
    return drive


def values(view: View) -> Told:
    """Every number of every KPI in a few windows, by the first of its labels."""
    found: Told = {}
    for kpi in CATALOGUE.values():
        for name, reading in kpi.readings.items():
            by = (reading.by or ())[:1]
            for window in reading.windows:
                if window in WINDOWS:
                    for value in view.evaluate(kpi, window, definition=name, by=by, top=1000):
                        labels = tuple(value.labels.values())
                        found[kpi.id, name, window, labels] = value[4:]
    return found


# ---------------------------------------------------------------------------- the same events


@settings(max_examples=8)
@given(
    seed=st.integers(0, 10**6),
    partitions=st.integers(1, 4),
    batch=st.sampled_from((1, 2, 3, 50)),
)
def test_batches_partitions_and_interleaving_change_no_value(
    seed: int, partitions: int, batch: int
) -> None:
    maker, sent = log_of(seed)
    one = shopping(maker, sent, 1, 1000, 0)
    many = shopping(maker, sent, partitions, batch, seed)
    assert not one.dead or {letter.outcome for letter in one.dead} == {"late"}  # copies
    assert values(many.view) == values(one.view)


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6))
def test_any_order_within_lateness_changes_no_value(seed: int) -> None:
    """But for what is told twice in different words: there, the first to arrive counts."""
    maker, sent = log_of(seed, orders=10**9, refunds=10**9)
    again = list(sent)
    random.Random(seed).shuffle(again)  # lateness is long enough for all of it
    drives = []
    for each in (sent, again):
        drive = Drive(shop(maker.style.zone, quick=True, lateness_ms=10**10), 2, seed)
        drive.send(each)
        drive.run(20, cuts=0.2)
        drive.send_clocks(maker.end_ms + HOUR_MS)
        drive.run()
        assert not drive.dead
        drives.append(drive)
    assert values(drives[0].view) == values(drives[1].view)


@pytest.mark.parametrize("seed", range(2))
def test_what_arrives_in_a_wrong_partition_counts_all_the_same(seed: int) -> None:
    maker, sent = log_of(seed, 300, orders=10**9, refunds=10**9)
    chance = random.Random(seed)
    partitions = 3

    def route(key: bytes | None) -> int:
        home = partition_of(key or b"", partitions)
        return chance.randrange(partitions) if chance.random() < 0.3 else home

    drive = Drive(shop(maker.style.zone, quick=True), partitions, seed, route=route)
    drive.send(sent)
    drive.run(20)
    drive.send_clocks(maker.end_ms)
    drive.run(20)
    assert sum(shard.counts()["forwarded"]["misrouted"] for shard in drive.shards) > 20
    assert_forwards_arrived(drive)
    oracle = Oracle(drive.definitions, drive.accepted(), maker.end_ms)
    assert told(drive.view, oracle, seed) == []


# ---------------------------------------------------------------------------- sums


@pytest.fixture(scope="module", params=range(3))
def view(request: pytest.FixtureRequest) -> View:
    """A shop where much went wrong."""
    maker, sent = log_of(request.param, 500)
    drive = shopping(maker, spoilt(sent, request.param), 3, 40, request.param)
    assert {letter.outcome for letter in drive.dead} == {"late", "future", "rejected"}
    assert_forwards_arrived(drive)
    assert all(law.holds for law in drive.view.laws())
    return drive.view


def assert_forwards_arrived(drive: Drive) -> None:
    total: Counter[str] = Counter()
    for shard in drive.shards:
        total.update(shard.counts()["forwarded"])
    assert total["sent"] == total["applied"]
    assert total["misrouted"] == total["arrived"]


def additive() -> Iterator[tuple[Kpi, str, tuple[str, ...]]]:
    """Numbers whose segments sum to the total: sums, broken down by labels that don't overlap."""
    for kpi in CATALOGUE.values():
        for name, reading in kpi.readings.items():
            if kpi.is_ratio(name) or any(word in reading.formula.text() for word in _NOT_SUMS):
                continue
            groups = [reading.by or (), *(o.by for o in reading.instead if not o.overlapping)]
            for group in groups:
                if group:
                    yield kpi, name, group


_NOT_SUMS = ("visitor.seen", "contact.customers", "quantile", "peak", "previous", "per_year", " / ")


@pytest.mark.parametrize(
    ("kpi", "name", "labels"),
    [pytest.param(*each, id=f"{each[0].id}-{each[1]}") for each in additive()],
)
def test_segments_sum_to_their_total(
    view: View, kpi: Kpi, name: str, labels: tuple[str, ...]
) -> None:
    for window in ("24h", "week"):
        if window not in kpi.reading(name).windows:
            continue
        totals = [
            sum(v.value or 0 for v in view.evaluate(kpi, window, definition=name, by=by, top=top))
            for by in ((), *((label,) for label in labels), labels)
            for top in (2, 1000)  # also when others are folded
        ]
        assert totals == pytest.approx([totals[0]] * len(totals), rel=1e-12, abs=1e-9)


FUNNELS = (
    ("conversion_rate", "default", 1.0),
    ("cart_abandonment_rate", "default", 1.0),
    ("cart_abandonment_rate", "same_visit", 1.0),
    ("bounce_rate", "default", 1.0),
    ("bounce_rate", "not_engaged", 1.0),
    ("average_click_through_rate", "default", 1.0),
    ("promotional_click_through_rate", "default", 1.0),
    ("product_reviews", "low_share", 1.0),
    ("escalation_rate", "default", 1.0),
    ("first_response_time", "within_target", 1.0),
    ("average_resolution_time", "within_target", 1.0),
    ("blog_traffic", "share", 1.0),
    ("backlog", "share", 1.0),
    ("csat", "default", 1.0),
)


@pytest.mark.parametrize(("kpi", "name", "most"), FUNNELS)
def test_a_part_is_never_more_than_its_whole(view: View, kpi: str, name: str, most: float) -> None:
    reading = CATALOGUE[kpi].reading(name)
    for window in ("5m", "1h", "24h", "7d", "day"):
        for by in ((), *((label,) for label in reading.all_labels)):
            for value in view.evaluate(CATALOGUE[kpi], window, definition=name, by=by, top=1000):
                assert value.value is None or 0 <= value.value <= most
                assert value.numerator is not None and value.denominator is not None
                assert 0 <= value.numerator <= value.denominator


def test_carts_end_in_one_way_only(view: View) -> None:
    def told(name: str) -> float:
        kpi = CATALOGUE["cart_abandonment_rate"]
        [value] = view.evaluate(kpi, "week", definition=name)
        return value.value or 0

    assert told("recovered") + told("abandoned") <= told("carts")
