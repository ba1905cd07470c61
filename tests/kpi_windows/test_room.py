"""An explosion of labels: bounded, under `__other__`, counted, taken back, and equal after a restore."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kpi_windows.aggregators import unpack
from kpi_windows.codec import parse_pane_key, unpack_checkpoint
from kpi_windows.definitions import HOUR_MS, MINUTE_MS, Definitions
from kpi_windows.facts import Deltas, Fact
from kpi_windows.facts.fact import OTHER
from kpi_windows.facts.visits import CLICK, PAGE, VISIT
from kpi_windows.measures import facts_of
from kpi_windows.rollup import Panes
from kpi_windows.windows import Grid
from tests.oracle.drive import Drive, Sent

NOON_MS = 1_767_268_800_000
SMALL = replace(Definitions(), pane_cells=5)


def panes_of(definitions: Definitions = SMALL) -> tuple[Panes, Deltas]:
    grid = Grid(definitions.zone)
    return Panes(definitions, grid), Deltas(facts_of(definitions))


def add(
    panes: Panes, deltas: Deltas, fact: Fact, labels: Iterable[tuple[str, ...]], n: int
) -> None:
    for each in labels:
        deltas.cell(fact.name, NOON_MS, each)[0] += n
    panes.cut(deltas, NOON_MS)


def of_day(panes: Panes, fact: Fact) -> dict[tuple[str, ...], int]:
    told = ((parse_pane_key(key), value) for key, value in panes.packed.items())
    return {key[3]: unpack(value)[0] for key, value in told if key[0] is fact and key[1] == 2}


def test_values_that_have_no_room_are_counted_under_other_and_told_of() -> None:
    panes, deltas = panes_of()
    add(panes, deltas, CLICK, ((f"place {n}",) for n in range(1_000)), 1)
    found = of_day(panes, CLICK)
    assert len(found) == 6
    assert found[(OTHER,)] == 995
    assert sum(found.values()) == 1_000
    assert panes.room.folded == {"click": 3 * 995}, "in its minute, its hour and its day"


def test_what_was_folded_is_taken_back_from_where_it_was_put() -> None:
    panes, deltas = panes_of()
    pages = [(f"/{n}",) for n in range(50)]
    add(panes, deltas, PAGE, pages, 1)
    add(panes, deltas, PAGE, pages[10:], -1)
    assert of_day(panes, PAGE)[(OTHER,)] == 5
    add(panes, deltas, PAGE, pages[:10], -1)
    assert set(of_day(panes, PAGE).values()) == {0}


def test_labels_whose_values_are_known_stay_apart() -> None:
    panes, deltas = panes_of()
    usual = [("google", "organic", "(none)", device, "new") for device in ("mobile", "desktop")]
    add(panes, deltas, VISIT, usual * 3, 1)
    flood = [("google", "organic", f"c{n}", "mobile", "new") for n in range(100)]
    add(panes, deltas, VISIT, flood, 1)
    found = of_day(panes, VISIT)
    assert found["google", "organic", OTHER, "mobile", "new"] == 97
    assert sum(found.values()) == 106


def test_the_number_of_cells_is_bounded_whatever_is_combined() -> None:
    panes, deltas = panes_of()
    few = [(f"s{n}", f"m{n}", f"c{n}", f"d{n}", "new") for n in range(5)]
    add(panes, deltas, VISIT, few, 1)
    mixed = [
        (f"s{a}", f"m{b}", f"c{c}", f"d{d}", "new")
        for a in range(5) for b in range(5) for c in range(5) for d in range(5)
    ]  # fmt: skip
    add(panes, deltas, VISIT, mixed, 1)
    found = of_day(panes, VISIT)
    assert len(found) <= 2 * SMALL.pane_cells + 1
    assert sum(found.values()) == 630


def flood(drive: Drive, begin: int) -> None:
    for n in range(begin, begin + 60):
        value = (
            b'{"type":"page_viewed","timestamp":%d,"visitor_id":"v%d","page":"/%d","event_id":"%d"}'
            % (NOON_MS + n * 500, n % 7, n, n)
        )
        drive.send([Sending("clickstream", b"v%d" % (n % 7), value, NOON_MS + n * 500)])


class Sending(Sent):
    """As a simulated shop's message has it."""


def test_a_restore_in_the_midst_of_a_flood_goes_on_alike() -> None:
    made = []
    for restarts in (False, True):
        drive = Drive(SMALL, 1, topics=("clickstream",))
        for begin in (0, 60, 120):
            flood(drive, begin)
            drive.run_evenly(20, restarts=restarts)
        checkpoint = drive.checkpoints[0]
        assert checkpoint is not None
        folded = unpack_checkpoint(checkpoint).folded
        assert folded["page"] > 0
        made.append((drive.panes[0], folded))
    assert made[0] == made[1]


def test_values_by_the_minute_are_kept_for_so_long_and_no_longer() -> None:
    panes, deltas = panes_of(replace(Definitions(), minute_panes_ms=HOUR_MS))
    for minute in range(150):
        at_ms = NOON_MS + minute * MINUTE_MS
        deltas.cell(CLICK.name, at_ms, ("site",))[0] += 1
        changes = panes.cut(deltas, at_ms)
        minutes = [key for key in panes.packed if parse_pane_key(key)[1] == 0]
        assert len(minutes) == min(minute + 1, 61)  # the one at hand, and those of an hour
        assert sum(value is None for _, value in changes) == (minute > 60)
