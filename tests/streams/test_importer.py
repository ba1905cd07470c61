"""Importing a shop's file: rows become the events that the mapping means, in order of time."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kpi_windows.events import TOPICS
from streams.broker import EmbeddedBroker
from streams.importer import import_file
from streams.intake.plan import MappingError
from streams.intake.sorting import Sorter
from streams.producer import ProducerOptions, Sender, SendError
from tests.streams.imported import AT, VIEWS, Imported, ms, options, rows
from tests.streams.readback import everything

ORDERS = """
[read]
time = "unix_ms"
[[event]]
type = "order_completed"
where = { kind = "sale" }
group = ["order"]
[event.fields]
timestamp = "at"
order_id = "order"
customer_id = "who"
[event.lines]
product_id = "product"
price = "price"
"""
STATES = """
[read]
time = "unix_ms"
[[event]]
type = "ticket_resolved"
where = { state = "done" }
group = ["ticket"]
watch = ["state"]
[event.fields]
timestamp = "at"
ticket_id = "ticket"
[[event]]
type = "ticket_reopened"
where = { state = { not = "done" } }
before = { state = "done" }
group = ["ticket"]
watch = ["state"]
[event.fields]
timestamp = "at"
ticket_id = "ticket"
"""


def test_events_come_in_order_of_time_with_their_topic_and_equal_rows_stay_two(
    tmp_path: Path,
) -> None:
    text = rows("at,who,page", f"{AT + 9},a,/x", f"{AT + 1},b,/y", f"{AT + 9},a,/x")
    found = Imported(options(tmp_path, VIEWS, text))
    assert found.all("timestamp") == ms(1, 9, 9)
    assert set(found.all("topic")) == {"clickstream"}
    assert [i.rpartition("-")[2].split(":")[1:] for i in found.all("event_id")] == [
        ["3", "1"],
        ["2", "1"],
        ["4", "1"],
    ]
    assert (found.result.first_ms, found.result.last_ms) == (AT + 1, AT + 9)


def test_the_files_order_is_kept_when_asked_for(tmp_path: Path) -> None:
    text = rows("at,who,page", f"{AT + 9},a,/x", f"{AT + 1},b,/y")
    found = Imported(options(tmp_path, VIEWS, text, keep_order=True))
    assert found.all("timestamp") == ms(9, 1)


def test_little_memory_gives_the_same_order(tmp_path: Path) -> None:
    lines = [f"{AT + n * 7919 % 5000},v{n % 3},/{n}" for n in range(5_000)]
    wanted = options(tmp_path, VIEWS, rows("at,who,page", *lines))
    assert Imported(wanted).events == Imported(replace(wanted, memory_bytes=20_000)).events


def test_many_runs_on_disk_are_merged_in_order_and_leave_nothing(tmp_path: Path) -> None:
    with Sorter(tmp_path, memory_bytes=1_000) as sorter:
        for n in range(2_000):
            sorter.add((n * 7919 % 2000, "k"), str(n).encode())
        assert [key[0] for key, _ in sorter] == list(range(2_000))
    assert list(tmp_path.iterdir()) == []


def test_rows_of_an_order_become_its_lines_at_the_earliest_time(tmp_path: Path) -> None:
    text = rows(
        "at,kind,order,who,product,price",
        f"{AT + 5},sale,1,c,p,2.55",
        f"{AT + 3},sale,2,,q,1",
        f"{AT + 4},sale,1,c,p,2.55",
        f"{AT + 1},gift,1,c,z,0",
    )
    found = Imported(options(tmp_path, ORDERS, text))
    assert found.all("order_id") == ["2", "1"]
    assert found.all("timestamp") == ms(3, 4)
    assert found.all("customer_id") == [None, "c"]
    assert found.events[1]["products"] == [{"product_id": "p", "price": "2.55"}] * 2
    assert found.result.unused == 1


def test_a_change_is_seen_in_order_of_time_within_its_group(tmp_path: Path) -> None:
    text = rows(
        "at,ticket,state",
        f"{AT + 6},a,done",
        f"{AT + 1},a,new",
        f"{AT + 3},a,done",
        f"{AT + 4},a,done",
        f"{AT + 5},a,work",
        f"{AT + 2},b,done",
    )
    found = Imported(options(tmp_path, STATES, text))
    assert [(e["ticket_id"], e["type"], e["timestamp"] - AT) for e in found.events] == [
        ("b", "ticket_resolved", 2),
        ("a", "ticket_resolved", 3),
        ("a", "ticket_reopened", 5),
        ("a", "ticket_resolved", 6),
    ]


def test_once_a_group_takes_the_earliest_row_but_the_last_row_where_told(tmp_path: Path) -> None:
    mapping = """
    [read]
    time = "unix_ms"
    [[event]]
    type = "ticket_opened"
    where = { at = { not_before = "from" } }
    group = "ticket"
    id = "open-{ticket}"
    [event.fields]
    timestamp = { column = "at", not_before = "floor" }
    ticket_id = "ticket"
    concern = "concern"
    channel = { column = "channel", last = true }
    """
    text = rows(
        "at,from,floor,ticket,concern,channel",
        f"{AT + 1},{AT + 2},{AT},a,early,fax",
        f"{AT + 4},{AT + 2},{AT + 7},a,pay,phone",
        f"{AT + 9},{AT + 2},{AT + 7},a,late,mail",
    )
    (event,) = Imported(options(tmp_path, mapping, text)).events
    assert (event["timestamp"], event["concern"], event["channel"]) == (AT + 7, "pay", "mail")
    assert event["event_id"] == "open-a"


def test_values_are_picked_mapped_multiplied_and_defaulted(tmp_path: Path) -> None:
    mapping = """
    [read]
    delimiter = ";"
    encoding = "latin-1"
    missing = ["?", "n/a"]
    time = "%d-%m-%Y %H:%M"
    zone = "Europe/Amsterdam"
    decimal = ","
    [[event]]
    type = "order_completed"
    group = ["nr"]
    [event.fields]
    timestamp = "op"
    order_id = { text = "o-{nr}" }
    customer_id = { column = "klant", pick = '^\\d+' }
    channel = { column = "kanaal", map = { winkel = "store" }, otherwise = "online" }
    team = { column = "team", lower = true, default = "none" }
    is_test = "proef"
    [event.lines]
    product_id = "wat"
    quantity = { column = "aantal", times = -1 }
    price = "prijs"
    """
    text = (
        "nr;op;klant;kanaal;team;proef;wat;aantal;prijs\n"
        "7;01-07-2024 12:00;17850.0;winkel;Zuid;nee;café;-2;1,50\n"
        "8;01-07-2024 12:01;n/a;web;?;?;thé;-1;0,10\n"
    )
    broken = Imported(options(tmp_path, mapping, text.encode("latin-1")))
    assert broken.result.bad == 1
    assert "column 'proef': expected true or false, got 'nee'" in broken.said[0]
    found = Imported(options(tmp_path, mapping, text.replace("nee", "no").encode("latin-1")))
    first, second = found.events
    assert first["timestamp"] == 1_719_828_000_000
    assert (first["order_id"], first["customer_id"], first["channel"]) == ("o-7", "17850", "store")
    assert first["products"] == [{"product_id": "café", "quantity": 2, "price": "1.50"}]
    assert (first["team"], second["team"]) == ("zuid", "none")
    assert "customer_id" not in second
    assert second["channel"] == "online"


def test_json_lines_are_mapped_by_nested_fields(tmp_path: Path) -> None:
    mapping = VIEWS.replace('"who"', '"visitor.id"').replace('"page"', '"pge"')
    lines = [
        {"at": AT, "visitor": {"id": 12}, "pge": "/x"},
        {"at": AT + 1, "visitor": {}},
        "text",
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    found = Imported(options(tmp_path, mapping, gzip.compress(text.encode()), "a.jsonl.gz"))
    assert found.all("visitor_id") == ["12"]
    assert [line.split(": ", 1)[0] for line in found.said] == ["a.jsonl.gz:2", "a.jsonl.gz:3"]
    assert "'visitor.id' is missing: needed for visitor_id" in found.said[0]


def test_a_file_without_a_header_gets_its_columns_from_the_mapping(tmp_path: Path) -> None:
    mapping = VIEWS.replace("[read]", '[read]\ncolumns = ["at", "who", "page"]')
    assert Imported(options(tmp_path, mapping, f"{AT},a,/x\n")).all("page") == ["/x"]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + rows("at,who,page", f"{AT},a,/x").encode()
    assert len(Imported(options(tmp_path, VIEWS, text)).events) == 1


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


def test_an_import_sends_all_and_begins_and_ends_with_clocks_in_all_partitions_of_all_topics(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    text = rows("at,who,page", *(f"{AT + n},v{n % 9},/{n}" for n in range(500)))
    wanted = options(tmp_path, VIEWS, text)
    result = import_file(wanted, ProducerOptions([broker.bootstrap]))
    assert (result.sent, result.before, result.clocks) == (500, 0, 2 * 4 * len(TOPICS))
    found = everything(broker.bootstrap, "clickstream")
    assert {f.key for f in found} == {f"v{n}".encode() for n in range(9)} | {None}
    for topic in TOPICS:
        clocks = [f for f in everything(broker.bootstrap, topic) if b"clock" in f.value]
        assert [(f.partition, f.event["timestamp"]) for f in clocks] == [
            (partition, at_ms) for partition in range(4) for at_ms in (AT, AT + 499)
        ]


def test_an_import_that_was_cut_off_goes_on_where_it_stopped(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = rows("at,who,page", *(f"{AT + n},v{n % 9},/{n}" for n in range(12_000)))
    wanted = options(tmp_path, VIEWS, text)
    really = Sender.send

    def breaks(self: Sender, *args: Any, **more: Any) -> None:
        if self.sent == 11_000:
            raise SendError("cut")
        really(self, *args, **more)

    producer = ProducerOptions([broker.bootstrap])
    monkeypatch.setattr(Sender, "send", breaks)
    with pytest.raises(SendError):
        import_file(wanted, producer)
    monkeypatch.setattr(Sender, "send", really)
    result = import_file(wanted, producer)
    assert 0 < result.before <= 11_000
    assert result.sent == 12_000 - result.before
    found = everything(broker.bootstrap, "clickstream")
    ids = Counter(f.event["event_id"] for f in found if b"clock" not in f.value)
    assert len(ids) == 12_000
    again = import_file(replace(wanted, clocks=False), producer)
    assert (again.sent, again.clocks) == (0, 0)
    assert import_file(replace(wanted, restart=True), producer).sent == 12_000


def test_properties_are_the_shops_own_and_read_as_it_says(tmp_path: Path) -> None:
    mapping = VIEWS + (
        'properties.gift = { column = "gift", read = "flag" }\n'
        'properties.tip = { column = "tip", read = "number", times = 2 }\n'
        'properties.occasion = "why"\n'
    )
    content = rows(
        "at,who,page,gift,tip,why",
        f"{AT},v,/,yes,1.25,birthday",
        f"{AT},v,/,no,,",
        f"{AT},v,/,maybe,1,x",
    )
    told = Imported(options(tmp_path, mapping, content))
    assert told.all("properties") == [
        {"gift": True, "tip": 2.5, "occasion": "birthday"},
        {"gift": False},
    ]
    assert "column 'gift': expected true or false, got 'maybe'" in told.said[0]


def test_a_property_that_cannot_be_read_so_is_named(tmp_path: Path) -> None:
    mapping = VIEWS + 'properties.tip = { column = "tip", read = "money" }\n'
    with pytest.raises(MappingError, match=r"properties\.tip\.read: expected one of text, number"):
        Imported(options(tmp_path, mapping, rows("at,who,page,tip", f"{AT},v,/,1")))
