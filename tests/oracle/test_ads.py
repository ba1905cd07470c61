"""Ads, orders and what others say alone, so densely that attribution and corrections are at stake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kpi_windows.definitions import HOUR_MS
from tests.oracle import ads
from tests.oracle.compare import differences, table_differences
from tests.oracle.drive import Drive
from tests.oracle.logs import BEGIN_MS, Maker, Style, shop
from tests.oracle.oracle import Oracle

ZONES = tuple(BEGIN_MS)


@pytest.mark.parametrize("seed", range(5))
def test_the_numbers_of_ads_and_of_what_others_say_are_the_oracles(seed: int) -> None:
    zone = ZONES[seed % len(ZONES)]
    only = ("click", "order", "advertising")
    style = Style(zone=zone, events=400, visitors=2, orders=60, only=only, days=1.5)
    maker, definitions = Maker(seed, style), shop(zone, quick=True)
    reach_ms, new_again_ms = ((HOUR_MS, 30 * HOUR_MS), (20 * HOUR_MS, 2 * HOUR_MS))[seed % 2]
    definitions = replace(
        definitions,
        attribution_ms=reach_ms,
        new_again_ms=new_again_ms,
        report_kept_ms=6 * HOUR_MS,
    )
    drive = Drive(definitions, 1 + seed % 3, seed)
    drive.send(maker.sent())
    end_ms = maker.end_ms + HOUR_MS
    drive.send_clocks(end_ms)
    drive.run(60, deaths=0.05, forwards=0.1)
    oracle = Oracle(
        definitions, drive.accepted(), end_ms, windows=("5m", "1h", "day", "7d", "month")
    )
    assert list(differences(drive.view, oracle, kpis=tuple(ads.KPIS))) == []
    assert list(table_differences(drive.view, oracle, "day")) == []
    put_down = oracle.evaluate("return_on_ad_spend", "attributed_orders", "month", ("medium",))
    assert len(put_down) > 3, "a test of something"
