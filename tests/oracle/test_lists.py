"""Lists and messages alone, so densely that the same few people do everything again and again."""

from __future__ import annotations

import pytest

from kpi_windows.definitions import HOUR_MS
from tests.oracle.compare import differences
from tests.oracle.drive import Drive
from tests.oracle.logs import BEGIN_MS, Maker, Style, shop
from tests.oracle.oracle import Oracle

ZONES = tuple(BEGIN_MS)
KPIS = (
    "newsletter_subscribers",
    "sms_subscribers",
    "subscriber_growth_rate",
    "email_open_rate",
    "email_click_through_rate",
    "unsubscribes",
)


@pytest.mark.parametrize("seed", range(6))
def test_the_numbers_of_lists_and_messages_are_the_oracles(seed: int) -> None:
    zone = ZONES[seed % len(ZONES)]
    only = ("on_list", "message")
    style = Style(zone=zone, events=400, subscribers=3, messages=8, only=only, days=1.5)
    maker, definitions = Maker(seed, style), shop(zone, quick=True)
    drive = Drive(definitions, 1 + seed % 3, seed)
    drive.send(maker.sent())
    drive.send_clocks(maker.end_ms + HOUR_MS)
    drive.run(60, forwards=0.1)
    oracle = Oracle(definitions, drive.accepted(), maker.end_ms + HOUR_MS)
    assert list(differences(drive.view, oracle, kpis=KPIS)) == []
