"""The live page in Chromium, as people use it: values, updates, details, languages, trouble."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import HOUR_MS, MINUTE_MS
from kpi_windows.thresholds import Threshold
from streams.demo_goals import demo_goals
from streams.settings import Kafka, Settings
from tests.page.conftest import Open, Serve
from tests.page.shop import Played, Served
from tests.streams.visible import NOON_MS, order, page, small_shop

READ = """() => Object.fromEntries([...document.querySelectorAll('.card')].map((card) => [
    card.dataset.kpi, {
        value: card.querySelector('data').getAttribute('value'),
        shown: card.querySelector('data').textContent,
        name: card.querySelector('a').textContent,
    }]))"""

OPEN_ALL = """async () => {
    const dialog = document.querySelector('dialog');
    const found = (selector) => dialog.querySelector(selector);
    const until = async (look) => { while (!look()) await new Promise((next) => setTimeout(next, 5)); };
    const told = [];
    for (const card of document.querySelectorAll('.card')) {
        card.querySelector('a').click();
        await until(() => dialog.open && found('[data-definition="default"] dd'));
        const each = {
            kpi: card.dataset.kpi, title: found('h2').textContent, address: location.hash,
            meaning: found('[data-definition="default"] dd').textContent,
            definitions: [...dialog.querySelectorAll('[data-definition]')].map((one) => one.dataset.definition),
        };
        found('.close').click();
        await until(() => !dialog.open && !dialog.children.length);
        each.left = { open: dialog.open, focus: document.activeElement.textContent, address: location.hash };
        told.push(each);
    }
    return told;
}"""


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


def test_numbers_are_written_as_each_unit_wants(serve: Serve, open_page: Open) -> None:
    played = Played().add([*small_shop(), order(9, NOON_MS, "1234.56")], NOON_MS).ready()
    site = serve(played)
    english = cards(open_page(f"{site.url}/#window=day"))
    dutch = cards(open_page(f"{site.url}/#window=day", locale="nl-NL"))
    wanted = {
        "visits": ("4", "4"),
        "sales": ("€2,489.12", "€\u00a02.489,12"),
        "conversion_rate": ("25%", "25%"),
        "transactions": ("2", "2"),
    }
    assert {kpi: (english[kpi]["shown"], dutch[kpi]["shown"]) for kpi in wanted} == wanted


def test_updates_arrive_without_reloading(serve: Serve, open_page: Open) -> None:
    site = serve(Played().add(small_shop(), NOON_MS).ready())
    shown = board(open_page(f"{site.url}/#window=day"))
    shown.evaluate("window.still = true")
    expect(card(shown, "visits").locator("data")).to_have_text("4")
    for number in (5, 6):
        more = [page(f"more{number}", NOON_MS + number, device="mobile")]
        site.do(lambda more=more: site.played.add(more, NOON_MS + 60_000))  # type: ignore[misc]
        expect(card(shown, "visits").locator("data")).to_have_text(str(number))
    assert shown.evaluate("window.still") is True


def test_every_kpi_opens_with_its_definition_and_closes_where_it_was(
    shop: Served, open_page: Open
) -> None:
    shown = board(open_page(f"{shop.url}/#window=24h"))
    told = shown.evaluate(OPEN_ALL)
    assert [each["kpi"] for each in told] == list(CATALOGUE)
    for each, kpi in zip(told, CATALOGUE.values(), strict=True):
        assert (each["title"], each["meaning"]) == (kpi.title, kpi.formula.words())
        assert f"kpi={kpi.id}" in each["address"]
        assert each["definitions"] == list(kpi.readings)
        assert each["left"] == {"open": False, "focus": kpi.title, "address": "#window=24h"}


def test_the_details_say_what_the_api_says(shop: Served, open_page: Open) -> None:
    shown = open_page(f"{shop.url}/#kpi=conversion_rate&window=24h&by=device")
    dialog = shown.get_by_role("dialog")
    expect(dialog.locator('[data-part="why"] tbody tr').first).to_be_visible()
    asked = {"kpi": "conversion_rate", "window": "24h"}
    for name in CATALOGUE["conversion_rate"].readings:
        answer = shop.told("/api/v1/query", **asked, definition=name)[0]["value"]
        told = dialog.locator(f'[data-definition="{name}"] data').get_attribute("value")
        assert told is not None
        assert float(told) == answer
    rows = dialog.locator('[data-part="breakdown"] .bars .label').all_text_contents()
    devices = shop.told("/api/v1/query", **asked, by="device")
    assert sorted(rows) == sorted(each["labels"]["device"] for each in devices)
    segments = dialog.locator('[data-part="why"] tbody th').all_text_contents()
    why = shop.told("/api/v1/why", **asked, by="device", at="now")
    assert sorted(segments) == sorted(each["value"] for each in why["segments"])
    explained = shop.told("/api/v1/explain", **asked, at="now")
    evidence = dialog.locator('[data-part="evidence"]')
    expect(evidence).to_contain_text(f"{explained['events']['accepted']:,}")
    ids = evidence.locator("tbody th").all_text_contents()
    assert ids == [each["event_id"] for each in explained["samples"]] != []
    dialog.get_by_text("As a table").click()
    hours = dialog.locator('[data-part="over_time"] tbody tr')
    assert hours.count() == 24
    newest = hours.first.locator("td").all_text_contents()
    answer = shop.told("/api/v1/query", kpi="conversion_rate", window="hour")[0]
    assert [float(cell) for cell in newest[1:]] == [answer["numerator"], answer["denominator"]]
    dialog.get_by_label("By", exact=True).select_option("source")
    expect(dialog.locator('[data-part="breakdown"] .label', has_text="google")).to_be_visible()
    assert "by=source" in shown.url


def test_a_table_shows_its_foremost_rows(shop: Served, open_page: Open) -> None:
    shown = open_page(f"{shop.url}/#kpi=pages_before_contact&window=24h")
    rows = shown.locator('[data-part="breakdown"] tbody tr')
    expect(rows.first).to_be_visible()
    told = shop.told("/api/v1/query", kpi="pages_before_contact", window="24h", table=1, top=12)
    assert rows.count() == len(told)


def test_goals_the_funnel_and_what_fires_are_those_of_the_api(
    serve: Serve, open_page: Open
) -> None:
    settings = Settings(kafka=Kafka(partitions=1))
    goals = demo_goals(date(2026, 1, 1), 25, settings.catalogue, settings.definitions.zone)
    played = Played(replace(settings, goals=goals)).simulate(hours=50, visits=25).ready()
    site = serve(played)
    shown = board(open_page(f"{site.url}/#window=24h"))
    for goal in site.told("/api/v1/goals")["goals"]:
        told = shown.locator(f'[data-goal="{goal["goal"]}"]')
        state = goal["state"].replace("_", " ").capitalize()
        expect(told.locator(".chip")).to_have_text(state)
        expect(told.get_by_role("link")).to_have_text(goal["title"])
        assert (told.locator("dt", has_text="Projected").count() == 1) == (
            goal["landing"] is not None
        )
    told = site.told("/api/v1/page", window="24h")
    for step in told["funnel"]:
        count = shown.locator(f'[data-step="{step["step"]}"] data').get_attribute("value")
        assert float(count or "nan") == step["count"]
    assert shown.locator("#fires li").count() == len(told["fires"]) > 0
    products = site.told("/api/v1/query", kpi="sales", window="24h", by="product", top=6)
    best = max((each for each in products if each["labels"]["product"] != "__other__"),
               key=lambda each: each["value"])["labels"]["product"]  # fmt: skip
    expect(shown.locator(".products .label").first).to_have_text(best)


def test_a_breach_is_said_when_it_begins_and_when_it_is_over(serve: Serve, open_page: Open) -> None:
    few = Threshold("few", "visits", below=6, window="1h", summary="Hardly anybody is here.")
    settings = Settings(kafka=Kafka(partitions=1), thresholds=(few,))

    def visits(first: int, count: int, at_ms: int) -> list[dict[str, Any]]:
        return [page(f"v{n}", at_ms, device="mobile") for n in range(first, first + count)]

    played = Played(settings).add(visits(0, 9, NOON_MS - MINUTE_MS), NOON_MS).ready()
    site = serve(played)
    shown = board(open_page(f"{site.url}/#window=1h"))
    expect(shown.locator("#fires")).to_contain_text("all 1 thresholds")
    site.do(lambda: played.add(visits(9, 1, NOON_MS + HOUR_MS), NOON_MS + 62 * MINUTE_MS))
    expect(shown.locator("#said")).to_have_text("Now needs attention: Hardly anybody is here.")
    expect(card(shown, "visits").locator(".chip")).to_have_text("Warning")
    later_ms = NOON_MS + 63 * MINUTE_MS
    site.do(lambda: played.add(visits(10, 9, later_ms), later_ms + 2 * MINUTE_MS))
    expect(shown.locator("#said")).to_contain_text("No longer needs attention")


def test_a_lost_exporter_is_said_and_found_again(serve: Serve, open_page: Open) -> None:
    site = serve(Played().add(small_shop(), NOON_MS).ready())
    shown = board(open_page(f"{site.url}/#window=day"))
    site.stop()
    banner = shown.locator("#banner")
    expect(banner).to_contain_text("can't be reached")
    expect(card(shown, "visits").locator("data")).to_have_text("4")
    expect(shown.locator("body")).to_have_class("stale")
    site.start(site.port)
    expect(banner).to_be_hidden()
    expect(shown.locator("body")).not_to_have_class("stale")
    assert shown.errors  # type: ignore[attr-defined]
    shown.errors.clear()  # type: ignore[attr-defined]


def test_without_events_it_says_what_to_do_and_begins_with_the_first(
    serve: Serve, open_page: Open
) -> None:
    site = serve(Played())
    shown = open_page(f"{site.url}/#window=day")
    expect(shown.get_by_role("heading", name="Reading what is there")).to_be_visible()
    site.do(site.played.ready)
    expect(shown.get_by_role("heading", name="No events yet")).to_be_visible()
    expect(shown.locator("#empty")).to_contain_text("kpi feed")
    site.do(lambda: site.played.add(small_shop(), NOON_MS))
    expect(card(shown, "visits").locator("data")).to_have_text("4")
    expect(shown.locator("#empty")).to_be_hidden()


def test_a_demo_says_that_it_is_one(serve: Serve, open_page: Open) -> None:
    played = Played().add(small_shop(), NOON_MS).ready()
    site = serve(played)
    shown = board(open_page(site.url))
    expect(shown.locator("#demo")).to_be_hidden()
    shown.close()  # it would ask on
    played.demo = True
    site = serve(played)
    shown = board(open_page(site.url))
    expect(shown.get_by_text("A demo: all is gone when it ends.")).to_be_visible()
    shown.close()


def test_the_language_is_the_readers_and_can_be_switched(shop: Served, open_page: Open) -> None:
    shown = board(open_page(f"{shop.url}/#window=24h", locale="nl-NL"))
    dutch = cards(shown)
    assert dutch["conversion_rate"]["name"] == "Conversieratio"
    assert dutch["sales"]["name"] == "Verkopen"
    expect(shown.get_by_role("heading", name="Vraagt aandacht")).to_be_visible()
    assert shown.evaluate("document.documentElement.lang") == "nl"
    fired = shop.told("/api/v1/page", window="24h")["fires"][0]
    summary = shown.locator("#fires .summary").first
    expect(summary).to_have_text(fired["summary_nl"])
    expect(summary).to_have_attribute("lang", "nl")
    shown.get_by_role("button", name="EN").click()
    expect(shown.get_by_role("heading", name="Needs attention")).to_be_visible()
    expect(summary).to_have_text(fired["summary"])
    expect(summary).to_have_attribute("lang", "en")
    assert cards(shown)["conversion_rate"]["name"] == "Conversion rate"
    shown.reload()
    assert cards(shown)["sales"]["name"] == "Sales", "it remembers"


def test_a_window_is_chosen_and_stays_in_the_address(shop: Served, open_page: Open) -> None:
    shown = board(open_page(f"{shop.url}/"))
    for window in ("1h", "week"):
        shown.get_by_label("Window").select_option(window)
        value = shop.told("/api/v1/query", kpi="visits", window=window)[0]["value"]
        expect(card(shown, "visits").locator("data")).to_have_attribute("value", f"{value:g}")
        assert f"window={window}" in shown.url
    shown.reload()
    expect(shown.get_by_label("Window")).to_have_value("week")
    shown.goto(f"{shop.url}/#window=fortnight&kpi=nothing")
    expect(shown.get_by_role("dialog")).to_be_hidden()
    expect(shown.get_by_label("Window")).to_have_value("week")


def test_all_can_be_done_by_keyboard_alone(shop: Served, open_page: Open) -> None:
    shown = board(open_page(f"{shop.url}/#window=24h"))
    press = shown.keyboard.press
    focused = "document.activeElement"
    press("Tab")
    expect(shown.get_by_text("Skip to the KPIs")).to_be_focused()
    press("Enter")
    press("Tab")
    expect(card(shown, "sales").get_by_role("link")).to_be_focused()
    press("Tab")
    press("Enter")
    dialog = shown.get_by_role("dialog")
    title = dialog.get_by_role("heading", level=2)
    expect(title).to_be_focused()
    expect(title).to_have_text("Average order size")
    expect(dialog.locator('[data-definition="default"]')).to_be_visible()
    for _ in range(12):
        press("Tab")
        inside = f"{focused} === document.body || !!{focused}.closest('dialog')"
        assert shown.evaluate(inside), "the focus left the dialog"
    press("Escape")
    expect(card(shown, "average_order_size").get_by_role("link")).to_be_focused()
    shown.locator("#to-service").press("Enter")
    expect(shown.get_by_role("heading", name="Service", exact=True)).to_be_focused()
    press("Tab")
    expect(card(shown, "csat").get_by_role("link")).to_be_focused()


def test_an_update_leaves_the_focus_and_what_is_open_alone(serve: Serve, open_page: Open) -> None:
    site = serve(Played().add(small_shop(), NOON_MS).ready())
    shown = board(open_page(f"{site.url}/#kpi=visits&window=day"))
    dialog = shown.get_by_role("dialog")
    dialog.get_by_label("By", exact=True).focus()
    more = [page("more", NOON_MS + 5, device="mobile")]
    site.do(lambda: site.played.add(more, NOON_MS + 60_000))
    expect(dialog.locator(".details-value data")).to_have_text("5")
    expect(dialog.get_by_label("By", exact=True)).to_be_focused()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
