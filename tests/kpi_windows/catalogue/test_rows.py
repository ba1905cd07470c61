"""Rows of the guide by hand: amounts in, the number that the guide's reader expects out."""

from __future__ import annotations

from typing import Any

import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.facts import OVERFLOW
from kpi_windows.facts.sales import (
    BUYER,
    CUSTOMER,
    CUSTOMER_PERIOD,
    CUSTOMER_VALUE,
    LINE,
    ORDER,
    PAIR,
    SEQUENCE,
    SEQUENCE_START,
)
from kpi_windows.facts.service import CONTACT, RATING, RESOLUTION, RESPONSE, TICKET, TICKET_FLOW
from kpi_windows.facts.visits import CART, CATEGORY, CONTACT_PAGE, PAGE, PAGE_TIME, VISIT, VISITOR
from kpi_windows.sketches import Distinct, bucket_of
from kpi_windows.view import View
from tests.kpi_windows.shops import Shop

MILLION = 1_000_000
MORNING, NOON = "2024-03-05 10:00", "2024-03-05 12:00"


def value(view: View, kpi: str, definition: str = "default", **asked: Any) -> float | None:
    (told,) = view.evaluate(CATALOGUE[kpi], "day", definition=definition, **asked)
    return told.value


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_money_of_orders(shop: Shop) -> None:
    shop.add(
        ORDER, MORNING, "web", "(none)", "(none)",
        orders=4, units=10, gross_micros=200 * MILLION, discount_micros=20 * MILLION,
        tax_micros=30 * MILLION, shipping_micros=10 * MILLION, refund_micros=30 * MILLION,
        refunds=1, cancellations=1, cost_production_micros=60 * MILLION,
        cost_wages_micros=20 * MILLION, cost_overhead_micros=10 * MILLION,
    )  # fmt: skip
    shop.add(VISIT, MORNING, "a", "b", "c", "d", "new", visits=50)
    shop.add(VISITOR, MORNING, "d", "b", seen=Distinct(range(30)))
    view = shop.commit(NOON)
    assert value(view, "sales") == 150
    assert [value(view, "sales", name) for name in ("gross", "discounts", "refunds")] == [
        200,
        20,
        30,
    ]
    assert value(view, "average_order_size") == 55  # (200 − 20 + 30 + 10) / 4
    assert value(view, "average_order_size", "units") == 2.5
    assert value(view, "average_order_value") == 45
    assert value(view, "cost_of_goods_sold") == 90
    assert value(view, "cost_of_goods_sold", "wages") == 20
    assert value(view, "gross_profit") == 60
    assert value(view, "average_margin") == 0.4
    assert value(view, "transactions") == 4
    assert value(view, "transactions", "cancellations") == 1
    assert value(view, "revenue_per_visitor") == 3
    assert value(view, "revenue_per_visitor", "unique_visitors") == 5


def test_conversion_of_the_site_a_page_a_category_and_of_visitors(shop: Shop) -> None:
    shop.add(VISIT, MORNING, "a", "b", "c", "d", "new", visits=8, converted=2)
    shop.add(PAGE, MORNING, "/tea", visits=4, converted=1, clicked=3)
    shop.add(CATEGORY, MORNING, "cups", visits=2, converted=2)
    shop.add(VISITOR, MORNING, "d", "b", seen=Distinct(range(5)), buyers=Distinct([1]))
    view = shop.commit(NOON)
    assert value(view, "conversion_rate") == 2 / 8
    assert value(view, "conversion_rate", by=("page",)) == 1 / 4
    assert value(view, "conversion_rate", where={"category": "cups"}) == 1
    assert value(view, "conversion_rate", "buyers") == 1 / 5
    assert value(view, "average_click_through_rate") == 3 / 4


