"""Merged panes: however they were cut, merged and asked before, the cells are the same."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_windows.codec import BEFORE, pane_key
from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS
from kpi_windows.facts import FACTS, Fact
from kpi_windows.facts.sales import CUSTOMER, LINE
from kpi_windows.facts.service import CONTACT, OPEN_TICKET, TICKET_FLOW
from kpi_windows.facts.visits import VISIT, VISITOR
from kpi_windows.panes import SUMS, MergedPanes
from kpi_windows.sketches import Distinct
from kpi_windows.windows import ROLLING, WINDOWS, Grid, Window
from tests.kpi_windows.shops import (
    ZONE,
    Partition,
    Shop,
    at,
    random_amounts,
    random_labels,
    some_of_everything,
)

START = at("2024-03-29 20:00")  # two days before the clock goes forward
GRID = Grid(ZONE)


def parts_of(fact: Fact) -> list[str]:
    return [*([SUMS] if fact.sums else []), *fact.histograms, *fact.distincts]


def plain(cells: dict[tuple[str, ...], list[Any]]) -> dict[tuple[str, ...], list[Any]]:
    """A copy that compares, without empty cells."""
    return {
        labels: [
            a.pack() if isinstance(a, Distinct) else dict(a) if isinstance(a, dict) else a
            for a in cell
        ]
        for labels, cell in cells.items()
        if any(cell)
    }


def ranges(at_ms: int) -> list[tuple[str, Window]]:
    told = [(name, GRID.window(name, at_ms)) for name in WINDOWS]
    return [*told, *((f"before {name}", GRID.previous(name, at_ms)) for name in WINDOWS)]


def asked(panes: MergedPanes, at_ms: int, slotted: bool) -> dict[Any, Any]:
    """All facts by some labels, in all windows."""
    told: dict[Any, Any] = {}
    for fact in FACTS.values():
        for by in {(), fact.labels[:1]}:
            for name, (start_ms, end_ms) in ranges(at_ms):
                for part in parts_of(fact):
                    slot = name if slotted else None
                    cells = panes.cells(fact, start_ms, end_ms, by, part, slot)
                    told[fact.name, by, name, part] = plain(cells)
                if fact.level:
                    told[fact.name, by, name] = plain(panes.level(fact, end_ms, by, slot))
    for part in TICKET_FLOW.histograms:
        for name, (start_ms, end_ms) in ranges(at_ms):
            told["rise", part, name] = panes.rise(TICKET_FLOW, start_ms, end_ms, part)
    return told


def fresh(shop: Shop) -> MergedPanes:
    """Panes that were told everything at once, and never asked before."""
    panes = MergedPanes(GRID)
    for number, each in enumerate(shop.partitions):
        panes.apply(number, each.panes.packed.items())
    return panes


@pytest.mark.parametrize("seed", range(2))
def test_ranges_that_slid_along_equal_ranges_summed_anew(seed: int) -> None:
    chance = random.Random(seed)
    shop = Shop(partitions=2)
    now_ms = START
    for step in (1, 1, 3, 57, 1, 24 * 60, 61, 1, 3 * 24 * 60, 2):
        some_of_everything(shop, chance, now_ms - 50 * HOUR_MS, now_ms + step * MINUTE_MS)
        now_ms += step * MINUTE_MS
        panes = shop.commit(now_ms).panes
        assert asked(panes, now_ms, slotted=True) == asked(fresh(shop), now_ms, slotted=False)


@settings(max_examples=8)
@given(seed=st.integers(0, 1_000), partitions=st.integers(1, 4), cuts=st.integers(1, 6))
def test_any_cuts_over_any_partitions_merged_in_any_order_equal_one(
    seed: int, partitions: int, cuts: int
) -> None:
    chance = random.Random(seed)
    many, one = Shop(partitions), Shop()
    for _ in range(cuts):
        for fact, at_ms, number, labels, amounts in _happenings(chance, partitions):
            many.partitions[number].add(fact, at_ms, labels, amounts)
            one.partitions[0].add(fact, at_ms, labels, amounts)
        order = chance.sample(range(partitions), partitions)
        for number in order[: chance.randint(1, partitions)]:
            many.commit(START, partition=number)
        if chance.random() < 0.3:
            asked(many.view.panes, START, slotted=True)
    many.commit(START)
    one.commit(START)
    merged, single = many.view.panes, one.view.panes
    assert asked(merged, START, slotted=True) == asked(single, START, slotted=False)


def _happenings(
    chance: random.Random, partitions: int
) -> list[tuple[Fact, int, int, tuple[str, ...], dict[str, Any]]]:
    facts = [VISIT, VISITOR, LINE, OPEN_TICKET, TICKET_FLOW, CONTACT, CUSTOMER]
    told = []
    for _ in range(10):
        fact, at_ms = chance.choice(facts), chance.randrange(START - 3 * DAY_MS, START)
        labels, amounts = random_labels(chance, fact), random_amounts(chance, fact, at_ms)
        told.append((fact, at_ms, chance.randrange(partitions), labels, amounts))
    return told


def test_the_same_cells_again_change_nothing() -> None:
    shop = Shop()
    some_of_everything(shop, random.Random(1), START - DAY_MS, START)
    panes = shop.commit(START).panes
    before = asked(panes, START, slotted=True)
    panes.apply(0, shop.partitions[0].panes.packed.items())
    assert asked(panes, START, slotted=True) == before


def test_a_new_cell_replaces_the_partitions_old_one_and_no_others() -> None:
    shop = Shop(partitions=2)
    shop.add(LINE, START, "tea", "drinks", units=3)
    shop.add(LINE, START, "tea", "drinks", partition=1, units=10)
    panes = shop.commit(START).panes
    assert units(panes) == 13
    shop.add(LINE, START, "tea", "drinks", units=-2)
    shop.commit(START)
    assert units(panes) == 11


def units(panes: MergedPanes, slot: str | None = "now") -> int:
    cells = panes.cells(LINE, START - HOUR_MS, START + MINUTE_MS, ("product",), SUMS, slot)
    return sum(cell[LINE.slot("units")] for cell in cells.values())


def test_expired_sums_are_taken_out_of_what_was_asked_before() -> None:
    shop = Shop(partitions=2)
    for partition in (0, 1):
        shop.add(LINE, START, "tea", "drinks", partition=partition, units=5)
    panes = shop.commit(START).panes
    assert units(panes) == 10
    key = pane_key("line", 0, START - START % MINUTE_MS, ("tea", "drinks"))
    panes.apply(1, [(key, None)])
    assert units(panes) == units(panes, None) == 5


def test_expired_distincts_are_gone_when_the_last_partition_dropped_them() -> None:
    shop = Shop(partitions=2)
    for partition in (0, 1):
        shop.add(
            VISITOR, START, "mobile", "paid", partition=partition, seen=Distinct([1, 2 + partition])
        )
    panes = shop.commit(START).panes

    def seen() -> int:
        cells = panes.cells(VISITOR, START - HOUR_MS, START + MINUTE_MS, (), "seen", "now")
        return sum(cell[0].value() for cell in cells.values())

    key = pane_key("visitor", 0, START, ("mobile", "paid"))
    assert seen() == 3
    panes.apply(0, [(key, None)])
    assert seen() == 2
    panes.apply(1, [(key, None)])
    assert seen() == 0


def test_a_partition_can_be_told_anew() -> None:
    shop = Shop(partitions=2)
    some_of_everything(shop, random.Random(2), START - DAY_MS, START)
    panes = shop.commit(START).panes
    before = asked(panes, START, slotted=True)
    panes.forget(1)
    assert asked(panes, START, slotted=True) != before
    panes.apply(1, shop.partitions[1].panes.packed.items())
    assert asked(panes, START, slotted=True) == before


def test_a_level_is_everything_before_a_time_also_what_has_expired() -> None:
    shop = Shop()
    for year in range(2018, 2025):
        shop.add(CUSTOMER, f"{year}-03-01 12:00", customers=1)
        shop.commit(f"{year}-03-01 12:00")
    panes = shop.view.panes

    def customers(text: str) -> int:
        return sum(cell[0] for cell in panes.level(CUSTOMER, at(text), ()).values())

    assert pane_key("customer", BEFORE, 0, ()) in shop.partitions[0].panes.packed
    assert customers("2024-03-01 12:00") == 6
    assert customers("2024-03-01 12:01") == 7
    assert customers("2023-02-28 00:00") == 5


def test_a_rise_is_the_highest_sum_of_changes_wherever_panes_are_cut() -> None:
    chance = random.Random(3)
    shop = Shop()
    changes: dict[int, int] = {}
    for _ in range(400):
        minute = chance.randrange(40 * 24 * 60)
        changes[minute] = changes.get(minute, 0) + chance.choice((1, -1))
    for minute, change in changes.items():
        bucket = START // MINUTE_MS + minute
        amounts = {"open_by_minute": {bucket: change}} if change else {}
        shop.add(TICKET_FLOW, START + minute * MINUTE_MS, **amounts)
    end_ms = START + 40 * DAY_MS
    panes = shop.commit(end_ms).panes
    height, highest = 0, 0
    for minute in sorted(changes):
        height += changes[minute]
        highest = max(highest, height)
    assert panes.rise(TICKET_FLOW, START, end_ms, "open_by_minute") == highest


def test_nobody_asking_for_long_costs_no_more_than_being_asked_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kpi_windows.panes._PENDING_CELLS", 30)
    shop, chance = Shop(), random.Random(4)
    panes = shop.view.panes
    for step in range(4):
        asked(panes, START, slotted=True)
        some_of_everything(shop, chance, START - DAY_MS, START, each=step + 1)
        shop.commit(START)
    assert asked(panes, START, slotted=True) == asked(fresh(shop), START, slotted=False)


def test_the_facts_of_a_newer_version_are_passed_over() -> None:
    panes = MergedPanes(GRID)
    key = pane_key("line", 0, START, ("tea", "drinks")).replace(b"line", b"news")
    panes.apply(0, [(key, b"\x90"), (b"checkpoint", b"")])
    assert panes.cells(LINE, START, START + MINUTE_MS) == {}


def test_minutes_and_hours_that_no_longer_exist_are_not_reached_for() -> None:
    panes = MergedPanes(GRID)
    panes.oldest_minute_ms = at("2024-03-20 00:00")
    panes.oldest_hour_ms = at("2024-03-10 00:00")
    start_ms = at("2024-03-01 00:00")
    assert panes.reach(start_ms, at("2024-03-25 14:37"))[1] == at("2024-03-25 14:37")
    assert panes.reach(start_ms, at("2024-03-15 14:37"))[1] == at("2024-03-15 14:00")
    assert panes.reach(start_ms, at("2024-03-05 14:37")) == (start_ms, at("2024-03-05 00:00"))
    assert panes.reach(start_ms, at("2024-03-01 14:37")) == (start_ms, start_ms)


@pytest.mark.parametrize("name", ROLLING)
def test_a_rolling_range_slides_over_half_an_hour_that_the_clock_took_back(name: str) -> None:
    """Lord Howe: the clock goes back by half an hour, so hours are cut short."""
    grid = Grid("Australia/Lord_Howe")
    shop = Shop(zone="Australia/Lord_Howe")
    begin_ms = at("2024-04-06 12:00", "Australia/Lord_Howe")
    for minute in range(0, 36 * 60, 7):
        shop.add(LINE, begin_ms + minute * MINUTE_MS, "tea", "drinks", units=1)
    end_ms = begin_ms + 36 * HOUR_MS
    panes = shop.commit(end_ms).panes
    minutes = range(begin_ms + 12 * HOUR_MS, end_ms, 13 * MINUTE_MS)
    for now_ms in minutes:
        start_ms, stop_ms = grid.window(name, now_ms)
        slid = panes.cells(LINE, start_ms, stop_ms, (), SUMS, "slot")
        expected = sum(
            start_ms <= begin_ms + minute * MINUTE_MS < stop_ms for minute in range(0, 36 * 60, 7)
        )
        assert (slid[()][LINE.slot("units")] if slid else 0) == expected


def test_partitions_keep_what_they_told_packed() -> None:
    partition = Partition(Shop().definitions)
    partition.add(LINE, START, ("tea", "drinks"), {"units": 1})
    changes, _ = partition.cut(START)
    assert len(changes) == 3  # minute, hour, day
