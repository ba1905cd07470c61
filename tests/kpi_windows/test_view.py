"""Views: transcripts of what partitions commit, and what is answered then."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS
from kpi_windows.facts.operations import STOCK
from kpi_windows.facts.sales import CUSTOMER, CUSTOMER_PERIOD, LINE, ORDER
from kpi_windows.facts.service import OPEN_TICKET, TICKET, TICKET_FLOW
from kpi_windows.facts.visits import CART, VISIT, VISITOR
from kpi_windows.kpi import UnknownNameError
from kpi_windows.sketches import Distinct
from kpi_windows.view import OTHER, Value, View
from kpi_windows.windows import WINDOWS
from tests.kpi_windows.shops import Shop, at, some_of_everything

NEW = ("google", "organic", "(none)", "mobile", "new")
RETURNING = ("newsletter", "email", "spring", "desktop", "returning")


def one(view: View, kpi: str, window: str, **asked: Any) -> Value:
    (value,) = view.evaluate(CATALOGUE[kpi], window, **asked)
    return value


def by(view: View, kpi: str, window: str, *labels: str, **asked: Any) -> dict[str, float | None]:
    values = view.evaluate(CATALOGUE[kpi], window, by=labels, **asked)
    return {" ".join(value.labels.values()): value.value for value in values}


def test_before_the_first_commit_there_are_no_values() -> None:
    view = Shop().view
    assert view.watermark_ms is None
    assert view.evaluate(CATALOGUE["visits"], "day") == []
    assert view.query(CATALOGUE["visits"], "day", 0, DAY_MS) == []
    assert view.table(CATALOGUE["product_affinity"], "day").rows == []


def test_a_ratio_comes_with_its_numerator_and_denominator() -> None:
    shop = Shop()
    shop.add(VISIT, "2024-03-05 10:00", *NEW, visits=3, converted=1)
    value = one(shop.commit("2024-03-05 11:00"), "conversion_rate", "day")
    assert (value.value, value.numerator, value.denominator) == (1 / 3, 1, 3)
    assert (value.start_ms, value.end_ms) == (at("2024-03-05"), at("2024-03-05 11:01"))


def test_an_empty_window_has_a_count_of_0_and_no_ratio() -> None:
    shop = Shop()
    shop.add(VISIT, "2024-03-05 10:00", *NEW, visits=3)
    view = shop.commit("2024-03-06 11:00")
    assert one(view, "visits", "1h").value == 0
    value = one(view, "conversion_rate", "1h")
    assert (value.value, value.numerator, value.denominator) == (None, 0, 0)


def test_partitions_add_up_and_the_slowest_says_what_time_it_is() -> None:
    shop = Shop(partitions=3)
    shop.add(VISIT, "2024-03-05 10:00", *NEW, visits=1)
    shop.add(VISIT, "2024-03-05 10:01", *NEW, partition=1, visits=2)
    shop.commit("2024-03-05 10:30", partition=0)
    view = shop.commit("2024-03-05 10:02", partition=1)
    assert view.watermark_ms == at("2024-03-05 10:02")
    assert one(view, "visits", "hour").value == 3
    assert view.lagging(10 * MINUTE_MS) == [1]
    assert view.lagging(HOUR_MS) == []


def test_what_lies_after_the_watermark_isnt_in_the_window_yet() -> None:
    shop = Shop(partitions=2)
    shop.add(VISIT, "2024-03-05 10:00", *NEW, visits=1)
    shop.add(VISIT, "2024-03-05 10:20", *NEW, partition=1, visits=2)
    shop.commit("2024-03-05 10:05", partition=0)
    assert one(shop.commit("2024-03-05 10:25", partition=1), "visits", "day").value == 1
    assert one(shop.commit("2024-03-05 10:25", partition=0), "visits", "day").value == 3


def test_windows_slide_and_corrections_reach_them() -> None:
    shop = Shop()
    shop.add(VISIT, "2024-03-05 10:00", *NEW, visits=4, bounces=4)
    assert one(shop.commit("2024-03-05 10:00"), "bounce_rate", "1h").value == 1
    shop.add(VISIT, "2024-03-05 10:00", *NEW, bounces=-1)
    assert one(shop.commit("2024-03-05 10:30"), "bounce_rate", "1h").value == 3 / 4
    assert one(shop.commit("2024-03-05 10:59"), "visits", "1h").value == 4
    assert one(shop.commit("2024-03-05 11:00"), "visits", "1h").value == 0


def test_breakdowns_filters_and_both() -> None:
    shop = Shop()
    shop.add(VISIT, "2024-03-05 10:00", *NEW, visits=3)
    shop.add(VISIT, "2024-03-05 10:00", *RETURNING, visits=1)
    view = shop.commit("2024-03-05 11:00")
    assert by(view, "visits", "day", "source") == {"google": 3, "newsletter": 1}
    assert by(view, "visits", "day", "device", "source") == {
        "desktop newsletter": 1,
        "mobile google": 3,
    }
    assert by(view, "visits", "day", "source", where={"device": "mobile"}) == {"google": 3}
    assert one(view, "visits", "day", where={"source": ["google", "bing"]}).value == 3
    assert one(view, "visits", "day", where={"source": "bing"}).value == 0


def test_by_product_another_fact_gives_the_same_total() -> None:
    shop = Shop()
    shop.add(ORDER, "2024-03-05 10:00", "web", "a", "b", gross_micros=7_000_000)
    shop.add(LINE, "2024-03-05 10:00", "tea", "drinks", gross_micros=5_000_000)
    shop.add(LINE, "2024-03-05 10:00", "cup", "kitchen", gross_micros=2_000_000)
    view = shop.commit("2024-03-05 11:00")
    assert one(view, "sales", "day").value == 7
    assert by(view, "sales", "day", "product") == {"cup": 2, "tea": 5}
    assert by(view, "sales", "day", "channel") == {"web": 7}


def test_shares_are_of_all_label_values_but_of_the_filtered_others() -> None:
    shop = Shop()
    shop.add(VISIT, "2024-03-05 10:00", *NEW, visits=3)
    shop.add(VISIT, "2024-03-05 10:00", *RETURNING, visits=1)
    view = shop.commit("2024-03-05 11:00")
    assert by(view, "traffic_source", "day", "source", definition="share") == {
        "google": 3 / 4,
        "newsletter": 1 / 4,
    }
    assert (
        one(view, "traffic_source", "day", definition="share", where={"source": "google"}).value
        == 3 / 4
    )
    assert (
        one(view, "traffic_source", "day", definition="share", where={"device": "mobile"}).value
        == 1
    )


def test_labels_fold_after_merging_and_the_foremost_stay() -> None:
    shop = Shop(partitions=2)
    for number, (source, first, second) in enumerate(
        [("a", 5, 1), ("b", 1, 9), ("c", 3, 3), ("d", 2, 0)]
    ):
        labels = (source, "organic", "(none)", "mobile", "new")
        when = f"2024-03-05 10:0{number}"
        shop.add(VISIT, when, *labels, visits=first, converted=1)
        shop.add(VISIT, when, *labels, partition=1, visits=second)
    view = shop.commit("2024-03-05 11:00")
    assert by(view, "visits", "day", "source", top=2) == {OTHER: 8, "a": 6, "b": 10}
    rates = view.evaluate(CATALOGUE["conversion_rate"], "day", by=("source",), top=2)
    folded = next(value for value in rates if value.labels["source"] == OTHER)
    assert (folded.numerator, folded.denominator) == (2, 8)
    assert by(view, "visits", "day", "source", "device", top=2)[f"{OTHER} mobile"] == 8


def test_distinct_visitors_are_counted_once_over_partitions_and_when_folded() -> None:
    shop = Shop(partitions=2)
    for partition, device in ((0, "mobile"), (1, "mobile"), (0, "tablet"), (1, "desktop")):
        seen = Distinct([1, 2, 3 + partition])
        shop.add(VISITOR, "2024-03-05 10:00", device, "paid", partition=partition, seen=seen)
    view = shop.commit("2024-03-05 11:00")
    assert one(view, "visits", "day", definition="unique_visitors").value == 4
    asked: dict[str, Any] = {"definition": "unique_visitors", "top": 1}
    assert by(view, "visits", "day", "device", **asked) == {OTHER: 4, "mobile": 4}


def test_the_previous_window_is_over_the_same_elapsed_time() -> None:
    shop = Shop()
    for day, minute, visits in ((4, "09:00", 1), (4, "15:00", 10), (5, "09:00", 100)):
        shop.add(VISIT, f"2024-03-0{day} {minute}", *NEW, visits=visits)
    view = shop.commit("2024-03-05 12:00")
    assert one(view, "visits", "day").value == 100
    before = one(view, "visits", "day", previous=True)
    assert (before.value, before.end_ms) == (1, at("2024-03-04 12:01"))
    assert one(view, "visits", "24h", previous=True).value == 1


def test_far_back_windows_end_where_panes_still_tell() -> None:
    """Minutes live for 3 days: of last month, whole hours are compared."""
    shop = Shop()
    shop.add(VISIT, "2024-02-05 12:10", *NEW, visits=1)
    shop.add(VISIT, "2024-02-05 11:10", *NEW, visits=10)
    shop.commit("2024-02-05 13:00")
    view = shop.commit("2024-03-05 12:30")
    before = one(view, "visits", "month", previous=True)
    assert (before.value, before.end_ms) == (10, at("2024-02-05 12:00"))


def test_levels_are_told_at_any_time() -> None:
    shop = Shop()
    place = ("open", "high", "<1d", "no")
    shop.add(OPEN_TICKET, "2024-03-04 09:00", *place, open=5)
    shop.add(OPEN_TICKET, "2024-03-05 09:00", *place, open=-2)
    shop.add(OPEN_TICKET, "2024-03-05 09:00", "open", "high", ">1d", "yes", open=1)
    view = shop.commit("2024-03-05 12:00")
    assert one(view, "active_issues", "5m").value == 4
    assert one(view, "backlog", "5m").value == 1
    assert one(view, "active_issues", "day", at_ms=at("2024-03-05 08:00")).value == 5
    told = view.query(CATALOGUE["active_issues"], "day", at("2024-03-03"), at("2024-03-06"))
    assert [value.value for value in told] == [0, 5, 4]
    assert by(view, "active_issues", "5m", "age") == {"<1d": 3, ">1d": 1}


def test_a_peak_is_the_highest_of_the_windows_minutes() -> None:
    shop = Shop()
    start = at("2024-03-05 09:00")
    changes = {start - 30 * HOUR_MS: 5, start: 3, start + 10 * MINUTE_MS: -6, start + HOUR_MS: 1}
    for when, change in changes.items():
        shop.add(OPEN_TICKET, when, "open", "high", "<1d", "no", open=change)
        shop.add(TICKET_FLOW, when, open_by_minute={when // MINUTE_MS: change})
    view = shop.commit(start + 2 * HOUR_MS)
    peak = {
        window: one(view, "active_issues", window, definition="peak").value for window in WINDOWS
    }
    assert peak["day"] == peak["24h"] == 8
    assert peak["5m"] == 3
    assert one(view, "active_issues", "1h", definition="peak").value == 3


def test_retention_is_of_all_customers_of_the_previous_period() -> None:
    shop = Shop()
    shop.add(CUSTOMER_PERIOD, "2024-02-29 23:00", "month", active=4)
    shop.add(CUSTOMER_PERIOD, "2024-02-29 23:00", "day", active=3)
    shop.add(CUSTOMER_PERIOD, "2024-03-01 10:00", "month", active=2, retained=1)
    shop.add(CUSTOMER_PERIOD, "2024-03-01 10:00", "day", active=2, retained=2)
    view = shop.commit("2024-03-01 12:00")
    assert one(view, "customer_retention_rate", "month").value == 1 / 4
    assert one(view, "customer_retention_rate", "day").value == 2 / 3


def test_churn_is_of_those_active_at_the_start() -> None:
    shop = Shop()
    shop.add(CUSTOMER, "2024-02-10 10:00", customers=8, active=8)
    shop.add(CUSTOMER, "2024-03-01 10:00", active=-2, lost=2)
    shop.add(CUSTOMER_PERIOD, "2024-03-01 10:00", "month", lost=2)
    view = shop.commit("2024-03-01 12:00")
    value = one(view, "churn_rate", "month")
    assert (value.numerator, value.denominator, value.value) == (2, 8, 1 / 4)


def test_a_trend_compares_shares_with_the_window_before() -> None:
    shop = Shop()
    for day, concern, opened in (
        (4, "return", 1),
        (4, "delivery", 3),
        (5, "return", 1),
        (5, "delivery", 1),
    ):
        shop.add(TICKET, f"2024-03-0{day} 09:00", "email", concern, "high", opened=opened)
    view = shop.commit("2024-03-05 12:00")
    trend = by(view, "concern_classification", "day", "concern", definition="trend")
    assert trend == {"delivery": 1 / 2 - 3 / 4, "return": 1 / 2 - 1 / 4}
    growth = by(view, "concern_classification", "day", "concern", definition="growth")
    assert growth == {"delivery": float(Fraction(-2, 3)), "return": 0}


def test_a_young_window_isnt_ripe_and_the_latest_ripe_one_can_be_asked_for() -> None:
    shop = Shop()
    shop.add(CART, "2024-03-05 10:00", "mobile", carts=2, abandoned=1)
    view = shop.commit("2024-03-05 11:30")
    abandonment = CATALOGUE["cart_abandonment_rate"]
    assert not one(view, abandonment.id, "1h").ripe
    ripe_ms = view.ripe_at_ms(abandonment)
    assert ripe_ms == at("2024-03-05 10:30")
    value = one(view, abandonment.id, "1h", at_ms=ripe_ms)
    assert value.ripe and value.value == 1 / 2
    assert one(view, "sales", "1h").ripe
    told = view.query(abandonment, "day", at("2024-03-04"), at("2024-03-06"))
    assert [value.ripe for value in told] == [True, False]


def test_periods_are_told_in_order_and_the_last_to_date() -> None:
    shop = Shop()
    for day in range(1, 6):
        shop.add(VISIT, f"2024-03-0{day} 10:00", *NEW, visits=day)
    view = shop.commit("2024-03-05 12:00")
    told = view.query(CATALOGUE["visits"], "day", at("2024-03-02"), at("2024-03-09"))
    assert [value.value for value in told] == [2, 3, 4, 5]
    assert told[-1].end_ms == at("2024-03-05 12:01")
    hours = view.query(CATALOGUE["visits"], "hour", at("2024-03-05 09:00"), at("2024-03-05 11:00"))
    assert [value.value for value in hours] == [0, 5]


def test_what_wasnt_kept_yet_has_no_value() -> None:
    shop = Shop()
    shop.partitions[0].since_ms = {"visit": at("2024-03-05 06:00")}
    shop.add(VISIT, "2024-03-05 10:00", *NEW, visits=3)
    view = shop.commit("2024-03-05 12:00")
    assert one(view, "visits", "day").value is None
    assert one(view, "visits", "1h").value == 0
    assert one(view, "visits", "hour", at_ms=at("2024-03-05 10:30")).value == 3
    assert one(view, "sales", "day").value == 0


def test_what_has_expired_has_no_value() -> None:
    shop = Shop()
    shop.add(VISIT, "2021-03-05 10:00", *NEW, visits=3)
    view = shop.commit("2024-03-05 12:00")
    told = view.query(CATALOGUE["visits"], "year", at("2021-03-01"), at("2024-03-05"))
    assert [value.value for value in told] == [None, 0, 0, 0]  # 800 days go back to 2021-12-26


def test_a_commit_is_seen_as_a_whole_and_again_changes_nothing() -> None:
    shop = Shop()
    shop.add(VISIT, "2024-03-05 10:00", *NEW, visits=3)
    changes, checkpoint = shop.partitions[0].cut(at("2024-03-05 11:00"))
    for _ in range(2):
        shop.view.apply(0, changes, checkpoint)
        assert one(shop.view, "visits", "day").value == 3
    shop.view.forget(0)
    assert shop.view.watermark_ms is None


@pytest.mark.parametrize(
    ("kpi", "window", "asked", "words"),
    [
        ("visits", "2h", {}, "visits has no window '2h': did you mean '24h'? use one of 5m"),
        ("churn_rate", "7d", {}, "churn_rate has no window '7d': use one of hour"),
        ("visits", "day", {"by": ("page",)}, "visits is not broken down by page: offered"),
        ("visits", "day", {"where": {"page": "/"}}, "not broken down by page"),
        ("visits", "day", {"definition": "median"}, "visits has no definition 'median'"),
    ],
)
def test_what_a_kpi_doesnt_have_is_named(kpi: str, window: str, asked: Any, words: str) -> None:
    with pytest.raises(UnknownNameError) as raised:
        Shop().view.evaluate(CATALOGUE[kpi], window, **asked)
    assert words in str(raised.value)


def test_a_kpi_without_a_table_says_so() -> None:
    with pytest.raises(UnknownNameError, match="visits has no table"):
        Shop().view.table(CATALOGUE["visits"], "day")


def test_events_are_accounted_for() -> None:
    shop = Shop(partitions=2)
    outcomes = {"accepted": 5, "duplicate": 1, "late": 1, "future": 0, "rejected": 2}
    shop.partitions[0].counts = {"orders": {"in": 9, **outcomes}}
    shop.partitions[1].counts = {"orders": {"in": 4, "accepted": 3}}
    laws = {law.topic: law for law in shop.commit("2024-03-05 12:00").laws()}
    assert laws["carts"].holds
    assert laws["orders"].taken_in == 13
    assert laws["orders"].outcomes["accepted"] == 8
    assert not laws["orders"].holds


def test_segments_sum_to_their_total_in_every_window() -> None:
    """LINE and ORDER say the same money when journeys state them; here each by itself."""
    shop = Shop(partitions=3)
    now_ms = at("2024-03-31 16:30")
    some_of_everything(shop, random.Random(7), now_ms - 40 * DAY_MS, now_ms, each=30)
    view = shop.commit(now_ms)
    for window in WINDOWS:
        kpis = [kpi for kpi in CATALOGUE.values() if not kpi.instead]
        told = view.segments(kpis, window)
        assert [each for each in told if not each.holds] == []
        assert len(told) > 25


def test_a_filter_on_a_label_holds_when_it_is_broken_down_by_too() -> None:
    shop = Shop()
    shop.add(VISIT, "2024-03-05 10:00", *NEW, visits=3)
    shop.add(VISIT, "2024-03-05 10:00", *RETURNING, visits=5)
    view = shop.commit("2024-03-05 11:00")
    told = by(view, "visits", "day", "source", "device", where={"device": "mobile"})
    assert told == {"google mobile": 3}


def test_a_level_before_the_days_that_are_kept_is_not_known() -> None:
    shop = Shop(day_panes_ms=10 * DAY_MS)
    shop.add(STOCK, "2024-01-05 10:00", "pot", "main", units=5)
    shop.add(STOCK, "2024-03-01 10:00", "pot", "main", units=2)
    view = shop.commit("2024-03-05 12:00")
    days = view.query(CATALOGUE["inventory"], "day", at("2024-01-07"), at("2024-03-05 12:00"))
    told = {value.start_ms: value.value for value in days}
    assert told[at("2024-01-07")] is told[at("2024-02-24")] is None
    assert told[at("2024-02-25")] == 5
    assert told[at("2024-03-01")] == told[at("2024-03-05")] == 7


def test_what_slides_along_is_what_would_be_read_anew() -> None:
    """Times that move on, leap and go back, with commits in between."""
    shop, chance = Shop(2), random.Random(8)
    start_ms = at("2025-03-05 23:30")
    for commit in range(3):
        now_ms = start_ms + commit * HOUR_MS
        for back_ms in (2 * DAY_MS, 4 * MINUTE_MS):
            some_of_everything(shop, chance, now_ms - back_ms, now_ms, each=6)
        view = shop.commit(now_ms)
        for minutes in (0, 1, 2, 1, 0, 45, 1_500, 3):
            at_ms = now_ms - minutes * MINUTE_MS - 1
            for kpi in CATALOGUE.values():
                for window in (each for each in ("24h", "day") if each in kpi.windows):
                    moved = view.evaluate(kpi, window, at_ms=at_ms, slot="judged")
                    assert moved == view.evaluate(kpi, window, at_ms=at_ms), (kpi.id, minutes)