def test_abandoned_and_recovered_carts(shop: Shop) -> None:
    shop.add(
        CART, MORNING, "mobile", carts=10, abandoned=6, ordered=4, recovered=2,
        abandoned_micros=60 * MILLION, recovered_micros=25 * MILLION, recovered_ms=7_200_000,
    )  # fmt: skip
    shop.add(
        VISIT, MORNING, "a", "b", "c", "d", "new", visits=20, with_cart=9, cart_without_order=6
    )
    view = shop.commit(NOON)
    assert value(view, "cart_abandonment_rate") == 0.6
    assert value(view, "cart_abandonment_rate", "same_visit") == 6 / 9
    assert value(view, "cart_abandonment_rate", "recovered_value") == 25
    assert value(view, "cart_abandonment_rate", "recovery_time") == 3_600


def test_orders_of_new_and_returning_customers_with_guests_apart(shop: Shop) -> None:
    for customer, orders in (("new", 3), ("returning", 1), ("guest", 6)):
        shop.add(BUYER, MORNING, customer, orders=orders, value_micros=orders * MILLION)
    view = shop.commit(NOON)
    assert value(view, "new_vs_returning_orders") == 10
    assert value(view, "new_vs_returning_orders", "new_share") == 3 / 4
    told = view.evaluate(CATALOGUE["new_vs_returning_orders"], "day", by=("customer",))
    assert {each.labels["customer"]: each.value for each in told} == {
        "guest": 6, "new": 3, "returning": 1,
    }  # fmt: skip


def test_the_value_of_a_customer_to_date_and_predicted(shop: Shop) -> None:
    shop.add(CUSTOMER, "2024-02-01 10:00", customers=10, active=10)
    shop.add(CUSTOMER_VALUE, "2024-02-01 10:00", profit_micros=300 * MILLION)
    shop.add(CUSTOMER_VALUE, MORNING, profit_micros=100 * MILLION)
    shop.add(CUSTOMER, MORNING, active=-2, lost=2)
    shop.add(CUSTOMER_PERIOD, MORNING, "day", lost=2)
    shop.add(ORDER, MORNING, "web", "x", "y", orders=4, gross_micros=80 * MILLION,
             cost_production_micros=40 * MILLION)  # fmt: skip
    shop.add(BUYER, MORNING, "returning", orders=4)
    view = shop.commit(NOON)
    assert value(view, "customer_lifetime_value") == 40
    # 20 an order × margin 0.5 × (4 orders / 8 active) / (2 lost / 10): the year cancels out
    assert value(view, "customer_lifetime_value", "predicted") == 20 * 0.5 * (4 / 8) / (2 / 10)
    assert value(view, "churn_rate") == 0.2


def test_without_churn_nothing_is_predicted(shop: Shop) -> None:
    shop.add(CUSTOMER, "2024-02-01 10:00", customers=10, active=10)
    shop.add(ORDER, MORNING, "web", "x", "y", orders=4, gross_micros=80 * MILLION)
    shop.add(BUYER, MORNING, "returning", orders=4)
    assert value(shop.commit(NOON), "customer_lifetime_value", "predicted") is None


def test_retention_by_its_alternative(shop: Shop) -> None:
    shop.add(CUSTOMER, "2024-02-01 10:00", customers=10, active=10)
    shop.add(CUSTOMER, MORNING, customers=3, active=1, lost=2)  # 3 came, 2 went
    shop.add(CUSTOMER_PERIOD, MORNING, "day", new=3, lost=2)
    assert value(shop.commit(NOON), "customer_retention_rate", "end_less_new") == 0.8


def test_pairs_have_support_confidence_and_lift(shop: Shop) -> None:
    shop.add(ORDER, MORNING, "web", "x", "y", orders=10)
    for product, orders in (("tea", 5), ("cup", 4), ("pot", 2)):
        shop.add(LINE, MORNING, product, "kitchen", orders=orders)
    shop.add(PAIR, MORNING, "cup", orders_with={"tea": 4, "pot": 1, OVERFLOW: 3})
    shop.add(PAIR, MORNING, "pot", orders_with={"tea": 1})
    view = shop.commit(NOON)
    told = view.table(CATALOGUE["product_affinity"], "day", k=2)
    assert [column.name for column in told.columns][:3] == ["product", "other", "orders"]
    assert told.rows == [
        ("cup", "tea", 4, 0.4, 1.0, 0.8, 2.0),
        ("cup", "pot", 1, 0.1, 0.25, 0.5, 1.25),
    ]
    assert told.overflow == 3
    assert value(view, "product_affinity") == 9


