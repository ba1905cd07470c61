"""Others who talk about the shop: social networks, reviewers and affiliates.

It must not know why visitors came or bought; it tells what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.simulator.ads import TICK_MS
from streams.simulator.chance import Choice, wait_ms
from streams.simulator.options import HOUR_MS
from streams.simulator.rhythm import hour_name, next_tick
from streams.simulator.stage import Moment, Stage, Story, until

DAY_MS = 24 * HOUR_MS
_NETWORKS = {"instagram": 12_400, "pinterest": 4_300}
"""By network where visits come from: who followed the shop when it began."""
_STARS = Choice({5: 48, 4: 27, 3: 11, 2: 6, 1: 8})
AFFILIATES = Choice({"dealhunter": 60, "couponclub": 25, "giftguide": 15})
_COMMISSION = 6


def followers(stage: Stage, start_ms: int) -> Story:
    """A count by network at the beginning, and every hour that changed it."""
    counts = dict(_NETWORKS)
    for number, network in enumerate(counts):
        yield _followers(network, counts[network], start_ms + number)
    at_ms = start_ms
    while True:
        at_ms = next_tick(at_ms, HOUR_MS)
        yield until(at_ms)
        for network, count in counts.items():
            visits = stage.books.of(at_ms // HOUR_MS - 1, "visits", network, "social", None)
            counts[network] = count + visits // 3 - int(stage.aside() * min(visits, 4))
            if counts[network] != count:
                yield _followers(network, counts[network], at_ms)


def _followers(network: str, count: int, at_ms: int) -> Moment:
    event = {
        "type": "followers_counted",
        "timestamp": at_ms,
        "network": network,
        "followers": count,
    }
    return (at_ms, "marketing", network.encode(), event)


def social(stage: Stage, start_ms: int) -> Story:
    """What was made of posts, by the hour and network, sent again as it grows."""
    at_ms = start_ms
    told: dict[str, int] = {}
    while True:
        at_ms = next_tick(at_ms, TICK_MS)
        yield until(at_ms)
        hour = at_ms // HOUR_MS
        for each in (hour - 1, hour):
            if each not in stage.books.hours:
                continue
            for network in _NETWORKS:
                report_id = f"{stage.run}/{network}/{hour_name(each)}"
                visits = stage.books.of(each, "visits", network, "social", None)
                if visits == told.get(report_id, 0):
                    continue
                told[report_id] = visits
                yield _posts(report_id, network, each, at_ms, visits)
        of_now = (hour_name(hour), hour_name(hour - 1))
        told = {name: visits for name, visits in told.items() if name.endswith(of_now)}


def _posts(report_id: str, network: str, hour: int, at_ms: int, visits: int) -> Moment:
    event = {
        "type": "social_reported",
        "timestamp": at_ms,
        "report_id": report_id,
        "counted_at": hour * HOUR_MS,
        "network": network,
        "impressions": 42 * visits,
        "reactions": 3 * visits,
        "comments": (visits + 1) // 2,
        "shares": (visits + 2) // 3,
    }
    return (at_ms, "marketing", report_id.encode(), event)


def affiliate_came(stage: Stage, affiliate: str, at_ms: int) -> Iterator[Moment]:
    """Somebody whom an affiliate sent is here."""
    click_id = f"k-{stage.number()}"
    event = {
        "type": "affiliate_clicked",
        "timestamp": at_ms,
        "click_id": click_id,
        "affiliate": affiliate,
    }
    yield (at_ms, "marketing", click_id.encode(), event)
    stage.truth.count("affiliate_clicks", at_ms)


def affiliate_sold(
    stage: Stage, affiliate: str, sale_id: str, cents: int, at_ms: int, ordered_ms: int
) -> Iterator[Moment]:
    """An order that an affiliate brought; told again with 0 cents when it is cancelled."""
    event: dict[str, Any] = {
        "type": "affiliate_sold",
        "timestamp": at_ms,
        "sale_id": sale_id,
        "affiliate": affiliate,
        "revenue": cents / 100,
        "commission": cents * _COMMISSION // 100 / 100,
        "counted_at": ordered_ms,
    }
    yield (at_ms, "marketing", sale_id.encode(), event)
    stage.truth.count("affiliate_sales" if cents else "affiliate_sales_cancelled", at_ms)


def review(stage: Stage, product_id: str, at_ms: int) -> Iterator[Moment]:
    """Some time after an order; now and then somebody changes his mind."""
    aside = stage.aside
    at_ms += wait_ms(aside, 6 * HOUR_MS, 6 * DAY_MS)
    review_id = f"w-{stage.number()}"
    event: dict[str, Any] = {
        "type": "product_reviewed",
        "review_id": review_id,
        "product_id": product_id,
    }
    for again in (False, True):
        if again and aside() > 0.1:
            return
        at_ms += wait_ms(aside, HOUR_MS, DAY_MS) if again else 0
        told = {**event, "timestamp": at_ms, "rating": _STARS.of(aside)}
        yield (at_ms, "marketing", review_id.encode(), told)
        stage.truth.count("reviews_changed" if again else "reviews", at_ms)
