"""What no shop should send, through a real Kafka and a real worker: counted, kept, told, survived.

One worker takes in everything below at once, among good events; each test looks at what came of it.
"""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from kpi_windows.keys import partition_of
from tests.kafka.broker import KafkaBroker
from tests.real.product import TOPICS, Product

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PARTITIONS = 2
NOW_MS = time.time_ns() // 1_000_000
DAY_MS = 86_400_000
LARGEST = 1_048_400  # the broker takes 1,048,588 with what surrounds it


class Bad(NamedTuple):
    """A message that must not count, and what its dead letter must say."""

    topic: str
    value: bytes | None
    reason: str
    outcome: str = "rejected"
    key: bytes | None = b"somebody"


def event(**fields: Any) -> bytes:
    return json.dumps({"timestamp": NOW_MS, **fields}).encode()


def view(**fields: Any) -> bytes:
    return event(**{"type": "page_viewed", "visitor_id": "hostile", **fields})


def order(**fields: Any) -> bytes:
    lines = [{"product_id": "p", "price": "1"}]
    return event(**{"type": "order_completed", "order_id": "bad", "products": lines, **fields})


def priced(price: Any) -> bytes:
    return order(products=[{"product_id": "p", "price": price}])


def rated(**fields: Any) -> bytes:
    return event(**{"type": "ticket_rated", "ticket_id": "t", "survey": "csat", **fields})


DEEP = b'{"a":' * 100_000
AMOUNT = "expected an amount of 0 or more"
BETWEEN = "between 1990 and 2100"