def test_what_follows_a_product_has_a_probability_and_the_median_of_days(shop: Shop) -> None:
    shop.add(SEQUENCE_START, MORNING, "pot", orders=4)
    shop.add(SEQUENCE, MORNING, "pot", followed={"3:tea": 1, "9:tea": 1, "30:tea": 1, "5:cup": 1})
    told = shop.commit(NOON).table(CATALOGUE["product_sequence"], "month")
    assert told.rows == [("pot", "tea", 3, 0.75, 9), ("pot", "cup", 1, 0.25, 5)]


def test_days_of_pairs_that_have_expired_are_left_out_of_the_table(shop: Shop) -> None:
    shop.add(PAIR, "2024-01-02 10:00", "cup", orders_with={"tea": 4})
    shop.commit("2024-01-03 10:00")
    shop.add(PAIR, "2024-06-03 10:00", "cup", orders_with={"pot": 1})
    view = shop.commit("2024-06-03 12:00")
    told = view.table(CATALOGUE["product_affinity"], "year")
    assert [row[1] for row in told.rows] == ["pot"]
    assert told.start_ms > view.grid.window("year", told.end_ms - 1).start_ms
    assert view.evaluate(CATALOGUE["product_affinity"], "year")[0].value is None


def test_visits_and_what_they_did(shop: Shop) -> None:
    shop.add(
        VISIT, MORNING, "google", "paid", "spring", "mobile", "new",
        visits=4, bounces=1, not_engaged=2, page_views=12, duration_ms=240_000, saw_blog=1,
        with_chat=1, duration={bucket_of(30_000): 3, bucket_of(150_000): 1},
    )  # fmt: skip
    shop.add(VISIT, MORNING, "x", "direct", "(none)", "desktop", "returning", visits=6)
    shop.add(VISITOR, MORNING, "mobile", "paid", seen=Distinct([1, 2]))
    shop.add(VISITOR, MORNING, "desktop", "display", seen=Distinct([2, 3, 4]))
    shop.add(PAGE_TIME, MORNING, "blog", views=4, next_event_ms=60_000, next_page_ms=80_000)
    view = shop.commit(NOON)
    assert value(view, "visits") == 10
    assert value(view, "visits", "unique_visitors") == 4
    assert value(view, "visits", "unique_visitors_from_ads", where={"device": "desktop"}) == 3
    assert value(view, "new_vs_returning_visitors", "new_share") == 0.4
    assert value(view, "bounce_rate") == 0.1
    assert value(view, "bounce_rate", "not_engaged") == 0.2
    assert value(view, "pages_per_visit") == 1.2
    assert value(view, "average_visit_duration") == 24
    assert value(view, "average_visit_duration", "median") == pytest.approx(30, rel=0.01)
    assert value(view, "time_on_site") == 15
    assert value(view, "time_on_site", "next_page") == 20
    assert value(view, "ppc_traffic") == 4
    assert value(view, "blog_traffic", "share") == 0.1
    assert value(view, "chats_initiated", "visit_share") == 0.1


def test_mobile_traffic_by_device_tells_all_devices(shop: Shop) -> None:
    for device, visits in (("mobile", 3), ("tablet", 1)):
        shop.add(VISIT, MORNING, "a", "b", "c", device, "new", visits=visits)
        shop.add(VISITOR, MORNING, device, "b", seen=Distinct(range(visits)))
    view = shop.commit(NOON)
    mobile = CATALOGUE["mobile_traffic"]
    assert value(view, "mobile_traffic") == 3
    assert value(view, "mobile_traffic", "share") == 3 / 4
    assert value(view, "mobile_traffic", "unique_visitor_share") == 1
    told = view.evaluate(mobile, "day", by=("device",), definition="share")
    assert {each.labels["device"]: each.value for each in told} == {"mobile": 0.75, "tablet": 0.25}


