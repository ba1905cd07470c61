"""A unit's making: started, finished, perhaps finished again; signed facts out.

    started             finished (scrap)      finished (good, reworked)
    |-------------------|---------------------|------->
    started             cycle, no good        the last one counts, the first is taken back

The first start counts; a finish before it is that of a unit of which nothing else is known.
It must not know machines' reports.
"""

from __future__ import annotations

import msgspec

from kpi_windows.definitions import Definitions
from kpi_windows.events import Event, UnitFinished, UnitStarted, to_ms
from kpi_windows.facts import NONE, Deltas
from kpi_windows.facts.operations import UNIT
from kpi_windows.journeys.backlog import count
from kpi_windows.journeys.journal import NEVER, Entry
from kpi_windows.sketches import bucket_of

STARTED, FINISHED = range(2)

_AT_START = [UNIT.slot(name) for name in ("started", "good_of_started", "first_pass")]
_AT_FINISH = [UNIT.slot(name) for name in ("finished", "good", "reworked")]
_CYCLES, _CYCLE_MS, _CYCLE = (UNIT.slot(name) for name in ("cycles", "cycle_ms", "cycle"))
_NO_LABELS = [NONE] * len(UNIT.labels)


class UnitState(msgspec.Struct, array_like=True):
    """What is known of a unit; times are 0 before they come."""

    last_ms: int = 0
    started_ms: int = 0
    labels: list[str] = []
    finished_ms: int = 0
    good: int = 0
    reworked: int = 0


class UnitRules:
    """Rules of a unit's journey; see `Rules`."""

    state = UnitState

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:
        self._kept_ms = definitions.report_kept_ms
        self._unit = deltas.adder(UNIT)

    def step(self, state: UnitState, entry: Entry, sign: int) -> None:
        """Moves the unit by one event; long after the last one it is another unit."""
        if entry[0] - state.last_ms > self._kept_ms:  # it may have been dropped already
            state.started_ms = state.finished_ms = 0
        self._add(state, -sign)
        state.last_ms = entry[0]
        if entry[1] == FINISHED:
            state.finished_ms = entry[0]
            state.good, state.reworked = entry[3:]
        elif not state.started_ms:
            state.started_ms, state.labels = entry[0], list(entry[3:])
        self._add(state, sign)

    def settle(self, state: UnitState, watermark_ms: int, sign: int) -> bool:  # noqa: ARG002
        """Time states nothing."""
        return False

    def due_ms(self, state: UnitState) -> int:  # noqa: ARG002
        """Never."""
        return NEVER

    def ends_ms(self, state: UnitState) -> int:
        """A unit that nothing happened to for so long isn't worked on any more."""
        return state.last_ms + self._kept_ms + 1

    def _add(self, state: UnitState, sign: int) -> None:
        """All that is stated of the unit."""
        whole = bool(state.started_ms) and state.finished_ms >= state.started_ms
        good = state.good
        if state.started_ms:
            cell = self._unit(state.started_ms, *state.labels)
            first_pass = good and not state.reworked
            for slot, stated in zip(
                _AT_START, (1, whole and good, whole and first_pass), strict=True
            ):
                cell[slot] += sign * stated
        if state.finished_ms:
            cell = self._unit(state.finished_ms, *(state.labels if whole else _NO_LABELS))
            for slot, stated in zip(_AT_FINISH, (1, good, good and state.reworked), strict=True):
                cell[slot] += sign * stated
            if whole:
                cycle_ms = state.finished_ms - state.started_ms
                cell[_CYCLES] += sign
                cell[_CYCLE_MS] += sign * cycle_ms
                count(cell[_CYCLE], bucket_of(cycle_ms), sign)


def entry_of(event: Event) -> Entry:
    """The entry of an event whose key is the unit.

    >>> entry_of(UnitFinished(timestamp=5, unit_id="u", good=False))
    (5, 1, '', 0, 0)
    """
    at_ms, event_id = to_ms(event.timestamp), event.event_id or ""
    if isinstance(event, UnitFinished):
        return (at_ms, FINISHED, event_id, int(event.good), int(event.reworked))
    assert isinstance(event, UnitStarted)
    told = (event.line, event.machine, event.product_id, event.shift)
    return (at_ms, STARTED, event_id, *(label or NONE for label in told))
