"""A small shop whose numbers are known, visible and served on a free port."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS, Definitions
from streams.exporter import exporter_app
from streams.follower import Seen, Whole
from streams.offline import Report, compute
from streams.servers import Exporter
from streams.settings import Kafka, Settings
from streams.site import serve

NOON_MS = 1_767_268_800_000
"""2026-01-01T12:00:00Z."""


def page(visitor: str, at_ms: int, **more: Any) -> dict[str, Any]:
    return {
        "topic": "clickstream",
        "type": "page_viewed",
        "visitor_id": visitor,
        "timestamp": at_ms,
        **more,
    }


def order(number: int, at_ms: int, price: str = "10.00", **more: Any) -> dict[str, Any]:
    return {
        "topic": "orders",
        "type": "order_completed",
        "order_id": f"o{number}",
        "timestamp": at_ms,
        "products": [{"product_id": "tea", "price": price, "quantity": 2}],
        **more,
    }


def small_shop() -> list[dict[str, Any]]:
    """Four visits today (one with an order of 20, one from yesterday's visitor), 1 yesterday."""
    return [
        page("a", NOON_MS - DAY_MS, source="google", device="mobile"),
        page("a", NOON_MS - 3 * HOUR_MS, source="google", device="mobile"),
        page("b", NOON_MS - 2 * HOUR_MS, source="bing", device="desktop"),
        page("c", NOON_MS - HOUR_MS, source="google", device="desktop"),
        page("c", NOON_MS - HOUR_MS + MINUTE_MS, source="google", device="desktop"),
        order(1, NOON_MS - HOUR_MS + 2 * MINUTE_MS, visitor_id="c", channel="online"),
        page("d", NOON_MS, device="mobile"),
    ]


def write_lines(file: Path, events: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return file


def whole_of(
    folder: Path, events: list[dict[str, Any]], exporter: Exporter | None = None
) -> tuple[Whole, Report]:
    """All that is visible once these events are in, ready."""
    settings = Settings(
        definitions=Definitions(), kafka=Kafka(partitions=1), exporter=exporter or Exporter()
    )
    whole = Whole(settings, now_ms=lambda: NOON_MS)
    view, report = compute([write_lines(folder / "events.jsonl", events)], settings.definitions)
    whole.view = view
    whole.seen = {p: Seen(checkpoint, NOON_MS) for p, checkpoint in view.checkpoints.items()}
    whole.catch_up(0)
    return whole, report


@contextmanager
def served(whole: Whole) -> Iterator[str]:
    """The exporter over it, on a free port of this machine."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    opening = serve(exporter_app(whole), "127.0.0.1", 0)
    site = asyncio.run_coroutine_threadsafe(opening, loop).result(10)
    try:
        yield site.url
    finally:
        asyncio.run_coroutine_threadsafe(site.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
