"""Zendesk's event webhooks as our events: tickets opened, answered, moved, solved, rated.

Documented at https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/
(payloads) and https://developer.zendesk.com/documentation/webhooks/verifying/ (signature).  An
event's id is Zendesk's; what was written, by whom and its subject never pass.  It must not know
HTTP, nor the clock.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from streams.adapters.contract import Adapted, Adapter, AdapterError, ForgedError, Headers, header
from streams.adapters.reading import LONGEST, Reading, decoded, time_ms, without_nothing
from streams.adapters.signatures import check_signed, keyed
from streams.vendors import Zendesk

SIGNATURE = "X-Zendesk-Webhook-Signature"
SIGNED_AT = "X-Zendesk-Webhook-Signature-Timestamp"
PREFIX = "zen:event-type:ticket."

_CHANNELS = {
    "email": "email", "mail": "email", "voice": "phone", "phone": "phone", "voicemail": "phone",
    "chat": "chat", "native_messaging": "chat", "messaging": "chat", "chat_transcript": "chat",
    "twitter": "social", "twitter_dm": "social", "facebook": "social", "whatsapp": "social",
    "instagram_dm": "social", "instagram": "social", "line": "social", "any_channel": "social",
    "web_form": "web", "web": "web", "help_center": "web", "api": "api", "web_service": "api",
}  # fmt: skip
"""`via.channel` -> our channel; others keep their name."""

_SOLVED = ("solved", "closed")
_DONE = (*_SOLVED, "deleted")
"""Statuses of a ticket that nobody works on."""


def verify(payload: bytes, headers: Headers, section: Zendesk, now_ms: int) -> None:
    """Base64 of HMAC-SHA256 over the time of signing and the raw body; not too old, nor of later.

    Raises ForgedError.
    """
    stamp = header(headers, SIGNED_AT)
    if stamp is None:
        raise ForgedError(f"expected the time of signing in the header {SIGNED_AT}")
    expected = keyed(section.secret, stamp.encode() + payload)
    check_signed(
        header(headers, SIGNATURE),
        base64.b64encode(expected).decode(),
        name=SIGNATURE,
        secret=section.secret,
        variable="KPI_ZENDESK_SECRET",
    )
    try:
        signed_ms = time_ms(stamp, SIGNED_AT)
    except AdapterError as error:
        raise ForgedError(str(error)) from None
    if abs(now_ms - signed_ms) > section.tolerance_ms:
        raise ForgedError(
            f"signed more than {section.tolerance_ms // 1000} s away from now: sent again by "
            "somebody, or a clock is wrong"
        )


def events_of(payload: bytes, headers: Headers, section: Zendesk) -> Adapted:  # noqa: ARG001 # as all
    """The events of one change of a ticket.  Raises AdapterError."""
    body = Reading(decoded(payload))
    kind = body.text("type") or ""
    if not kind.startswith("zen:event-type:"):
        raise body.wrong("type", "an event type as zen:event-type:ticket.created", kind)
    known = _KINDS.get(kind.removeprefix(PREFIX)) if kind.startswith(PREFIX) else None
    if known is None:
        return Adapted([], [f"{kind[15:80]}: not one that we count"])
    told = known(Change(body, section))
    if isinstance(told, str):
        return Adapted([], [told])
    return Adapted([("tickets", event) for event in told], [])


class Change:
    """One change of a ticket, read."""

    def __init__(self, body: Reading, section: Zendesk) -> None:
        self.body = body
        self.section = section
        detail = body.object("detail")
        if detail is None:
            raise body.missing("detail", "an object")
        self.detail = detail
        self.change = body.object("event") or Reading({}, body.place("event"))

    def event(self, kind: str, part: str = "", **fields: Any) -> dict[str, Any]:
        """An event of the ticket at the time of the change; `part` tells several of it apart."""
        told = {
            "type": kind,
            "event_id": f"zendesk:{self.body.id('id')}{part}"[:LONGEST],
            "timestamp": self.body.first_time_ms("time"),
            "ticket_id": self.detail.id("id"),
            **fields,
        }
        return without_nothing(told)

    def concern(self, tags: list[str]) -> str | None:
        """What the ticket is about, by the first tag that begins as such tags do."""
        begin = self.section.concern_tags
        told = (tag.removeprefix(begin) for tag in tags if begin and tag.startswith(begin))
        return next((one[:LONGEST] for one in told if one), None)

    def moved(self) -> tuple[str, str]:
        """(before, after) of what was changed, in small letters; "" where there is none."""
        before = self.change.text("previous") or ""
        return before.lower(), (self.change.text("current") or "").lower()


Answer = list[dict[str, Any]] | str
"""Events, or why there are none."""


def _created(change: Change) -> Answer:
    detail = change.detail
    via = detail.object("via")
    channel = (via.label("channel") or "").lower() if via else ""
    opened = change.event(
        "ticket_opened",
        channel=_CHANNELS.get(channel, channel) or None,
        concern=change.concern(detail.texts("tags")),
        priority=_small(detail.label("priority")),
        customer_id=detail.text("requester_id"),
    )
    group, assignee = detail.label("group_id"), detail.label("assignee_id")
    if group is None and assignee is None:
        return [opened]
    given = change.event("ticket_reassigned", ":given", team=group, employee=assignee)
    return [opened, given]


def _small(text: str | None) -> str | None:
    return text and text.lower()


def _commented(change: Change) -> Answer:
    """What was written, but for the words that opened the ticket, which come with `created`."""
    comment = change.change.object("comment")
    if comment is None:
        raise change.change.missing("comment", "an object")
    created_ms = change.detail.time_ms("created_at")
    if created_ms is not None and created_ms // 1000 == (change.body.time_ms("time") or 0) // 1000:
        return "ticket.comment_added: the words that opened the ticket"
    author, public = _author(change, comment.object("author")), comment.flag("is_public")
    return [change.event("ticket_answered", author=author, public=public)]


def _author(change: Change, author: Reading | None) -> str:
    if author is None:
        return "customer"
    if author.text("id") in (*change.section.bots, "-1"):
        return "bot"
    return "person" if author.flag("is_staff") else "customer"


def _status(change: Change) -> Answer:
    before, after = change.moved()
    if after in _SOLVED:
        if before in _DONE:
            return "ticket.status_changed: solved before"
        return [change.event("ticket_resolved")]
    if before in _DONE:
        return [change.event("ticket_reopened")]
    if after == "hold":
        return [change.event("ticket_held")]
    return "ticket.status_changed: still open"


def _assigned(change: Change) -> Answer:
    employee = change.change.label("current")
    if employee is None:
        return "ticket.agent_assignment_changed: given to nobody"
    return [change.event("ticket_reassigned", employee=employee)]


def _group(change: Change) -> Answer:
    team = change.change.label("current")
    if team is None:
        return "ticket.group_assignment_changed: given to no group"
    told = [change.event("ticket_reassigned", team=team)]
    if team in change.section.escalation_groups:
        told.insert(0, change.event("ticket_escalated", ":escalated"))
    return told


def _priority(change: Change) -> Answer:
    _, after = change.moved()
    if not after:
        return "ticket.priority_changed: to none"
    return [change.event("ticket_reassigned", priority=after[:LONGEST])]


def _tags(change: Change) -> Answer:
    """Only a concern that the ticket didn't have before: other tags say nothing here."""
    now = change.concern(change.change.texts("tags_added"))
    if now is None:
        return "ticket.tags_changed: no concern among those added"
    return [change.event("ticket_reassigned", concern=now)]


