"""A statement that can be made again: the latest one of an id stands, at the time that it says.

    report of 10:00   the same, sent again   corrected
    |-----------------|----------------------|------------>
    stated            changes nothing        the first is taken back, this one stated

Reports, bookings, reviews and sales of affiliates are of this kind.  It must not know what is
stated: an entry holds the cells.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kpi_windows.definitions import Definitions
from kpi_windows.facts import Deltas
from kpi_windows.journeys.backlog import count
from kpi_windows.journeys.journal import NEVER, Entry

Cells = list[Any]
"""[fact, at_ms, labels, amounts], one after the other; of a histogram a list of its buckets."""


class StatementState(msgspec.Struct, array_like=True):
    """What stands, and since when."""

    last_ms: int = 0
    cells: Cells = []


class StatementRules:
    """Rules of a statement's journey; see `Rules`."""

    state = StatementState

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:
        self._kept_ms = definitions.report_kept_ms
        self._deltas = deltas

    def step(self, state: StatementState, entry: Entry, sign: int) -> None:
        """Puts the statement in the place of the earlier one."""
        if entry[0] - state.last_ms <= self._kept_ms:  # else it may have been dropped already
            self._state(state.cells, -sign)
        state.last_ms, state.cells = entry[0], entry[3]
        self._state(state.cells, sign)

    def settle(self, state: StatementState, watermark_ms: int, sign: int) -> bool:  # noqa: ARG002
        """Time states nothing."""
        return False

    def due_ms(self, state: StatementState) -> int:  # noqa: ARG002
        """Never."""
        return NEVER

    def ends_ms(self, state: StatementState) -> int:
        """A statement of this age isn't corrected any more."""
        return state.last_ms + self._kept_ms + 1

    def _state(self, cells: Cells, sign: int) -> None:
        for fact, at_ms, labels, amounts in cells:
            cell = self._deltas.cell(fact, at_ms, labels)
            for slot, amount in enumerate(amounts):
                if isinstance(amount, list):
                    for bucket in amount:
                        count(cell[slot], bucket, sign)
                else:
                    cell[slot] += sign * amount
