"""A flood of visitors: bounded, the longest untouched let go, counted; what time has to state is stated."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.codec import unpack_checkpoint
from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS, Definitions
from kpi_windows.facts import Deltas
from kpi_windows.journeys import visitor
from kpi_windows.table import Table
from kpi_windows.windows import Grid
from tests.kpi_windows.journeys.test_visitor import T0, page
from tests.oracle.drive import Drive, Sent

NOON_MS = 1_767_268_800_000
ROOM = 20
SMALL = replace(Definitions(), most_journeys=ROOM)
LATENESS_MS = SMALL.longest_lateness_ms


def table_of(definitions: Definitions = SMALL) -> Table[visitor.VisitorState]:
    rules = visitor.VisitorRules(definitions, Deltas(), Grid("UTC"))
    gap_ms, most = definitions.visit_gap_ms, definitions.most_journeys
    return Table(b"v", rules, LATENESS_MS, most, gap_ms, visitor.begin)


@given(st.lists(st.integers(0, 60), max_size=200))
def test_those_who_were_here_last_stay(visitors: list[int]) -> None:
    table = table_of()
    came: dict[str, None] = {}  # in order of the last time
    for number, name in enumerate(map(str, visitors)):
        table.put(name, page(number * 60, page="/"))
        came.pop(name, None)
        came[name] = None
        watermark_ms = T0 + number * HOUR_MS
        table.cut(watermark_ms, watermark_ms - LATENESS_MS)
    end_ms = T0 + len(visitors) * HOUR_MS
    table.cut(end_ms, end_ms - LATENESS_MS)
    assert set(table.packed) == set(list(came)[-ROOM:])


def test_who_may_still_be_told_of_stays_until_then() -> None:
    table = table_of()
    for number in range(3 * ROOM):
        table.put(str(number), page(0, page="/"))
    table.cut(T0, T0 - LATENESS_MS)
    assert len(table) == 3 * ROOM
    assert not table.let_go
    later_ms = T0 + 2 * LATENESS_MS + SMALL.visit_gap_ms
    changes = table.cut(later_ms, later_ms - LATENESS_MS)
    assert len(table) == ROOM
    assert table.let_go == 2 * ROOM
    assert sum(value is None for _, value in changes) == 2 * ROOM


def test_timers_of_who_was_let_go_do_not_pile_up() -> None:
    table = table_of()
    for hour in range(30):
        for number in range(1_000):
            table.put(f"{hour} {number}", page(hour * 60, page="/"))
        at_ms = T0 + hour * HOUR_MS
        table.cut(at_ms, at_ms - LATENESS_MS)
    assert len(table) <= 1_000 + ROOM
    assert len(table._timers) <= 2 * len(table) + 11_000


def shop(definitions: Definitions, *, restarts: bool) -> Drive:
    """600 visitors, one a minute with a page, half of them with a cart, and then two days."""
    drive = Drive(definitions, 1, topics=("clickstream", "carts"))
    for number in range(600):
        at_ms = NOON_MS + number * MINUTE_MS
        key = b"v%d" % number
        told = b'"timestamp":%d,"visitor_id":"%s","event_id":"%d"}' % (at_ms, key, number)
        view = b'{"type":"page_viewed","page":"/",' + told
        drive.send([Sent("clickstream", key, view, at_ms)])
        if number % 2:
            put = b'{"type":"product_added","price":"9.5","currency":"EUR",' + told
            drive.send([Sent("carts", key, put, at_ms)])
    drive.run_evenly(10, restarts=restarts)
    for days in (2, 3):
        drive.send_clocks(NOON_MS + days * DAY_MS)
        drive.run_evenly(10, restarts=restarts)
    return drive


def test_what_happened_counts_all_the_same_and_a_restore_goes_on() -> None:
    whole = shop(Definitions(), restarts=False)
    assert len(whole.states[0]) == 600
    for restarts in (False, True):
        drive = shop(SMALL, restarts=restarts)
        assert drive.panes[0] == whole.panes[0], "each came once, so that nothing is different"
        assert drive.shards[0].sizes()["visitors"] == ROOM == len(drive.states[0])
        checkpoint = drive.checkpoints[0]
        assert checkpoint is not None
        assert unpack_checkpoint(checkpoint).let_go == {"visitors": 600 - ROOM}