def _rated(change: Change) -> Answer:
    """Good is 1 and bad 0; a survey with numbers has the scale 1 to 5."""
    told = change.change
    inner = told.object("satisfaction_score") if _is_object(told, "satisfaction_score") else told
    assert inner is not None
    for name in ("score", "rating", "current", "satisfaction_score"):
        score = inner.text(name) if not _is_object(inner, name) else None
        if score is None:
            continue
        word = score.lower().removesuffix("withcomment").removesuffix("_with_comment")
        if word in ("good", "bad"):
            good = int(word == "good")
            return [
                change.event("ticket_rated", survey="csat", score=good, min_score=0, max_score=1)
            ]
        if score.isascii() and score.isdigit() and 1 <= int(score) <= 5:
            return [change.event("ticket_rated", survey="csat", score=int(score))]
    return "ticket.csat_received: neither good nor bad, nor 1 to 5"


def _is_object(reading: Reading, name: str) -> bool:
    return isinstance(reading.fields.get(name), dict)


def _gone(change: Change) -> Answer:
    """Merged, deleted or spam: nobody has to answer it any more, so it is off the backlog."""
    if (change.detail.text("status") or "").lower() in _SOLVED:
        return "a ticket that goes away after it was solved"
    return [change.event("ticket_resolved")]


def _back(change: Change) -> Answer:
    if (change.detail.text("status") or "").lower() in _SOLVED:
        return "a ticket that comes back solved"
    return [change.event("ticket_reopened")]


_KINDS: dict[str, Callable[[Change], Answer]] = {
    "created": _created,
    "comment_added": _commented,
    "status_changed": _status,
    "agent_assignment_changed": _assigned,
    "group_assignment_changed": _group,
    "priority_changed": _priority,
    "tags_changed": _tags,
    "csat_received": _rated,
    "merged": _gone,
    "soft_deleted": _gone,
    "marked_as_spam": _gone,
    "undeleted": _back,
}

ADAPTER = Adapter("zendesk", verify, events_of)
