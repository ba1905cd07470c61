"""Clicks of a known number of visitors at a steady rate, for benchmarks: no stories, no heap.

Visitors come in turns: at any time a moving window of them is active, each of its visitors now
and then, so that visits begin and end as the window goes by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.simulator.catalogue import PRODUCTS
from streams.simulator.options import MINUTE_MS
from streams.simulator.stage import Moment, Stage

_VISIT_MS = 5 * MINUTE_MS
_SECONDS_BETWEEN = 25
_GAP_MS = 30 * MINUTE_MS
_SOURCES: tuple[dict[str, str], ...] = (
    {},
    {"source": "google", "medium": "organic"},
    {"source": "google", "medium": "cpc", "campaign": "brand"},
    {"source": "newsletter", "medium": "email", "campaign": "weekly"},
    {"source": "instagram", "medium": "social"},
)
_DEVICES = ("mobile", "desktop", "mobile", "tablet", "desktop", "mobile", "desktop")


def clicks(stage: Stage, start_ms: int, end_ms: int) -> Iterator[Moment]:
    """Page views, link clicks and heartbeats in order of time."""
    draw, options, truth = stage.draw, stage.options, stage.truth
    count = options.visitors
    rate = options.click_rate
    step_ms = 1000.0 / rate
    window = max(1, min(count, int(rate * _SECONDS_BETWEEN)))
    last_ms = [-1] * count
    kinds = {"page_viewed": 0, "link_clicked": 0, "heartbeat": 0}
    sent = 0
    while True:
        at_ms = start_ms + int(sent * step_ms)
        if at_ms >= end_ms:
            return
        base = int((at_ms - start_ms) * window / _VISIT_MS)
        number = (base + int(draw() * window)) % count
        event = _click(f"v-{number}", number, at_ms, draw())
        yield (at_ms, "clickstream", f"v-{number}".encode(), event)
        sent += 1
        before = last_ms[number]
        if before < 0 or at_ms - before > _GAP_MS:
            truth.count("visits", at_ms)
            truth.count("visits_new" if before < 0 else "visits_returning", at_ms)
        last_ms[number] = at_ms
        kinds[event["type"]] += 1
        truth.total["events"] = sent
        truth.total["page_views"] = kinds["page_viewed"]


def _click(visitor_id: str, number: int, at_ms: int, drawn: float) -> dict[str, Any]:
    product = PRODUCTS[int(drawn * 997) % len(PRODUCTS)]
    event: dict[str, Any] = {
        "type": "page_viewed",
        "timestamp": at_ms,
        "visitor_id": visitor_id,
        "device": _DEVICES[number % 7],
        **_SOURCES[number % 5],
        "page": product.page,
    }
    if drawn < 0.78:
        event["page_type"] = "product"
        event["product_id"] = product.id
        event["category"] = product.category
    elif drawn < 0.9:
        event["type"] = "heartbeat"
    else:
        event["type"] = "link_clicked"
        event["place"] = "site"
    return event
