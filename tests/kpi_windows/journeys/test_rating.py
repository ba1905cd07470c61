"""Transcripts of ratings, with and without the ticket that they are about."""

from __future__ import annotations

import pytest

from kpi_windows import facts
from kpi_windows.definitions import MINUTE_MS as M
from tests.kpi_windows.journeys.tickets import Told, csat, nps, opened


def test_a_second_rating_of_a_survey_replaces_the_first() -> None:
    told = Told(opened(0), csat(M, 2), csat(2 * M, 4, channel="sms"), nps(3 * M, 10), nps(4 * M, 6))
    assert told["rating"] == {
        (2 * M, "sms"): {"csat_answers": 1, "csat_satisfied": 1, "csat_score": 750_000},
        (4 * M, "email"): {"nps_detractors": 1},
    }


def test_a_rating_needs_no_opening() -> None:
    told = Told(nps(0, 9), csat(0, 3, min_score=0, max_score=4, channel="web"))
    assert told["rating"] == {
        (0, facts.NONE): {"nps_promoters": 1},
        (0, "web"): {"csat_answers": 1, "csat_satisfied": 1, "csat_score": 750_000},
    }


@pytest.mark.parametrize(
    ("score", "highest", "satisfied", "micros"),
    [(3, 5, None, 500_000), (4, 5, 1, 750_000), (7, 10, None, 666_667), (8, 10, 1, 777_778)],
)
def test_satisfied_is_three_quarters_of_the_scale(
    score: int, highest: int, satisfied: int | None, micros: int
) -> None:
    rating = Told(csat(0, score, max_score=highest))["rating"][0, facts.NONE]
    assert (rating.get("csat_satisfied"), rating["csat_score"]) == (satisfied, micros)
