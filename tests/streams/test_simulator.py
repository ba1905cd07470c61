"""The simulated shop: right events, the same from a seed, and truths that a recount confirms."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest

from kpi_windows.decoding import Rejected, decode
from kpi_windows.events import key_of
from streams.simulator import Message, Shop, ShopOptions, SimulateOptions, line_of, paced, simulate

START = 1_704_067_200_000
HOUR = 3_600_000
DAY = 24 * HOUR
ONLINE = ("clickstream", "carts")


def play(options: ShopOptions | None = None, seed: int = 5, span: int = DAY) -> list[Message]:
    return list(Shop(seed, options).events(START, START + span))


def digest(messages: list[Message]) -> str:
    return hashlib.sha256(repr(messages).encode()).hexdigest()


@pytest.fixture(scope="module")
def shop() -> tuple[Shop, list[Message]]:
    made = Shop(5, ShopOptions(visits_per_hour=150))
    return made, list(made.events(START, START + 2 * DAY))


@pytest.fixture(scope="module")
def in_time(shop: tuple[Shop, list[Message]]) -> list[tuple[Message, dict[str, Any]]]:
    """Each event once, by its time, bots left out."""
    once = {json.loads(m.value)["event_id"]: m for m in shop[1]}
    told = sorted(once.values(), key=lambda m: (m.at_ms, m.arrival_ms))
    events = [(m, json.loads(m.value)) for m in told]
    return [(m, e) for m, e in events if not e.get("is_bot")]


def test_every_event_is_valid_and_lies_under_its_own_key(shop: tuple[Shop, list[Message]]) -> None:
    for topic in ("clickstream", "carts", "orders", "tickets"):
        sent = [m for m in shop[1] if m.topic == topic]
        assert sent
        for message, event in zip(sent, decode(topic, [m.value for m in sent]), strict=True):
            assert not isinstance(event, Rejected), event
            assert key_of(event).encode() == message.key
            assert event.timestamp == message.at_ms


def test_the_same_seed_and_span_give_the_same_bytes_and_another_seed_others() -> None:
    first = play(span=4 * HOUR)
    assert digest(first) == digest(play(span=4 * HOUR))
    assert digest(first) != digest(play(span=4 * HOUR, seed=6))


def test_a_longer_span_begins_with_the_shorter_one() -> None:
    tidy = ShopOptions(late=0, duplicates=0)
    short = play(tidy, span=3 * HOUR)
    assert play(tidy, span=5 * HOUR)[: len(short)] == short


def test_messages_come_in_order_of_arrival_and_late_ones_within_the_bound(
    shop: tuple[Shop, list[Message]],
) -> None:
    made, sent = shop
    assert all(a.arrival_ms <= b.arrival_ms for a, b in pairwise(sent))
    delays = [m.arrival_ms - m.at_ms for m in sent]
    assert min(delays) == 0
    assert 0 < max(delays) <= made.options.late_by_ms
    late = sum(delay > 0 for delay in delays)
    assert 0.02 < late / len(sent) < 0.04
    ids = Counter(json.loads(m.value)["event_id"] for m in sent)
    assert max(ids.values()) == 2
    assert sum(n == 2 for n in ids.values()) == made.truth.total["messages_duplicate"]


def test_events_beyond_lateness_come_only_when_asked_for() -> None:
    sent = play(ShopOptions(too_late=0.01), span=3 * HOUR)
    assert 0 < sum(m.arrival_ms - m.at_ms >= 2 * HOUR for m in sent) < len(sent) / 20


def test_counted_visits_are_those_that_gaps_of_thirty_minutes_show(
    shop: tuple[Shop, list[Message]], in_time: list[tuple[Message, dict[str, Any]]]
) -> None:
    truth = shop[0].truth.total
    by_visitor = defaultdict(list)
    for message, event in in_time:
        of_visit = message.topic in ONLINE or event["type"] == "order_completed"
        if of_visit and "visitor_id" in event:
            by_visitor[event["visitor_id"]].append((message.at_ms, event["type"]))
    visits = bounces = 0
    for events in by_visitor.values():
        starts = [0] + [
            i for i, (a, b) in enumerate(pairwise(events), 1) if b[0] - a[0] > 30 * 60_000
        ]
        parts = [events[a:b] for a, b in pairwise([*starts, len(events)])]
        visits += len(parts)
        bounces += sum(len(p) == 1 and p[0][1] == "page_viewed" for p in parts)
    assert truth["visits"] == visits
    assert truth["visits_new"] == len(by_visitor)
    assert truth["visits_returning"] == visits - len(by_visitor) > visits / 5
    # A visit that the span's end cuts off after its first page looks like a bounce.
    assert 0 <= bounces - truth["bounces"] <= 10


def test_counted_orders_money_and_customers_equal_a_recount(
    shop: tuple[Shop, list[Message]], in_time: list[tuple[Message, dict[str, Any]]]
) -> None:
    found: Counter[str] = Counter()
    buyers: set[str] = set()
    for _, e in in_time:
        if e["type"] == "customer_forgotten":
            buyers.discard(e["customer_id"])
        if e["type"] == "order_refunded":
            lines = e.get("products", [])
            found["refunded_cents"] += round(100 * (e.get("amount") or lines[0]["price"]))
        if e["type"] != "order_completed":
            continue
        customer = e.get("customer_id")
        kind = "guest" if customer is None else "returning" if customer in buyers else "new"
        found[f"orders_{kind}"] += 1
        buyers |= {customer} - {None}
        found["orders"] += 1
        found["units"] += sum(p["quantity"] for p in e["products"])
        found["gross_cents"] += sum(round(p["price"] * 100) * p["quantity"] for p in e["products"])
        of_lines = sum(round(p.get("discount", 0) * 100) for p in e["products"])
        found["discount_cents"] += round(e.get("discount", 0) * 100) + of_lines
        found["shipping_cents"] += round(e["shipping"] * 100)
    assert found == {name: shop[0].truth.total[name] for name in found}
    assert all(found[name] for name in ("orders_new", "orders_returning", "orders_guest"))


def test_counted_carts_equal_a_recount_and_orders_follow_their_visit(
    shop: tuple[Shop, list[Message]], in_time: list[tuple[Message, dict[str, Any]]]
) -> None:
    truth = shop[0].truth.total
    touched: dict[str, list[int]] = defaultdict(list)
    ordered: dict[str, int] = {}
    for message, e in in_time:
        if message.topic == "carts":
            touched[e["cart_id"]].append(message.at_ms)
        elif "cart_id" in e:
            ordered[e["cart_id"]] = message.at_ms
    end = START + 2 * DAY
    abandoned = recovered = 0
    for cart, times in touched.items():
        last = ordered.get(cart, end)
        if any(b - a >= HOUR for a, b in pairwise([*times, last])):
            abandoned += 1
            recovered += cart in ordered
    assert set(ordered) <= set(touched)
    assert (truth["carts"], truth["carts_abandoned"]) == (len(touched), abandoned)
    assert truth["carts_recovered"] == recovered > 0


def test_tickets_are_opened_first_and_counted(
    shop: tuple[Shop, list[Message]], in_time: list[tuple[Message, dict[str, Any]]]
) -> None:
    types: Counter[str] = Counter()
    seen: set[str] = set()
    for message, e in in_time:
        if message.topic != "tickets":
            continue
        types[e["type"]] += 1
        assert (e["ticket_id"] in seen) == (e["type"] != "ticket_opened")
        seen.add(e["ticket_id"])
    truth = shop[0].truth.total
    assert truth["tickets_opened"] == types["ticket_opened"] == len(seen)
    assert truth["tickets_reopened"] == types["ticket_reopened"] > 0
    assert truth["resolutions"] == types["ticket_resolved"]
    assert {"ticket_held", "ticket_escalated", "ticket_rated", "ticket_reassigned"} <= set(types)


def test_nobody_orders_on_the_site_while_the_checkout_is_broken_and_they_do_before_and_after() -> (
    None
):
    broken = (START + 12 * HOUR, START + 16 * HOUR)
    made = Shop(5, ShopOptions(broken_ms=broken))
    messages = list(made.events(START, START + DAY))
    events = [(m.at_ms, json.loads(m.value)) for m in messages if m.topic in ("carts", "orders")]

    def hours(kind: str, key: str) -> Counter[int]:
        return Counter((at - START) // HOUR for at, e in events if e["type"] == kind and e.get(key))

    checkouts = hours("checkout_started", "visitor_id")
    orders = hours("order_completed", "visitor_id")
    assert all(checkouts[hour] and not orders[hour] for hour in range(12, 16))
    assert all(orders[hour] for hour in (10, 11, 16, 17))
    failed = made.truth.total["checkouts_failed"]
    assert 0 < failed < sum(checkouts[hour] for hour in range(12, 16))


def test_days_sum_to_the_total(shop: tuple[Shop, list[Message]]) -> None:
    told = shop[0].truth.as_json()
    summed: Counter[str] = Counter()
    for counts in told["per_day"].values():
        summed.update(counts)
    assert dict(summed) == told["total"]


def test_a_rate_of_events_is_kept_over_a_day() -> None:
    sent = play(ShopOptions(events_per_second=0.5, duplicates=0))
    assert len(sent) / 86_400 == pytest.approx(0.5, rel=0.1)


def test_clicks_alone_come_at_the_exact_rate_from_known_visitors() -> None:
    options = ShopOptions(
        clickstream_only=True, visitors=300, events_per_second=10, late=0, duplicates=0
    )
    shop = Shop(1, options)
    sent = list(shop.events(START, START + HOUR))
    assert len(sent) == 36_000
    assert {m.topic for m in sent} == {"clickstream"}
    assert len({m.key for m in sent}) == 300
    assert not [e for e in decode("clickstream", [m.value for m in sent]) if type(e) is Rejected]
    by_visitor = defaultdict(list)
    for m in sent:
        by_visitor[m.key].append(m.at_ms)
    gaps = sum(b - a > 30 * 60_000 for times in by_visitor.values() for a, b in pairwise(times))
    assert shop.truth.total["visits"] == 300 + gaps


def test_a_shop_without_end_is_taken_message_by_message() -> None:
    assert len(list(islice(Shop(1).events(START), 500))) == 500


class Clock:
    """A clock that moves when somebody sleeps."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now(self) -> int:
        return self.at_ms

    def sleep(self, seconds: float) -> None:
        self.at_ms += max(1, int(seconds * 1000))


