"""Ads, social media, search, reviews, affiliates and markets, by SQL over all that was reported;
what orders are put down to, and promotions, by SQL over visits.

Of several reports with one id the latest stands, alone; but what was told more than
`report_kept_ms` after the one before is another.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import duckdb

from kpi_windows.definitions import Definitions
from tests.oracle.cubes import Series
from tests.oracle.kpis import MICRO, Answer, Asked, Formula, _net, _ratio, _share, _sum
from tests.oracle.log import CHOSEN, ORDER, SHOWN, Log, _ms, in_shop, insert, micros
from tests.oracle.windows import first_instant, wall

_TEXTS = (
    *("type", "id", "event_id", "source", "medium", "campaign", "banner", "purpose"),
    *("kind", "keyword", "network", "product", "affiliate"),
)
_COUNTS = (
    *("at_ms", "counted_ms", "impressions", "clicks", "conversions", "reactions", "comments"),
    *("shares", "followers", "rating", "spend", "revenue", "commission", "place"),
)
_IDS = {
    "ads_reported": "report_id",
    "marketing_spent": "report_id",
    "position_reported": "report_id",
    "social_reported": "report_id",
    "followers_counted": "network",
    "product_reviewed": "review_id",
    "affiliate_clicked": "click_id",
    "affiliate_sold": "sale_id",
    "market_sized": "market_id",
}
"""Type -> what names the report."""


def make(db: duckdb.DuckDBPyConnection, log: Log, definitions: Definitions) -> None:
    """All tables; those of visits must be there."""
    told = [event for event in log.marketing_events if event["type"] in _IDS]
    schema = dict.fromkeys(_TEXTS, "VARCHAR") | dict.fromkeys(_COUNTS, "BIGINT")
    insert(db, "reports", schema, [_row(event, definitions) for event in told])
    markets: dict[tuple[str, int], dict[str, Any]] = {}
    last: dict[str, tuple[int, int]] = {}  # market -> when it was told, and which one that was
    for event in sorted(told, key=lambda event: (event["at_ms"], event.get("event_id") or "")):
        if event["type"] == "market_sized":
            at_ms, number = last.get(event["market_id"], (event["at_ms"], 0))
            number += event["at_ms"] - at_ms > definitions.report_kept_ms
            last[event["market_id"]] = event["at_ms"], number
            markets[event["market_id"], number] = event
    insert(
        db,
        "market_days",
        {"market": "VARCHAR", "at_ms": "BIGINT", "size": "HUGEINT"},
        [row for event in markets.values() for row in _market_days(event, definitions)],
    )
    sql = _SQL.format(
        reach=definitions.attribution_ms,
        kept=definitions.report_kept_ms,
        ORDER=ORDER, SHOWN=SHOWN, CHOSEN=CHOSEN,
    )  # fmt: skip
    for statement in sql.split(";"):
        if statement.strip():
            db.execute(statement)


def _row(event: dict[str, Any], definitions: Definitions) -> dict[str, Any]:
    counted_ms = _ms(event.get("counted_at", event["at_ms"]))

    def shop(name: str) -> int:
        amount = micros(Decimal(event.get(name, 0)))
        return in_shop(amount, event.get("currency"), counted_ms, definitions)

    defaults: dict[str, Any] = {"medium": "cpc", "kind": "organic"}
    if event["type"] == "position_reported":
        defaults["impressions"] = 1
    row = {name: event.get(name, defaults.get(name)) or None for name in _TEXTS}
    row |= {name: event.get(name, defaults.get(name, 0)) for name in _COUNTS}
    row |= {name: shop(name) for name in ("spend", "revenue", "commission")}
    place = micros(Decimal(event.get("position", 0)) * row["impressions"])
    return row | {
        "id": event[_IDS[event["type"]]],
        "event_id": event.get("event_id") or "",
        "at_ms": event["at_ms"],
        "counted_ms": counted_ms,
        "product": event.get("product_id") or None,
        "place": place,
    }


def _market_days(event: dict[str, Any], definitions: Definitions) -> list[dict[str, Any]]:
    """The whole, evenly over the dates whose middle is in the period; at least one date."""
    zone, starts_ms, ends_ms = definitions.zone, _ms(event["starts"]), _ms(event["ends"])
    day, last = wall(zone, starts_ms).date(), wall(zone, ends_ms).date()
    days = []
    while day <= last:
        first_ms, next_ms = (first_instant(zone, day + timedelta(n)) for n in (0, 1))
        if starts_ms <= (first_ms + next_ms) // 2 < ends_ms:
            days.append(first_ms)
        day += timedelta(1)
    days = days or [first_instant(zone, wall(zone, starts_ms).date())]
    size = in_shop(micros(Decimal(event["size"])), event.get("currency"), starts_ms, definitions)
    rows, left = [], size
    for number, at_ms in enumerate(days):
        share = size * (number + 1) // len(days) - (size - left)
        left -= share
        rows.append({"market": event["market_id"], "at_ms": at_ms, "size": share})
    return rows


_SQL = """
CREATE TABLE standing_reports AS
SELECT * EXCLUDE (at_ms, counted_ms, medium, source, campaign, banner), at_ms AS told_ms,
    counted_ms AS at_ms, coalesce(source, 'direct') AS source,
    CASE WHEN r.medium IS NOT NULL THEN
            coalesce((SELECT m.medium FROM mediums m WHERE m.said = lower(r.medium)),
                lower(r.medium))
         WHEN source IS NOT NULL THEN 'referral' ELSE 'direct' END AS medium,
    coalesce(campaign, '(none)') AS campaign, coalesce(banner, '(none)') AS banner
