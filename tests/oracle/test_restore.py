"""Whoever dies, and whenever: what was committed and read again gives the undisturbed numbers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_windows.aggregators import Cell, is_empty, merge, unpack, zero
from kpi_windows.codec import parse_pane_key
from kpi_windows.definitions import DAY_MS, HOUR_MS
from kpi_windows.facts.arrivals import ARRIVAL
from tests.oracle.compare import told
from tests.oracle.drive import MAIN, Drive
from tests.oracle.logs import BEGIN_MS, Maker, Style, shop
from tests.oracle.oracle import Oracle
from tests.oracle.spoil import spoilt

ZONES = tuple(BEGIN_MS)
_BOOKKEEPING = {"stated_ms", "told_ms", "told"}
"""Up to when something was looked at, which any cut may do."""


def cells(drive: Drive) -> dict[Any, Cell]:
    """All panes, added up over partitions."""
    merged: dict[Any, Cell] = {}
    for panes in drive.panes:
        for key, value in panes.items():
            fact, *place = parse_pane_key(key)
            cell = unpack(value)
            if fact is ARRIVAL:  # a copy that comes late is either, as in `accepted`
                cell = [cell[0], cell[1] + cell[2], 0]
            merge(merged.setdefault((fact.name, *place), zero(fact.kinds)), cell)
    return {place: cell for place, cell in merged.items() if not is_empty(cell)}


def heads(drive: Drive) -> dict[tuple[int, bytes], Any]:
    """What is known of each visitor, order, customer and ticket, by partition."""
    found: dict[tuple[int, bytes], Any] = {}
    for partition, shard in enumerate(drive.shards):
        for letter, table in shard._tables.items():
            for key, value in table.packed.items():
                head = table.journals.unpack(value[8:]).head
                if table.rules.ends_ms(head) <= (shard.watermark_ms or 0):
                    continue  # is dropped when somebody looks
                known = {name: getattr(head, name) for name in head.__struct_fields__}
                for name in _BOOKKEEPING & known.keys():
                    del known[name]
                found[partition, letter.encode() + key.encode()] = msgspec.to_builtins(known)
    return found


def accepted(drive: Drive) -> list[dict[str, int]]:
    """How many events of each topic count, by partition; a late copy may be either."""
    return [
        {topic: counts["accepted"] for topic, counts in shard.counts().items() if topic in MAIN}
        for shard in drive.shards
    ]


def shopping(seed: int, zone: str, partitions: int, events: int, *, with_spoilt: bool) -> Drive:
    """A shop whose records are sent, and none is read."""
    maker = Maker(seed, Style(zone=zone, events=events))
    drive = Drive(shop(zone, quick=True), partitions, seed)
    sent = maker.sent()
    drive.send(spoilt(sent, seed) if with_spoilt else sent)
    return drive


def finish(drive: Drive, end_ms: int) -> None:
    """Time comes so far that nothing is open any more."""
    for at_ms in (end_ms, end_ms + HOUR_MS, end_ms + 2 * HOUR_MS):
        drive.send_clocks(at_ms)
        drive.run()


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    zone=st.sampled_from(ZONES),
    partitions=st.integers(1, 4),
    events=st.integers(20, 300),
    deaths=st.sampled_from((0.02, 0.2, 0.5)),
    batch=st.sampled_from((1, 5, 40)),
)
def test_deaths_at_any_moment_change_no_cell_and_no_life(
    seed: int, zone: str, partitions: int, events: int, deaths: float, batch: int
) -> None:
    end_ms = BEGIN_MS[zone] + 3 * DAY_MS
    disturbed, calm = (
        shopping(seed, zone, partitions, events, with_spoilt=False) for _ in range(2)
    )
    disturbed.run(batch, cuts=0.4, deaths=deaths)
    calm.run(1000, cuts=0.1)
    for drive in (disturbed, calm):
        finish(drive, end_ms)
    assert cells(disturbed) == cells(calm)
    assert heads(disturbed) == heads(calm)
    assert accepted(disturbed) == accepted(calm)


@pytest.mark.parametrize("seed", range(2))
def test_after_deaths_the_numbers_are_the_oracles_also_for_who_looks_only_now(seed: int) -> None:
    zone = ZONES[seed]
    drive = shopping(seed, zone, 3, 300, with_spoilt=True)
    drive.run(20, cuts=0.4, deaths=0.1)
    end_ms = BEGIN_MS[zone] + 2 * DAY_MS + 5 * HOUR_MS
    drive.send_clocks(end_ms)
    drive.run(20, cuts=0.4, deaths=0.1)
    assert drive.dead
    oracle = Oracle(drive.definitions, drive.accepted(), end_ms)
    assert told(drive.review(), oracle, seed) == []
    assert told(drive.view, oracle, seed) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_restart_after_every_commit_leaves_the_same_bytes(seed: int) -> None:
    """With the same batches and cuts, what is kept is equal byte by byte.

    In one partition: where there are more, who comes back tells the others how far time has come.
    """
    kept = []
    for restarts in (False, True):
        drive = shopping(seed, ZONES[seed], 1, 250, with_spoilt=True)
        drive.run_evenly(30, restarts=restarts)
        drive.send_clocks(BEGIN_MS[ZONES[seed]] + 2 * DAY_MS)
        drive.run_evenly(30, restarts=restarts)
        kept.append((drive.states, drive.panes, drive.checkpoints))
    assert kept[0] == kept[1]
