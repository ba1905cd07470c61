"""Takes the picture of the page that the README shows, as `make pictures` does.

By itself: `python -m tests.page.picture FILE`, with Chromium on the machine.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from email.utils import format_datetime
from pathlib import Path

from playwright.sync_api import Route, sync_playwright

from streams.demo_goals import demo_goals
from streams.settings import Kafka, Settings
from tests.page.shop import Played, served
from tests.streams.visible import NOON_MS

VISITS = 150.0
MOST_BYTES = 250_000


def _at_noon(route: Route) -> None:
    """The page takes the time from the answer: the shop's noon, so that it is live."""
    reply = route.fetch()
    noon = datetime.fromtimestamp(NOON_MS / 1_000 + 2, UTC)
    route.fulfill(response=reply, headers={**reply.headers, "date": format_datetime(noon, True)})


def take(file: Path) -> None:
    """The demo's shop at noon, as its page shows it."""
    settings = Settings(shop_name="Demo shop", kafka=Kafka(partitions=1))
    goals = demo_goals(date(2026, 1, 1), VISITS, settings.catalogue, settings.definitions.zone)
    played = Played(replace(settings, goals=goals)).simulate(hours=50, visits=VISITS).ready()
    played.demo = True
    with served(played) as site, sync_playwright() as driver:
        chromium = shutil.which("chromium")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1240}, locale="en-GB")
        page.route("**/api/v1/page*", _at_noon)
        page.goto(f"{site.url}/#window=24h")
        page.locator(".card .spark .line").nth(70).wait_for()
        page.screenshot(path=file)
        browser.close()
    assert file.stat().st_size < MOST_BYTES, f"{file} is too large to keep"


if __name__ == "__main__":
    take(Path(sys.argv[1]))