FROM (
    SELECT * FROM reports
    QUALIFY coalesce(
        lead(at_ms) OVER (PARTITION BY type, id ORDER BY at_ms, event_id) - at_ms > {kept}, true)
) r;

CREATE TABLE ads AS SELECT * FROM standing_reports WHERE type = 'ads_reported';

CREATE TABLE spent AS
SELECT at_ms, coalesce(purpose, '(none)') AS purpose, spend
FROM standing_reports WHERE type = 'marketing_spent';

CREATE TABLE positions AS
SELECT at_ms, kind, coalesce(keyword, '(none)') AS keyword, impressions, place
FROM standing_reports WHERE type = 'position_reported';

CREATE TABLE social AS
SELECT at_ms, coalesce(network, '(none)') AS network, impressions, reactions, comments, shares
FROM standing_reports WHERE type = 'social_reported';

CREATE TABLE reviews AS
SELECT at_ms, coalesce(product, '(none)') AS product, 1 AS reviews, rating AS stars,
    (rating <= 2)::INT AS low
FROM standing_reports WHERE type = 'product_reviewed';

CREATE TABLE affiliate_facts AS
SELECT at_ms, coalesce(affiliate, '(none)') AS affiliate,
    (type = 'affiliate_clicked')::INT AS clicks,
    (type = 'affiliate_sold' AND revenue > 0)::INT AS orders, revenue, commission
FROM standing_reports WHERE type IN ('affiliate_clicked', 'affiliate_sold');

CREATE TABLE follower_counts AS
SELECT network, followers, at_ms, lead(at_ms) OVER (PARTITION BY network ORDER BY at_ms, event_id)
    AS until_ms
FROM reports WHERE type = 'followers_counted';

CREATE TABLE visit_promotions AS
SELECT visits.at_ms, p.promotion, 1 AS visits, p.clicked
FROM (
    SELECT visitor, visit, coalesce(promotion, '(none)') AS promotion,
        max((kind = {CHOSEN})::INT) AS clicked
    FROM numbered WHERE kind IN ({SHOWN}, {CHOSEN})
    GROUP BY ALL HAVING max((kind = {SHOWN})::INT) = 1
) p JOIN visits ON who = p.visitor AND visits.visit = p.visit;

CREATE TABLE attributed AS
SELECT o.at_ms, 1 AS orders, o.micros,
    if(near, t.source, v.source) AS source,
    if(near, t.medium, v.medium) AS medium,
    if(near, t.campaign, v.campaign) AS campaign