def test_live_play_sends_the_past_at_once_and_the_rest_when_it_is_due() -> None:
    clock = Clock(START + 2 * HOUR)
    messages = paced(
        Shop(1, ShopOptions(visits_per_hour=60)).events(START),
        now_ms=clock.now,
        sleep=clock.sleep,
        stop=lambda: clock.at_ms > START + 3 * HOUR,
    )
    sent = [(message.arrival_ms, clock.at_ms) for message in messages]
    assert all(now >= arrival for arrival, now in sent)
    assert all(now - arrival < 100 for arrival, now in sent if arrival > START + 2 * HOUR)
    assert sum(now == START + 2 * HOUR for _, now in sent) > 100


def test_a_speed_of_sixty_plays_an_hour_in_a_minute() -> None:
    clock = Clock(START)
    messages = Shop(1, ShopOptions(visits_per_hour=60)).events(START, START + HOUR)
    assert sum(1 for _ in paced(messages, now_ms=clock.now, sleep=clock.sleep, speed=60)) > 100
    assert clock.at_ms - START <= 66_000


def test_simulate_sends_all_and_writes_the_truth(tmp_path: Path) -> None:
    sent: list[Message] = []
    said: list[str] = []
    options = SimulateOptions(START, START + HOUR, truth_file=tmp_path / "truth.json")
    clock = Clock(0)
    truth = simulate(
        options, send=sent.append, now_ms=clock.now, sleep=clock.sleep, report=said.append
    )
    written = json.loads((tmp_path / "truth.json").read_text())
    assert written["total"] == dict(truth.total)
    assert written["total"]["visits"] > 50
    assert said[0] == f"{len(sent):,} messages sent"


def test_simulate_needs_an_end_unless_it_is_live() -> None:
    clock = Clock(0)
    with pytest.raises(ValueError, match="needs an end"):
        simulate(SimulateOptions(START), send=print, now_ms=clock.now, sleep=clock.sleep)


def test_a_line_for_compute_is_the_event_with_its_topic() -> None:
    message = play(span=HOUR)[0]
    line = json.loads(line_of(message))
    assert line.pop("topic") == message.topic
    assert line == json.loads(message.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"late": 1.5}, "late: expected a share"),
        ({"late": 0.6, "duplicates": 0.6}, "at most 1 in all"),
        ({"visits_per_hour": 0}, "more than 0"),
        ({"visitors": 0}, "at least 1"),
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ShopOptions(**wrong)
