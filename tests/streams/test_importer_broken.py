"""Importing files with broken lines, wrong columns and missing ends: told by number, and no end."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from streams.mapping import MappingError
from tests.streams.imported import AT, VIEWS, Imported, options, rows


def test_a_json_field_that_no_line_has_is_told(tmp_path: Path) -> None:
    text = json.dumps({"at": AT, "who": "a"}) + "\n"
    found = Imported(options(tmp_path, VIEWS, text, "a.jsonl"))
    assert found.said == ["a.jsonl:1: no line has a field 'page', which the mapping names"]


def test_broken_lines_are_told_by_number_and_the_rest_is_imported(tmp_path: Path) -> None:
    text = (
        rows("at,who,page", f"{AT},a,/x", f"{AT},a", f"{AT},a,/x,more", '1,"a"b,/x', "soon,a,/x")
        + f"17,a,/x\n,a,/x\n\n{AT},z,/y\n"
    ).encode() + b"%d,\xff,/x\n%d,last,/wh" % (AT, AT)
    found = Imported(options(tmp_path, VIEWS, text))
    assert found.all("who") == [None] * 3
    assert found.all("visitor_id") == ["a", "z", "last"]
    numbers = [int(line.split(":")[1]) for line in found.said]
    assert numbers == [3, 4, 5, 6, 7, 8, 11]
    reasons = "\n".join(found.said)
    for said in (
        "expected 3 columns, got 2",
        "expected 3 columns, got 4",
        "not CSV",
        "expected a time as 'unix_ms', got 'soon'",
        "timestamp out of range",
        "column 'at' is missing: needed for timestamp",
        "not text in utf-8",
    ):
        assert said in reasons


def test_a_last_line_cut_within_quotes_is_told(tmp_path: Path) -> None:
    text = rows("at,who,page", f"{AT},a,/x") + f'{AT},b,"/lo'
    found = Imported(options(tmp_path, VIEWS, text))
    assert found.all("visitor_id") == ["a"]
    assert "a.csv:3: not CSV" in found.said[0]


def test_a_row_over_several_lines_has_the_number_of_its_first(tmp_path: Path) -> None:
    text = rows("at,who,page", f'{AT},a,"/x\n/y"', f"{AT},b")
    found = Imported(options(tmp_path, VIEWS, text))
    assert found.all("page") == ["/x\n/y"]
    assert found.said == ["a.csv:4: expected 3 columns, got 2"]


def test_a_packed_file_that_was_cut_gives_what_it_has(tmp_path: Path) -> None:
    whole = gzip.compress(rows("at,who,page", *(f"{AT + n},a,/{n}" for n in range(9_999))).encode())
    found = Imported(options(tmp_path, VIEWS, whole[: len(whole) // 2], "a.csv.gz"))
    assert 0 < len(found.events) < 9_999
    assert "the file ends in the middle" in found.said[-1]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('"who"', '"whom"', r"fields.visitor_id: the file has no column 'whom'; did you mean who"),
        ('"page"', '{ text = "/{pge}" }', "fields.page: the file has no column 'pge'"),
    ],
)
def test_a_column_that_the_file_lacks_is_named_with_the_nearest(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    text = rows("at,who,page", f"{AT},a,/x")
    with pytest.raises(MappingError, match=f"m.toml: .*{said}"):
        Imported(options(tmp_path, VIEWS.replace(right, wrong), text))
