"""Mapping files: what they may say, and what a mistake in one is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.intake.cells import Column, condition, number, reader
from streams.intake.plan import FileMapping
from streams.mapping import MappingError, load_mapping
from tests.streams.real_input import MAPPINGS

GOOD = """
[read]
missing = "?"
time = "%d/%m/%Y %H:%M"
zone = "Europe/Amsterdam"

[columns.price]
decimal = ","
thousands = "."

[[event]]
type = "order_completed"
where = { kind = "sale", count = { above = 0 } }
group = ["order"]

[event.fields]
timestamp = "at"
order_id = "order"
channel = { value = "online" }

[event.lines]
product_id = "product"
price = "price"
cost.production = "cost"
"""


def load(tmp_path: Path, text: str) -> FileMapping:
    path = tmp_path / "shop.toml"
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


def test_a_good_mapping_says_how_columns_are_written_and_what_rows_mean(tmp_path: Path) -> None:
    mapping = load(tmp_path, GOOD)
    (rule,) = mapping.rules
    assert (rule.topic, rule.group) == ("orders", ("order",))
    assert mapping.column("at") == Column("%d/%m/%Y %H:%M", "Europe/Amsterdam", missing=("", "?"))
    assert mapping.column("price").decimal == ","
    assert mapping.column("price").zone == "Europe/Amsterdam"
    assert rule.fields["timestamp"].kind == "time"
    assert rule.lines["cost.production"].kind == "money"


@pytest.mark.parametrize("path", sorted(MAPPINGS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_good(path: Path) -> None:
    assert load_mapping(path).rules


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("[read]", "[reed]", "reed: no such key; did you mean read?"),
        ("missing =", "mising =", r"\[read\] mising: no such key; did you mean missing\?"),
        ("zone = ", 'format = "xml"\nzone = ', "format: expected csv or jsonl, got 'xml'"),
        ("Europe/Amsterdam", "Europe/Utrecht", "zone: there is no time zone 'Europe/Utrecht'"),
        ("%d/%m/%Y %H:%M", "d/m/Y", "time: expected iso, unix, unix_ms or a format"),
        ('decimal = ","', "decimal = 1", r"\[columns.price\] decimal: expected a text"),
        ("order_completed", "order_complete", "is no event; did you mean order_completed?"),
        ("group =", "groups =", r"\(order_completed\) groups: no such key; did you mean group\?"),
        ("order_id =", "orderid =", "fields.orderid: no such field; did you mean order_id?"),
        ('order_id = "order"', "", "fields: order_id: needed for order_completed"),
        ("product_id =", "sku =", "lines.sku: no such field; known are"),
        ('product_id = "product"', "", "lines: product_id: needed for a line"),
        ("cost.production", "cost.material", "lines.cost.material: no such field"),
        ("above = 0", "over = 0", "where.count: over: no such test; known are is, not"),
        ("above = 0", 'matches = "("', "matches: expected a regular expression"),
        ("above = 0", 'above = "x"', "where.count"),
        ('group = ["order"]', "", "lines need group"),
        ('group = ["order"]', 'group = ["a"]\nwatch = ["b"]', "expected watch or lines"),
        ('{ value = "online" }', "{ colum = 1 }", "channel.colum: no such key"),
        ('{ value = "online" }', "{ lower = true }", "channel: expected one of column"),
        ('{ value = "online" }', '{ column = "c", times = 2 }', "times: only amounts"),
        ('{ value = "online" }', '{ column = "c", pick = "(" }', "pick: expected a regular"),
        ('{ value = "online" }', '{ column = "c", not_before = "at" }', "only times have it"),
        ('{ value = "online" }', '"online"\nevent_id = "x"', "event_id: .* made by id"),
        ("[[event]]", "[event]", "expected at least one"),
        ("[[event]]", "[[event", "not readable as TOML"),
    ],
)
def test_a_mistake_is_told_with_the_file_the_key_and_what_would_be_right(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    assert right in GOOD
    with pytest.raises(MappingError, match=f"shop.toml: .*{said}"):
        load(tmp_path, GOOD.replace(right, wrong, 1))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="No such file"):
        load_mapping(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("column", "text", "at_ms"),
    [
        (Column(), "2011-12-09T12:50:00Z", 1_323_435_000_000),
        (Column(), "2011-12-09 12:50:00.250", 1_323_435_000_250),
        (Column(zone="Europe/Amsterdam"), "2011-07-01 12:00", 1_309_514_400_000),
        (Column("%d/%m/%Y %H:%M"), "9/12/2011 12:50", 1_323_435_000_000),
        (Column("%d/%m/%Y %H:%M", zone="Asia/Kolkata"), "09/12/2011 18:20", 1_323_435_000_000),
        (Column("unix"), "1323435000.5", 1_323_435_000_500),
        (Column("unix_ms"), "1323435000250", 1_323_435_000_250),
    ],
)
def test_times_are_read_in_their_format_and_zone(column: Column, text: str, at_ms: int) -> None:
    assert reader("time", column)(text) == at_ms


def test_amounts_are_read_exactly_and_by_the_shops_own_marks() -> None:
    assert reader("money", Column())("2.55") == "2.55"
    assert reader("money", Column(decimal=",", thousands="."))("1.234,50") == "1234.50"
    assert reader("int", Column())("6.0") == 6
    assert number("-3", Column()) == -3


@pytest.mark.parametrize(
    ("kind", "column", "text"),
    [
        ("time", Column(), "yesterday"),
        ("time", Column("%d/%m/%Y %H:%M"), "13/13/2011 12:50"),
        ("time", Column("unix"), "soon"),
        ("money", Column(), "NaN"),
        ("money", Column(), "1,5"),
        ("money", Column(decimal=","), "1.5"),
        ("int", Column(), "1.5"),
        ("bool", Column(), "perhaps"),
    ],
)
def test_what_cannot_be_read_says_what_was_expected(kind: str, column: Column, text: str) -> None:
    with pytest.raises(ValueError, match=r"expected .*got"):
        reader(kind, column)(text)


@pytest.mark.parametrize(
    ("told", "holds", "fails"),
    [
        ("New", "New", "new"),
        (["a", "b"], "b", "c"),
        (True, "true", "false"),
        (7, "7", "8"),
        ({"is": "a"}, "a", None),
        ({"not": "a"}, "b", "a"),
        ({"not": ["a", "b"]}, None, "b"),
        ({"matches": r"^\d+$"}, "12", "C12"),
        ({"above": 0}, "0.01", "0"),
        ({"below": 0}, "-1", None),
        ({"at_least": 2}, "2", "1.9"),
        ({"at_most": 2}, "2", "2.1"),
        ({"present": True}, "x", None),
        ({"present": False}, None, "x"),
        ({"above": 0, "below": 10}, "5", "11"),
    ],
)
def test_conditions_hold_and_fail(told: Any, holds: str | None, fails: str | None) -> None:
    test = condition(told, Column())
    assert test(holds)
    assert not test(fails)
