"""A ticket's life: opened, answered, on hold, resolved, rated; signed facts out.

    new          open         hold  open      resolved      open
    |------------|------------|-----|---------|- - - - - - -|------> ageing, perhaps overdue
    opened       answered     held  any event resolved      reopened
    counted      response                     resolution    (taken back)

Before its opening nothing happens to a ticket but a rating; a second opening is ignored.
It must not know where an event came from, nor the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from kpi_windows.aggregators import Cell
from kpi_windows.business_hours import BusinessHours
from kpi_windows.definitions import Definitions
from kpi_windows.events import (
    Event,
    TicketAnswered,
    TicketEscalated,
    TicketHeld,
    TicketOpened,
    TicketRated,
    TicketReassigned,
    TicketReopened,
    TicketResolved,
    to_ms,
)
from kpi_windows.facts import NONE, Deltas
from kpi_windows.facts.service import CONTACT, RESOLUTION, RESPONSE, TICKET, TICKET_FLOW
from kpi_windows.journeys.backlog import HOLD, NEW, ON_HAND, OPEN, Backlog, count
from kpi_windows.journeys.journal import NEVER, Entry
from kpi_windows.journeys.rating import Ratings, Standing, amounts_of
from kpi_windows.sketches import bucket_of, hash64

OPENED, REASSIGNED, ANSWERED, ESCALATED, HELD, RESOLVED, REOPENED, RATED = range(8)

_UNOPENED, _RESOLVED = "", "resolved"
"""The statuses of a ticket that isn't open; `ON_HAND` has the others."""
_NEED_NO_OPENING = frozenset((OPENED, RATED))

_OPENINGS = TICKET.slot("opened")
_ESCALATIONS = TICKET.slot("escalated")
_MESSAGES = TICKET.slot("messages")

_WAIT = ("business_ms", "business", "within_target")
_RESPONSE = [RESPONSE.slot(n) for n in ("answered", "response_ms", "response", *_WAIT)]
_LASTING = [RESOLUTION.slot(n) for n in ("resolved", "resolution_ms", "resolution", *_WAIT)]
_FIRST = [RESOLUTION.slot(n) for n in ("first_resolved", "first_resolution_ms", "first_resolution")]

_FLOW_OPENED = TICKET_FLOW.slot("opened")
_FLOW_RESOLVED = TICKET_FLOW.slot("resolved")
_FLOW_REOPENED = TICKET_FLOW.slot("reopened")
_FLOW_ESCALATIONS = TICKET_FLOW.slot("escalations")


class TicketState(msgspec.Struct, array_like=True):
    """What is known of a ticket."""

    status: str = _UNOPENED
    opened_ms: int = 0
    last_ms: int = 0
    stated_ms: int = 0
    """Up to when its ageing is stated."""
    channel: str = NONE
    concern: str = NONE
    priority: str = NONE
    is_answered: bool = False
    is_escalated: bool = False
    was_resolved: bool = False
    resolved_ms: int = 0
    """The resolution that lasts, while the status is resolved."""
    resolved_priority: str = NONE
    ratings: Standing = {}


