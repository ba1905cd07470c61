"""What became of events: transcripts of one shard, and that neither order nor batches matter."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_windows.aggregators import unpack
from kpi_windows.catalogue import CATALOGUE
from kpi_windows.codec import parse_pane_key
from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS, Definitions
from kpi_windows.engine import Record, Shard
from kpi_windows.explaining import Explained, come, explain
from kpi_windows.facts.arrivals import ARRIVAL, LATENESS, REFUSAL, SAMPLE
from kpi_windows.kpi import UnknownNameError
from kpi_windows.sketches import bucket_of, top_of
from kpi_windows.view import View
from tests.kpi_windows.shops import at

ZONE = "Europe/Amsterdam"
NOON_MS = at("2024-03-05 12:00")


def page(number: int, at_ms: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "page_viewed",
        "visitor_id": f"v{number % 7}",
        "event_id": f"id {number}",
        "timestamp": at_ms,
        **more,
    }


def record(offset: int, event: dict[str, Any] | bytes, stamp_ms: int = -1) -> Record:
    value = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Record(offset, stamp_ms, b"v", value)


class Clicks:
    """A shop with nothing but a clickstream, in one partition."""

    def __init__(self) -> None:
        self.definitions = Definitions(zone=ZONE)
        self.shard = Shard(self.definitions, 0, 1, ("clickstream",))
        self.view = View(self.definitions)
        self.panes: dict[bytes, bytes] = {}
        self._offset = 0

    def ingest(self, *events: dict[str, Any] | bytes, stamp_ms: int = -1) -> None:
        records = [record(self._offset + n, event, stamp_ms) for n, event in enumerate(events)]
        self._offset += len(events)
        self.shard.ingest("clickstream", records)

    def cut(self) -> None:
        cut = self.shard.cut()
        if cut is not None:
            self.view.apply(0, cut.panes, cut.checkpoint)
            for key, value in cut.panes:
                if value is None:
                    self.panes.pop(key, None)
                else:
                    self.panes[key] = value

    def explain(self, window: str = "day", **asked: Any) -> Explained:
        self.cut()
        told = explain(self.view, CATALOGUE["bounce_rate"], window, **asked)
        assert told is not None
        return told

    def kept(self) -> dict[Any, Any]:
        self.cut()
        return {
            (fact.name, *place): unpack(value)
            for key, value in self.panes.items()
            for fact, *place in [parse_pane_key(key)]
            if fact in (ARRIVAL, REFUSAL, LATENESS, SAMPLE)
        }


def shuffled_within(events: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Out of order by a few minutes at most."""
    chance = random.Random(seed)
    return sorted(events, key=lambda e: e["timestamp"] + chance.randrange(4 * MINUTE_MS))


@settings(max_examples=30)
@given(
    seeds=st.tuples(st.integers(0, 999), st.integers(0, 999)),
    numbers=st.lists(st.integers(0, 5_000), unique=True, max_size=60),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=9),
)
def test_the_ids_kept_of_a_day_are_those_of_the_lowest_hashes_in_any_order(
    seeds: tuple[int, int], numbers: list[int], sizes: list[int]
) -> None:
    events = [page(n, NOON_MS - DAY_MS + n * 29_000, is_bot=n % 5 == 0) for n in numbers]
    found = []
    for seed in seeds:
        clicks = Clicks()
        left: Sequence[dict[str, Any]] = shuffled_within(events, seed)
        while left:
            for size in sizes:
                clicks.ingest(*left[:size])
                left = left[size:]
            clicks.cut()
        clicks.cut()
        found.append({key: cell[0] for key, cell in clicks.kept().items() if key[0] == SAMPLE.name})
    assert found[0] == found[1]
    days: dict[int, list[tuple[int, str]]] = {}
    for event in events:
        if not event["is_bot"]:
            told = (crc32(event["event_id"].encode()), event["event_id"])
            day = sum(event["timestamp"] >= each for each in (at("2024-03-05"), at("2024-03-06")))
            days.setdefault(day, []).append(told)
    ids = [[told.split(" ", 2)[2] for told in sorted(kept)] for kept in found[0].values()]
    assert sorted(ids) == sorted([name for _, name in sorted(day)[:5]] for day in days.values())


def test_a_restart_that_forgets_what_it_has_seen_keeps_the_same_ids() -> None:
    """The lowest hashes so far are only remembered in memory, to look at less."""
    one, two = Clicks(), Clicks()
    for number in range(200):
        for each in (one, two):
            each.ingest(page(number, NOON_MS + number * 1_000))
        if number % 20 == 0:
            two.cut()
            two.shard._arrivals._lowest.clear()
    assert one.kept() == two.kept()


def test_events_are_counted_by_outcome_in_their_own_window() -> None:
    clicks = Clicks()
    clicks.ingest(
        page(1, NOON_MS), page(1, NOON_MS), page(2, NOON_MS + 1), page(3, NOON_MS + HOUR_MS)
    )
    clicks.ingest(page(4, NOON_MS + 2), {"type": "clock", "timestamp": NOON_MS + HOUR_MS})
    clicks.ingest(b"rubbish", b"more of it", stamp_ms=NOON_MS + 5)
    clicks.ingest(page(5, NOON_MS + HOUR_MS), stamp_ms=NOON_MS + 6)
    assert clicks.explain("1h", at_ms=NOON_MS).counts == (2, 1, 1, 2, 1)
    assert clicks.explain("1h").counts == (1, 0, 0, 0, 0)
    assert clicks.explain("day").counts == (3, 1, 1, 2, 1)


