"""Ads, social media, search, reviews, affiliates and markets as transcripts: what a shop and its
networks send, until when it is known, and the value."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import DAY_MS, MINUTE_MS, Definitions, Rate
from kpi_windows.mediums import AD_MEDIUMS, medium_of
from kpi_windows.view import Value
from tests.kpi_windows.shops import ZONE, at
from tests.oracle.drive import Drive, Sent

MONDAY, TUESDAY, NOON, EVENING = (
    f"2024-03-{when}" for when in ("04 10:00", "05 10:00", "05 12:00", "05 18:00")
)
TOPIC = {
    **dict.fromkeys(("page_viewed", "promotion_viewed", "promotion_clicked"), "clickstream"),
    **dict.fromkeys(("order_completed", "order_refunded"), "orders"),
}
AD = {"source": "google", "medium": "cpc", "campaign": "brand"}


class Shop:
    """A shop of two partitions: a visitor, an order and a report may be apart."""

    def __init__(self) -> None:
        self.drive = Drive(Definitions(zone=ZONE, default_lateness_ms=40 * DAY_MS), 2)

    def says(self, kind: str, when: str | int, /, **fields: Any) -> None:
        """Sends an event; its key is the first field."""
        at_ms = at(when) if isinstance(when, str) else when
        topic = TOPIC.get(kind, "marketing")
        value = msgspec.json.encode({"type": kind, "timestamp": at_ms, **fields})
        key = str(next(iter(fields.values()))).encode()
        self.drive.send([Sent(topic, key, value, at_ms)])

    def visits(self, when: str | int, who: str, **origin: str) -> None:
        self.says("page_viewed", when, visitor_id=who, page="/", **origin)

    def orders(self, when: str | int, number: str, price: int, **fields: Any) -> None:
        products = [{"product_id": "p", "price": price}]
        self.says("order_completed", when, order_id=number, products=products, **fields)

    def reports(self, when: str, report: str = "r", **sums: Any) -> None:
        self.says("ads_reported", when, report_id=report, **sums)

    def told(
        self, kpi: str, name: str = "default", window: str = "day", *, until: str = EVENING,
        **asked: Any,
    ) -> list[Value]:  # fmt: skip
        self.drive.send_clocks(at(until))
        self.drive.run()
        assert not self.drive.dead
        return self.drive.view.evaluate(CATALOGUE[kpi], window, definition=name, **asked)

    def value(self, kpi: str, name: str = "default", **asked: Any) -> float | None:
        [told] = self.told(kpi, name, **asked)
        return told.value


@pytest.fixture
def shop() -> Shop:
    return Shop()


# ---------------------------------------------------------------------------- ads


def test_return_on_ad_spend_takes_orders_of_ad_visits_and_of_direct_ones_after(shop: Shop) -> None:
    shop.reports(TUESDAY, **AD, spend="20")
    shop.visits(MONDAY, "ann", **AD)
    shop.visits(TUESDAY, "ann")
    shop.orders(TUESDAY, "o1", 70, visitor_id="ann")
    shop.visits(TUESDAY, "bob", source="bing", medium="display")
    shop.orders(TUESDAY, "o2", 30, visitor_id="bob")
    shop.visits(TUESDAY, "cas", source="news", medium="email")
    shop.orders(TUESDAY, "o3", 500, visitor_id="cas")
    shop.orders(TUESDAY, "o4", 900)  # in the store
    assert shop.value("return_on_ad_spend") == 5
    assert shop.value("return_on_ad_spend", where={"campaign": "brand"}) == 3.5
    assert shop.value("return_on_ad_spend", "attributed_value") == 600
    assert shop.value("return_on_ad_spend", "attributed_orders", where={"medium": "email"}) == 1
    assert shop.value("blended_roas") == 75


def test_spend_without_revenue_returns_0_and_revenue_without_spend_has_no_return(
    shop: Shop,
) -> None:
    shop.reports(TUESDAY, "dear", **AD, spend="20")
    shop.visits(TUESDAY, "ann", source="bing", medium="cpc", campaign="free")
    shop.orders(TUESDAY, "o1", 70, visitor_id="ann")
    by_campaign = {
        v.labels["campaign"]: v.value for v in shop.told("return_on_ad_spend", by=("campaign",))
    }
    assert by_campaign == {"brand": 0, "free": None}
    assert shop.value("return_on_ad_spend", where={"campaign": "free"}) is None
    assert shop.value("blended_roas", window="1h") is None, "nothing was spent in this hour"


def test_a_medium_has_its_own_return_on_its_own_spend(shop: Shop) -> None:
    shop.reports(TUESDAY, "boosted", source="insta", medium="social", spend="10")
    shop.visits(TUESDAY, "ann", source="insta", medium="social")
    shop.orders(TUESDAY, "o1", 40, visitor_id="ann")
    assert shop.value("return_on_ad_spend", where={"medium": "social"}) == 4
    assert shop.value("return_on_ad_spend") == 0, "social is no medium of ads"


def test_a_campaign_may_report_more_conversions_than_clicks(shop: Shop) -> None:
    shop.reports(TUESDAY, **AD, clicks=4, conversions=6, spend="10", revenue="90")
    assert shop.value("cost_per_click", "conversions_per_click") == 1.5
    assert shop.value("cost_per_click") == 2.5
    assert shop.value("return_on_ad_spend", "reported") == 9
    assert shop.value("return_on_ad_spend") == 0, "as the shop sees it"


def test_ads_that_nobody_clicked_have_no_cost_per_click(shop: Shop) -> None:
    shop.reports(TUESDAY, impressions=1_000, spend="10")
    assert shop.value("cost_per_click") is None


def test_a_refund_after_the_period_changes_the_later_blended_return_only(shop: Shop) -> None:
    shop.reports(MONDAY, "mon", **AD, spend="20")
    shop.reports(TUESDAY, "tue", **AD, spend="20")
    shop.visits(MONDAY, "ann", **AD)
    shop.orders(MONDAY, "o1", 100, visitor_id="ann")
    shop.says("order_refunded", TUESDAY, refund_id="f", order_id="o1", amount=40)
    assert shop.value("return_on_ad_spend") == 0
    assert shop.value("blended_roas") == -2
    assert shop.value("return_on_ad_spend", previous=True) == 5
    assert shop.value("return_on_ad_spend", window="week") == 2.5
    assert shop.value("blended_roas", window="week") == 1.5


def test_a_correction_of_yesterdays_report_moves_yesterday_alone(shop: Shop) -> None:
    yesterday = {"counted_at": at(MONDAY), "clicks": 10}
    shop.reports(MONDAY, "google/mon", **yesterday, spend="20")
    shop.reports(TUESDAY, "google/tue", clicks=1, spend="3")
    shop.reports(NOON, "google/mon", **yesterday, spend="35")
    assert shop.value("cost_per_click") == 3
    assert shop.value("cost_per_click", previous=True) == 3.5
    assert shop.value("cost_per_click", "clicks", window="week") == 11


def test_spend_in_other_currencies_counts_at_the_rate_of_its_day() -> None:
    shop, rates = Shop(), (Rate(0, Fraction(9, 10)), Rate(at("2024-03-05 00:00"), Fraction(1, 2)))
    shop.drive = Drive(Definitions(zone=ZONE, rates={"USD": rates}), 1)
    for day, when in (("mon", MONDAY), ("tue", TUESDAY)):
        shop.reports(TUESDAY, day, spend="10", clicks=1, currency="USD", counted_at=at(when))
    assert shop.value("cost_per_click") == 5
    assert shop.value("cost_per_click", previous=True, until="2024-03-05 18:00") == 9


def test_display_ads_are_told_from_clicks_that_are_paid_for(shop: Shop) -> None:
    shop.reports(TUESDAY, "a", medium="banner", banner="wide", impressions=200, clicks=3)
    shop.reports(TUESDAY, "b", medium="cpm", banner="tall", impressions=100, clicks=0)
    shop.reports(TUESDAY, "c", medium="cpc", impressions=50, clicks=40)
    assert shop.value("display_click_through_rate") == 0.01
    assert shop.value("display_click_through_rate", where={"banner": "wide"}) == 0.015
    assert shop.value("display_click_through_rate", "impressions") == 300


@pytest.mark.parametrize("medium", ["cpc", "PPC", "paid_social", "display", "banner", "cpm"])
def test_what_is_paid_for_is_said_in_one_place(shop: Shop, medium: str) -> None:
    shop.visits(TUESDAY, "ann", source="x", medium=medium)
    shop.visits(NOON, "ann", source="x", medium=medium)
    shop.visits(TUESDAY, "bob", source="x", medium="email")
    assert medium_of("x", medium) in AD_MEDIUMS
    assert shop.value("digital_ad_visitors") == 1
    assert shop.value("visits", "unique_visitors_from_ads") == 1


@pytest.mark.parametrize(("later_ms", "medium"), [(0, "paid"), (1, "direct")])
def test_attribution_reaches_thirty_days_and_not_a_moment_more(
    shop: Shop, later_ms: int, medium: str
) -> None:
    order_ms = at(TUESDAY)
    shop.visits(order_ms - 30 * DAY_MS - later_ms, "ann", **AD)
    shop.visits(order_ms - 5 * MINUTE_MS, "ann")
    shop.orders(order_ms, "o1", 70, visitor_id="ann")
    told = shop.told("return_on_ad_spend", "attributed_orders", by=("medium",))
    assert {value.labels["medium"]: value.value for value in told} == {medium: 1}


def test_promotions_on_the_site_by_visits(shop: Shop) -> None:
    for who in ("ann", "bob", "cas"):
        shop.says("promotion_viewed", TUESDAY, visitor_id=who, promotion_id="sale")
    shop.says("promotion_clicked", TUESDAY, visitor_id="ann", promotion_id="sale")
    shop.says("promotion_clicked", NOON, visitor_id="bob", promotion_id="sale")  # another visit
    assert shop.value("promotional_click_through_rate") == 1 / 3
    assert shop.value("promotional_click_through_rate", where={"promotion": "x"}) is None


# ---------------------------------------------------------------------------- new customers


def test_what_a_new_customer_cost(shop: Shop) -> None:
    shop.reports(TUESDAY, **AD, spend="30")
    shop.says("marketing_spent", TUESDAY, report_id="fair", purpose="fair", spend="70")
    shop.orders(MONDAY, "o0", 10, customer_id="old")
    for number, who in (("o1", "old"), ("o2", "ann"), ("o3", "bob"), ("o4", None)):
        shop.orders(TUESDAY, number, 10, **({"customer_id": who} if who else {}))
    assert shop.value("customer_acquisition_cost") == 50
    assert shop.value("customer_acquisition_cost", "new_customers") == 2
    assert shop.value("customer_acquisition_cost", "other_spend", where={"purpose": "fair"}) == 70
    assert shop.value("blended_roas", "all_spend") == 0.4
    assert shop.value("customer_acquisition_cost", window="1h") is None


def test_by_source_it_is_what_a_new_visitor_with_an_order_cost(shop: Shop) -> None:
    shop.reports(TUESDAY, **AD, spend="30")
    shop.visits(TUESDAY, "ann", **AD)
    shop.orders(TUESDAY, "o1", 10, visitor_id="ann")
    shop.visits(MONDAY, "bob")
    shop.visits(TUESDAY, "bob", **AD)
    shop.orders(TUESDAY, "o2", 10, visitor_id="bob", customer_id="bob")
    assert shop.value("customer_acquisition_cost", where={"source": "google"}) == 30


# ---------------------------------------------------------------------------- the market


def test_a_share_of_the_market_of_whole_days(shop: Shop) -> None:
    year = {"starts": at("2024-01-01 00:00"), "ends": at("2025-01-01 00:00")}
    shop.says("market_sized", MONDAY, market_id="tea", **year, size="3660000000")
    shop.orders(MONDAY, "o1", 250_000)
    shop.orders(TUESDAY, "o2", 500_000)
    assert shop.value("market_share", "market_size") == 10_000_000
    assert shop.value("market_share") == 0.05
    assert shop.value("market_share", window="week") == 0.0375
    assert shop.value("market_share", "sales_growth") == 1
    assert shop.value("market_share", "market_growth") == 0
    assert shop.value("market_share", "market_size", window="year") == 650_000_000  # 65 days
    shop.says("market_sized", NOON, market_id="tea", **year, size="7320000000")
    shop.says("market_sized", NOON, market_id="cups", **year, size="366000000")
    assert shop.value("market_share", "market_size") == 21_000_000, "corrected, and another"


# ---------------------------------------------------------------------------- social media


def test_followers_now_and_how_they_grew_whichever_count_comes_first(shop: Shop) -> None:
    def count(when: str, network: str, followers: int) -> None:
        shop.says("followers_counted", when, network=network, followers=followers)

    count(NOON, "insta", 1_200)
    count(MONDAY, "insta", 1_000)
    count(TUESDAY, "tok", 50)
    assert shop.value("social_followers") == 1_250
    assert shop.value("social_followers", where={"network": "insta"}) == 1_200
    assert shop.value("social_followers", "growth") == 250
    assert shop.value("social_followers", "growth_rate", where={"network": "insta"}) == 0.2
    assert shop.value("social_followers", "growth_rate", where={"network": "tok"}) is None
    assert shop.value("social_followers", until="2024-03-09 18:00") == 1_250, "until counted again"


def test_engagement_of_followers_and_of_impressions(shop: Shop) -> None:
    shop.says("followers_counted", MONDAY, network="insta", followers=200)
    shop.says("followers_counted", MONDAY, network="tok", followers=100)
    posts = {"network": "insta", "impressions": 400, "reactions": 12, "comments": 3, "shares": 5}
    shop.says("social_reported", TUESDAY, report_id="r", **posts)
    shop.says("social_reported", NOON, report_id="r", **posts)  # sent again
    assert shop.value("social_engagement_rate", where={"network": "insta"}) == 0.1
    assert shop.value("social_engagement_rate") == 20 / 300
    assert shop.value("social_engagement_rate", "of_impressions") == 0.05
    assert shop.value("social_shares") == 5
    assert shop.value("social_engagement_rate", where={"network": "new"}) is None


# ---------------------------------------------------------------------------- search, reviews


def test_a_position_weighs_as_much_as_it_was_shown(shop: Shop) -> None:
    def stood(report: str, keyword: str, position: Any, impressions: int, kind: str) -> None:
        shop.says(
            "position_reported", TUESDAY, report_id=report, keyword=keyword, kind=kind,
            position=position, impressions=impressions,
        )  # fmt: skip

    stood("1", "tea", "2.5", 300, "organic")
    stood("2", "cups", 10, 100, "organic")
    stood("3", "tea", 1, 600, "paid")
    assert shop.value("average_position") == 2.35
    assert shop.value("average_position", where={"kind": "organic"}) == 4.375
    told = shop.told("average_position", by=("keyword",), top=1)
    assert {v.labels["keyword"]: v.value for v in told} == {"tea": 1.5, "__other__": 10}


def test_reviews_how_many_and_how_good_and_one_that_is_rewritten(shop: Shop) -> None:
    for review, product, rating in (("1", "cup", 5), ("2", "cup", 1), ("3", "pot", 4)):
        shop.says("product_reviewed", TUESDAY, review_id=review, product_id=product, rating=rating)
    assert shop.value("product_reviews", until=NOON) == 3
    assert shop.value("product_reviews", "low_share", until=NOON, where={"product": "cup"}) == 0.5
    shop.says("product_reviewed", EVENING, review_id="2", product_id="cup", rating=3)
    assert shop.value("product_reviews") == 3
    assert shop.value("product_reviews", "mean_rating") == 4
    assert shop.value("product_reviews", "low_share") == 0


def test_what_affiliates_bring(shop: Shop) -> None:
    for click in range(8):
        shop.says("affiliate_clicked", TUESDAY, click_id=f"c{click}", affiliate="deals")

    def sold(when: str, sale: str, affiliate: str, revenue: int, commission: str) -> None:
        shop.says(
            "affiliate_sold", when, sale_id=sale, affiliate=affiliate, revenue=revenue,
            commission=commission, counted_at=at(TUESDAY),
        )  # fmt: skip

    sold(TUESDAY, "s1", "deals", 100, "5.50")
    sold(TUESDAY, "s2", "deals", 60, "3")
    sold(TUESDAY, "s3", "blog", 900, "9")
    sold(NOON, "s2", "deals", 0, "0")  # cancelled
    assert shop.value("affiliate_performance") == 1_000
    assert shop.value("affiliate_performance", "orders") == 2
    assert shop.value("affiliate_performance", "conversion", where={"affiliate": "deals"}) == 1 / 8
    assert shop.value("affiliate_performance", "commission") == 14.5
    table = shop.drive.view.table(CATALOGUE["affiliate_performance"], "day")
    assert table.rows == [("blog", 0, 1, None, 900, 9), ("deals", 8, 1, 1 / 8, 100, 5.5)]
