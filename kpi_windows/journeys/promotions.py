"""Promotions on the site: which of them a visit saw, and which of these it followed.

It must not know the rest of a visit.
"""

from __future__ import annotations

from typing import Protocol

from kpi_windows.facts import Deltas
from kpi_windows.facts.visits import PROMOTION
from kpi_windows.journeys.journal import Entry

MOST = 200
"""Different promotions of one visit that are told apart; later ones aren't counted."""

_SEEN, _CLICKED = 1, 2


class Visit(Protocol):
    """What is kept of a visit for it."""

    events: int
    start_ms: int
    promotions: dict[str, int]


class Promotions:
    """The rule, and the fact that it states."""

    def __init__(self, deltas: Deltas) -> None:
        self._promotion = deltas.adder(PROMOTION)

    def step(self, visit: Visit, entry: Entry, sign: int, *, clicked: bool) -> None:
        """A promotion came into view or was clicked; a click without a view waits for one.

        Coming into view is nothing that the visitor did: a visit with one page view stays a
        bounce, as the web analytics' non-interaction events leave it.
        """
        promotion = entry[4]
        if not clicked:
            visit.events -= 1
        marks = visit.promotions.get(promotion, 0)
        mark = _CLICKED if clicked else _SEEN
        if marks & mark or (not marks and len(visit.promotions) >= MOST):
            return
        visit.promotions[promotion] = marks | mark
        if not clicked or marks:
            cell = self._promotion(visit.start_ms, promotion)
            cell[0] += 0 if clicked else sign
            cell[1] += sign if marks else 0
