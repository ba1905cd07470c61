"""Reports and counts of marketing: what each states, and that the last one stands."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_windows import routes
from kpi_windows.decoding import Rejected, decode
from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS, Definitions, Rate
from kpi_windows.events import (
    AdsReported,
    AffiliateClicked,
    AffiliateSold,
    Event,
    FollowersCounted,
    MarketingSpent,
    MarketSized,
    PositionReported,
    ProductReviewed,
    SocialReported,
)
from kpi_windows.journeys import reports
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.statement import StatementRules
from tests.kpi_windows.journeys.laws import LAWS, check, taken_back
from tests.kpi_windows.journeys.operations import BEGIN, SHOP, event, level, stated

MILLION = 1_000_000


def ads(at: int, **fields: Any) -> Event:
    return event(AdsReported, at, **{"report_id": "r", **fields})


# ---------------------------------------------------------------------- what is stated


def test_ads_are_under_the_labels_of_the_visits_that_they_bring() -> None:
    sums: dict[str, Any] = {"impressions": 9, "clicks": 2, "spend": Decimal("1.5")}
    told = stated(ads(0, source="google", medium="CPC", campaign="brand", banner="wide", **sums))
    assert told == {
        "ads": {
            (0, "google", "paid", "brand", "wide"): {
                "impressions": 9, "clicks": 2, "spend_micros": 1_500_000,
            },
        },
    }  # fmt: skip
    for fields, labels in (
        ({}, ("direct", "paid")),
        ({"medium": ""}, ("direct", "direct")),
        ({"source": "x", "medium": ""}, ("x", "referral")),
        ({"source": "x", "medium": "banner"}, ("x", "display")),
    ):
        (key,) = stated(ads(0, clicks=1, **fields))["ads"]
        assert key[1:] == (*labels, "(none)", "(none)")


def test_what_a_correction_doesnt_say_again_is_gone_also_under_other_labels() -> None:
    first = ads(0, campaign="brand", clicks=5, spend=Decimal(3), counted_at=BEGIN - DAY_MS)
    second = ads(HOUR_MS, campaign="brands", clicks=6, counted_at=BEGIN - DAY_MS)
    for order in ((first, second), (second, first), (first, second, first)):
        told = stated(*order)
        assert told == {"ads": {(-DAY_MS, "direct", "paid", "brands", "(none)"): {"clicks": 6}}}, (
            order
        )


def test_a_report_that_is_sent_again_counts_once_and_another_id_beside_it() -> None:
    again = [ads(at, clicks=5, counted_at=BEGIN) for at in (0, 0, MINUTE_MS)]
    other = ads(0, report_id="other", clicks=2, counted_at=BEGIN)
    social = event(SocialReported, 0, report_id="r", network="n", shares=1)
    told = stated(*again, other, social)
    assert told["ads"] == {(0, "direct", "paid", "(none)", "(none)"): {"clicks": 7}}
    assert told["social"] == {(0, "n"): {"shares": 1}}, "another kind of report of the same id"


def test_a_report_of_so_long_ago_isnt_corrected_any_more_kept_or_not() -> None:
    kept_ms = SHOP.report_kept_ms
    for later_ms, clicks in ((kept_ms, 1), (kept_ms + 1, 1 + 5)):
        told = stated(ads(0, clicks=5, counted_at=BEGIN), ads(later_ms, clicks=1, counted_at=BEGIN))
        assert sum(cell["clicks"] for cell in told["ads"].values()) == clicks


def test_money_counts_at_the_rate_of_the_time_that_it_counts_at() -> None:
    rates = {"USD": (Rate(0, Fraction(1, 2)), Rate(BEGIN, Fraction(1, 3)))}
    shop = Definitions(rates=rates)
    for counted_at, micros in ((BEGIN - 1, 500_000), (BEGIN, 333_333)):
        usd: dict[str, Any] = {"currency": "USD", "counted_at": counted_at}
        spent = event(MarketingSpent, DAY_MS, report_id="m", spend=Decimal(1), **usd)
        sale: dict[str, Any] = {"revenue": Decimal(1), "commission": Decimal(1)}
        sold = event(AffiliateSold, DAY_MS, sale_id="s", affiliate="a", **sale, **usd)
        told = stated(
            spent, sold, ads(DAY_MS, spend=Decimal(1), revenue=Decimal(1), **usd), shop=shop
        )
        amounts = [cells for fact in told.values() for cells in fact.values()]
        money = [n for cell in amounts for name, n in cell.items() if name.endswith("_micros")]
        assert money == [micros] * 5


def test_a_position_is_weighed_by_its_impressions_exactly() -> None:
    shown = event(
        PositionReported, 0, report_id="p", keyword="tea", impressions=3, position=Decimal("1.3333333"),
    )  # fmt: skip
    assert stated(shown) == {
        "position": {(0, "organic", "tea"): {"impressions": 3, "position_micros": 4_000_000}}
    }


def test_reviews_and_sales_that_are_told_again() -> None:
    def review(at: int, rating: int) -> Event:
        return event(ProductReviewed, at, review_id="x", product_id="cup", rating=rating)

    told = stated(review(0, 1), review(HOUR_MS, 5))
    assert told == {"review": {(HOUR_MS, "cup"): {"reviews": 1, "stars": 5}}}

    def sale(at: int, revenue: int) -> Event:
        money = {"revenue": Decimal(revenue), "commission": Decimal(revenue) / 10}
        return event(
            AffiliateSold, at, sale_id="x", affiliate="deals", counted_at=BEGIN, **money
        )  # fmt: skip

    click = event(AffiliateClicked, 0, click_id="x", affiliate="deals")
    sold = {"revenue_micros": 10 * MILLION, "commission_micros": MILLION, "orders": 1}
    assert stated(click, click, sale(0, 10))["affiliate"] == {(0, "deals"): {"clicks": 1} | sold}
    assert stated(click, sale(1, 0), sale(0, 10))["affiliate"] == {(0, "deals"): {"clicks": 1}}


# ---------------------------------------------------------------------- followers


def test_the_last_count_by_event_time_is_the_level_whichever_arrives_last() -> None:
    counts = [
        event(FollowersCounted, at, network="insta", followers=n)
        for at, n in ((0, 1_000), (HOUR_MS, 1_040), (DAY_MS, 1_010))
    ]
    for arrivals in permutations(counts):
        told = stated(*arrivals)["followers"]
        assert told == {
            (0, "insta"): {"followers": 1_000},
            (HOUR_MS, "insta"): {"followers": 40},
            (DAY_MS, "insta"): {"followers": -30},
        }
        assert level(told, DAY_MS) == {("insta",): {"followers": 1_040}}
    assert "followers" in stated(*counts, counts[1])
    assert stated(*counts, counts[1]) == stated(*counts)


# ---------------------------------------------------------------------- markets


def ms(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def market(starts: str, ends: str, size: str) -> MarketSized:
    told = {"type": "market_sized", "timestamp": BEGIN, "market_id": "m", "size": size}
    (made,) = decode(
        "marketing", [json.dumps({**told, "starts": ms(starts), "ends": ms(ends)}).encode()]
    )
    assert isinstance(made, MarketSized), made
    return made


def days_of(sized: MarketSized, zone: str) -> dict[str, int]:
    """UTC time -> size of the day that begins then."""
    told = stated(sized, shop=Definitions(zone=zone))["market"]
    begin = datetime.fromtimestamp(BEGIN / 1000, UTC)
    return {
        f"{begin + timedelta(milliseconds=at):%Y-%m-%d %H:%M}": amounts["size_micros"]
        for (at, _), amounts in told.items()
    }


def test_a_market_is_spread_over_the_shops_days_and_sums_to_the_whole_exactly() -> None:
    days = days_of(market("2024-03-30T00:00+01:00", "2024-04-02T00:00+02:00", "0.00001"), "CET")
    assert days == {"2024-03-29 23:00": 3, "2024-03-30 23:00": 3, "2024-03-31 22:00": 4}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Auckland"])
def test_a_year_told_in_utc_has_the_days_of_a_year_in_any_zone(zone: str) -> None:
    days = days_of(market("2024-01-01T00:00Z", "2025-01-01T00:00Z", "366"), zone)
    assert list(days.values()) == [MILLION] * 366


def test_a_period_without_the_middle_of_a_day_has_its_first_day() -> None:
    days = days_of(market("2024-01-01T15:00Z", "2024-01-01T16:00Z", "5"), "UTC")
    assert days == {"2024-01-01 00:00": 5 * MILLION}


def test_a_market_may_be_larger_than_what_an_event_is_about_but_not_endless() -> None:
    sized = market("2024-01-01T00:00Z", "2024-01-02T00:00Z", "9999999999999")
    assert routes.uncountable(sized, SHOP) is None
    assert days_of(sized, "UTC") == {"2024-01-01 00:00": 9_999_999_999_999 * MILLION}
    for bad in ("10000000000000", "-1", "NaN"):
        with pytest.raises(AssertionError, match="expected"):
            market("2024-01-01T00:00Z", "2024-01-02T00:00Z", bad)


# ---------------------------------------------------------------------- what is no report


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "ads_reported", "report_id": "r", "spend": -1}, "$.spend"),
        ({"type": "ads_reported", "report_id": "r", "clicks": -1}, "$.clicks"),
        ({"type": "ads_reported", "report_id": "r", "revenue": "1e12"}, "$.revenue"),
        ({"type": "ads_reported", "spend": 1}, "report_id"),
        (
            {"type": "ads_reported", "report_id": "r", "counted_at": BEGIN + DAY_MS + 1},
            "$.counted_at",
        ),
        ({"type": "marketing_spent", "report_id": "r"}, "spend"),
        (
            {"type": "position_reported", "report_id": "r", "keyword": "k", "position": 0},
            "$.position",
        ),
        (
            {"type": "product_reviewed", "review_id": "r", "product_id": "p", "rating": 6},
            "$.rating",
        ),
        ({"type": "followers_counted", "network": "n", "followers": -1}, "$.followers"),
        (
            {"type": "market_sized", "market_id": "m", "starts": BEGIN, "ends": BEGIN, "size": 1},
            "$.ends",
        ),
    ],
)
def test_what_cannot_be_is_rejected_with_its_field(fields: dict[str, Any], expected: str) -> None:
    (made,) = decode("marketing", [json.dumps({"timestamp": BEGIN, **fields}).encode()])
    assert isinstance(made, Rejected)
    assert expected in made.reason


# ---------------------------------------------------------------------- laws

AT = st.integers(0, 3 * DAY_MS)
COUNTED = st.one_of(st.none(), st.integers(BEGIN - 5 * DAY_MS, BEGIN))
REPORTS = st.one_of(
    st.builds(
        ads, AT, campaign=st.sampled_from([None, "a", "b"]), clicks=st.integers(0, 5),
        spend=st.integers(0, 5).map(Decimal), counted_at=COUNTED,
    ),
)  # fmt: skip


@st.composite
def lives(draw: st.DrawFn) -> list[Entry]:
    """Statements of one id, half of them with an event id."""
    events = draw(st.lists(REPORTS, max_size=8))
    entries = []
    for number, each in enumerate(events):
        at_ms, kind, _, cells = reports.entry_of(each, QUICK)
        entries.append((at_ms, kind, f"e{number}" if draw(st.booleans()) else "", cells))
    return entries


QUICK = Definitions(report_kept_ms=DAY_MS)
"""Most reports may be corrected, some are too old for that."""


@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=30)
@given(life=lives(), draw=st.data())
def test_laws_of_reports_also_of_those_too_old_to_correct(
    law: str, life: list[Entry], draw: st.DataObject
) -> None:
    check(law, StatementRules, QUICK, life, until_ms=BEGIN + 9 * DAY_MS, draw=draw)


@given(life=lives())
def test_what_is_reported_can_be_taken_back(life: list[Entry]) -> None:
    taken_back(StatementRules, QUICK, life, BEGIN + 9 * DAY_MS)
