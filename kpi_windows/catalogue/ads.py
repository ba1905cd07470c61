"""The guide's KPIs of advertising: what ads cost, what they bring, and who came by them.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from kpi_windows.amounts import DistinctCount, count, money, where_of
from kpi_windows.catalogue.terms import ORIGIN, net
from kpi_windows.facts.marketing import ADS, SPENT
from kpi_windows.facts.visits import ATTRIBUTED, PROMOTION, VISITOR
from kpi_windows.kpi import Better, Instead, Kpi, Reading, Unit
from kpi_windows.mediums import AD_MEDIUMS, DISPLAY

AD = (*ORIGIN, "banner")

ad_spend = money(ADS, "spend_micros", "ad spend")
other_spend = money(SPENT, "spend_micros", "other marketing spend")
ad_clicks = count(ADS, "clicks", "clicks on ads")
attributed = money(ATTRIBUTED, "value_micros", "value of orders put down to a visit")
attributed_to_ads = money(
    ATTRIBUTED, "value_micros", "value of orders put down to a visit from an ad", medium=AD_MEDIUMS
)
banner_clicks = count(ADS, "clicks", "clicks on banners", medium=DISPLAY)
banner_impressions = count(ADS, "impressions", "impressions of banners", medium=DISPLAY)

RETURN_ON_AD_SPEND = Kpi(
    id="return_on_ad_spend",
    title="Return on ad spend",
    aliases=("ROAS", "Return on ad spend (ROAS)"),
    group="marketing",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=attributed_to_ads / ad_spend,
    by=("source", "campaign"),
    instead=(Instead(ORIGIN, attributed / ad_spend),),
    definitions={
        "reported": Reading(
            money(ADS, "revenue_micros", "revenue reported by ad networks") / ad_spend,
            Unit.RATIO,
            AD,
            note="Revenue as the ad networks attribute it; several may claim one order.",
        ),
    },
    beside={
        "spend": Reading(ad_spend, Unit.MONEY, AD),
        "attributed_value": Reading(
            attributed, Unit.MONEY, ORIGIN, note="Of all orders with a visitor, from any medium."
        ),
        "attributed_orders": Reading(
            count(ATTRIBUTED, "orders", "orders put down to a visit"), Unit.COUNT, ORIGIN
        ),
    },
    note="An order (gross − discounts, when it is placed) is put down to its own visit or, when "
    "that was direct, to the last visit within 30 days (`attribution_ms`) that wasn't; a refund "
    "doesn't change it, and an order without a `visitor_id` is put down to nothing. Ads are the "
    "mediums `paid` and `display`, while all spend that is reported counts; by `medium`, every "
    "medium has its own orders and spend. Spend and orders count at their own times, and without "
    "any spend there is no value.",
    source="Last non-direct click, as in Google Analytics",
)

BLENDED_ROAS = Kpi(
    id="blended_roas",
    title="Blended return on ad spend",
    aliases=("Blended ROAS", "Marketing efficiency ratio"),
    group="marketing",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=net / ad_spend,
    definitions={
        "all_spend": Reading(
            net / (ad_spend + other_spend),
            Unit.RATIO,
            note="Other marketing spend (agencies, wages, events) counts as well.",
        ),
    },
    note="All net sales, whatever brought them, by the spend on all ads. A refund counts at its "
    "own time, so that it may lower a later window.",
)

COST_PER_CLICK = Kpi(
    id="cost_per_click",
    title="Cost per click",
    aliases=("CPC", "Kosten per klik", "Kosten per klik (CPC)"),
    group="marketing",
    unit=Unit.MONEY,
    better=Better.LOWER,
    formula=ad_spend / ad_clicks,
    by=AD,
    beside={
        "clicks": Reading(ad_clicks, Unit.COUNT),
        "conversions_per_click": Reading(
            count(ADS, "conversions", "conversions reported by ad networks") / ad_clicks,
            Unit.RATIO,
            note="May be above 1: networks count conversions of people who only saw the ad.",
        ),
    },
    note="Spend on ads that are paid by impression is in it too. Clicks are the ad network's.",
)

DISPLAY_CLICK_THROUGH_RATE = Kpi(
    id="display_click_through_rate",
    title="Display click-through rate",
    aliases=("Banner- of display-CTR", "Banners of display-advertenties CTR"),
    group="marketing",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=banner_clicks / banner_impressions,
    by=("source", "campaign", "banner"),
    beside={"impressions": Reading(banner_impressions, Unit.COUNT)},
    note="Of ads with medium `display` (banner, cpm), by impressions, not by people.",
)

PROMOTIONAL_CLICK_THROUGH_RATE = Kpi(
    id="promotional_click_through_rate",
    title="Promotional click-through rate",
    aliases=("Promotionele click-through rates", "Promotionele CTR"),
    group="marketing",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=count(PROMOTION, "clicked", "visits that clicked a promotion they saw")
    / count(PROMOTION, "visits", "visits, by each promotion they saw"),
    by=("promotion",),
    matures_after="visit_gap_ms",
    note="A visit and a promotion count once, at the visit's start, however often it was shown or "
    "clicked. A click without a view doesn't count.",
)

DIGITAL_AD_VISITORS = Kpi(
    id="digital_ad_visitors",
    title="Unique visitors from digital ads",
    aliases=("Unieke bezoekers via digitale advertenties",),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=DistinctCount(
        VISITOR, "seen", "different visitors from digital ads", where_of({"medium": AD_MEDIUMS})
    ),
    by=("device",),
    note="Mediums `paid` (clicks paid for in search and social media) and `display`. Exact up to "
    "2,048, then within about 0.8 %.",
)