BAD = [
    # Not JSON, or not an object.
    Bad("clickstream", b"<html>502 Bad Gateway</html>", "not JSON"),
    Bad("clickstream", b"", "empty value: expected a JSON object"),
    Bad("clickstream", None, "null value: expected a JSON object"),
    Bad("orders", None, "null value: expected a JSON object"),
    Bad("carts", b"[]", "Expected `object`, got `array`"),
    Bad("carts", b"17", "Expected `object`, got `int`"),
    Bad("carts", b"null", "Expected `object`, got `null`"),
    Bad("tickets", b"\n\n", "not JSON"),
    Bad("tickets", b"\x00" * 100, "not JSON"),
    Bad("clickstream", view()[:-1], "not JSON"),
    Bad("clickstream", view() + b"\n" + view(), "not JSON"),
    Bad("clickstream", DEEP, "nested too deeply"),
    Bad("clickstream", view()[:-1] + b',"more":' + b"[" * 9_000 + b"]" * 9_000 + b"}", "nested"),
    # Another encoding.
    Bad("clickstream", view().decode().encode("utf-16"), "not JSON in UTF-8"),
    Bad("clickstream", b"\xef\xbb\xbf" + view(), "not JSON in UTF-8"),
    Bad("clickstream", view(source="caf?").replace(b"?", b"\xe9"), "UTF-8"),
    Bad("clickstream", view(visitor_id="\ud800"), "not JSON in UTF-8"),
    # Wrong or missing fields.
    Bad("clickstream", b"{}", "missing required field `type`"),
    Bad("clickstream", event(type="page_viewed"), "missing required field `visitor_id`"),
    Bad("clickstream", view(visitor_id=5), "Expected `str`, got `int` - at `$.visitor_id`"),
    Bad("clickstream", view(visitor_id=""), "length >= 1 - at `$.visitor_id`"),
    Bad("clickstream", view(is_bot="no"), "Expected `bool`, got `str` - at `$.is_bot`"),
    Bad("clickstream", order(), "topic 'clickstream' takes the types chat_opened, clock"),
    Bad("tickets", event(type="ticket_exploded", ticket_id="t"), "takes the types clock, ticket_"),
    Bad("clickstream", view(schema_version=2), "this version understands schema_version 1"),
    Bad("orders", order(products=None), "Expected `array`, got `null` - at `$.products`"),
    Bad("orders", order(products=[{"product_id": "p", "quantity": 0}]), "Expected `int` >= 1"),
    Bad("orders", order(products=[{"product_id": "p"}] * 10_001), "length <= 10000"),
    Bad("orders", event(type="order_refunded", refund_id="r"), "expected `amount`, or `products`"),
    Bad("tickets", rated(score=9), "expected a score of 1..5, got 9"),
    # Money that is none.
    Bad("orders", order().replace(b'"1"', b"NaN"), "not JSON"),
    Bad("orders", priced("NaN"), AMOUNT),
    Bad("orders", priced("-Infinity"), AMOUNT),
    Bad("orders", priced(-0.01), AMOUNT),
    Bad("orders", priced(1e300), AMOUNT),
    Bad("orders", priced("1e99999999999999999999"), "decimal"),
    Bad("orders", order(discount=-1), AMOUNT),
    Bad("orders", order(currency="XXX"), "no rate for currency 'XXX'"),
    Bad("carts", event(type="product_added", visitor_id="v", price="-1"), AMOUNT),
    # Times out of the world, and out of time.
    Bad("clickstream", view(timestamp="yesterday"), "at `$.timestamp`"),
    Bad("clickstream", view(timestamp="2026-01-01T00:00:00"), "timezone"),
    Bad("clickstream", view(timestamp=1.5), "got `float` - at `$.timestamp`"),
    Bad("clickstream", view(timestamp=NOW_MS // 1_000), BETWEEN),
    Bad("clickstream", view(timestamp=-(10**40)), BETWEEN),
    Bad("clickstream", view(timestamp="0001-01-01T00:00:00+23:59"), BETWEEN),
    Bad("clickstream", view(timestamp="9999-12-31T23:59:59-23:59"), BETWEEN),
    Bad("clickstream", view(timestamp="2001-01-01T00:00:00Z"), "older than", "late"),
    Bad("orders", order(timestamp=NOW_MS - 5 * DAY_MS), "older than", "late"),
    Bad("clickstream", view(timestamp="2099-01-01T00:00:00Z"), "ahead of its record", "future"),
    Bad("orders", event(type="clock", timestamp=NOW_MS + DAY_MS), "ahead of its record", "future"),
    # Huge, and with keys that are no text.
    Bad("clickstream", b"x" * LARGEST, "not JSON"),
    Bad("carts", b"\x01" * LARGEST, "not JSON", key=b"\xff" * 100),
    Bad("carts", b"{", "not JSON", key=None),
]

ODD_LABEL = 'a"b\\c\nd\x00e\x1f,}'
ODD_TOLD = ODD_LABEL.replace("\x1f", " ")  # it parts labels from one another

# Strange, and yet events: (topic, key, value); each of its visitors makes a visit.
STRANGE = [
    ("clickstream", b"odd", view(visitor_id="odd", source=ODD_LABEL, page=ODD_LABEL)),
    ("clickstream", b"nul", view(visitor_id="\x00order-1")),
    ("clickstream", b"big", view(visitor_id="big", padding="x" * 1_000_000)),
    ("clickstream", b"more", view(visitor_id="more", unknown={"a": [None, 1e9]})),
    ("clickstream", None, view(visitor_id="no key")),
    ("clickstream", b"\xff\xfe", view(visitor_id="key of bytes")),
]


class Sent:
    """Sends raw messages, and remembers where each one landed."""

    def __init__(self, product: Product) -> None:
        self._topics = product.topics
        self._producer = Producer(
            {"bootstrap.servers": product.bootstrap, "message.max.bytes": 2_000_000}
        )
        self.places: list[tuple[int, int]] = []

    def send(self, topic: str, key: bytes | None, value: bytes | None, partition: int) -> None:
        at = len(self.places)
        self.places.append((-1, -1))

        def landed(error: Any, message: Any) -> None:
            assert error is None, error
            self.places[at] = (message.partition(), message.offset())

        self._producer.produce(
            self._topics[topic], key=key, value=value, partition=partition, on_delivery=landed
        )

    def flush(self) -> None:
        assert self._producer.flush(60) == 0


class Outcome(NamedTuple):
    product: Product
    places: list[tuple[int, int]]
    """Of BAD, (partition, offset)."""
    letters: list[dict[str, Any]]


def dead_letters(product: Product) -> list[dict[str, Any]]:
    name = f"{product.app_id}-dead-letters"
    consumer = Consumer(
        {
            "bootstrap.servers": product.bootstrap,
            "group.id": "reads-only",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.message.max.bytes": 8_000_000,
        }
    )
    consumer.assign([TopicPartition(name, p, 0) for p in range(PARTITIONS)])
    letters, ended = [], set()
    deadline = time.monotonic() + 60
    while len(ended) < PARTITIONS:
        assert time.monotonic() < deadline, "the dead letters can't be read"
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            if message.error().code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
        else:
            letters.append(json.loads(message.value()))
            assert letters[-1]["partition"] == message.partition()
    consumer.close()
    return letters


def good(visitor: str, **fields: Any) -> tuple[str, bytes, bytes, int]:
    key = visitor.encode()
    return "clickstream", key, view(visitor_id=visitor, **fields), partition_of(key, PARTITIONS)


@pytest.fixture(scope="module")
def outcome(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("hostile")
    with Product(folder, kafka, "hostile", partitions=PARTITIONS, workers=1) as product:
        sent = Sent(product)
        for topic in TOPICS:  # time stands at now, so that old is late
            for partition in range(PARTITIONS):
                sent.send(topic, None, event(type="clock"), partition)
        sent.flush()
        product.until_processed()
        sent.places.clear()
        for number, bad in enumerate(BAD):
            sent.send(bad.topic, bad.key, bad.value, number % PARTITIONS)
        places = sent.places
        for number in range(100):  # among them and after them
            sent.send(*good(f"good-{number}"))
        for number, (topic, key, value) in enumerate(STRANGE):
            sent.send(topic, key, value, number % PARTITIONS)
        for number in range(20):  # each under the other partition
            topic, key, value, home = good(f"stray-{number}")
            sent.send(topic, key, value, (home + 1) % PARTITIONS)
        lines = [{"product_id": "p", "price": "12.34", "quantity": 2}]
        value = order(order_id="fine", products=lines)
        sent.send("orders", b"fine", value, partition_of(b"fine", PARTITIONS))
        sent.flush()
        product.until_processed()
        yield Outcome(product, places[: len(BAD)], dead_letters(product))


@pytest.mark.parametrize("number", range(len(BAD)), ids=lambda n: f"{n}-{BAD[n].reason[:30]}")
def test_each_is_a_dead_letter_once_with_reason_place_and_bytes(
    outcome: Outcome, number: int
) -> None:
    bad, (partition, offset) = BAD[number], outcome.places[number]
    found = [
        letter
        for letter in outcome.letters
        if (letter["topic"], letter["partition"], letter["offset"])
        == (bad.topic, partition, offset)
    ]
    assert len(found) == 1
    letter = found[0]
    assert letter["outcome"] == bad.outcome
    assert bad.reason in letter["reason"]
    assert 10 < len(letter["reason"]) < 400
    for name, raw in (("key", bad.key), ("value", bad.value)):
        kept = letter[f"{name}_base64"]
        assert (kept if kept is None else base64.b64decode(kept)) == raw
    assert abs(letter["timestamp_ms"] - NOW_MS) < DAY_MS


def test_nothing_else_is_a_dead_letter(outcome: Outcome) -> None:
    assert len(outcome.letters) == len(BAD)


def test_all_are_counted_under_the_right_outcome(outcome: Outcome) -> None:
    told = outcome.product.status()["events"]
    expected: dict[str, Counter[str]] = {topic: Counter() for topic in TOPICS}
    for bad in BAD:
        expected[bad.topic][bad.outcome] += 1
    for topic in TOPICS:
        for kind in ("rejected", "late", "future"):
            assert told[topic][kind] == expected[topic][kind], (topic, kind)
        assert told[topic]["duplicate"] == 0
        assert told[topic]["accounted_for"]
    accepted = 100 + len(STRANGE) + 20 + PARTITIONS
    assert told["clickstream"]["accepted"] == accepted
    assert told["orders"]["accepted"] == 1 + PARTITIONS


def test_the_metrics_say_the_same_and_stay_readable_whatever_labels_hold(outcome: Outcome) -> None:
    with urllib.request.urlopen(f"{outcome.product.url}/metrics", timeout=60) as reply:
        page = reply.read().decode()
    families = {f.name: f for f in text_string_to_metric_families(page)}
    counted = {
        (s.labels["topic"], s.labels["outcome"]): s.value
        for s in families["kpi_processor_events"].samples
        if s.name.endswith("_total")
    }
    for bad_topic in TOPICS:
        for kind in ("rejected", "late", "future"):
            number = sum((bad.topic, bad.outcome) == (bad_topic, kind) for bad in BAD)
            assert counted[bad_topic, kind] == number
    unaccounted = families["kpi_processor_unaccounted_events"].samples
    assert {sample.value for sample in unaccounted} == {0}
    sources = {
        sample.labels["source"]
        for sample in families["kpi_visits_by_source"].samples
        if sample.labels["window"] == "24h"
    }
    assert sources == {"direct", ODD_TOLD}


def test_good_events_around_them_count_exactly_and_strays_find_their_way(outcome: Outcome) -> None:
    product = outcome.product
    strays = 20 + sum(
        partition_of(json.loads(value)["visitor_id"].encode(), PARTITIONS) != number % PARTITIONS
        for number, (_, _, value) in enumerate(STRANGE)
    )
    page = urllib.request.urlopen(f"{product.url}/metrics", timeout=60).read().decode()
    for what in ("misrouted", "arrived"):
        told = re.search(rf'kpi_processor_forwarded_total{{what="{what}"}} (\S+)', page)
        assert told is not None
        assert float(told[1]) == strays, what
    visits = product.query("visits", "--window", "24h")
    assert [told["value"] for told in visits] == [100 + len(STRANGE) + 20]
    sales = product.query("sales", "--window", "24h")
    assert [told["value"] for told in sales] == [24.68]
    by_source = product.query("visits", "--window", "24h", "--by", "source")
    odd = [told for told in by_source if told["labels"]["source"] == ODD_TOLD]
    assert [told["value"] for told in odd] == [1]


def test_the_future_moved_no_watermark_and_the_worker_never_stopped(outcome: Outcome) -> None:
    product = outcome.product
    for told in product.status()["partitions"].values():
        assert told["watermark_ms"] <= time.time_ns() // 1_000_000
    assert "Traceback" not in product.logs()
    assert "a fresh one" not in product.logs()


def test_doctor_tells_how_many_dead_letters_there_are_and_what_is_commonest(
    outcome: Outcome,
) -> None:
    said, _ = outcome.product.kpi("doctor", "--url", outcome.product.url)
    assert f"{len(BAD)} dead letters; most often (" in said


def test_the_list_has_each_dead_letter_with_its_bytes(outcome: Outcome) -> None:
    said, _ = outcome.product.kpi("dead-letters", "list", "--format", "json", "--limit", "1000")
    listed = {
        (t["topic"], t["partition"], t["offset"]): t for t in map(json.loads, said.splitlines())
    }
    assert len(listed) == len(BAD)
    for bad, place in zip(BAD, outcome.places, strict=True):
        told = listed[bad.topic, *place]
        assert told["outcome"] == bad.outcome
        for name, raw in (("key", bad.key), ("value", bad.value)):
            kept = told[f"{name}_base64"]
            assert (kept if kept is None else base64.b64decode(kept)) == raw


def test_nothing_that_a_letter_holds_reaches_the_terminal_as_it_is(outcome: Outcome) -> None:
    for how in (["list", "--limit", "1000"], ["groups"], ["send", "--dry-run"]):
        said, errors = outcome.product.kpi("dead-letters", *how)
        assert all(each.isprintable() or each == "\n" for each in said + errors), how
        assert len(said) < 60_000


def test_none_of_them_is_sent_again_as_long_as_it_would_not_count(outcome: Outcome) -> None:
    _, said = outcome.product.kpi("dead-letters", "send")
    assert f"0 of {len(BAD)} dead letters sent" in said
