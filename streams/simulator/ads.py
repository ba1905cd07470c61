"""What ads cost and brought, as the networks report it; and where the shop stands in searches.

A report is of an hour and grows with it: told every quarter of it, and corrected once it is over.
Its clicks are the visits that came by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from streams.simulator.books import Books, Origin
from streams.simulator.options import HOUR_MS, MINUTE_MS
from streams.simulator.rhythm import hour_name, next_tick
from streams.simulator.stage import Moment, Stage, Story, until

TICK_MS = 15 * MINUTE_MS
_SPENT_MS = 12 * HOUR_MS
_AGENCY_CENTS = 45


class Campaign(NamedTuple):
    """Ads under way: how often they are shown for a click, and what that costs."""

    origin: Origin
    shown: int
    cents: int
    banners: tuple[str | None, ...] = (None,)


_CAMPAIGNS = (
    Campaign(("google", "cpc", "brand"), 12, 22),
    Campaign(("google", "cpc", "garden-sale"), 35, 41),
    Campaign(("meta", "paid_social", "new-kitchen"), 80, 33),
    Campaign(("adnet", "display", "retarget"), 220, 27, ("300x250", "728x90")),
)
PAID = frozenset(campaign.origin for campaign in _CAMPAIGNS)
"""Where visits that are paid for come from."""
_KEYWORDS = ("garden chair", "kitchen knife", "gift ideas", "camping mat", "wool throw")


class Search(NamedTuple):
    """What people search for, how often the shop is shown for a visit, its best place in tenths."""

    kind: str
    origin: Origin
    keywords: tuple[str, ...]
    shown: int
    best: int


_SEARCHES = (
    Search("organic", ("google", "organic", None), _KEYWORDS, 24, 21),
    Search("organic", ("bing", "organic", None), ("kitchen knife", "gift ideas"), 15, 12),
    Search("paid", ("google", "cpc", "garden-sale"), ("garden chair", "garden hose"), 35, 13),
)


def ads(stage: Stage, start_ms: int) -> Story:
    """Reports of ads by source, medium and campaign, sent again as their sums grow."""
    at_ms = start_ms
    told: dict[str, tuple[int, ...]] = {}
    while True:
        at_ms = next_tick(at_ms, TICK_MS)
        yield until(at_ms)
        hour = at_ms // HOUR_MS
        for each in (hour - 1, hour):
            if each in stage.books.hours:
                for campaign in _CAMPAIGNS:
                    yield from _reports(stage, campaign, each, at_ms, told)
        of_now = (hour_name(hour), hour_name(hour - 1))
        told = {name: sums for name, sums in told.items() if name.endswith(of_now)}
        stage.books.forget(hour - 2)


def _reports(
    stage: Stage, campaign: Campaign, hour: int, at_ms: int, told: dict[str, tuple[int, ...]]
) -> Iterator[Moment]:
    source, medium, name = campaign.origin
    sums = _sums(stage.books, campaign.origin, hour)
    if not any(sums):
        return
    count = len(campaign.banners)
    for number, banner in enumerate(campaign.banners):
        clicks, orders, cents = (s * (number + 1) // count - s * number // count for s in sums)
        report_id = "/".join(filter(None, (stage.run, source, name, banner, hour_name(hour))))
        corrected = at_ms >= (hour + 1) * HOUR_MS + TICK_MS
        now = (clicks, orders, cents, int(corrected))
        if told.get(report_id, (0, 0, 0, now[3])) == now:
            continue
        told[report_id] = now
        dear = campaign.cents * (90 + hour * 7 % 21) // 100
        event: dict[str, Any] = {
            "type": "ads_reported",
            "timestamp": at_ms,
            "report_id": report_id,
            "counted_at": hour * HOUR_MS,
            "source": source,
            "medium": medium,
            "campaign": name,
            "impressions": clicks * (campaign.shown - hour % 5) + number,
            "clicks": clicks,
            "spend": clicks * dear * (98 if corrected else 100) / 10_000,
            "conversions": orders,
            "revenue": cents / 100,
        }
        if banner is not None:
            event["banner"] = banner
        yield (at_ms, "marketing", report_id.encode(), event)
        stage.truth.count("ad_reports", at_ms)


def _sums(books: Books, origin: Origin, hour: int) -> tuple[int, int, int]:
    """Clicks, orders and what these brought, in cents."""
    kinds = ("visits", "orders", "cents")
    clicks, orders, cents = (books.of(hour, kind, *origin) for kind in kinds)
    return clicks, orders, cents


def spending(stage: Stage, start_ms: int) -> Story:
    """What the agency costs, twice a day."""
    at_ms = start_ms + 10 * MINUTE_MS
    while True:
        report_id = f"{stage.run}/agency/{hour_name(at_ms // HOUR_MS)}"
        cents = int(_AGENCY_CENTS * stage.options.hourly_visits)
        event = {
            "type": "marketing_spent",
            "timestamp": at_ms,
            "report_id": report_id,
            "purpose": "agency",
            "spend": cents / 100,
        }
        yield (at_ms, "marketing", report_id.encode(), event)
        stage.truth.count("other_spend_cents", at_ms, cents)
        at_ms += _SPENT_MS


def positions(stage: Stage, start_ms: int) -> Story:
    """Of the searches that brought somebody, by the hour, sent again as it grows."""
    at_ms = start_ms
    told: dict[str, int] = {}
    while True:
        at_ms = next_tick(at_ms, TICK_MS)
        yield until(at_ms)
        hour = (at_ms - 1) // HOUR_MS
        if hour in stage.books.hours:
            for search in _SEARCHES:
                yield from _found(stage, search, hour, at_ms, told)
        told = {name: clicks for name, clicks in told.items() if name.endswith(hour_name(hour))}


def _found(
    stage: Stage, search: Search, hour: int, at_ms: int, told: dict[str, int]
) -> Iterator[Moment]:
    """The keywords take the visits in turn."""
    visits, count = stage.books.of(hour, "visits", *search.origin), len(search.keywords)
    for number, keyword in enumerate(search.keywords):
        clicks = (visits + count - 1 - number) // count
        name = f"{search.origin[0]}/{search.kind}/{keyword.replace(' ', '-')}"
        report_id = f"{stage.run}/{name}/{hour_name(hour)}"
        if clicks == told.get(report_id, 0):
            continue
        told[report_id] = clicks
        event = {
            "type": "position_reported",
            "timestamp": at_ms,
            "report_id": report_id,
            "counted_at": hour * HOUR_MS,
            "kind": search.kind,
            "keyword": keyword,
            "impressions": clicks * search.shown,
            "position": (search.best + (hour * 13 + number * 29) % 60) / 10,
        }
        yield (at_ms, "marketing", report_id.encode(), event)
