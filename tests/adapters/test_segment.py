"""Segment's calls, one by one: the edges of pages, orders, mail and batches."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.adapters import ADAPTERS, AdapterError, ForgedError
from streams.vendors import Segment
from tests.adapters import spoil
from tests.adapters.days import as_sent, days, values_of, view_of
from tests.adapters.render_segment import SECRET, rendered
from tests.kpi_windows.shops import at

SEGMENT = ADAPTERS["segment"]
SECTION = Segment(secret=SECRET)
RENDERED = rendered(days())


def tell(call: Any, section: Segment = SECTION) -> tuple[list[dict[str, Any]], list[str]]:
    told = SEGMENT.events_of(json.dumps(call).encode(), {}, section)
    for topic, event in told.events:
        as_sent(topic, event, 0)
    return [event for _, event in told.events], told.ignored


def call(kind: str = "track", **fields: Any) -> dict[str, Any]:
    head = {"messageId": "m1", "anonymousId": "a1", "timestamp": "2024-11-19T11:00:00.250Z"}
    return {"type": kind, **head, **fields}


def track(event: str, properties: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return call(event=event, properties=properties or {}, **fields)


def only(told: Any, section: Segment = SECTION) -> dict[str, Any]:
    ((event,), ignored) = tell(told, section)
    assert ignored == []
    return event


def test_a_page_call() -> None:
    context = {
        "page": {"path": "/sale", "url": "https://shop.example/sale?x=1", "referrer": ""},
        "campaign": {"source": "news", "medium": "email", "name": "spring", "term": "x"},
        "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5) Mobile/15E148",
        "ip": "192.0.2.1",
    }
    assert only(call("page", name="Landing", context=context)) == {
        "type": "page_viewed",
        "event_id": "segment:m1",
        "timestamp": at("2024-11-19 12:00") + 250,
        "visitor_id": "a1",
        "source": "news",
        "medium": "email",
        "campaign": "spring",
        "device": "mobile",
        "page": "/sale",
        "page_type": "landing",
    }


def test_a_screen_of_an_app_is_a_page() -> None:
    event = only(call("screen", name="Home", context={"device": {"type": "ios"}}))
    assert (event["page"], event["page_type"], event["device"]) == ("Home", "home", "mobile")


def test_a_product_that_is_viewed_counts_as_a_page_only_when_the_shop_says_so() -> None:
    viewed = track("Product Viewed", {"product_id": "p", "category": "mugs"})
    assert tell(viewed) == ([], ["Product Viewed, …: the page call counts"])
    event = only(viewed, replace(SECTION, views_as_pages=True))
    told = event["type"], event["page_type"], event["product_id"], event["category"]
    assert told == ("page_viewed", "product", "p", "mugs")


def test_a_machine_that_says_so_is_kept_out() -> None:
    agent = {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}
    event = only(call("page", context=agent))
    assert event["is_bot"]
    view = view_of([as_sent("clickstream", event, at("2024-11-19 12:00"))])
    assert ("visits", "default", "day") not in values_of(view)


@pytest.mark.parametrize(
    ("page", "origin"),
    [
        ({"url": "https://shop.example/?utm_source=x&utm_medium=cpc"}, ("x", "cpc")),
        ({"url": "https://shop.example/?gclid=1"}, ("google", "cpc")),
        (
            {"url": "https://shop.example/", "referrer": "https://duckduckgo.com/"},
            ("duckduckgo", "organic"),
        ),
        (
            {"url": "https://shop.example/", "referrer": "https://blog.example/a"},
            ("blog.example", "referral"),
        ),
        ({"url": "https://shop.example/", "referrer": "https://www.shop.example/b"}, (None, None)),
        ({"url": "http://[", "referrer": "https://[::"}, (None, None)),
    ],
)
def test_where_a_visit_came_from(page: dict[str, str], origin: tuple[str | None, ...]) -> None:
    event = only(call("page", context={"page": page}))
    assert (event.get("source"), event.get("medium")) == origin


ORDER = {
    "order_id": "o1",
    "revenue": 25.0,
    "shipping": 3.5,
    "tax": 2.1,
    "discount": 2.5,
    "coupon": "hasbros",
    "currency": "EUR",
    "products": [
        {"product_id": "p1", "price": 10.10, "quantity": 2, "category": "games"},
        {"sku": "s2", "price": "7.30"},
    ],
}


def test_an_order_with_its_money_to_the_last_digit() -> None:
    event = only(track("Order Completed", ORDER, userId="c1"))
    assert (event["customer_id"], event["visitor_id"]) == ("c1", "a1")
    assert event["products"] == [
        {"product_id": "p1", "quantity": 2, "price": Decimal("10.1"), "category": "games"},
        {"product_id": "s2", "quantity": 1, "price": Decimal("7.30")},
    ]
    assert (event["discount"], event["tax"]) == (Decimal("2.5"), Decimal("2.1"))


def test_an_order_without_products_is_worth_its_revenue() -> None:
    bare = {k: v for k, v in ORDER.items() if k != "products"}
    event = only(track("Order Completed", bare))
    assert event["products"] == [{"product_id": "(unknown)", "price": Decimal("27.5")}]


def test_who_has_an_email_address_for_an_id_gets_a_hash_of_it() -> None:
    one = only(track("Order Completed", ORDER, userId="Ann@example.com"))["customer_id"]
    assert "ann" not in one
    assert "@" not in one
    assert one == only(track("Order Completed", ORDER, userId="ann@example.com"))["customer_id"]
    nameless = track(
        "Product Added", {"product_id": "p"}, anonymousId=None, userId="ann@example.com"
    )
    assert only(nameless)["visitor_id"] == one


def test_refunds_by_product_by_total_and_by_neither() -> None:
    lines = [{"product_id": "p1", "quantity": 1, "price": 10.1}]
    by_line = only(track("Order Refunded", {"order_id": "o1", "products": lines, "total": 99}))
    assert by_line["products"][0]["price"] == Decimal("10.1")
    assert "amount" not in by_line
    bare = [{"product_id": "p1", "quantity": 1}]
    told = {"order_id": "o1", "products": bare, "total": 20, "tax": 2, "shipping": 3}
    by_total = only(track("Order Refunded", told))
    assert (by_total["amount"], by_total["products"]) == (Decimal(15), [])
    assert len(tell(track("Order Refunded", {"order_id": "o1"}))[1]) == 1


def test_an_order_that_is_updated_counts_once_and_one_that_is_cancelled_not_at_all() -> None:
    told = [
        *tell(track("Order Completed", ORDER))[0],
        *tell(track("Order Updated", ORDER, messageId="m2"))[0],
        *tell(track("Order Cancelled", {"order_id": "o1"}, messageId="m3"))[0],
    ]
    view = view_of([as_sent("orders", event, at("2024-11-19 12:00")) for event in told])
    values = values_of(view)
    assert values["sales", "gross", "day"][0] == 27.5
    assert values["sales", "refunds", "day"][0] == 25.0


def test_an_email_is_told_apart_by_its_recipient() -> None:
    sent = [
        track("Email Delivered", {"email_id": "e"}, userId=u, anonymousId=u) for u in ("u", "w")
    ]
    one, other = (only(each)["message_id"] for each in sent)
    assert one != other
    opened = track("Email Opened", {"email_id": "e"}, userId="u", anonymousId="u")
    assert only(opened)["message_id"] == one


def test_a_batch_goes_on_after_what_is_malformed() -> None:
    events, ignored = tell(
        {"batch": [call("page"), call("page", timestamp="soon"), 7, call("identify"), call("page")]}
    )
    assert len(events) == 2
    assert ignored == [
        "malformed: expected a time as ISO 8601 text - at `$.batch[*].timestamp`",
        "malformed: expected an object, got a number - at `$.batch[*]`",
        "identify: a call that tells no event",
    ]


def test_what_is_unknown_is_no_error() -> None:
    assert tell(track("Button Pressed")) == ([], ["track: an event that we don't count"])
    assert tell(call("group"))[0] == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"nothing", "not JSON"),
        (b"{}", None),
        (json.dumps(call("page", anonymousId=None)).encode(), "anonymousId"),
        (json.dumps(call("page", timestamp=None)).encode(), "timestamp"),
        (json.dumps(call("page", timestamp="2024-11-19T11:00:00")).encode(), "zone"),
        (json.dumps(track("Product Added", {"price": "free"})).encode(), "properties.price"),
        (json.dumps(track("Product Added", {"quantity": 1.5})).encode(), "whole number"),
        (json.dumps(track("Order Completed")).encode(), "properties.order_id"),
        (json.dumps({"batch": {}}).encode(), "a list"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(body: bytes, said: str | None) -> None:
    if said is None:
        assert SEGMENT.events_of(body, {}, SECTION).ignored
        return
    with pytest.raises(AdapterError, match=said):
        SEGMENT.events_of(body, {}, SECTION)


def test_a_signature_is_of_the_very_bytes_and_the_secret() -> None:
    one = RENDERED[0]
    SEGMENT.verify(one.body, {"x-signature": one.headers["X-Signature"]}, SECTION, 0)
    for body, brought, section in [
        (one.body + b" ", one.headers, SECTION),
        (one.body, one.headers, Segment(secret="other")),
        (one.body, one.headers, Segment()),
        (one.body, {}, SECTION),
    ]:
        with pytest.raises(ForgedError):
            SEGMENT.verify(body, brought, section, 0)


@settings(max_examples=60)
@given(draw=st.data())
def test_whatever_comes_is_an_event_or_the_one_error(draw: st.DataObject) -> None:
    one = RENDERED[draw.draw(st.integers(0, len(RENDERED) - 1))]
    spoil.holds(SEGMENT, spoil.spoiled(one.body, draw), {}, SECTION)
