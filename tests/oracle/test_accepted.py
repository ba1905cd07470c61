"""With events that are late, early or none at all, the numbers are those of the accepted ones."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_windows.definitions import HOUR_MS, MINUTE_MS
from kpi_windows.events import TOPICS
from streams.simulator import Shop, ShopOptions
from tests.oracle.compare import told
from tests.oracle.drive import MAIN, Drive, sent_of
from tests.oracle.logs import BEGIN_MS, Maker, Style, shop
from tests.oracle.oracle import Oracle
from tests.oracle.spoil import abroad, spoilt

ZONES = tuple(BEGIN_MS)


def check_outcomes(drive: Drive) -> None:
    """In = accepted + duplicate + late + future + rejected, topic by topic, and what is buried
    is what wasn't accepted."""
    taken_in = Counter(topic for (_, topic), log in drive.logs.items() for _ in log)
    outcomes: Counter[tuple[str, str]] = Counter()
    for shard in drive.shards:
        for topic in MAIN:
            outcomes.update({(topic, name): n for name, n in shard.counts()[topic].items()})
    for law in drive.view.laws():
        assert law.holds
        assert sum(law.outcomes.values()) == taken_in[law.topic]
    buried = Counter((letter.topic, letter.outcome) for letter in drive.dead)
    for (topic, name), count in outcomes.items():
        if name in ("late", "future", "rejected"):
            assert buried[topic, name] == count, (topic, name)
    assert all(letter.reason for letter in drive.dead)


def check_forwards(drive: Drive) -> None:
    """At rest, all that was sent to other partitions has arrived."""
    total: Counter[str] = Counter()
    for shard in drive.shards:
        total.update(shard.counts()["forwarded"])
    assert total["sent"] == total["applied"]
    assert total["misrouted"] == total["arrived"]


@settings(max_examples=6)
@given(
    seed=st.integers(0, 10**6),
    zone=st.sampled_from(ZONES),
    partitions=st.integers(1, 4),
    events=st.integers(50, 400),
    batch=st.sampled_from((1, 9, 80)),
)
def test_the_numbers_are_those_of_what_was_accepted(
    seed: int, zone: str, partitions: int, events: int, batch: int
) -> None:
    maker, definitions = Maker(seed, Style(zone=zone, events=events)), shop(zone, quick=True)
    drive = Drive(definitions, partitions, seed)
    drive.send(spoilt(abroad(maker.sent(), seed), seed))
    drive.run(batch)
    end_ms = maker.end_ms + random.Random(seed).randrange(7 * HOUR_MS)
    drive.send_clocks(end_ms)
    drive.run(batch)
    check_outcomes(drive)
    check_forwards(drive)
    assert told(drive.view, Oracle(definitions, drive.accepted(), end_ms), seed) == []


@pytest.mark.parametrize("seed", [3])
def test_a_simulated_shop_that_is_often_late_is_counted_as_far_as_accepted(seed: int) -> None:
    begin_ms, definitions = BEGIN_MS["Asia/Kolkata"], shop("Asia/Kolkata")
    end_ms = begin_ms + 30 * HOUR_MS
    drive = Drive(definitions, 3, seed, topics=tuple(TOPICS))
    options = ShopOptions(visits_per_hour=15, too_late=0.05, too_late_from_ms=20 * MINUTE_MS)
    drive.send(spoilt(sent_of(Shop(seed, options).events(begin_ms, end_ms)), seed, 0.02))
    drive.send_clocks(end_ms, ["marketing"])  # which this shop doesn't use
    drive.run()
    drive.send_clocks(end_ms + HOUR_MS)
    drive.run()
    assert {letter.outcome for letter in drive.dead} == {"late", "future", "rejected"}
    check_outcomes(drive)
    check_forwards(drive)
    oracle = Oracle(definitions, drive.accepted(), end_ms + HOUR_MS)
    assert told(drive.view, oracle, seed) == []