class TicketRules:
    """Rules of the ticket's journey; see `Rules`."""

    state = TicketState

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:
        self._kept_ms = definitions.ticket_kept_ms
        self._targets_of = definitions.targets_of
        self._business_ms = BusinessHours.parse(
            definitions.business_hours, definitions.zone, definitions.holidays
        ).between
        self._ticket = deltas.adder(TICKET)
        self._response = deltas.adder(RESPONSE)
        self._resolution = deltas.adder(RESOLUTION)
        self._flow = deltas.adder(TICKET_FLOW)
        self._contact = deltas.adder(CONTACT)
        self._backlog = Backlog(definitions, deltas)
        self._ratings = Ratings(deltas)

    def step(self, state: TicketState, entry: Entry, sign: int) -> None:
        """Moves the ticket by one event."""
        at_ms, kind = entry[0], entry[1]
        self._backlog.age(state, at_ms, sign)
        before = self._backlog.place(state, at_ms)
        if state.status or kind in _NEED_NO_OPENING:
            if state.status == HOLD and kind != OPENED:
                state.status = OPEN
            self._STEPS[kind](self, state, entry, sign)
        self._backlog.move(at_ms, before, self._backlog.place(state, at_ms), sign)
        state.last_ms = state.stated_ms = at_ms

    def settle(self, state: TicketState, watermark_ms: int, sign: int) -> bool:
        """An open ticket grows older, and is overdue from its target on."""
        if self.due_ms(state) > watermark_ms:
            return False
        self._backlog.age(state, watermark_ms, sign)
        state.stated_ms = watermark_ms
        return True

    def due_ms(self, state: TicketState) -> int:
        """The next turn of its age."""
        return self._backlog.due_ms(state)

    def ends_ms(self, state: TicketState) -> int:
        """A ticket that isn't open is kept for a while after its last event."""
        return NEVER if state.status in ON_HAND else state.last_ms + self._kept_ms

    # ------------------------------------------------------------------ what happens to it

    def _step_opened(self, state: TicketState, entry: Entry, sign: int) -> None:
        at_ms, channel, concern, priority, product, contact = entry[0], *entry[3:]
        if sign > 0:  # can't be taken back, so that a second opening must count, too
            self._contact(at_ms, product)[0].add(contact)
        if state.status:
            return
        state.status, state.opened_ms = NEW, at_ms
        state.channel, state.concern, state.priority = channel, concern, priority
        self._add_opening(state, sign)
        self._flow(at_ms)[_FLOW_OPENED] += sign

    def _step_reassigned(self, state: TicketState, entry: Entry, sign: int) -> None:
        concern, priority = entry[3] or state.concern, entry[4] or state.priority
        if (concern, priority) != (state.concern, state.priority):
            self._add_opening(state, -sign)
            state.concern, state.priority = concern, priority
            self._add_opening(state, sign)
        _begin(state)

    def _step_answered(self, state: TicketState, entry: Entry, sign: int) -> None:
        author, is_public = entry[3], entry[4]
        if author == "customer":
            self._ticket(entry[0], *_labels(state))[_MESSAGES] += sign
        elif author == "person" and is_public:
            _begin(state)
            if not state.is_answered:
                state.is_answered = True
                self._add_response(state, entry[0], sign)

    def _step_escalated(self, state: TicketState, entry: Entry, sign: int) -> None:
        self._flow(entry[0])[_FLOW_ESCALATIONS] += sign
        if not state.is_escalated:
            state.is_escalated = True
            self._ticket(state.opened_ms, *_labels(state))[_ESCALATIONS] += sign

    def _step_held(self, state: TicketState, entry: Entry, sign: int) -> None:  # noqa: ARG002 # as all steps
        if state.status in ON_HAND:
            state.status = HOLD

    def _step_resolved(self, state: TicketState, entry: Entry, sign: int) -> None:
        at_ms = entry[0]
        if state.status == _RESOLVED:
            self._add_resolution(state, -sign)
        else:
            self._flow(at_ms)[_FLOW_RESOLVED] += sign
        state.status = _RESOLVED
        state.resolved_ms, state.resolved_priority = at_ms, state.priority
        self._add_resolution(state, sign)
        if not state.was_resolved:
            state.was_resolved = True
            cell = self._resolution(at_ms, state.channel, state.priority)
            _add_wait(cell, _FIRST, at_ms - state.opened_ms, sign)

    def _step_reopened(self, state: TicketState, entry: Entry, sign: int) -> None:
        if state.status == _RESOLVED:
            self._add_resolution(state, -sign)
            state.status = OPEN
            self._flow(entry[0])[_FLOW_REOPENED] += sign

    def _step_rated(self, state: TicketState, entry: Entry, sign: int) -> None:
        survey, channel, amounts = entry[3:]
        self._ratings.rate(state.ratings, survey, entry[0], channel or state.channel, amounts, sign)

    _STEPS: ClassVar[dict[int, Callable[[Any, TicketState, Entry, int], None]]] = {
        OPENED: _step_opened,
        REASSIGNED: _step_reassigned,
        ANSWERED: _step_answered,
        ESCALATED: _step_escalated,
        HELD: _step_held,
        RESOLVED: _step_resolved,
        REOPENED: _step_reopened,
        RATED: _step_rated,
    }

    # ------------------------------------------------------------------ what it adds

    def _add_opening(self, state: TicketState, sign: int) -> None:
        """What is counted at the opening, under the labels that the ticket has now."""
        cell = self._ticket(state.opened_ms, *_labels(state))
        cell[_OPENINGS] += sign
        cell[_MESSAGES] += sign
        cell[_ESCALATIONS] += sign * state.is_escalated

    def _add_response(self, state: TicketState, at_ms: int, sign: int) -> None:
        cell = self._response(at_ms, state.channel, state.priority)
        target_ms = self._targets_of(state.priority).first_response_ms
        self._add_target_wait(cell, _RESPONSE, state.opened_ms, at_ms, target_ms, sign)

    def _add_resolution(self, state: TicketState, sign: int) -> None:
        """The resolution that lasts, as it was counted when it happened."""
        at_ms, priority = state.resolved_ms, state.resolved_priority
        cell = self._resolution(at_ms, state.channel, priority)
        target_ms = self._targets_of(priority).resolution_ms
        self._add_target_wait(cell, _LASTING, state.opened_ms, at_ms, target_ms, sign)

    def _add_target_wait(
        self, cell: Cell, slots: list[int], since_ms: int, at_ms: int, target_ms: int, sign: int
    ) -> None:
        if not sign:
            return
        *calendar, business_ms, business, within_target = slots
        wait_ms = at_ms - since_ms
        _add_wait(cell, calendar, wait_ms, sign)
        working_ms = self._business_ms(since_ms, at_ms)
        cell[business_ms] += sign * working_ms
        count(cell[business], bucket_of(working_ms), sign)
        cell[within_target] += sign * (wait_ms <= target_ms)


