"""A customer's ratings: the latest of each survey stands, counted at its own time.

It must not know of tickets; a rating may come from anywhere.
"""

from __future__ import annotations

from fractions import Fraction

from kpi_windows.events import TicketRated
from kpi_windows.facts import Deltas
from kpi_windows.facts.service import RATING

Standing = dict[str, tuple[int, str, list[int]]]
"""Survey -> (at_ms, channel, amounts) of the rating that stands."""

_AMOUNTS = RATING.sums
_SATISFIED = Fraction(3, 4)


def amounts_of(event: TicketRated) -> list[int]:
    """What a rating adds to the amounts of `RATING`, in their order.

    CSAT: the score's place on its scale, (score − min) / (max − min), in millionths, and whether
    that is 0.75 or more.  NPS: 9 and 10 promote, 0 to 6 detract.

    >>> amounts_of(TicketRated(timestamp=0, ticket_id="t", survey="csat", score=4))
    [1, 1, 750000, 0, 0, 0]
    >>> amounts_of(TicketRated(timestamp=0, ticket_id="t", survey="nps", score=8))
    [0, 0, 0, 0, 1, 0]
    """
    if event.survey == "csat":
        place = Fraction(event.score - event.min_score, event.max_score - event.min_score)
        stated = {
            "csat_answers": 1,
            "csat_satisfied": int(place >= _SATISFIED),
            "csat_score": round(place * 1_000_000),
        }
    elif event.score >= 9:
        stated = {"nps_promoters": 1}
    else:
        stated = {"nps_passives" if event.score >= 7 else "nps_detractors": 1}
    return [stated.get(amount, 0) for amount in _AMOUNTS]


class Ratings:
    """Ratings of one thing at a time."""

    def __init__(self, deltas: Deltas) -> None:
        self._cell = deltas.adder(RATING)

    def rate(
        self,
        standing: Standing,
        survey: str,
        at_ms: int,
        channel: str,
        amounts: list[int],
        sign: int,
    ) -> None:
        """A rating, in place of the survey's earlier one."""
        earlier = standing.get(survey)
        if earlier is not None:
            self._add(*earlier, -sign)
        standing[survey] = (at_ms, channel, amounts)
        self._add(at_ms, channel, amounts, sign)

    def _add(self, at_ms: int, channel: str, amounts: list[int], sign: int) -> None:
        cell = self._cell(at_ms, channel)
        for slot, amount in enumerate(amounts):
            cell[slot] += sign * amount
