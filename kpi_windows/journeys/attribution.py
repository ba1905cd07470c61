"""What an order is put down to: the last visit that wasn't direct, if that was recent.

    ad        direct     direct + order         ad visit     > 30 days      direct + order
    |---------|----------|                      |---------------------------|
                         '-- put down to the ad                             '-- direct

The field calls it last-non-direct-click attribution.  It must not know the rest of a visit.
"""

from __future__ import annotations

from typing import Protocol

from kpi_windows.definitions import Definitions
from kpi_windows.facts import Deltas
from kpi_windows.facts.visits import ATTRIBUTED
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.words import Known, Labels, labels
from kpi_windows.mediums import DIRECT

_labels_of: Known[str, tuple[Labels, Labels]] = Known(labels)


class Touched(Protocol):
    """What is kept of a visitor for it."""

    context: str
    start_ms: int
    touch: str
    touch_ms: int


class Attribution:
    """The rule, and the fact that it states."""

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:
        self._reach_ms = definitions.attribution_ms
        self._attributed = deltas.adder(ATTRIBUTED)

    def start(self, state: Touched, context: str, *, returning: bool) -> None:
        """A visit begins, while `state` still tells of the one before.

        Of a visitor who is new (again) nothing earlier is known, so that it can be dropped.
        """
        if not returning or _medium(context) != DIRECT:
            state.touch, state.touch_ms = "", 0
        elif not state.touch and _medium(state.context) != DIRECT:
            state.touch, state.touch_ms = state.context, state.start_ms

    def order(self, state: Touched, entry: Entry, sign: int) -> None:
        """Puts an order down to the visit at hand, or to the earlier touch, or to `direct`."""
        at_ms, value_micros = entry[0], entry[5]
        recent = at_ms - state.touch_ms <= self._reach_ms
        source, medium, campaign, _, _ = _labels_of[(recent and state.touch) or state.context][0]
        cell = self._attributed(at_ms, source, medium, campaign)
        cell[0] += sign
        cell[1] += sign * value_micros


def _medium(context: str) -> str:
    return _labels_of[context][0][1]
