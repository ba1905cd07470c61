"""KPIs out of files: what a line must be, and that files may come in pieces."""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from kpi_windows.definitions import HOUR_MS, Definitions
from streams.offline import compute
from streams.questions import Question, QuestionError, answer, parse_where
from streams.simulator import Shop, ShopOptions, line_of
from tests.streams.visible import NOON_MS, order, page, small_shop, write_lines

DAYS = {"from_time": "2025-12-31", "to_time": "2026-01-02"}


def values(answers: list[dict[str, object]]) -> list[object]:
    return [each["value"] for each in answers]


def test_a_question_from_a_time_to_a_time_is_answered_window_by_window(tmp_path: Path) -> None:
    view, report = compute([write_lines(tmp_path / "e.jsonl", small_shop())], Definitions())
    assert report.lines == 7
    assert not report.outcomes
    told = answer(view, Question("visits", **DAYS))
    assert values(told) == [1, 4]
    assert told[1]["start"] == "2026-01-01T00:00:00+00:00"
    rates = answer(view, Question("conversion_rate", **DAYS))
    assert [(each["numerator"], each["denominator"]) for each in rates] == [(0, 1), (1, 4)]
    assert values(answer(view, Question("sales", **DAYS))) == [0, 20]


def test_breakdown_filter_and_one_window(tmp_path: Path) -> None:
    view, _ = compute([write_lines(tmp_path / "e.jsonl", small_shop())], Definitions())
    by_source = answer(view, Question("visits", by=("source",)))
    assert {e["labels"]["source"]: e["value"] for e in by_source} == {
        "bing": 1,
        "direct": 1,
        "google": 2,
    }
    where = parse_where(["device=mobile"])
    assert values(answer(view, Question("visits", where=where))) == [2]
    earlier = Question("visits", window="hour", at_time="2026-01-01T10:30")
    assert values(answer(view, earlier)) == [1]
    assert values(answer(view, Question("Websiteverkeer"))) == [4]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (Question("visitz"), "did you mean"),
        (Question("visits", window="decade"), "no window 'decade'"),
        (Question("visits", by=("team",)), "not broken down by team"),
        (Question("visits", definition="bots"), "no definition 'bots'"),
        (Question("visits", table=True), "has no table"),
        (Question("visits", from_time="yesterday"), "expected a time as"),
        (Question("visits", from_time="2026-01-02", to_time="2026-01-01"), "must come after"),
        (Question("visits", to_time="2026-01-01"), "to: needs from"),
        (Question("visits", window="5m", from_time="1990-01-01"), "too many"),
    ],
)
def test_what_cannot_be_asked_is_said(tmp_path: Path, question: Question, expected: str) -> None:
    view, _ = compute([write_lines(tmp_path / "e.jsonl", small_shop())], Definitions())
    with pytest.raises(ValueError, match=expected):
        answer(view, question)
    with pytest.raises(QuestionError):
        parse_where(["device"])


def test_bad_lines_are_counted_with_place_and_reason(tmp_path: Path) -> None:
    lines = [
        json.dumps(page("a", NOON_MS)),
        "not json",
        json.dumps(page("a", NOON_MS, visitor_id=7)),
        "",
        json.dumps({**page("a", NOON_MS), "topic": "clicks"}),
        json.dumps({**page("a", NOON_MS), "timestamp": "noon"}),
        '"text"',
    ]
    file = tmp_path / "e.jsonl"
    file.write_text("\n".join(lines))
    view, report = compute([file], Definitions())
    assert report.lines == 6
    assert report.outcomes == {"rejected": 5}
    said = report.words()
    assert f"{file}:3: rejected: Expected `str`, got `int` - at `$.visitor_id`" in said
    assert f"{file}:5: rejected: no topic 'clicks': expected one of clickstream" in said
    assert values(answer(view, Question("visits"))) == [1]


def test_a_line_may_leave_out_its_topic_when_its_type_says_it(tmp_path: Path) -> None:
    event = page("a", NOON_MS)
    del event["topic"]
    view, _ = compute([write_lines(tmp_path / "e.jsonl", [event])], Definitions())
    assert values(answer(view, Question("visits"))) == [1]


def test_no_events_no_values(tmp_path: Path) -> None:
    view, report = compute([write_lines(tmp_path / "e.jsonl", [])], Definitions())
    assert answer(view, Question("visits")) == []
    assert report.lines == 0


def test_an_hour_is_an_hour_of_the_shop(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "e.jsonl", [page("a", NOON_MS)])
    view, _ = compute([file], Definitions(zone="Asia/Kolkata"))
    (told,) = answer(view, Question("visits", window="hour", from_time="2026-01-01T17:00"))
    assert told["start"] == "2026-01-01T17:00:00+05:30"


def simulated(hours: float = 3) -> list[bytes]:
    shop = Shop(3, ShopOptions(visits_per_hour=200, rhythm=False))
    messages = shop.events(NOON_MS, NOON_MS + int(hours * HOUR_MS))
    return [line_of(message) + b"\n" for message in messages]


QUESTIONS = [
    Question("visits", window="hour", from_time="2026-01-01", by=("source",)),
    Question("cart_abandonment_rate", window="hour", from_time="2026-01-01"),
    Question("sales", window="day", from_time="2026-01-01", by=("channel",)),
    Question("first_response_time", window="day", from_time="2026-01-01"),
    Question("backlog", window="hour", from_time="2026-01-01"),
]


def test_one_file_packed_pieces_or_standard_input_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = simulated()
    whole = tmp_path / "all.jsonl"
    whole.write_bytes(b"".join(lines))
    packed = tmp_path / "all.jsonl.gz"
    packed.write_bytes(gzip.compress(b"".join(lines)))
    topics = {}
    for line in lines:
        topics.setdefault(json.loads(line)["topic"], []).append(line)
    pieces = [tmp_path / f"{topic}.jsonl" for topic in topics]
    for piece, part in zip(pieces, topics.values(), strict=True):
        piece.write_bytes(b"".join(part))
    view, report = compute([whole], Definitions())
    assert set(report.outcomes) <= {"duplicate"}
    expected = [answer(view, question) for question in QUESTIONS]
    assert all(expected)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(whole.read_bytes())))
    for files in ([packed], pieces, ["-"]):
        other, _ = compute(files, Definitions())
        assert [answer(other, question) for question in QUESTIONS] == expected


def test_files_one_after_the_other_lose_nothing(tmp_path: Path) -> None:
    clicks = [page(f"v{n}", NOON_MS + n * HOUR_MS) for n in range(48)]
    orders = [order(n, NOON_MS + n * HOUR_MS, visitor_id=f"v{n}") for n in range(48)]
    file = write_lines(tmp_path / "both.jsonl", [*clicks, *orders])
    view, report = compute([file], Definitions())
    assert not report.outcomes
    told = answer(view, Question("conversion_rate", window="month"))
    assert [(each["numerator"], each["denominator"]) for each in told] == [(48, 48)]
