"""The guide's marketing KPIs of what others show and say: social media, search, reviews, affiliates.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from fractions import Fraction

from kpi_windows.amounts import Level, count, money
from kpi_windows.catalogue import tables
from kpi_windows.facts.marketing import AFFILIATE, FOLLOWERS, POSITION, REVIEW, SOCIAL
from kpi_windows.formula import Scale
from kpi_windows.kpi import Better, Kpi, Reading, Table, Unit

followers = Level(FOLLOWERS, "followers", "followers")
followers_before = Level(FOLLOWERS, "followers", "followers", at="start")
gained = followers - followers_before
reactions = count(SOCIAL, "reactions", "reactions")
comments = count(SOCIAL, "comments", "comments")
shares = count(SOCIAL, "shares", "shares")
reviews = count(REVIEW, "reviews", "reviews")
affiliate_orders = count(AFFILIATE, "orders", "orders brought by affiliates")
affiliate_clicks = count(AFFILIATE, "clicks", "clicks sent by affiliates")

SOCIAL_FOLLOWERS = Kpi(
    id="social_followers",
    title="Social followers",
    aliases=("Sociale volgers en fans", "Followers and fans"),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=followers,
    by=("network",),
    beside={
        "growth": Reading(gained, Unit.COUNT, note="Gained less lost in the window."),
        "growth_rate": Reading(gained / followers_before, Unit.RATIO),
    },
    note="By the last count of each network; who follows in two networks counts twice. A network's "
    "first count is growth too.",
)

SOCIAL_ENGAGEMENT_RATE = Kpi(
    id="social_engagement_rate",
    title="Social media engagement rate",
    aliases=("Social media betrokkenheid", "Engagement rate"),
    group="marketing",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=(reactions + comments + shares) / followers,
    by=("network",),
    definitions={
        "of_impressions": Reading(
            (reactions + comments + shares) / count(SOCIAL, "impressions", "impressions of posts"),
            Unit.RATIO,
        ),
    },
    beside={
        "reactions": Reading(reactions, Unit.COUNT),
        "comments": Reading(comments, Unit.COUNT),
    },
    note="Reactions, comments and shares in the window, by followers at its end. Longer windows "
    "have more of them: compare equal ones.",
)

AVERAGE_POSITION = Kpi(
    id="average_position",
    title="Average position",
    aliases=("Gemiddelde positie",),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.LOWER,
    formula=Scale(
        count(POSITION, "position_micros", "positions times impressions"), Fraction(1, 1_000_000)
    )
    / count(POSITION, "impressions", "impressions in search results"),
    by=("kind", "keyword"),
    beside={
        "impressions": Reading(
            count(POSITION, "impressions", "impressions in search results"), Unit.COUNT
        ),
    },
    note="Among the results of a search, 1 is the first; each keyword weighs as much as it was "
    "shown. By `kind`: organic or paid.",
)

PRODUCT_REVIEWS = Kpi(
    id="product_reviews",
    title="Product reviews",
    aliases=(
        "Beoordelingen, aantal en kwaliteit",
        "Aantal en kwaliteit van productbeoordelingen",
    ),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=reviews,
    by=("product",),
    beside={
        "mean_rating": Reading(
            count(REVIEW, "stars", "stars") / reviews, Unit.SCORE, note="1 to 5 stars."
        ),
        "low_share": Reading(
            count(REVIEW, "low", "reviews with one or two stars") / reviews, Unit.RATIO
        ),
    },
    note="A review that is written anew counts once, as it stands and when it was rewritten.",
)

AFFILIATE_PERFORMANCE = Kpi(
    id="affiliate_performance",
    title="Affiliate performance",
    aliases=("Affiliate-prestaties",),
    group="marketing",
    unit=Unit.MONEY,
    better=Better.HIGHER,
    formula=money(AFFILIATE, "revenue_micros", "revenue brought by affiliates"),
    by=("affiliate",),
    beside={
        "clicks": Reading(affiliate_clicks, Unit.COUNT),
        "orders": Reading(affiliate_orders, Unit.COUNT),
        "conversion": Reading(
            affiliate_orders / affiliate_clicks,
            Unit.RATIO,
            note="An order needn't name its click: each counts at its own time.",
        ),
        "commission": Reading(
            money(AFFILIATE, "commission_micros", "commission of affiliates"), Unit.MONEY
        ),
    },
    table=Table(tables.AFFILIATES, tables.affiliates),
    note="As the affiliates' network tells it. The table has all of it for each affiliate, by "
    "revenue. A sale that is told again with a revenue of 0 is no order any more.",
)

SOCIAL_SHARES = Kpi(
    id="social_shares",
    title="Social shares",
    aliases=("Gedeeld op sociale media",),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=shares,
    by=("network",),
    note="How often posts were passed on, as the networks report.",
)