FROM (
    SELECT *, last_value(if(medium <> 'direct', visit, NULL) IGNORE NULLS)
        OVER (PARTITION BY who, life ORDER BY visit) AS touch
    FROM (
        SELECT who, visit, source, medium, campaign,
            sum((visitor = 'new')::INT) OVER (PARTITION BY who ORDER BY visit) AS life
        FROM visits
    )
) v
JOIN numbered o ON o.kind = {ORDER} AND o.visitor = v.who AND o.visit = v.visit
LEFT JOIN visits t ON t.who = v.who AND t.visit = v.touch,
LATERAL (SELECT coalesce(v.touch = v.visit OR o.at_ms - t.at_ms <= {reach}, false) AS near)
"""

# ---------------------------------------------------------------------------- formulas

_ADS = ("paid", "display")
_ORIGIN = {"source", "medium", "campaign"}


def _asked(q: Asked) -> set[str]:
    return {*q.by, *(q.where or {})}


def _roas(q: Asked) -> Answer:
    held = {} if "medium" in _asked(q) else {"medium": _ADS}
    return q.get("attributed", "micros", **held) * MICRO, q.get("ads", "spend") * MICRO


def _acquisition(q: Asked) -> Answer:
    ads = q.get("ads", "spend") * MICRO
    if _asked(q) & _ORIGIN:
        return ads, q.get("visit", "converted", visitor="new")
    return ads + q.get("spent", "spend") * MICRO, q.get("buyer", "orders", customer="new")


def _growth(of: Formula) -> Formula:
    def told(q: Asked) -> Answer:
        now, before = of(q), of(q.previous())
        assert isinstance(now, Series) and isinstance(before, Series)
        return now - before, before

    return told


def _made_of_posts(q: Asked) -> Series:
    return q.get("social", "reactions") + q.get("social", "comments") + q.get("social", "shares")


def _followers_gained(q: Asked) -> Series:
    return q.get("followers_end", "followers") - q.get("followers_start", "followers")


def _own_sales(q: Asked) -> Series:
    return _net(q, "order")


_spend = _sum("ads", "spend", MICRO)
_market = _sum("market", "size", MICRO)

KPIS: dict[str, dict[str, Formula]] = {
    "market_share": {
        "default": _ratio(_own_sales, _market),
        "market_size": _market,
        "sales_growth": _growth(_own_sales),
        "market_growth": _growth(_market),
    },
    "customer_acquisition_cost": {
        "default": _acquisition,
        "ad_spend": _spend,
        "other_spend": _sum("spent", "spend", MICRO),
        "new_customers": _sum("buyer", "orders", customer="new"),
    },
    "social_followers": {
        "default": _sum("followers_end", "followers"),
        "growth": _followers_gained,
        "growth_rate": _ratio(_followers_gained, _sum("followers_start", "followers")),
    },
    "return_on_ad_spend": {
        "default": _roas,
        "reported": _ratio(_sum("ads", "revenue", MICRO), _spend),
        "spend": _spend,
        "attributed_value": _sum("attributed", "micros", MICRO),
        "attributed_orders": _sum("attributed", "orders"),
    },
    "blended_roas": {
        "default": _ratio(_own_sales, _spend),
        "all_spend": lambda q: (
            _own_sales(q),
            (q.get("ads", "spend") + q.get("spent", "spend")) * MICRO,
        ),
    },
    "cost_per_click": {
        "default": _ratio(_spend, _sum("ads", "clicks")),
        "clicks": _sum("ads", "clicks"),
        "conversions_per_click": _share("ads", "conversions", "clicks"),
    },
    "social_engagement_rate": {
        "default": _ratio(_made_of_posts, _sum("followers_end", "followers")),
        "of_impressions": _ratio(_made_of_posts, _sum("social", "impressions")),
        "reactions": _sum("social", "reactions"),
        "comments": _sum("social", "comments"),
    },
    "average_position": {
        "default": _ratio(_sum("position", "place", MICRO), _sum("position", "impressions")),
        "impressions": _sum("position", "impressions"),
    },
    "product_reviews": {
        "default": _sum("review", "reviews"),
        "mean_rating": _share("review", "stars", "reviews"),
        "low_share": _share("review", "low", "reviews"),
    },
    "display_click_through_rate": {
        "default": _ratio(
            _sum("ads", "clicks", medium="display"), _sum("ads", "impressions", medium="display")
        ),
        "impressions": _sum("ads", "impressions", medium="display"),
    },
    "affiliate_performance": {
        "default": _sum("affiliate", "revenue", MICRO),
        "clicks": _sum("affiliate", "clicks"),
        "orders": _sum("affiliate", "orders"),
        "conversion": _share("affiliate", "orders", "clicks"),
        "commission": _sum("affiliate", "commission", MICRO),
    },
    "promotional_click_through_rate": {"default": _share("promotion", "clicked", "visits")},
    "social_shares": {"default": _sum("social", "shares")},
    "digital_ad_visitors": {"default": _sum("seen", "from_ads")},
}