def test_what_is_no_event_and_has_no_time_is_counted_where_its_topic_is() -> None:
    """Files have no log; a record may also claim any time."""
    clicks = Clicks()
    clicks.ingest(b"before all time")
    clicks.ingest(page(1, NOON_MS), b"rubbish", stamp_ms=-1)
    clicks.ingest(b"rubbish", stamp_ms=1 << 61)
    assert clicks.explain("1h").counts.rejected == 2


def test_bots_are_accepted_and_never_shown() -> None:
    clicks = Clicks()
    clicks.ingest(page(1, NOON_MS, is_bot=True), page(2, NOON_MS, is_test=True), page(3, NOON_MS))
    told = clicks.explain()
    assert told.counts.accepted == 3
    assert [event.event_id for event in told.samples] == ["id 3"]


def test_events_without_an_id_are_counted_and_never_shown() -> None:
    clicks = Clicks()
    clicks.ingest(page(1, NOON_MS, event_id=None), page(2, NOON_MS, event_id=None))
    told = clicks.explain()
    assert (told.counts.accepted, told.samples) == (2, [])


def test_how_far_events_were_behind_is_kept_by_the_second() -> None:
    clicks = Clicks()
    clicks.ingest(page(1, NOON_MS), page(2, NOON_MS + 5_000), page(3, NOON_MS + 4_999))
    clicks.ingest(page(4, NOON_MS + 3_000), page(5, NOON_MS - 200_000), page(6, NOON_MS + 5_000))
    cells = clicks.view.panes
    clicks.cut()
    ((counts,),) = cells.cells(LATENESS, NOON_MS, NOON_MS + 1, part="behind").values()
    assert counts == {0: 3, 1: 1, 2: 1, bucket_of(205): 1}


@pytest.mark.parametrize("seconds", [0, 1, 127, 128, 129, 255, 256, 1_000, 86_399])
def test_the_top_of_a_bucket_is_the_last_that_falls_into_it(seconds: int) -> None:
    top = top_of(bucket_of(seconds))
    assert bucket_of(top) == bucket_of(seconds) != bucket_of(top + 1)
    assert seconds <= top <= seconds * 1.016


def test_a_young_window_is_as_complete_as_past_ones_were_by_then() -> None:
    clicks = Clicks()
    for number in range(100):  # each fourth comes 100 s late
        at_ms = NOON_MS + number * 60_000
        clicks.ingest(
            page(3 * number, at_ms), page(3 * number + 1, at_ms), page(3 * number + 2, at_ms)
        )
        clicks.ingest(page(1_000 + number, at_ms - 100_000))
    now_ms = NOON_MS + 99 * 60_000
    assert clicks.explain("1h").complete is not None
    told = clicks.explain("5m")
    # those of the last three minutes stand for 4/3: three of four come within their 100 seconds
    assert told.counts.accepted == 3 + 3 + 4 + 4 + 4
    assert told.complete == Fraction(18) / (Fraction(3 + 3 + 4) * 4 / 3 + 4 + 4)
    assert clicks.explain("5m", at_ms=now_ms - HOUR_MS).complete == 1
    assert clicks.explain("5m", at_ms=now_ms - DAY_MS).complete is None


def test_what_was_never_late_is_complete_and_nothing_known_too() -> None:
    assert come({}, 0) == 1
    assert come({0: 5}, 0) == 1
    assert come({0: 1, 3: 1}, 2_999) == come({0: 1, 3: 1}, 0)
    assert come({0: 1, 3: 1}, 3_000) == 1


def test_an_unripe_window_says_when_it_ripens() -> None:
    clicks = Clicks()
    clicks.ingest(page(1, NOON_MS))
    told = clicks.explain("hour")
    bounces = CATALOGUE["bounce_rate"]
    assert not told.is_ripe
    assert told.ripe_at_ms == NOON_MS + HOUR_MS + clicks.view.matures_ms(bounces)
    clicks.ingest(page(2, told.ripe_at_ms))
    assert clicks.explain("hour", at_ms=NOON_MS).is_ripe


def test_nothing_in_the_window_says_so() -> None:
    clicks = Clicks()
    assert explain(clicks.view, CATALOGUE["bounce_rate"], "day") is None
    clicks.ingest(page(1, NOON_MS))
    told = clicks.explain(at_ms=NOON_MS - 3 * DAY_MS)
    assert (told.value.value, told.complete, told.samples) == (None, None, [])
    assert told.why_none == "the denominator is 0"
    assert told.counts == (0, 0, 0, 0, 0)
    with pytest.raises(UnknownNameError, match="did you mean 'week'"):
        clicks.explain("weeks")


def test_the_version_changes_with_the_formula_and_with_what_amounts_mean() -> None:
    versions = set()
    for gap_ms in (30 * MINUTE_MS, 60 * MINUTE_MS):
        view = View(Definitions(visit_gap_ms=gap_ms))
        shard = Shard(view.definitions, 0, 1, ("clickstream",))
        shard.ingest("clickstream", [record(0, page(1, NOON_MS))])
        cut = shard.cut()
        assert cut is not None
        view.apply(0, cut.panes, cut.checkpoint)
        for definition in CATALOGUE["bounce_rate"].readings:
            told = explain(view, CATALOGUE["bounce_rate"], "day", definition=definition)
            assert told is not None
            versions.add(told.version)
    assert len(versions) == 2 * len(CATALOGUE["bounce_rate"].readings)
