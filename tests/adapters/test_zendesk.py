"""Zendesk's webhooks, one by one: comments, statuses, tickets that go away, ratings, signatures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.adapters import ADAPTERS, AdapterError, ForgedError
from streams.vendors import Zendesk
from tests.adapters import spoil
from tests.adapters.days import as_sent, days, values_of, view_of
from tests.adapters.render_zendesk import BOT, ESCALATED_TO, SECRET, rendered, signed
from tests.kpi_windows.shops import at

ZENDESK = ADAPTERS["zendesk"]
SECTION = Zendesk(secret=SECRET, escalation_groups=(ESCALATED_TO,), bots=(BOT,))
RENDERED = rendered(days())
SECRETS = ("somebody", "my own words", "Some Body", "Any Body")


def payload(kind: str, changed: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    detail = {
        "id": "5158",
        "created_at": "2024-11-19T10:00:00Z",
        "status": "OPEN",
        "priority": "HIGH",
        "requester_id": 8447388090494,
        "tags": ["vip", "concern_delivery"],
        "via": {"channel": "email"},
    }
    return {
        "id": f"id-{kind}",
        "type": f"zen:event-type:ticket.{kind}",
        "time": "2024-11-19T11:00:00.672717030Z",
        "detail": {**detail, **fields},
        "event": changed or {},
    }


def tell(body: dict[str, Any], section: Zendesk = SECTION) -> list[dict[str, Any]]:
    told = ZENDESK.events_of(json.dumps(body).encode(), {}, section)
    assert bool(told.events) != bool(told.ignored)
    for topic, event in told.events:
        as_sent(topic, event, 0)
    return [event for _, event in told.events]


def comment(is_staff: bool, who: Any = 9, public: bool = True) -> dict[str, Any]:
    author = {"id": who, "is_staff": is_staff, "name": "Some Body"}
    return {"comment": {"id": 1, "body": "words", "is_public": public, "author": author}}


def moved(before: Any, after: Any) -> dict[str, Any]:
    return {"previous": before, "current": after}


def kinds(body: dict[str, Any]) -> list[str]:
    return [event["type"] for event in tell(body)]


def test_a_ticket_is_opened() -> None:
    assert tell(payload("created")) == [
        {
            "type": "ticket_opened",
            "event_id": "zendesk:id-created",
            "timestamp": at("2024-11-19 12:00") + 672,
            "ticket_id": "5158",
            "channel": "email",
            "concern": "delivery",
            "priority": "high",
            "customer_id": "8447388090494",
        }
    ]
    given = payload("created", group_id="3", assignee_id=4)
    assert tell(given)[1] == {
        "type": "ticket_reassigned",
        "event_id": "zendesk:id-created:given",
        "timestamp": at("2024-11-19 12:00") + 672,
        "ticket_id": "5158",
        "team": "3",
        "employee": "4",
    }


@pytest.mark.parametrize(
    ("said", "author", "public"),
    [
        (comment(True), "person", True),
        (comment(True, public=False), "person", False),
        (comment(False), "customer", True),
        (comment(True, who=BOT), "bot", True),
        (comment(True, who=-1), "bot", True),
    ],
)
def test_who_writes_and_for_whom(said: dict[str, Any], author: str, public: bool) -> None:
    (event,) = tell(payload("comment_added", said))
    assert (event["author"], event["public"]) == (author, public)


def test_an_internal_note_is_no_answer_to_the_customer() -> None:
    def response(public: bool) -> Any:
        opened, said = payload("created"), payload("comment_added", comment(True, public=public))
        opened["time"] = "2024-11-19T10:00:00Z"
        told = [
            as_sent("tickets", e, at("2024-11-19 12:00")) for b in (opened, said) for e in tell(b)
        ]
        return values_of(view_of(told)).get(("first_response_time", "default", "day"))

    assert response(public=False) is None
    assert response(public=True)[0] == 3_600.672


def test_the_words_that_open_a_ticket_are_no_answer() -> None:
    first = payload("comment_added", comment(False), created_at="2024-11-19T11:00:00Z")
    assert tell(first) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("OPEN", "SOLVED", ["ticket_resolved"]),
        ("pending", "closed", ["ticket_resolved"]),
        ("SOLVED", "CLOSED", []),
        ("SOLVED", "OPEN", ["ticket_reopened"]),
        ("OPEN", "HOLD", ["ticket_held"]),
        ("NEW", "OPEN", []),
        ("OPEN", "PENDING", []),
    ],
)
def test_statuses(before: str, after: str, told: list[str]) -> None:
    assert kinds(payload("status_changed", moved(before, after))) == told


def test_given_to_somebody_else_or_classified_anew() -> None:
    def fields(kind: str, changed: dict[str, Any]) -> dict[str, Any]:
        (event,) = tell(payload(kind, changed))
        return {k: v for k, v in event.items() if k in ("team", "employee", "priority", "concern")}

    assert fields("agent_assignment_changed", moved("1", "2")) == {"employee": "2"}
    assert fields("group_assignment_changed", moved("1", 2)) == {"team": "2"}
    assert fields("priority_changed", moved("LOW", "URGENT")) == {"priority": "urgent"}
    added = {"tags_added": ["vip", "concern_return"], "tags_removed": []}
    assert fields("tags_changed", added) == {"concern": "return"}
    for kind in ("agent_assignment_changed", "group_assignment_changed", "priority_changed"):
        assert tell(payload(kind, moved("1", None))) == []
    assert tell(payload("tags_changed", {"tags_added": ["vip"]})) == []


def test_passed_on_to_a_group_for_escalations() -> None:
    told = tell(payload("group_assignment_changed", moved("1", ESCALATED_TO)))
    assert [event["type"] for event in told] == ["ticket_escalated", "ticket_reassigned"]
    assert len({event["event_id"] for event in told}) == 2


@pytest.mark.parametrize("kind", ["merged", "soft_deleted", "marked_as_spam"])
def test_a_ticket_that_goes_away_is_off_the_backlog(kind: str) -> None:
    gone = payload(kind, {"target_ticket_id": "1"})
    assert kinds(gone) == ["ticket_resolved"]
    assert tell(payload(kind, status="CLOSED")) == []
    opened = payload("created")
    opened["time"] = "2024-11-19T10:00:00Z"

    def on_hand(*bodies: dict[str, Any]) -> float:
        told = [as_sent("tickets", e, at("2024-11-19 12:00")) for b in bodies for e in tell(b)]
        return values_of(view_of(told)).get(("backlog", "growth", "day"), (0,))[0]

    assert (on_hand(opened), on_hand(opened, gone)) == (1, 0)


def test_a_deleted_ticket_that_comes_back_is_open_again() -> None:
    assert kinds(payload("undeleted")) == ["ticket_reopened"]
    assert tell(payload("permanently_deleted")) == []


@pytest.mark.parametrize(
    ("changed", "score"),
    [
        ({"satisfaction_score": {"score": "GOOD"}}, (1, 0, 1)),
        ({"satisfaction_score": {"score": "bad"}}, (0, 0, 1)),
        ({"current": "goodwithcomment"}, (1, 0, 1)),
        ({"rating": 4}, (4, 1, 5)),
        ({"score": "9"}, None),
        ({"satisfaction_score": {"score": "OFFERED"}}, None),
    ],
)
def test_ratings(changed: dict[str, Any], score: tuple[int, ...] | None) -> None:
    told = tell(payload("csat_received", changed))
    scales = [(e["score"], e.get("min_score", 1), e.get("max_score", 5)) for e in told]
    assert scales == ([] if score is None else [score])


def test_other_events_are_no_error() -> None:
    assert tell(payload("subject_changed", moved("a", "b"))) == []
    other = {**payload("created"), "type": "zen:event-type:user.created"}
    assert tell(other) == []


def test_nothing_personal_passes() -> None:
    for one in RENDERED:
        told = repr(ZENDESK.events_of(one.body, one.headers, SECTION).events)
        assert not [word for word in SECRETS if word in told]


def test_a_signature_is_of_its_time_the_very_bytes_and_the_secret() -> None:
    body, stamp, now_ms = b'{"a":1}', "2024-11-19T11:00:00Z", at("2024-11-19 12:00")
    right = signed(body, stamp)
    for away_ms in (0, 299_000, -299_000):
        ZENDESK.verify(body, right, SECTION, now_ms + away_ms)
    only_mark = {k: v for k, v in right.items() if "Timestamp" not in k}
    moved_on = {**right, "X-Zendesk-Webhook-Signature-Timestamp": "2024-11-19T11:01:00Z"}
    for told, brought, section, at_ms in [
        (body + b" ", right, SECTION, now_ms),
        (body, right, Zendesk(secret="other"), now_ms),
        (body, right, Zendesk(), now_ms),
        (body, right, SECTION, now_ms + 301_000),
        (body, right, SECTION, now_ms - 301_000),
        (body, only_mark, SECTION, now_ms),
        (body, moved_on, SECTION, now_ms),
        (body, signed(body, "yesterday"), SECTION, now_ms),
    ]:
        with pytest.raises(ForgedError):
            ZENDESK.verify(told, brought, section, at_ms)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "ticket.created"}, "event type"),
        ({"type": None}, "event type"),
        ({"detail": None}, "detail"),
        ({"detail": {"created_at": None}}, "detail.id"),
        ({"time": "2024-11-19T11:00:00"}, "zone"),
        ({"time": None}, "a time"),
        ({"id": None}, "an id"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AdapterError, match=said):
        ZENDESK.events_of(json.dumps({**payload("created"), **change}).encode(), {}, SECTION)


@settings(max_examples=60)
@given(draw=st.data())
def test_whatever_comes_is_an_event_or_the_one_error(draw: st.DataObject) -> None:
    one = RENDERED[draw.draw(st.integers(0, len(RENDERED) - 1))]
    spoil.holds(ZENDESK, spoil.spoiled(one.body, draw), {}, SECTION)
