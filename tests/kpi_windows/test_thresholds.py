"""Thresholds: the defaults are about numbers that exist, and a wrong one says what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.thresholds import DEFAULTS, Threshold, mistakes, with_own

CONVERSION = Threshold("low", "conversion_rate", below=0.01)


@pytest.mark.parametrize("threshold", DEFAULTS, ids=lambda each: each.name)
def test_a_default_is_about_a_number_of_the_catalogue(threshold: Threshold) -> None:
    assert list(mistakes(threshold, CATALOGUE)) == []
    assert threshold.summary.endswith((".", "?"))


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"above": 0.5}, "above"),
        ({"below": None}, "above"),
        ({"definition": "sessions"}, "definition"),
        ({"window": "2h"}, "window"),
        ({"where": (("product", "a"),)}, "where"),
        ({"where": (("device", "a"), ("source", "b"))}, "where"),
        ({"kpi": "transactions", "min_volume": 5}, "min_volume"),
    ],
)
def test_what_cannot_hold_is_named_by_its_key(changed: dict[str, object], key: str) -> None:
    wrong = replace(CONVERSION, **changed)  # type: ignore[arg-type]
    assert [told for told, _ in mistakes(wrong, CATALOGUE)] == [key]


def test_each_default_says_what_is_wrong_in_both_languages() -> None:
    told = [each.summary for each in DEFAULTS] + [each.summary_nl for each in DEFAULTS]
    assert all(told)
    assert len(set(told)) == 2 * len(DEFAULTS)


def test_a_shop_replaces_a_default_by_name_and_leaves_one_out() -> None:
    mine = replace(CONVERSION, name="csat_low")
    added = replace(CONVERSION, name="mine")
    told = {
        each.name: each for each in with_own({"csat_low": mine, "nps_low": None, "mine": added})
    }
    assert told["csat_low"] is mine
    assert told["mine"] is added
    assert "nps_low" not in told
    assert len(told) == len(DEFAULTS)
