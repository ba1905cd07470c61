"""The simulated shop plays all topics, and what one of them says agrees with the others."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter, defaultdict
from typing import Any

import pytest

from kpi_windows.decoding import Rejected, decode
from kpi_windows.events import TOPICS, key_of
from streams.simulator import Message, Shop, ShopOptions
from streams.simulator.truth import Truth

START = 1_704_067_200_000 + 17 * 3_600_000
HOUR = 3_600_000
PAID = {
    ("google", "cpc", "brand"),
    ("google", "cpc", "garden-sale"),
    ("meta", "paid_social", "new-kitchen"),
    ("adnet", "display", "retarget"),
}
Told = list[dict[str, Any]]


@pytest.fixture(scope="module")
def shop() -> tuple[Truth, list[Message]]:
    made = Shop(4, ShopOptions(visits_per_hour=400, late=0, duplicates=0))
    messages = list(made.events(START, START + 26 * HOUR))
    return made.truth, messages


@pytest.fixture(scope="module")
def told(shop: tuple[Truth, list[Message]]) -> dict[str, Told]:
    """By type of event: all, in order of time, bots left out."""
    by_type: dict[str, Told] = defaultdict(list)
    for message in shop[1]:
        event = json.loads(message.value)
        if not event.get("is_bot"):
            by_type[event["type"]].append(event)
    return by_type


def visits(told: dict[str, Told]) -> list[tuple[int, tuple[str | None, ...]]]:
    """When each visit started and where it came from, by gaps of thirty minutes."""
    by_visitor: dict[str, Told] = defaultdict(list)
    kinds = ("page_viewed", "link_clicked", "heartbeat", "chat_opened", "promotion_viewed")
    for kind in (*kinds, "promotion_clicked", "product_added", "product_removed"):
        for event in told[kind] + (told["checkout_started"] if kind == "page_viewed" else []):
            by_visitor[event["visitor_id"]].append(event)
    for event in told["order_completed"]:
        if "visitor_id" in event:
            by_visitor[event["visitor_id"]].append(event)
    found = []
    for events in by_visitor.values():
        last_ms = -HOUR
        for event in sorted(events, key=lambda e: e["timestamp"]):
            if event["timestamp"] - last_ms > HOUR // 2:
                origin = tuple(event.get(name) for name in ("source", "medium", "campaign"))
                found.append((event["timestamp"], origin))
            last_ms = event["timestamp"]
    return sorted(found, key=lambda visit: visit[0])


def test_every_type_of_event_occurs_is_valid_and_lies_under_its_own_key(
    shop: tuple[Truth, list[Message]],
) -> None:
    seen: set[type] = set()
    for topic in TOPICS:
        sent = [m for m in shop[1] if m.topic == topic]
        for message, event in zip(sent, decode(topic, [m.value for m in sent]), strict=True):
            assert not isinstance(event, Rejected), event
            assert key_of(event).encode() == message.key
            assert event.timestamp == message.at_ms
            seen.add(type(event))
    unseen = {cls.__name__ for types in TOPICS.values() for cls in types if cls not in seen}
    assert unseen == {"CartUpdated"}, "the other way to tell a cart, which the shop doesn't mix in"


def test_ids_of_two_runs_do_not_meet() -> None:
    """What is counted by its id would otherwise be taken for a correction."""
    names = ("message_id", "report_id", "review_id", "click_id", "sale_id", "unit_id", "booking_id")
    found = []
    for start in (START, START + HOUR):
        events = [json.loads(m.value) for m in Shop(4).events(start, start + 2 * HOUR)]
        found.append({e[name] for e in events for name in (*names, "incident_id") if name in e})
    assert all(found)
    assert not found[0] & found[1]


def test_only_the_topics_asked_for_are_sent_and_they_stay_the_same() -> None:
    options = ShopOptions(visits_per_hour=60, late=0, duplicates=0)
    some = ShopOptions(visits_per_hour=60, late=0, duplicates=0, topics=("orders", "projects"))
    whole = list(Shop(1, options).events(START, START + 12 * HOUR))
    part = list(Shop(1, some).events(START, START + 12 * HOUR))
    assert {m.topic for m in part} == {"orders", "projects"}
    assert [(m.key, m.at_ms) for m in part] == [
        (m.key, m.at_ms) for m in whole if m.topic in ("orders", "projects")
    ]


def test_ads_have_been_clicked_as_often_as_paid_visits_have_come_by_each_report(
    shop: tuple[Truth, list[Message]], told: dict[str, Told]
) -> None:
    came: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for at_ms, origin in visits(told):
        came[origin].append(at_ms)
    clicks: dict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
    checked = 0
    ended = START
    for report in told["ads_reported"]:
        origin = tuple(report[name] for name in ("source", "medium", "campaign"))
        clicks[origin, report["counted_at"]][report["report_id"]] = report["clicks"]
        if report.get("banner") == "300x250":
            continue  # the other banner's report of the same hour comes with it
        starts = came[origin]
        since = bisect_left(starts, report["counted_at"])
        until = bisect_left(starts, min(report["timestamp"], report["counted_at"] + HOUR))
        assert sum(clicks[origin, report["counted_at"]].values()) == until - since, report
        assert report["impressions"] >= report["clicks"]
        checked += 1
        ended = max(ended, report["timestamp"])
    assert checked > 200
    assert {origin for origin, _ in clicks} == PAID
    paid = sum(at_ms < ended for origin in PAID for at_ms in came[origin])
    assert sum(sum(of_hour.values()) for of_hour in clicks.values()) == paid
    assert sum(map(len, (came[origin] for origin in PAID))) == shop[0].total["visits_paid"]


def test_a_report_is_sent_again_and_corrected_when_its_hour_is_over(told: dict[str, Told]) -> None:
    by_id: dict[str, Told] = defaultdict(list)
    for report in told["ads_reported"]:
        by_id[report["report_id"]].append(report)
    final = [reports for reports in by_id.values() if len(reports) > 1]
    assert len(final) > len(by_id) / 2
    for reports in final:
        numbers = [(r["clicks"], r["impressions"], r["conversions"]) for r in reports]
        assert numbers == sorted(numbers)
    assert any(r[-1]["spend"] < r[-2]["spend"] for r in final)


def test_opened_messages_were_delivered_clicked_ones_opened_and_each_click_brings_a_visit(
    shop: tuple[Truth, list[Message]], told: dict[str, Told]
) -> None:
    delivered = {e["message_id"]: e["timestamp"] for e in told["message_delivered"]}
    opened: dict[str, int] = {}
    for event in told["message_opened"]:
        assert delivered[event["message_id"]] <= event["timestamp"]
        if not event.get("by_machine"):
            opened[event["message_id"]] = event["timestamp"]
    emails = Counter(at_ms for at_ms, origin in visits(told) if origin[1] == "email")
    for event in told["message_clicked"]:
        assert opened[event["message_id"]] <= event["timestamp"]
    clicks = Counter(event["timestamp"] for event in told["message_clicked"])
    assert clicks <= emails
    assert clicks.total() > emails.total() / 2
    truth = shop[0].total
    assert truth["messages_opened"] == len(opened) < len(delivered)
    assert truth["messages_clicked"] == clicks.total()


def test_who_leaves_a_list_was_on_it_and_the_counts_agree(told: dict[str, Told]) -> None:
    changes = told["subscriber_joined"] + told["subscriber_left"]
    changes += told["subscribers_counted"]
    on_list: dict[str, set[str]] = defaultdict(set)
    counted = 0
    for event in sorted(changes, key=lambda e: e["timestamp"]):
        members = on_list[event["list"]]
        if event["type"] == "subscriber_joined":
            assert event["subscriber_id"] not in members
            members.add(event["subscriber_id"])
        elif event["type"] == "subscriber_left":
            members.remove(event["subscriber_id"])
        else:
            assert event["subscribers"] == len(members) > 0
            counted += 1
    assert counted >= 8


def _changes_of_stock(told: dict[str, Told]) -> dict[str, list[tuple[int, int]]]:
    """By product: when orders took units or gave them back."""
    changes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    products: dict[str, Told] = {}
    for order in told["order_completed"]:
        products[order["order_id"]] = order["products"]
        for line in order["products"]:
            changes[line["product_id"]].append((order["timestamp"], -line["quantity"]))
    for cancelled in told["order_cancelled"]:
        for line in products[cancelled["order_id"]]:
            changes[line["product_id"]].append((cancelled["timestamp"], line["quantity"]))
    for refund in told["order_refunded"]:
        for line in refund.get("products", []) if refund.get("restocked") else []:
            changes[line["product_id"]].append((refund["timestamp"], line["quantity"]))
    return changes


def test_stock_moves_by_what_is_sold_given_back_and_made(told: dict[str, Told]) -> None:
    """Units owed go out first when more come in, and until then the count is 0."""
    changes = _changes_of_stock(told)
    product_of = {e["unit_id"]: e["product_id"] for e in told["unit_started"]}
    made: dict[str, list[int]] = defaultdict(list)
    for unit in told["unit_finished"]:
        if unit.get("good", True):
            made[product_of[unit["unit_id"]]].append(unit["timestamp"])
    counts: dict[str, Told] = defaultdict(list)
    for event in told["stock_counted"]:
        counts[event["product_id"]].append(event)
    delivered = sold_out = 0
    for product, counted in counts.items():
        since_ms, left, waiting = counted[0]["timestamp"], counted[0]["units"], 0
        for event in counted[1:]:
            until_ms = event["timestamp"]
            moved = [units for at_ms, units in changes[product] if since_ms < at_ms <= until_ms]
            waiting += sum(since_ms < at_ms <= until_ms for at_ms in made[product])
            if not moved:  # a batch has come in
                assert waiting > 0
                delivered, left, waiting = delivered + waiting, left + waiting, 0
            left += sum(moved)
            assert event["units"] == max(0, left), event
            sold_out += left <= 0
            since_ms = until_ms
    assert delivered > 100
    assert sold_out > 0


def test_prices_are_those_of_the_orders(told: dict[str, Told]) -> None:
    prices = {e["product_id"]: e["price"] for e in told["price_set"]}
    assert len(prices) == len({e["product_id"] for e in told["competitor_price_seen"]}) == 40
    for order in told["order_completed"]:
        assert all(line["price"] == prices[line["product_id"]] for line in order["products"])


def test_affiliates_are_paid_for_orders_of_visits_that_they_sent(
    shop: tuple[Truth, list[Message]], told: dict[str, Told]
) -> None:
    sent = Counter(at_ms for at_ms, origin in visits(told) if origin[1] == "affiliate")
    assert Counter(e["timestamp"] for e in told["affiliate_clicked"]) == sent
    orders = {e["order_id"]: e["timestamp"] for e in told["order_completed"]}
    cancelled = {e["order_id"] for e in told["order_cancelled"]}
    for sale in told["affiliate_sold"]:
        assert sale["counted_at"] == orders[sale["sale_id"]]
        assert sale["commission"] <= sale["revenue"]
        assert sale["revenue"] > 0 or sale["sale_id"] in cancelled
    assert shop[0].total["affiliate_sales"] == len({e["sale_id"] for e in told["affiliate_sold"]})


def test_units_are_finished_once_after_their_start_and_machines_report_them(
    told: dict[str, Told],
) -> None:
    started = {e["unit_id"]: e for e in told["unit_started"]}
    machines: Counter[tuple[str, int]] = Counter()
    for event in told["unit_finished"]:
        unit = started.pop(event["unit_id"])
        assert event["timestamp"] > unit["timestamp"]
        machines[unit["machine"], event["timestamp"] // HOUR] += 1
    reports = {(e["machine"], e["counted_at"] // HOUR): e for e in told["machine_reported"]}
    over = [key for key, e in reports.items() if e["timestamp"] == e["counted_at"] + HOUR]
    assert len(over) > 50
    for key in over:
        report = reports[key]
        assert abs(report["produced"] - machines[key]) <= 1  # one may end with the hour
        assert 0 < report["run_seconds"] <= report["planned_seconds"] == 3600
        assert report["shift"] in ("night", "early", "late")
    ideal = sum(reports[key]["ideal_cycle_seconds"] * reports[key]["produced"] for key in over)
    assert 0.7 < ideal / sum(reports[key]["run_seconds"] for key in over) < 1


def test_projects_are_planned_before_anything_is_booked_on_them(told: dict[str, Told]) -> None:
    first: dict[str, dict[str, Any]] = {}
    for plan in told["project_planned"]:
        first.setdefault(plan["project_id"], plan)
    booked = [e for kind in ("hours", "cost", "income") for e in told[f"{kind}_booked"]]
    assert {e["project_id"] for e in booked} == set(first)
    assert all(first[e["project_id"]]["timestamp"] < e["timestamp"] for e in booked)
    assert all(first[e["project_id"]]["team"] == e["team"] for e in booked)


def test_reviews_are_of_products_that_were_bought_before(told: dict[str, Told]) -> None:
    bought: dict[str, int] = {}
    for order in told["order_completed"]:
        for line in order["products"]:
            bought.setdefault(line["product_id"], order["timestamp"])
    assert told["product_reviewed"]
    assert all(bought[e["product_id"]] < e["timestamp"] for e in told["product_reviewed"])


def test_what_is_counted_as_true_equals_a_recount_of_the_events(
    shop: tuple[Truth, list[Message]], told: dict[str, Told]
) -> None:
    truth = shop[0].total
    for name, kind in {
        "affiliate_clicks": "affiliate_clicked",
        "promotions_viewed": "promotion_viewed",
        "promotions_clicked": "promotion_clicked",
        "units_started": "unit_started",
        "units_finished": "unit_finished",
        "incidents": "incident_reported",
        "cost_booked": "cost_booked",
        "ad_reports": "ads_reported",
        "messages_clicked": "message_clicked",
    }.items():
        assert truth[name] == len(told[kind]) > 0, name
    reviews = {e["review_id"] for e in told["product_reviewed"]}
    assert truth["reviews"] == len(reviews)
    assert truth["reviews"] + truth["reviews_changed"] == len(told["product_reviewed"])
    assert truth["email_subscribers_left"] + truth["sms_subscribers_left"] == len(
        told["subscriber_left"]
    )
    good = sum(e.get("good", True) for e in told["unit_finished"])
    assert truth["units_good"] == good
