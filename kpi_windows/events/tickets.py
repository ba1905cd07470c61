"""What customers ask the service, and what becomes of it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from kpi_windows.events.base import Event, Id, Label


class _OfTicket(Event, frozen=True, kw_only=True, gc=False):
    KEY = "ticket_id"

    ticket_id: Id


class TicketOpened(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_opened"):
    """A customer contacted the shop."""

    channel: Label | None = None
    """`email`, `phone`, `chat`, `social`, …"""
    concern: Label | None = None
    """What it is about: `delivery`, `return`, `payment`, …"""
    product_id: Label | None = None
    priority: Label | None = None
    customer_id: Id | None = None
    visitor_id: Id | None = None


class TicketAnswered(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_answered"):
    """Somebody wrote or spoke; only a person's public words are an answer to the customer."""

    author: Literal["person", "customer", "bot"] = "person"
    public: bool = True
    channel: Label | None = None


class TicketEscalated(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_escalated"):
    """Passed on to a supervisor."""


class TicketReassigned(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_reassigned"):
    """Given to somebody else, or classified anew: fields that are present replace."""

    team: Label | None = None
    employee: Label | None = None
    priority: Label | None = None
    concern: Label | None = None


class TicketHeld(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_held"):
    """Put on hold, until anything else happens to it."""


class TicketResolved(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_resolved"):
    """Solved; when it is resolved again, the last time counts."""


class TicketReopened(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_reopened"):
    """Not solved after all."""


class TicketRated(_OfTicket, frozen=True, kw_only=True, gc=False, tag="ticket_rated"):
    """The customer's rating; a second one of the same survey replaces the first."""

    survey: Literal["csat", "nps"]
    score: Annotated[int, Meta(ge=-100, le=100)]
    min_score: int = 1
    max_score: int = 5
    """The scale of a CSAT survey; NPS is always 0..10."""
    channel: Label | None = None


TICKETS: tuple[type[Event], ...] = (
    TicketOpened,
    TicketAnswered,
    TicketEscalated,
    TicketReassigned,
    TicketHeld,
    TicketResolved,
    TicketReopened,
    TicketRated,
)
