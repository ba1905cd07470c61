"""What is written when somebody is to be forgotten, and in which bytes somebody is found."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from kpi_windows.decoding import Rejected, decode
from kpi_windows.definitions import DAY_MS, Definitions
from kpi_windows.engine import Record, Shard
from streams.cli import main
from streams.forgetting.requests import Person, events_of
from streams.forgetting.words import Words
from streams.topics import dead_letter

AT = 1_767_268_800_000


def test_a_request_sent_again_has_the_same_ids_and_another_one_others() -> None:
    person = Person(("c1",), ("v1", "v2"), ("s1",))
    first, again, other = (events_of(person, AT, request) for request in ("r1", "r1", "r2"))
    assert first == again
    ids = {event["event_id"] for event in first}
    assert len(ids) == 2
    assert ids.isdisjoint(event["event_id"] for event in other)
    assert not [one for one in person.ids if one in "".join(ids)], "an event's id names nobody"


@pytest.mark.parametrize(
    "person", [Person(("c",)), Person((), ("v",)), Person((), (), ("s",)), Person(("c", "d"))]
)
def test_whoever_it_is_it_is_an_event_that_counts(person: Person) -> None:
    events = events_of(person, AT, "r")
    told = decode("orders", [json.dumps(event).encode() for event in events])
    assert not [each for each in told if isinstance(each, Rejected)]


def test_without_an_id_nobody_is_forgotten() -> None:
    told = CliRunner().invoke(main, ["forget"])
    assert told.exit_code == 2
    assert "expected CUSTOMER, --visitor or --subscriber" in told.output


# ---------------------------------------------------------------------------- state


def sent(*events: dict[str, Any]) -> list[Record]:
    return [Record(n, AT + 9 * DAY_MS, None, json.dumps(e).encode()) for n, e in enumerate(events)]


class Kept:
    """A partition, and the last record of each key, as a compacted changelog has it."""

    def __init__(self) -> None:
        self.shard = Shard(Definitions(), 0, 1, ("clickstream", "orders", "marketing"))
        self.state: dict[bytes, bytes | None] = {}
        self.panes: dict[bytes, bytes | None] = {}

    def take(self, topic: str, *events: dict[str, Any]) -> None:
        self.shard.ingest(topic, sent(*events))
        self.cut()

    def cut(self) -> None:
        cut = self.shard.cut()
        assert cut is not None
        self.state.update(cut.state)
        self.panes.update(cut.panes)

    def come_to(self, at_ms: int) -> None:
        for topic in ("clickstream", "orders", "marketing"):
            self.shard.ingest(topic, sent({"type": "clock", "timestamp": at_ms}))
        self.cut()

    def naming(self, words: Words) -> int:
        rows = [(key, value) for key, value in self.state.items() if value is not None]
        return sum(words.in_text(key[1:]) or words.in_journal(value) for key, value in rows)


def test_all_that_is_kept_under_somebodys_ids_goes_and_what_was_counted_stays() -> None:
    kept = Kept()
    person = Person(("c1",), ("v1",), ("s1",))
    click = {"visitor_id": "v1", "timestamp": AT, "event_id": "e1"}
    kept.take("clickstream", {"type": "page_viewed", "page": "/tea", **click})
    bought = {"products": [{"product_id": "tea", "price": "2.50"}], "customer_id": "c1"}
    order = {"type": "order_completed", "order_id": "o1", "timestamp": AT, "visitor_id": "v1"}
    kept.take("orders", {**order, **bought})
    joined = {"type": "subscriber_joined", "subscriber_id": "s1", "timestamp": AT}
    kept.take("marketing", joined)
    kept.come_to(AT + DAY_MS)  # a cart would be abandoned by now
    words = Words(person.ids)
    assert kept.naming(words) == 3
    before = dict(kept.panes)

    kept.take("orders", *events_of(person, AT + DAY_MS, "r"))
    kept.come_to(AT + 3 * DAY_MS)
    assert kept.naming(words) == 0
    assert {key: kept.panes[key] for key in before} == before
    gone = [key for key, value in kept.state.items() if value is None]
    assert sorted(gone) == [b"bs1", b"nc1", b"vv1"]


# ---------------------------------------------------------------------------- words


def test_an_id_is_found_as_a_word_of_its_own() -> None:
    words = Words(["c-4", "é/1", "7"])
    for text in ("c-4", "of c-4.", "(é/1)", "x c-4-5"):
        assert words.in_json(json.dumps({"note": text}).encode()), text
    assert words.in_json(json.dumps({"id": "é/1"}).replace("/", "\\/").encode())
    assert words.in_json(b'{"customer": {"id": 7}}')
    for text in ("c-42", "abc-4x", "17", "7up"):
        assert not words.in_json(json.dumps({"note": text}).encode()), text
    assert not words.in_json(b'{"price": 7, "quantity": 7}')
    assert words.in_json(b"\xff broken c-4")


def test_an_id_is_found_in_a_dead_letter_also_where_its_bytes_arent_text() -> None:
    from kpi_windows.records import DeadLetter

    def letter(key: bytes, value: bytes) -> bytes:
        return dead_letter(0, DeadLetter("orders", 1, "rejected", "no JSON", key, value, AT))

    words = Words(["c-4"])
    assert words.in_letter(letter(b"c-4", b"{"))
    assert words.in_letter(letter(b"k", b"\xff\xff c-4 \xff"))
    assert words.in_letter(letter(b"k", b'{"a": "c-4", "b": "%s"}' % (b"x" * 100_000)))
    assert not words.in_letter(letter(b"k", b"c-42"))


def test_an_id_is_found_in_what_is_packed() -> None:
    words = Words(["c-4"])
    fact = ("n", "c-4", (AT, 0, "\x00orderx", 1, []))
    assert words.in_packed(msgspec.msgpack.encode(fact))
    stray = ("raw", "orders", b'{"customer_id": "c-4"}')
    assert words.in_packed(msgspec.msgpack.encode(stray))
    assert words.in_packed(msgspec.msgpack.encode(("v", "x", (AT, 11, "\x00forgottenc-4\x00e"))))
    assert not words.in_packed(msgspec.msgpack.encode(("n", "c-42", (AT, 0, ""))))
