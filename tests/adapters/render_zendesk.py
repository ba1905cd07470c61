"""A simulated shop's days as Zendesk's event webhooks would tell them, and the same in our events.

Written from Zendesk's documentation alone: it knows nothing of the adapter.  Zendesk has numbers
for ids, a requester for every ticket, words like GOOD for ratings; it has no NPS, and knows neither
our visitors nor our products.  `carried` says what is left of our own events then.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from tests.adapters.days import Delivery, Happened

SECRET = "hush"
ESCALATED_TO = "360001"
BOT = "900001"
_CHANNELS = {
    "email": "email",
    "phone": "voice",
    "chat": "native_messaging",
    "social": "facebook",
}


def number(text: str) -> str:
    """Zendesk's id of one of ours."""
    return str(int(hashlib.sha256(text.encode()).hexdigest()[:11], 16))


def requester(event: dict[str, Any]) -> str:
    """Whoever asked: somebody known, or a user that Zendesk makes for the ticket."""
    return number(event.get("customer_id") or event.get("visitor_id") or event["ticket_id"])


def _instant(at_ms: int) -> str:
    whole = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}717030Z"


class Desk:
    """What Zendesk knows of each ticket, and says when something happens."""

    def __init__(self) -> None:
        self.tickets: dict[str, dict[str, Any]] = {}

    def tell(self, happened: Happened) -> list[dict[str, Any]]:
        """The payloads of an event, which come in order of time."""
        event = happened.event
        make = getattr(self, f"_{event['type']}", None)
        if make is None:
            return []
        if event["ticket_id"] not in self.tickets:
            self.tickets[event["ticket_id"]] = self._new(event)
        ticket = self.tickets[event["ticket_id"]]
        told = []
        for part, (kind, changed) in enumerate(make(event, ticket)):
            told.append(
                {
                    "account_id": 22129848,
                    "id": f"{number(event['event_id'] + str(part))}-7239-495d",
                    "type": f"zen:event-type:ticket.{kind}",
                    "time": _instant(event["timestamp"]),
                    "subject": f"zen:ticket:{ticket['id']}",
                    "zendesk_event_version": "2022-11-06",
                    "detail": dict(ticket),
                    "event": {"meta": {"sequence": {"id": "1", "position": 1}}, **changed},
                }
            )
        return told

    def _new(self, event: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": number(event["ticket_id"]),
            "actor_id": "8447388090494",
            "assignee_id": None,
            "group_id": None,
            "created_at": _instant(event["timestamp"]),
            "description": "my own words",
            "is_public": True,
            "priority": event.get("priority", "normal").upper(),
            "requester_id": requester(event),
            "status": "NEW",
            "subject": "somebody's trouble",
            "tags": ["vip", f"concern_{event.get('concern')}"],
            "via": {"channel": _CHANNELS[event.get("channel", "email")]},
        }

    Told = Iterator[tuple[str, dict[str, Any]]]

    def _ticket_opened(self, event: dict[str, Any], ticket: dict[str, Any]) -> Told:
        yield "created", {}
        words = {"id": "1", "body": "my own words", "is_public": True}
        yield "comment_added", {"comment": {**words, "author": {"id": "5", "is_staff": False}}}

    def _ticket_answered(self, event: dict[str, Any], ticket: dict[str, Any]) -> Told:
        author = {
            "person": {"id": "77", "is_staff": True, "name": "Some Body"},
            "customer": {"id": ticket["requester_id"], "is_staff": False, "name": "Any Body"},
            "bot": {"id": BOT, "is_staff": True, "name": "Robot"},
        }[event.get("author", "person")]
        comment = {"id": 1, "body": "my own words", "is_public": event.get("public", True)}
        yield "comment_added", {"comment": {**comment, "author": author}}

    def _ticket_reassigned(self, event: dict[str, Any], ticket: dict[str, Any]) -> Told:
        group, agent = number(event["team"]), number(event["employee"])
        yield "group_assignment_changed", {"current": group, "previous": ticket["group_id"]}
        yield "agent_assignment_changed", {"current": agent, "previous": ticket["assignee_id"]}
        ticket["group_id"], ticket["assignee_id"] = group, agent

    def _ticket_escalated(self, event: dict[str, Any], ticket: dict[str, Any]) -> Told:
        yield "group_assignment_changed", {"current": ESCALATED_TO, "previous": "1"}

    def _ticket_held(self, event: dict[str, Any], ticket: dict[str, Any]) -> Told:
        yield self._status(ticket, "HOLD")

    def _ticket_resolved(self, event: dict[str, Any], ticket: dict[str, Any]) -> Told:
        yield self._status(ticket, "SOLVED")

    def _ticket_reopened(self, event: dict[str, Any], ticket: dict[str, Any]) -> Told:
        yield self._status(ticket, "OPEN")

    def _status(self, ticket: dict[str, Any], status: str) -> tuple[str, dict[str, Any]]:
        before, ticket["status"] = ticket["status"], status
        return "status_changed", {"current": status, "previous": before}

    def _ticket_rated(self, event: dict[str, Any], ticket: dict[str, Any]) -> Told:
        if event["survey"] == "csat":
            score = "GOOD" if event["score"] >= 4 else "BAD"
            yield (
                "csat_received",
                {"satisfaction_score": {"score": score, "comment": "my own words"}},
            )


def rendered(days: Iterable[Happened]) -> list[Delivery]:
    """All webhooks, in order of arrival."""
    desk = Desk()
    seen: dict[str, list[dict[str, Any]]] = {}
    told = []
    for happened in sorted(days, key=lambda one: one.at_ms):
        event_id = happened.event["event_id"]
        if event_id not in seen:
            seen[event_id] = desk.tell(happened)
        told += [_delivery(body, happened.arrival_ms) for body in seen[event_id]]
    return sorted(told, key=lambda one: one.arrival_ms)


def signed(raw: bytes, at: str, secret: str = SECRET) -> dict[str, str]:
    """The headers of a payload."""
    mark = hmac.new(secret.encode(), at.encode() + raw, hashlib.sha256).digest()
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(mark).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": at,
    }


def _delivery(body: dict[str, Any], arrival_ms: int) -> Delivery:
    raw = json.dumps(body).encode()
    at = f"{datetime.fromtimestamp(arrival_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}Z"
    return Delivery(raw, signed(raw, at), arrival_ms)


def carried(days: Iterable[Happened]) -> list[Happened]:
    """Our own events, as far as Zendesk's webhooks can carry them."""
    told = []
    for happened in days:
        event = happened.event
        if happened.topic != "tickets" or event.get("survey") == "nps":
            continue
        drop = ("product_id", "visitor_id", "channel")
        left = {k: v for k, v in event.items() if k not in drop}
        left["ticket_id"] = number(event["ticket_id"])
        if event["type"] == "ticket_opened":
            left |= {"channel": event["channel"], "customer_id": requester(event)}
        if event["type"] == "ticket_rated":
            left |= {"score": int(event["score"] >= 4), "min_score": 0, "max_score": 1}
        if event["type"] == "ticket_reassigned":
            left |= {k: number(event[k]) for k in ("team", "employee")}
        told.append(happened._replace(event=left))
    return told
