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
_SEARCHES: tuple[tuple[str, Origin, tuple[str, ...], int, int], ...] = (
    ("organic", ("google", "organic", None), _KEYWORDS, 24, 21),
    ("organic", ("bing", "organic", None), ("kitchen knife", "gift ideas"), 15, 12),
    ("paid", ("google", "cpc", "garden-sale"), ("garden chair", "garden hose"), 35, 13),
)
"""Kind, where the visits come from, keywords, impressions for a visit, best position in tenths."""


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
    """By the hour, of the searches that brought somebody."""
    at_ms = start_ms
    while True:
        at_ms = next_tick(at_ms, HOUR_MS)
        yield until(at_ms)
        hour = at_ms // HOUR_MS - 1
        if hour not in stage.books.hours:
            continue
        for kind, origin, keywords, shown, best in _SEARCHES:
            visits, count = stage.books.of(hour, "visits", *origin), len(keywords)
            for number, keyword in enumerate(keywords):
                clicks = visits * (number + 1) // count - visits * number // count
                if clicks:
                    told = {"kind": kind, "keyword": keyword, "impressions": clicks * shown}
                    tenths = best + (hour * 13 + number * 29) % 60
                    yield _position(stage, at_ms, hour, origin, {**told, "position": tenths / 10})


def _position(stage: Stage, at_ms: int, hour: int, origin: Origin, told: dict[str, Any]) -> Moment:
    keyword = told["keyword"].replace(" ", "-")
    report_id = f"{stage.run}/{origin[0]}/{told['kind']}/{keyword}/{hour_name(hour)}"
    event = {
        "type": "position_reported",
        "timestamp": at_ms,
        "report_id": report_id,
        "counted_at": hour * HOUR_MS,
        **told,
    }
    return (at_ms, "marketing", report_id.encode(), event)
