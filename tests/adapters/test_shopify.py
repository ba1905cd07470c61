"""Shopify's webhooks, one by one: the edges of orders, refunds, carts and consent."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_windows.decoding import decode
from kpi_windows.events import to_ms
from streams.adapters import ADAPTERS, AdapterError, ForgedError
from streams.vendors import Shopify
from tests.adapters import spoil
from tests.adapters.days import as_sent, days, values_of, view_of
from tests.adapters.render_shopify import SECRET, rendered
from tests.kpi_windows.shops import at

SHOPIFY = ADAPTERS["shopify"]
SECTION = Shopify(secret=SECRET)
RENDERED = rendered(days())
NOON = "2024-11-19T12:00:00+01:00"


def headers(topic: str) -> dict[str, str]:
    return {"x-shopify-topic": topic, "X-Shopify-Triggered-At": "2024-11-19T11:00:05.123456789Z"}


def tell(topic: str, body: Any, section: Shopify = SECTION) -> list[tuple[str, dict[str, Any]]]:
    events, _ = SHOPIFY.events_of(json.dumps(body).encode(), headers(topic), section)
    for where, event in events:
        as_sent(where, event, 0)
    return events


def only(topic: str, body: Any, kind: str, section: Shopify = SECTION) -> dict[str, Any]:
    """The one event of a kind."""
    (event,) = [event for _, event in tell(topic, body, section) if event["type"] == kind]
    return event


def line(price: str = "10.00", quantity: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": 7, "product_id": 70, "quantity": quantity, "price": price, **fields}


def order(*lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "created_at": NOON,
        "currency": "EUR",
        "source_name": "web",
        "total_tax": "0.00",
        "line_items": list(lines) or [line()],
        **fields,
    }


def placed(body: dict[str, Any], section: Shopify = SECTION) -> dict[str, Any]:
    return only("orders/create", body, "order_completed", section)


def sales(*told: tuple[str, dict[str, Any]]) -> dict[str, float]:
    """Sales and their parts on the day."""
    view = view_of([as_sent(topic, event, at("2024-11-19 13:00")) for topic, event in told])
    values = values_of(view)
    names = ("default", "gross", "discounts", "refunds")
    return {name: values.get(("sales", name, "day"), (0,))[0] for name in names}


# ---------------------------------------------------------------------------- orders


def test_an_order_in_short() -> None:
    event = placed(
        order(
            line("10.00", 2),
            customer={"id": 99, "email": "a@example.com", "first_name": "Ann"},
            total_tax="4.20",
            shipping_lines=[{"price": "5.95", "discounted_price": "4.95"}],
        )
    )
    assert event == {
        "type": "order_completed",
        "event_id": "shopify:order:1",
        "timestamp": at("2024-11-19 12:00"),
        "order_id": "1",
        "customer_id": "99",
        "products": [{"product_id": "70", "quantity": 2, "price": Decimal("10.00")}],
        "discount": Decimal(0),
        "tax": Decimal("4.20"),
        "shipping": Decimal("4.95"),
        "currency": "EUR",
        "channel": "online",
    }


def test_money_is_the_shops_whatever_the_customer_saw() -> None:
    def both(shop: str, customer: str) -> dict[str, Any]:
        return {
            "shop_money": {"amount": shop, "currency_code": "EUR"},
            "presentment_money": {"amount": customer, "currency_code": "USD"},
        }

    event = placed(
        order(
            line("11.00", price_set=both("10.00", "11.00")),
            currency="EUR",
            presentment_currency="USD",
            total_tax="2.31",
            total_tax_set=both("2.10", "2.31"),
        )
    )
    assert event["products"][0]["price"] == Decimal("10.00")
    assert (event["tax"], event["currency"]) == (Decimal("2.10"), "EUR")
    refund = {
        "id": 5,
        "order_id": 1,
        "created_at": NOON,
        "refund_line_items": [
            {"quantity": 1, "subtotal": 11.0, "subtotal_set": both("10.00", "11.00"),
             "line_item": {"product_id": 70}}
        ],
    }  # fmt: skip
    told = only("refunds/create", refund, "order_refunded")
    assert (told["products"][0]["price"], told["currency"]) == (Decimal("10.00"), "EUR")


@pytest.mark.parametrize("quantity", [1, 3, 7])
def test_where_prices_include_tax_the_value_is_what_was_paid_without_it(quantity: int) -> None:
    taxed = line(
        "19.99",
        quantity,
        tax_lines=[{"price": "2.97", "rate": 0.21}],
        discount_allocations=[
            {"amount": "1.50", "discount_application_index": 0},
            {"amount": "1.00", "discount_application_index": 1},
        ],
    )
    whole = {"target_selection": "all", "allocation_method": "across", "target_type": "line_item"}
    event = placed(
        order(
            taxed,
            taxes_included=True,
            total_tax="2.97",
            shipping_lines=[{"price": "4.95", "tax_lines": [{"price": "0.86"}]}],
            discount_applications=[{"target_selection": "entitled"}, whole],
        )
    )
    (product,) = event["products"]
    value = product["price"] * quantity - product["discount"] - event["discount"]
    assert value == Decimal("19.99") * quantity - Decimal("2.50") - Decimal("2.97")
    assert event["discount"] == Decimal("0.826446")  # 1.00 / 1.21
    assert abs(product["discount"] - Decimal("1.239669")) < Decimal("0.00001")
    assert event["shipping"] == Decimal("4.09")


def test_a_discount_on_the_order_is_no_discount_on_its_lines() -> None:
    applications = [
        {"target_selection": "all", "allocation_method": "across", "target_type": "line_item"},
        {"target_selection": "explicit", "allocation_method": "one", "target_type": "line_item"},
    ]
    first = [{"amount": "2.00", "discount_application_index": 0}]
    both = [*first, {"amount": "0.50", "discount_application_index": 1}]
    event = placed(
        order(
            line(discount_allocations=first),
            line(discount_allocations=both, product_id=71),
            discount_applications=applications,
        )
    )
    assert event["discount"] == Decimal("4.00")
    assert [p.get("discount") for p in event["products"]] == [None, Decimal("0.50")]


def test_a_free_gift_is_a_unit_and_no_money() -> None:
    event = placed(order(line(), line("0.00", product_id=71)))
    assert [p["price"] for p in event["products"]] == [Decimal("10.00"), Decimal("0.00")]
    assert sales(("orders", event))["default"] == 10


def test_test_orders_are_taken_and_kept_out_of_every_kpi() -> None:
    told = tell("orders/create", order(test=True, cart_token="c"))
    assert all(event["is_test"] for _, event in told)
    view = view_of([as_sent(topic, event, at("2024-11-19 13:00")) for topic, event in told])
    assert not [key for key in values_of(view) if key[0] in ("sales", "visits", "transactions")]
    cancelled = order(test=True, cancelled_at=NOON)
    assert only("orders/cancelled", cancelled, "order_cancelled")["is_test"]
    refund = {"id": 5, "order_id": 1, "created_at": NOON, "transactions": [{"test": True}],
              "refund_line_items": [{"quantity": 1, "subtotal": 3, "line_item": {}}]}  # fmt: skip
    assert only("refunds/create", refund, "order_refunded")["is_test"]


def test_a_guest_has_no_customer_and_a_line_typed_by_hand_no_product() -> None:
    event = placed(order(line(product_id=None, sku=None, title="Engraving"), customer=None))
    assert "customer_id" not in event
    assert event["products"][0]["product_id"] == "Engraving"


@pytest.mark.parametrize(
    ("source", "channel"),
    [("web", "online"), ("pos", "store"), ("shopify_draft_order", "draft"), ("tiktok", "tiktok")],
)
def test_the_sales_channel(source: str, channel: str) -> None:
    assert placed(order(source_name=source))["channel"] == channel


def test_an_order_counts_when_it_is_created_or_when_it_is_paid_as_the_shop_decides() -> None:
    assert tell("orders/paid", order()) == []
    paid = replace(SECTION, count_orders="paid")
    assert tell("orders/create", order(), paid) == []
    event = only("orders/paid", order(), "order_completed", paid)
    assert event["timestamp"] == at("2024-11-19 12:00") + 5_123


def test_the_order_of_an_import_counts_when_it_was_made_not_when_it_was_imported() -> None:
    event = placed(order(processed_at="2024-11-18T23:30:00-05:00"))
    assert event["timestamp"] == at("2024-11-19 05:30")


def test_created_updated_edited_and_sent_again_counts_once() -> None:
    told = [
        *tell("orders/create", order()),
        *tell("orders/updated", order(line(), line(product_id=71))),
        *tell("orders/edited", {"order_edit": {"id": 3, "order_id": 1}}),
        *tell("orders/create", order()),
    ]
    assert sales(*told)["gross"] == 10


def test_what_an_edit_takes_off_comes_as_a_refund() -> None:
    removed = {
        "id": 8,
        "order_id": 1,
        "created_at": NOON,
        "transactions": [],
        "refund_line_items": [
            {"quantity": 1, "subtotal": 10.0, "total_tax": 0.0, "restock_type": "cancel",
             "line_item": {"product_id": 71}}
        ],
    }  # fmt: skip
    told = [*tell("orders/create", order(line(), line(product_id=71)))]
    assert sales(*told, *tell("refunds/create", removed)) == {
        "default": 10, "gross": 20, "discounts": 0, "refunds": 10,
    }  # fmt: skip


# ---------------------------------------------------------------------------- refunds


def refund(*lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": 5,
        "order_id": 1,
        "created_at": NOON,
        "refund_line_items": list(lines),
        **fields,
    }


def back(quantity: int, subtotal: float, **fields: Any) -> dict[str, Any]:
    return {"quantity": quantity, "subtotal": subtotal, "line_item": {"product_id": 70}, **fields}


def test_a_part_that_does_not_divide_by_its_units_is_exact_all_the_same() -> None:
    event = only("refunds/create", refund(back(3, 10.0)), "order_refunded")
    assert event["products"][0]["price"] == Decimal("3.333333")
    assert event["amount"] == Decimal("10.0")
    whole = order(line("10.00", 3))
    assert sales(*tell("orders/create", whole), ("orders", event))["default"] == 20


@pytest.mark.parametrize(
    ("kind", "amount", "given"),
    [
        ("refund_discrepancy", "-5.00", Decimal("15.00")),  # more than the lines say
        ("refund_discrepancy", "4.00", Decimal("6.00")),  # less
        ("shipping_refund", "-4.95", None),  # not for goods: the lines say it all
    ],
)
def test_what_was_agreed_beside_the_lines(kind: str, amount: str, given: Decimal | None) -> None:
    body = refund(back(1, 10.0), order_adjustments=[{"kind": kind, "amount": amount}])
    assert only("refunds/create", body, "order_refunded").get("amount") == given


def test_a_refund_of_shipping_alone_gives_nothing_back_for_goods() -> None:
    body = refund(order_adjustments=[{"kind": "shipping_refund", "amount": "-4.95"}])
    events, reasons = SHOPIFY.events_of(
        json.dumps(body).encode(), headers("refunds/create"), SECTION
    )
    assert (events, len(reasons)) == ([], 1)


@pytest.mark.parametrize(("tax", "price"), [(2.1, "10.0"), (1.74, "8.26")])
def test_a_refund_is_before_tax_whether_prices_include_it_or_not(tax: float, price: str) -> None:
    inner = {"product_id": 70, "tax_lines": [{"rate": 0.21, "price": "2.10"}]}
    body = refund(back(1, 10.0, total_tax=tax, line_item=inner))
    event = only("refunds/create", body, "order_refunded")
    assert event["products"][0]["price"] == Decimal(price)


def test_a_cancelled_order_gives_back_once_however_its_refund_is_told() -> None:
    placed_, given = order(line("10.00", 2)), refund(back(1, 10.0), processed_at=NOON)
    later = {**given, "created_at": "2024-11-19T12:00:01+01:00"}
    cancelled = {**placed_, "cancelled_at": NOON, "refunds": [later]}
    told = [*tell("orders/create", {**placed_, "created_at": "2024-11-19T11:00:00+01:00"})]
    told += tell("orders/cancelled", cancelled)
    assert sales(*told)["refunds"] == 20
    assert sales(*told, *tell("refunds/create", later))["refunds"] == 20
    assert only("orders/cancelled", cancelled, "order_cancelled")["timestamp"] == (
        at("2024-11-19 12:00") + 1_000
    )


# ---------------------------------------------------------------------------- carts, checkouts


def cart(*lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": "c",
        "token": "c",
        "line_items": list(lines),
        "updated_at": "2024-11-19T11:00:00.500Z",
        **fields,
    }


def test_a_cart_is_told_as_a_whole() -> None:
    event = only("carts/update", cart(line("10.00", 2), line("5.50")), "cart_updated")
    assert (event["units"], event["value"]) == (3, Decimal("25.50"))
    assert event["visitor_id"] == event["cart_id"] == "c"
    assert event["timestamp"] == at("2024-11-19 12:00") + 500
    assert only("carts/update", cart(), "cart_updated")["units"] == 0


def test_the_same_cart_sent_twice_is_one_event_and_another_is_another() -> None:
    one = only("carts/update", cart(line()), "cart_updated")["event_id"]
    assert only("carts/update", cart(line()), "cart_updated")["event_id"] == one
    assert only("carts/update", cart(line("11.00")), "cart_updated")["event_id"] != one


def checkout(**fields: Any) -> dict[str, Any]:
    return {
        "token": "k",
        "cart_token": "c",
        "created_at": NOON,
        "updated_at": "2024-11-19T12:05:00+01:00",
        "completed_at": None,
        "line_items": [line()],
        "currency": "EUR",
        "landing_site": "/?utm_source=news&utm_medium=email&utm_campaign=spring",
        "referring_site": "https://www.google.com/",
        **fields,
    }


def test_a_checkout_is_a_cart_that_says_where_its_visit_came_from() -> None:
    started, updated = (event for _, event in tell("checkouts/update", checkout()))
    assert (started["type"], started["timestamp"]) == ("checkout_started", at("2024-11-19 12:00"))
    assert (updated["type"], updated["timestamp"]) == ("cart_updated", at("2024-11-19 12:05"))
    for event in (started, updated):
        told = event["source"], event["medium"], event["campaign"]
        assert told == ("news", "email", "spring")
    searched = checkout(landing_site="/products/mug")
    assert tell("checkouts/create", searched)[0][1]["medium"] == "organic"


def test_a_completed_checkout_is_left_to_its_order() -> None:
    assert tell("checkouts/update", checkout(completed_at=NOON)) == []
    assert tell("checkouts/create", checkout(cart_token=None)) == []


def test_visitors_of_your_own_clickstream_are_found_by_a_cart_attribute() -> None:
    section = replace(SECTION, visitor_attribute="visitor_id")
    known = [{"name": "gift", "value": "no"}, {"name": "visitor_id", "value": "v-1"}]
    event = placed(order(cart_token="c", note_attributes=known), section)
    assert (event["visitor_id"], event["cart_id"]) == ("v-1", "c")
    assert "visitor_id" not in placed(order(cart_token="c"), section)
    assert [
        e["type"] for _, e in tell("checkouts/create", checkout(note_attributes=known), section)
    ] == ["checkout_started"]
    assert tell("carts/update", cart(line()), section) == []


def test_a_machine_that_orders_says_so() -> None:
    body = order(
        cart_token="c", client_details={"user_agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}
    )
    assert only("orders/create", body, "checkout_started")["is_bot"]


# ---------------------------------------------------------------------------- customers


def test_consent_puts_customers_on_lists_and_off_them() -> None:
    body = {
        "id": 99,
        "created_at": NOON,
        "email": "a@example.com",
        "email_marketing_consent": {"state": "subscribed", "consent_updated_at": None},
        "sms_marketing_consent": {"state": "not_subscribed", "consent_updated_at": None},
    }
    event = only("customers/create", body, "subscriber_joined")
    assert (event["subscriber_id"], event["channel"]) == ("99", "email")
    assert "99" not in event["event_id"].split(":"), "an event's id names nobody"
    left = {
        "customer_id": 99,
        "email_marketing_consent": {"state": "unsubscribed", "consent_updated_at": NOON},
    }
    assert only("customers_email_marketing_consent/update", left, "subscriber_left")
    assert tell("customers/create", {"id": 98, "created_at": NOON}) == []


def test_the_right_to_be_forgotten() -> None:
    body = {"shop_id": 1, "customer": {"id": 99, "email": "a@example.com"}, "orders_to_redact": [1]}
    event = only("customers/redact", body, "customer_forgotten")
    assert event["subscriber_id"] == "99"
    assert "99" not in event["event_id"].split(":"), "an event's id names nobody"
    assert (event["customer_id"], event["timestamp"]) == ("99", at("2024-11-19 12:00") + 5_123)
    with pytest.raises(AdapterError, match="X-Shopify-Triggered-At"):
        SHOPIFY.events_of(
            json.dumps(body).encode(), {"X-Shopify-Topic": "customers/redact"}, SECTION
        )


def test_nothing_personal_passes() -> None:
    secrets = (
        "somebody",
        "example.com",
        "Some",
        "Body",
        "Street",
        "Ghent",
        "+3212345678",
        "own words",
    )
    for one in RENDERED:
        events, _ = SHOPIFY.events_of(one.body, one.headers, SECTION)
        assert not [word for word in secrets if word in repr(events)]


# ---------------------------------------------------------------------------- what is refused


def test_a_signature_is_of_the_very_bytes_and_the_secret() -> None:
    one = RENDERED[0]
    SHOPIFY.verify(one.body, {k.lower(): v for k, v in one.headers.items()}, SECTION, 0)
    wrong = {**one.headers, "X-Shopify-Hmac-Sha256": "AAAA"}
    missing = {k: v for k, v in one.headers.items() if "Hmac" not in k}
    strange = {**one.headers, "X-Shopify-Hmac-Sha256": "é"}
    for body, brought, section in [
        (one.body + b" ", one.headers, SECTION),
        (one.body, one.headers, replace(SECTION, secret="other")),
        (one.body, one.headers, Shopify()),
        (one.body, wrong, SECTION),
        (one.body, missing, SECTION),
        (one.body, strange, SECTION),
    ]:
        with pytest.raises(ForgedError):
            SHOPIFY.verify(body, brought, section, 0)


def test_without_a_secret_it_says_what_to_set() -> None:
    with pytest.raises(ForgedError, match="KPI_SHOPIFY_SECRET"):
        SHOPIFY.verify(b"{}", {"X-Shopify-Hmac-Sha256": "x"}, Shopify(), 0)


def test_an_unknown_topic_is_no_error() -> None:
    told = SHOPIFY.events_of(b"{}", headers("products/update"), SECTION)
    assert told == ([], ["topic products/update: not one that we count"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not JSON"),
        (b"[]", "expected an object, got a list - at `[$]`"),
        (b"{}", "a time, it is missing"),
        (json.dumps(order(id=None)).encode(), "an id, it is missing - at `[$].id`"),
        (json.dumps(order(created_at="2024-11-19T12:00:00")).encode(), "zone.*created_at"),
        (json.dumps(order(created_at=None)).encode(), "a time.*processed_at"),
        (json.dumps(order(line("ten"))).encode(), r"an amount, got text.*line_items\[0\][.]price"),
        (json.dumps(order(line(quantity=-1))).encode(), r"line_items\[0\][.]quantity"),
        (json.dumps(order(line_items={})).encode(), "expected a list"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(body: bytes, said: str) -> None:
    with pytest.raises(AdapterError, match=said):
        SHOPIFY.events_of(body, headers("orders/create"), SECTION)


@settings(max_examples=60)
@given(draw=st.data())
def test_whatever_comes_is_an_event_or_the_one_error(draw: st.DataObject) -> None:
    one = RENDERED[draw.draw(st.integers(0, len(RENDERED) - 1))]
    spoil.holds(SHOPIFY, spoil.spoiled(one.body, draw), one.headers, SECTION)


def test_times_in_any_zone_are_one_instant() -> None:
    told = {placed(order(created_at=text))["timestamp"] for text in (
        NOON, "2024-11-19T11:00:00Z", "2024-11-19T06:00:00-05:00", "2024-11-19T16:30:00+05:30",
    )}  # fmt: skip
    (event,) = decode("orders", [as_sent("orders", placed(order()), 0).value or b""])
    assert told == {to_ms(event.timestamp)}  # type: ignore[union-attr]
