"""What is compared between a replay and another application, and how far a replay has come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kpi_windows.catalogue import CATALOGUE as ALL_KPIS
from kpi_windows.definitions import DAY_MS, HOUR_MS, Definitions
from kpi_windows.engine import Record, Shard
from kpi_windows.kpis import Catalogue
from streams.replay.compare import Comparison, Side, behind, compare, side_of
from streams.replay.plan import Plan
from streams.replay.run import read_so_far
from streams.span import ALL, Span
from tests.streams.visible import NOON_MS, order, page, small_shop, whole_of

DEFINITIONS = Definitions()
SOME = ("sales", "transactions", "visits", "conversion_rate", "cart_abandonment_rate")
CATALOGUE = Catalogue({"some": tuple(ALL_KPIS[kpi] for kpi in SOME)})


def side(folder: Path, name: str, events: list[dict[str, Any]]) -> Side:
    (folder / name).mkdir()
    later = page("later", NOON_MS + DAY_MS)  # so that the day is over
    whole, _ = whole_of(folder / name, [*events, later])
    return side_of(name, whole.view, CATALOGUE)


def compared(left: Side, right: Side, from_ms: int | None = None) -> Comparison | None:
    return compare(left, right, CATALOGUE, DEFINITIONS, from_ms=from_ms, days=3)


def test_two_runs_over_the_same_events_are_equal_in_all_that_both_have_whole(
    tmp_path: Path,
) -> None:
    found = compared(side(tmp_path, "a", small_shop()), side(tmp_path, "b", small_shop()[::-1]))
    assert found is not None
    assert found.differences == {}
    assert found.kpis == len(SOME)
    assert found.values > 200
    assert found.to_ms == NOON_MS + DAY_MS - HOUR_MS, "the last whole hour less the lateness"


def test_one_more_order_of_a_cent_is_found_in_its_day_hour_and_labels(tmp_path: Path) -> None:
    more = order(2, NOON_MS - HOUR_MS, "0.005", channel="store")
    found = compared(side(tmp_path, "a", small_shop()), side(tmp_path, "b", [*small_shop(), more]))
    assert found is not None
    assert {"sales", "transactions"} <= found.differences.keys()
    assert "visits" not in found.differences
    places = {
        (each.window, each.start[:13], *each.labels.items())
        for each in found.differences["transactions"]
        if each.definition == "default"
    }
    assert ("day", "2026-01-01T00") in places
    assert ("hour", "2026-01-01T11") in places
    assert ("day", "2026-01-01T00", ("channel", "store")) in places
    total = next(
        each
        for each in found.differences["sales"]
        if (each.window, each.definition, each.labels) == ("day", "default", {})
    )
    assert total.left is not None
    assert total.right is not None
    assert (total.left["value"], total.right["value"]) == (20.0, 20.01)


def test_what_lies_before_the_replay_is_not_compared(tmp_path: Path) -> None:
    early = page("early", NOON_MS - DAY_MS - HOUR_MS)
    sides = side(tmp_path, "a", small_shop()), side(tmp_path, "b", [early, *small_shop()])
    everything, later = compared(*sides), compared(*sides, from_ms=NOON_MS + 1)
    assert everything is not None
    assert later is not None
    assert "visits" in everything.differences
    assert later.from_ms == NOON_MS + HOUR_MS, "the first hour that begins after it"
    assert "visits" not in later.differences


def test_without_a_whole_hour_there_is_nothing_to_compare(tmp_path: Path) -> None:
    one = side(tmp_path, "a", small_shop())
    none = Side("none", one.ask, None, {}, {})
    assert compared(one, none) is None
    assert compared(one, one, from_ms=NOON_MS + 2 * DAY_MS) is None


def test_how_far_two_are_apart_counts_records_of_inputs() -> None:
    def at(**positions: int) -> Side:
        return Side("", lambda _: [], 0, {}, {"0": positions})

    assert behind(at(orders=5, forwarded=9), at(orders=7, carts=1, forwarded=90)) == 3


@pytest.mark.parametrize(
    ("positions", "done"),
    [({}, 0), ({0: {"orders": 15}}, 5), ({0: {"orders": 99}, 1: {"orders": 7}}, 12)],
)
def test_progress_counts_what_is_planned(positions: dict[int, dict[str, int]], done: int) -> None:
    plan = Plan(of="kpi", begins={"orders": [10, 5]}, ends={"orders": [20, 9]})
    assert read_so_far(plan, positions) == done
    assert plan.records == 14


def test_an_event_that_was_sent_again_has_the_id_of_its_copy_and_others_stay_as_they_are() -> None:
    click = b'{"type":"page_viewed","timestamp":1767268800000,"visitor_id":"v"}'
    own = click[:-1] + b',"event_id":"own"}'
    values = [click, click, own, b"rubbish}", None]
    records = [Record(offset, 0, None, value) for offset, value in enumerate(values)]
    ids = {0: "one", 2: "two", 3: "three", 4: "four"}
    span = Span(given_ids={("clickstream", 1): ids})
    named = click[:-1] + b',"event_id":"one"}'
    assert [r.value for r in span.read("clickstream", 1, records)] == [named, *values[1:]]
    for other in (span.read("clickstream", 0, records), ALL.read("clickstream", 1, records)):
        assert other is records


def test_an_event_that_counts_by_now_counts_once_though_its_copy_is_in_the_inputs_too() -> None:
    click = b'{"type":"page_viewed","timestamp":1767268800000,"visitor_id":"v"}'
    copy = click[:-1] + b',"event_id":"clickstream-0-0-9"}'
    records = [Record(0, NOON_MS, b"v", click), Record(1, NOON_MS, b"v", copy)]
    span = Span(given_ids={("clickstream", 0): {0: "clickstream-0-0-9"}})
    for read, wanted in ((span, (1, 1)), (ALL, (2, 0))):
        shard = Shard(DEFINITIONS, 0, 1)
        shard.ingest("clickstream", read.read("clickstream", 0, records))
        counts = shard.counts()["clickstream"]
        assert (counts["accepted"], counts["duplicate"]) == wanted
