"""What the page looks like to eyes, screen readers and those who would break it."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from kpi_windows.definitions import HOUR_MS, MINUTE_MS
from kpi_windows.thresholds import Threshold
from streams.settings import Kafka, Settings
from tests.page.conftest import Open, Serve
from tests.page.shop import Played, Served
from tests.streams.visible import NOON_MS, order, page

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")

CUT = """() => {
    const told = [];
    const name = (each) => `${each.tagName}.${each.className} ${each.textContent.slice(0, 60)}`;
    const root = document.querySelector('dialog[open]') ?? document.body;
    for (const each of root.querySelectorAll('*')) {
        const box = each.getBoundingClientRect();
        if (!box.width || !box.height || each.closest('.unseen, svg, .skip')) continue;
        if (each.closest('.scroll') && !each.classList.contains('scroll')) continue;
        if (box.right > innerWidth + 0.5 || box.left < -0.5) told.push('outside: ' + name(each));
        const style = getComputedStyle(each);
        if (style.display === 'inline' || each.matches('.scroll, dialog, select, option')) continue;
        if (each.scrollWidth > each.clientWidth + 1) told.push('cut or spilt: ' + name(each));
    }
    for (const [a, b] of [['.chip', '.fire-text'], ['.label', '.number'], ['.value', '.delta']])
        for (const one of root.querySelectorAll(a)) for (const two of one.parentElement.querySelectorAll(b)) {
            const [p, q] = [one.getBoundingClientRect(), two.getBoundingClientRect()];
            if (p.right > q.left + 1 && q.right > p.left + 1 && p.bottom > q.top + 1 && q.bottom > p.top + 1)
                told.push('over each other: ' + name(one) + ' / ' + name(two));
        }
    return told;
}"""


def settled(shown: Page) -> Page:
    shown.wait_for_selector(".card .value")
    return shown


def with_details(shown: Page) -> Page:
    settled(shown)
    expect(shown.locator('[data-part="why"] tbody tr').first).to_be_visible()
    expect(shown.locator('[data-part="breakdown"] .bars li').first).to_be_visible()
    return shown


def violations(shown: Page) -> list[str]:
    shown.evaluate(AXE)
    told: dict[str, Any] = shown.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']}: {node['html'][:150]} {node['failureSummary'][:200]}"
        for each in told["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_nothing(
    shop: Served, serve: Serve, open_page: Open, scheme: str, width: int
) -> None:
    look = {"width": width, "color_scheme": scheme}
    shown = settled(open_page(f"{shop.url}/#window=24h", **look))
    assert violations(shown) == []
    shown.goto(f"{shop.url}/#window=24h&kpi=conversion_rate")
    assert violations(with_details(shown)) == []
    site = serve(Played().ready())
    shown = open_page(site.url, **look)
    expect(shown.get_by_role("heading", name="No events yet")).to_be_visible()
    assert violations(shown) == []


@pytest.mark.parametrize("locale", ["en-GB", "nl-NL"])
def test_at_360_pixels_nothing_is_cut_and_nothing_scrolls_sideways(
    shop: Served, open_page: Open, locale: str
) -> None:
    shown = settled(open_page(f"{shop.url}/#window=24h", width=360, height=740, locale=locale))
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360
    assert shown.evaluate(CUT) == []
    for kpi in ("conversion_rate", "average_resolution_time", "sales"):
        shown.goto(f"{shop.url}/#window=24h&kpi={kpi}")
        with_details(shown)
        assert shown.evaluate("document.querySelector('dialog').scrollWidth") <= 360
        assert shown.evaluate(CUT) == []


@pytest.mark.parametrize("width", [768, 1280])
@pytest.mark.parametrize("locale", ["en-GB", "nl-NL"])
def test_on_wider_screens_nothing_is_cut_either(
    shop: Served, open_page: Open, locale: str, width: int
) -> None:
    shown = settled(open_page(f"{shop.url}/#window=7d", width=width, locale=locale))
    assert shown.evaluate(CUT) == []


HOSTILE = (
    "<img src=x onerror=window.broken=1>",
    "\"'><script>window.broken=1</script>",
    "javascript:window.broken=1//&lt;b&gt;",
    "\u05e9\u05dc\u05d5\u05dd \u0644\u0639\u0628\u0629 \u202eexe.gpj",
    "w" * 200,
    "🧸\u200b\u0301 {{constructor.constructor('window.broken=1')()}}",
)


def test_hostile_names_are_shown_as_text(serve: Serve, open_page: Open) -> None:
    threshold = Threshold("<b>few</b>", "visits", below=1e6, window="24h", summary=HOSTILE[0])
    settings = Settings(
        shop_name="<script>window.broken=1</script>" + "Shop" * 30,
        kafka=Kafka(partitions=1),
        thresholds=(threshold,),
    )
    events = []
    for number, name in enumerate(HOSTILE):
        at_ms = NOON_MS - HOUR_MS + number * MINUTE_MS
        events.append(page(f"v{number}", at_ms, source=name, device=name, campaign=name))
        sold = {"product_id": name, "price": "10.00", "quantity": 7 - number}
        events.append(order(number, at_ms + 1, visitor_id=f"v{number}", products=[sold]))
    played = Played(settings).add(events, NOON_MS).ready()
    site = serve(played)
    sources = [each["name"] for each in site.told("/api/v1/page", window="24h")["top"]["sources"]]
    assert sorted(sources) == sorted(HOSTILE), json.dumps(sources)
    shown = settled(open_page(f"{site.url}/#window=24h", width=360))
    for place in (".products .label", ".sources .label"):
        assert sorted(shown.locator(place).all_text_contents()) == sorted(HOSTILE)
    expect(shown.locator("h1")).to_have_text(settings.shop_name)
    expect(shown.locator("#fires")).to_contain_text(HOSTILE[0])
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360
    for by in ("source", "product"):
        kpi = "visits" if by == "source" else "sales"
        shown.goto(f"{site.url}/#window=24h&kpi={kpi}&by={by}")
        rows = shown.locator('[data-part="breakdown"] .bars .label')
        expect(rows).to_have_count(len(HOSTILE))
        assert sorted(rows.all_text_contents()) == sorted(HOSTILE)
        assert shown.evaluate("document.querySelector('dialog').scrollWidth") <= 360
    assert shown.evaluate("window.broken") is None
    assert shown.locator("img, iframe, object, style").count() == 0
    assert shown.locator("script").count() == 1
    assert violations(shown) == []