def test_ratings(shop: Shop) -> None:
    shop.add(
        RATING, MORNING, "email", csat_answers=4, csat_satisfied=3, csat_score=3 * MILLION,
        nps_promoters=5, nps_passives=3, nps_detractors=2,
    )  # fmt: skip
    view = shop.commit(NOON)
    assert value(view, "csat") == 0.75
    assert value(view, "csat", "mean_score") == 0.75
    assert value(view, "nps") == 30


def test_units_sold_for_each_customer_with_a_question(shop: Shop) -> None:
    shop.add(LINE, MORNING, "pot", "kitchen", units=12)
    shop.add(LINE, MORNING, "cup", "kitchen", units=5)
    shop.add(CONTACT, MORNING, "pot", customers=Distinct([1, 2, 3]))
    view = shop.commit(NOON)
    told = view.evaluate(CATALOGUE["hit_rate"], "day", by=("product",))
    assert {each.labels["product"]: each.value for each in told} == {"cup": None, "pot": 4}


def test_contacts_by_channel(shop: Shop) -> None:
    for channel, opened in (("email", 4), ("phone", 3), ("chat", 2), ("social", 1)):
        shop.add(TICKET, MORNING, channel, "return", "high", opened=opened, messages=2 * opened,
                 escalated=1)  # fmt: skip
    view = shop.commit(NOON)
    told = [value(view, f"service_{name}") for name in ("emails", "calls", "chats", "social")]
    assert told == [4, 3, 2, 1]
    assert value(view, "service_calls", "messages") == 6
    assert value(view, "escalation_rate") == 0.4
    assert value(view, "concern_classification", "share", where={"concern": "return"}) == 1


def test_times_to_answer_and_to_resolve(shop: Shop) -> None:
    shop.add(
        RESPONSE, MORNING, "email", "high", answered=2, response_ms=300_000, business_ms=100_000,
        within_target=1, response={bucket_of(100_000): 1, bucket_of(200_000): 1},
        business={bucket_of(50_000): 2},
    )  # fmt: skip
    shop.add(
        RESOLUTION, MORNING, "email", "high", resolved=2, resolution_ms=600_000, first_resolved=3,
        first_resolution_ms=300_000, within_target=2, resolution={bucket_of(300_000): 2},
    )  # fmt: skip
    view = shop.commit(NOON)
    assert value(view, "first_response_time") == 150
    assert value(view, "first_response_time", "business") == 50
    assert value(view, "first_response_time", "median") == pytest.approx(100, rel=0.01)
    assert value(view, "first_response_time", "p90") == pytest.approx(200, rel=0.01)
    assert value(view, "first_response_time", "business_median") == pytest.approx(50, rel=0.01)
    assert value(view, "first_response_time", "within_target") == 0.5
    assert value(view, "average_resolution_time") == 300
    assert value(view, "average_resolution_time", "first_resolved") == 100
    assert value(view, "average_resolution_time", "median") == pytest.approx(300, rel=0.01)
    assert value(view, "average_resolution_time", "business_median") is None


def test_the_flow_of_tickets(shop: Shop) -> None:
    shop.add(TICKET_FLOW, MORNING, opened=7, resolved=5, reopened=1, escalations=2)
    view = shop.commit(NOON)
    assert value(view, "backlog", "opened_less_resolved") == 2
    assert value(view, "backlog", "growth") == 3
    assert value(view, "escalation_rate", "escalations") == 2


def test_pages_seen_just_before_a_contact(shop: Shop) -> None:
    for page, channel, contacts in (
        ("/faq", "phone", 3),
        ("/faq", "chat", 2),
        ("/return", "phone", 5),
    ):
        shop.add(CONTACT_PAGE, MORNING, page, channel, contacts=contacts)
    view = shop.commit(NOON)
    pages = CATALOGUE["pages_before_contact"]
    assert view.table(pages, "day", 1).rows == [("/faq", 5, 0.5)]
    assert view.table(pages, "day", where={"channel": "phone"}).rows == [
        ("/return", 5, 5 / 8),
        ("/faq", 3, 3 / 8),
    ]
    assert value(view, "pages_before_contact", "share", where={"page": "/faq"}) == 0.5
