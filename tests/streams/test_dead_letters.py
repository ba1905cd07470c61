"""Dead letters without Kafka: identity, groups, what is shown, rules, and what would count."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.decoding import Rejected, decode
from kpi_windows.definitions import Definitions
from kpi_windows.events import TOPICS
from kpi_windows.keys import partition_of
from streams.dead_letters.judging import Judge, Ready, Unfit
from streams.dead_letters.letters import Letter, Wanted, pattern_of
from streams.dead_letters.mending import Mended, Rule, Unmendable, mend
from streams.dead_letters.rules import load_rules, text_rule
from streams.dead_letters.showing import Groups, safe, show_letter
from streams.intake.plan import MappingError

AT = 1_767_268_800_000
JUDGE = Judge(Definitions(), tuple(TOPICS), 4, {}, AT)


def letter(value: Any, topic: str = "clickstream", **more: Any) -> Letter:
    raw = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    told: dict[str, Any] = {
        "partition": 1, "offset": 7, "outcome": "rejected", "reason": "no good",
        "timestamp_ms": AT, "key": b"k", "cut": False, "buried_ms": AT, "place": (1, 3),
    }  # fmt: skip
    return Letter(topic=topic, value=raw, **{**told, **more})


def view(**more: Any) -> dict[str, Any]:
    return {"type": "page_viewed", "visitor_id": "v", "timestamp": AT, **more}


def rules(tmp_path: Path, text: str) -> tuple[Rule, ...]:
    (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
    return load_rules(tmp_path / "rules.toml")


def mended(tmp_path: Path, text: str, value: Any, topic: str = "clickstream") -> Any:
    told = mend(letter(value, topic), rules(tmp_path, text))
    assert isinstance(told, Mended), told
    return json.loads(told.value)


# -- rules


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ('rename = { visitor = "visitor_id" }', {"visitor": "v"}, {"visitor_id": "v"}),
        ('rename = { "user.id" = "visitor_id" }', {"user": {"id": 1}}, {"user": {}, "visitor_id": 1}),
        ('rename = { "a.b" = "a.c" }', {"a": [{"b": 1}, {"b": 2}]}, {"a": [{"c": 1}, {"c": 2}]}),
        ('map.type = { pageview = "page_viewed" }', {"type": "pageview"}, {"type": "page_viewed"}),
        ('map.type = { pageview = "page_viewed" }', {"type": "x"}, {"type": "x"}),
        ('map.n = { 1 = "one" }', {"n": 1}, {"n": "one"}),
        ("times.timestamp = 1000", {"timestamp": 1767268800}, {"timestamp": AT}),
        ('times."p.price" = 0.01', {"p": [{"price": "1999"}]}, {"p": [{"price": 19.99}]}),
        ("times.a = 10", {"a": True, "b": 1}, {"a": True, "b": 1}),
        (
            'zone.timestamp = "Europe/Amsterdam"',
            {"timestamp": "2026-07-01T12:00"},
            {"timestamp": "2026-07-01T12:00:00+02:00"},
        ),
        (
            'zone.timestamp = "Europe/Amsterdam"',
            {"timestamp": "2026-07-01T12:00:00+00:00"},
            {"timestamp": "2026-07-01T12:00:00+00:00"},
        ),
        ('default = { currency = "EUR" }', {"currency": None}, {"currency": "EUR"}),
        ('default = { currency = "EUR" }', {"currency": "USD"}, {"currency": "USD"}),
        ("default.cost.production = 2", {}, {"cost": {"production": 2}}),
        ('set = { currency = "EUR" }', {"currency": "USD"}, {"currency": "EUR"}),
        ('drop = ["debug", "a.b"]', {"debug": 1, "a": [{"b": 1, "c": 2}]}, {"a": [{"c": 2}]}),
        ('where = { a = 1 }\nset = { b = 2 }', {"a": 1}, {"a": 1, "b": 2}),
        ('where = { a = [1, 2] }\nset = { b = 2 }', {"a": 2}, {"a": 2, "b": 2}),
        ('where = { a = 1 }\nset = { b = 2 }', {"a": 3}, {"a": 3}),
        ('topic = "orders"\nset = { b = 2 }', {"a": 3}, {"a": 3}),
        ('reason = "NO GOOD"\nset = { b = 2 }', {}, {"b": 2}),
        ('reason = "currency"\nset = { b = 2 }', {}, {}),
    ],
)  # fmt: skip
def test_a_rule_changes_what_it_names(tmp_path: Path, rule: str, before: Any, after: Any) -> None:
    assert mended(tmp_path, f"[[mend]]\n{rule}\n", before) == after


def test_rules_are_applied_in_their_order(tmp_path: Path) -> None:
    text = '[[mend]]\nrename = { a = "b" }\n[[mend]]\nwhere = { b = 1 }\nset = { c = 2 }\n'
    assert mended(tmp_path, text, {"a": 1}) == {"b": 1, "c": 2}


def test_what_no_rule_changes_is_known_as_that_and_keeps_its_bytes(tmp_path: Path) -> None:
    raw = b'{ "a" :1.50, "a":1e2 }'
    told = mend(letter(raw), rules(tmp_path, "[[mend]]\ntimes.b = 2\n"))
    assert told == Mended("clickstream", raw, changed=False)


def test_numbers_that_no_rule_names_stay_exact(tmp_path: Path) -> None:
    raw = b'{"price":0.1000000000000000055511151231257827,"n":18446744073709551615}'
    told = mend(letter(raw), rules(tmp_path, "[[mend]]\nset.x = 1\n"))
    assert isinstance(told, Mended)
    assert told.value == raw[:-1] + b',"x":1}'


@pytest.mark.parametrize("charset", ["utf-16", "windows-1252"])
def test_bytes_in_another_character_set_are_read_by_it(charset: str) -> None:
    raw = json.dumps(view(source="café"), ensure_ascii=False).encode(charset)
    told = mend(letter(raw), text_rule(charset, ()))
    assert isinstance(told, Mended)
    assert json.loads(told.value.decode("utf-8")) == view(source="café")


def test_text_that_is_utf_8_is_not_read_by_another_character_set() -> None:
    raw = json.dumps(view(source="café"), ensure_ascii=False).encode()
    assert mend(letter(raw), text_rule("windows-1252", ())) == Mended("clickstream", raw, False)


def test_text_is_replaced_before_the_json_is_read(tmp_path: Path) -> None:
    text = '[[mend]]\nreplace = [["\'", \'"\'], ["None", "null"]]\nset.b = 1\n'
    assert mended(tmp_path, text, b"{'a': None}") == {"a": None, "b": 1}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "there is no value"),
        (b"\xe9", "not UTF-8"),
        (b"{", "not JSON"),
        (b'{"a":NaN}', "NaN is no number"),
        (b'{"a":' * 100_000, "not JSON"),
        (b'{"a":"\\ud800"}', "can't be written as JSON"),
        (b'{"t":"soon"}', "'soon' is no number"),
    ],
)
def test_what_can_not_be_mended_says_why(tmp_path: Path, value: bytes | None, words: str) -> None:
    told = mend(letter(value), rules(tmp_path, "[[mend]]\ntimes.t = 1000\nset.b = 1\n"))
    assert isinstance(told, Unmendable)
    assert words in told.reason


def test_a_rule_with_conditions_is_not_for_what_can_not_be_read(tmp_path: Path) -> None:
    told = mend(letter(b"{"), rules(tmp_path, "[[mend]]\nwhere.a = 1\nset.b = 1\n"))
    assert told == Mended("clickstream", b"{", changed=False)


def test_a_value_that_was_cut_is_never_mended(tmp_path: Path) -> None:
    told = mend(letter({}, cut=True), rules(tmp_path, "[[mend]]\nset.b = 1\n"))
    assert isinstance(told, Unmendable)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected at least one [[mend]]"),
        ("[[mend]]\n", "not what to do"),
        ("[[mend]]\ntopic = 'orders'\n", "not what to do"),
        ("[[mend]]\nremane = {}\n", "did you mean rename?"),
        ("[[mned]]\n", "did you mean mend?"),
        ("[[mend]]\nto = 'order'\n", "did you mean orders?"),
        ("[[mend]]\ntopic = ['clicks']\nset.a = 1\n", "no topic 'clicks'"),
        ("[[mend]]\ncharset = 'latin-99'\n", "no character set 'latin-99'"),
        ("[[mend]]\nzone.timestamp = 'Amsterdam'\n", "no time zone 'Amsterdam'"),
        ("[[mend]]\ntimes.timestamp = '1000'\n", "expected a number"),
        ("[[mend]]\nreplace = ['a', 'b']\n", "expected pairs"),
        ("[[mend]]\nmap = { type = 'x' }\n", "expected a table a field"),
        ("[[mend]]\nrename = { a = 1 }\n", "expected a text"),
        ("[[mend]\n", "not readable as TOML"),
    ],
)
def test_wrong_rules_are_told_before_a_letter_is_looked_at(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(MappingError) as error:
        rules(tmp_path, text)
    assert words in str(error.value)
    assert "rules.toml" in str(error.value)


# -- what would count


def test_an_event_goes_to_the_partition_of_its_own_key_with_an_id_of_its_place() -> None:
    ready = JUDGE.judge(letter(view()), Mended("clickstream", json.dumps(view()).encode(), True))
    assert isinstance(ready, Ready)
    assert (ready.topic, ready.key, ready.at_ms) == ("clickstream", b"v", AT)
    assert ready.partition == partition_of(b"v", 4)
    assert json.loads(ready.value) == view(event_id=f"clickstream-1-7-{AT}")


def test_space_after_an_event_doesnt_hinder_its_id() -> None:
    raw = json.dumps(view()).encode() + b" \r\n\t"
    ready = JUDGE.judge(letter(raw), Mended("clickstream", raw, changed=False))
    assert isinstance(ready, Ready)
    assert json.loads(ready.value) == view(event_id=ready.given_id)


def test_an_event_with_an_id_keeps_it_and_its_bytes() -> None:
    raw = json.dumps(view(event_id="mine")).encode()
    ready = JUDGE.judge(letter(raw), Mended("clickstream", raw, changed=False))
    assert isinstance(ready, Ready)
    assert ready.value == raw


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        (view(visitor_id=""), "rejected", "visitor_id"),
        ({"type": "clock", "timestamp": AT}, "rejected", "a clock"),
        (view(timestamp=AT - 600_001), "late", "workers take nothing"),
        (view(timestamp=AT + 300_001), "future", "still to come"),
    ],
)
def test_what_would_not_count_is_told_apart(event: Any, kind: str, words: str) -> None:
    judge = replace(JUDGE, watermarks_ms=dict.fromkeys(range(4), AT))
    raw = json.dumps(event).encode()
    told = judge.judge(letter(raw), Mended("clickstream", raw, changed=False))
    assert isinstance(told, Unfit)
    assert told.kind == kind
    assert words in told.reason
    if kind == "late":
        late = replace(judge, late=True).judge(letter(raw), Mended("clickstream", raw, False))
        assert isinstance(late, Ready)


def test_an_unknown_currency_and_a_topic_that_is_off_would_not_count() -> None:
    order = {"type": "order_completed", "order_id": "o", "timestamp": AT, "currency": "XXX"}
    raw = json.dumps({**order, "products": []}).encode()
    told = JUDGE.judge(letter(raw, "orders"), Mended("orders", raw, changed=False))
    assert isinstance(told, Unfit)
    assert "no rate for currency" in told.reason
    off = replace(JUDGE, used=("orders",)).judge(letter(view()), Mended("carts", raw, True))
    assert isinstance(off, Unfit)
    assert off.kind == "off"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    raw=st.binary(max_size=60) | _JSON.map(lambda told: json.dumps(told).encode()),
    topic=st.sampled_from(sorted(TOPICS)),
)
def test_nothing_is_ever_made_ready_that_the_workers_decoder_rejects(
    raw: bytes, topic: str
) -> None:
    rule = Rule(charset="latin-1", rename={"a": "visitor_id"}, default={"timestamp": AT})
    told = mend(letter(raw, topic), [rule, Rule(default={"type": "page_viewed"})])
    if isinstance(told, Mended):
        ready = JUDGE.judge(letter(raw, topic), told)
        if isinstance(ready, Ready):
            (event,) = decode(ready.topic, [ready.value])
            assert not isinstance(event, Rejected)
            assert event.event_id


# -- identity, groups, text


def test_a_letter_is_the_same_whoever_buried_it_and_another_in_a_topic_made_anew() -> None:
    one = letter({})
    assert one.id == letter({}, place=(0, 99), buried_ms=AT + 5, reason="else").id
    different = [{"offset": 8}, {"partition": 2}, {"timestamp_ms": 5}]
    assert len({one.id, *(letter({}, **change).id for change in different)}) == 4
    strays = {letter({}, offset=-1, place=(0, number)).id for number in range(3)}
    assert len(strays) == 3


def test_groups_leave_out_what_differs_and_rank_by_count() -> None:
    groups = Groups()
    groups.add(letter({}, reason=f"{n} ms older than what it allows") for n in range(5))
    groups.add([letter({}, reason="Invalid value 'a'"), letter({}, reason="Invalid value 'b'")])
    told = [(group.count, group.pattern) for group in groups.ranked()]
    assert told == [(5, "… ms older than what it allows"), (2, "Invalid value …")]


def test_letters_are_wanted_by_topic_time_and_words_of_the_reason_or_its_group() -> None:
    one = letter({}, reason="17 ms older than allowed", outcome="late")
    for wanted in (Wanted(), Wanted(("clickstream",)), Wanted(reason="LATE"), Wanted(since_ms=AT)):
        assert wanted.fits(one)
    assert Wanted(reason=pattern_of("late: 99 ms older than allowed")).fits(one)
    for wanted in (Wanted(("orders",)), Wanted(reason="future"), Wanted(since_ms=AT + 1)):
        assert not wanted.fits(one)


@given(st.binary(max_size=80) | st.text(max_size=80))
def test_whatever_bytes_hold_is_shown_in_one_printable_line(raw: bytes | str) -> None:
    assert safe(raw).isprintable()


def test_what_is_long_is_cut_and_says_how_long_it_is() -> None:
    assert safe(b"x" * 5_000, 10) == "xxxxxxxxxx … (5,000 bytes)"
    shown = show_letter(letter(b"\x1b[2J\xe2\x80\xae" + b"y" * 9_000, key=None), "UTC")
    assert "\\x1b[2J\\u202eyyy" in shown
    assert "key   (none)" in shown
    assert len(shown) < 700


def test_the_rules_of_the_guide_are_right_and_name_every_key(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs/how-to/dead-letters.md").read_text("utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    assert len(rules(tmp_path, text)) == 3
    for each in fields(Rule):
        assert f"`{each.name}`" in guide
