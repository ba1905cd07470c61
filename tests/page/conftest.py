"""Chromium, driven without a window; each test's page must leave no error behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.page.shop import Played, Served, served

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
MISSING = "the page's tests need Chromium: `apt install chromium` on Debian"
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)

Open = Callable[..., Page]
Serve = Callable[[Played], Served]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever opens a page is marked `browser`."""
    for item in items:
        if "open_page" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Of a module, not of the session: its driver keeps a loop running in this thread."""
    if CHROMIUM is None:
        pytest.skip(MISSING)
    with sync_playwright() as driver:
        args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=args)
        yield browser
        browser.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a shop until the test's pages are closed: they ask for as long as they are open."""
    with ExitStack() as sites:
        yield lambda played: sites.enter_context(served(played))


@pytest.fixture
def open_page(chromium: Browser, serve: Serve) -> Iterator[Open]:
    """Opens an address in a browser of its own; no error may be on its console in the end."""
    errors: list[str] = []
    contexts: list[Any] = []

    def heard(told: Any) -> None:
        if told.type in ("error", "warning"):
            errors.append(f"{told.location['url']}: {told.text}")

    def opened(address: str, *, width: int = 1280, height: int = 900, **options: Any) -> Page:
        options.setdefault("locale", "en-GB")
        viewport: Any = {"width": width, "height": height}
        context = chromium.new_context(viewport=viewport, reduced_motion="reduce", **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(f"uncaught: {error}"))
        page.on("console", heard)
        page.errors = errors  # type: ignore[attr-defined]
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not errors, "\n".join(errors)


@pytest.fixture(scope="module")
def shop() -> Iterator[Served]:
    """Two days of the simulated shop, until noon; nothing comes any more."""
    with served(Played().simulate(hours=50, visits=25).ready()) as site:
        yield site
