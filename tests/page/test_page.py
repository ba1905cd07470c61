"""The live page in Chromium, as people use it: values, updates, details, languages, trouble."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from kpi_windows.catalogue import CATALOGUE
from tests.page.conftest import Open
from tests.page.shop import Played, Served, served
from tests.streams.visible import NOON_MS, order, page, small_shop

READ = """() => Object.fromEntries([...document.querySelectorAll('.card')].map((card) => [
    card.dataset.kpi, {
        value: card.querySelector('data').getAttribute('value'),
        shown: card.querySelector('data').textContent,
        name: card.querySelector('a').textContent,
    }]))"""
IGNORED = "404 (Not Found)"


def board(page: Page) -> Page:
    page.wait_for_selector(".card .value")
    return page


def cards(page: Page) -> dict[str, dict[str, str]]:
    told: dict[str, dict[str, str]] = board(page).evaluate(READ)
    return told


def card(page: Page, kpi: str) -> Any:
    return page.locator(f'.card[data-kpi="{kpi}"]')


@pytest.mark.parametrize("window", ["1h", "24h", "month"])
def test_every_kpi_shows_the_value_that_the_api_gives(
    shop: Served, open_page: Open, window: str
) -> None:
    shown = cards(open_page(f"{shop.url}/#window={window}"))
    assert list(shown) == list(CATALOGUE)
    told = shop.told("/api/v1/page", window=window)["kpis"]
    for kpi in told:
        answer = shop.told("/api/v1/query", kpi=kpi["id"], window=kpi["window"])[0]["value"]
        value = shown[kpi["id"]]["value"]
        assert (None if value is None else float(value)) == answer, kpi["id"]
        assert (shown[kpi["id"]]["shown"] == "–") == (answer is None)


def test_numbers_are_written_as_each_unit_wants(open_page: Open) -> None:
    played = Played().add([*small_shop(), order(9, NOON_MS, "1234.56")], NOON_MS).ready()
    with served(played) as site:
        english = cards(open_page(f"{site.url}/#window=day"))
        dutch = cards(open_page(f"{site.url}/#window=day", locale="nl-NL"))
    wanted = {
        "visits": ("4", "4"),
        "sales": ("€2,489.12", "€\u00a02.489,12"),
        "conversion_rate": ("25%", "25%"),
        "transactions": ("2", "2"),
    }
    assert {kpi: (english[kpi]["shown"], dutch[kpi]["shown"]) for kpi in wanted} == wanted


def test_updates_arrive_without_reloading(open_page: Open) -> None:
    with served(Played().add(small_shop(), NOON_MS).ready()) as site:
        shown = board(open_page(f"{site.url}/#window=day"))
        shown.evaluate("window.still = true")
        expect(card(shown, "visits").locator("data")).to_have_text("4")
        for number in range(5, 8):
            more = [page(f"more{number}", NOON_MS + number, device="mobile")]
            site.do(lambda more=more: site.played.add(more, NOON_MS + 60_000))  # type: ignore[misc]
            expect(card(shown, "visits").locator("data")).to_have_text(str(number))
        assert shown.evaluate("window.still") is True