def _labels(state: TicketState) -> tuple[str, str, str]:
    return state.channel, state.concern, state.priority


def _begin(state: TicketState) -> None:
    """Somebody works on it."""
    if state.status == NEW:
        state.status = OPEN


def _add_wait(cell: Cell, slots: list[int], wait_ms: int, sign: int) -> None:
    """One more wait: its number, its length, and its bucket."""
    number, length_ms, histogram = slots
    cell[number] += sign
    cell[length_ms] += sign * wait_ms
    count(cell[histogram], bucket_of(wait_ms), sign)


_KINDS: dict[type[Event], tuple[int, Callable[[Any], tuple[Any, ...]]]] = {
    TicketOpened: (
        OPENED,
        lambda e: (
            e.channel or NONE,
            e.concern or NONE,
            e.priority or NONE,
            e.product_id or NONE,
            hash64(e.customer_id or e.visitor_id or e.ticket_id),
        ),
    ),
    TicketReassigned: (REASSIGNED, lambda e: (e.concern or "", e.priority or "")),
    TicketAnswered: (ANSWERED, lambda e: (e.author, int(e.public))),
    TicketEscalated: (ESCALATED, lambda _: ()),
    TicketHeld: (HELD, lambda _: ()),
    TicketResolved: (RESOLVED, lambda _: ()),
    TicketReopened: (REOPENED, lambda _: ()),
    TicketRated: (RATED, lambda e: (e.survey, e.channel or "", amounts_of(e))),
}


def entry_of(event: Event) -> Entry:
    """The entry of an event whose key is the ticket; of the customer it holds only a hash.

    >>> entry_of(TicketAnswered(timestamp=5, ticket_id="t", author="bot"))
    (5, 2, '', 'bot', 1)
    """
    kind, details = _KINDS[type(event)]
    return (to_ms(event.timestamp), kind, event.event_id or "", *details(event))
