"""A message's life, to one recipient: delivered, opened, clicked, made them leave; facts out.

    opened?      delivered       opened         opened again     too late
    |- - - - - - |---------------|--------------|----------------|- - - ->
    counted at   delivered       opened,        changes          not
    the delivery                 at delivery    nothing          counted

Each counts once, at the delivery and under its labels, so that no part exceeds its whole.  What
comes without a delivery counts nothing, and waits `message_kept_ms` for one: clocks differ.  A
delivery of the same id counts again when the first one has been forgotten.
It must not know where an event came from, nor the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from kpi_windows.definitions import Definitions
from kpi_windows.events import (
    Event,
    MessageClicked,
    MessageDelivered,
    MessageOpened,
    SubscriberLeft,
    to_ms,
)
from kpi_windows.facts import NONE, Deltas
from kpi_windows.facts.marketing import MESSAGE
from kpi_windows.journeys.journal import NEVER, Entry
from kpi_windows.journeys.order import wipe

DELIVERED, OPENED, CLICKED, LEFT = range(4)

_DELIVERIES = MESSAGE.slot("delivered")
_OPENED, _BY_PERSON, _CLICKED, _LEFT = (
    MESSAGE.slot(name) for name in ("opened", "opened_by_person", "clicked", "left")
)


class MessageState(msgspec.Struct, array_like=True):
    """What is known of a message."""

    last_ms: int = 0
    delivered_ms: int = 0
    """0: not yet."""
    labels: tuple[str, str, str] = (NONE, NONE, NONE)
    done_ms: dict[int, int] = {}
    """What the recipient did, by slot: the latest time of it."""


class MessageRules:
    """Rules of the message's journey; see `Rules`."""

    state = MessageState

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:
        self._kept_ms = definitions.message_kept_ms
        self._message = deltas.adder(MESSAGE)

    def step(self, state: MessageState, entry: Entry, sign: int) -> None:
        """Moves the message by one event."""
        at_ms, kind, _, details = entry
        if state.last_ms and at_ms >= self.ends_ms(state):
            wipe(state)
        state.last_ms = at_ms
        if kind != DELIVERED:
            self._do(state, details, at_ms, sign)
        elif not state.delivered_ms:
            self._deliver(state, details, at_ms, sign)

    def settle(self, state: MessageState, watermark_ms: int, sign: int) -> bool:  # noqa: ARG002
        """Time states nothing."""
        return False

    def due_ms(self, state: MessageState) -> int:  # noqa: ARG002
        """Never."""
        return NEVER

    def ends_ms(self, state: MessageState) -> int:
        """From then on nothing that comes has to do with what is known."""
        return (state.delivered_ms or state.last_ms) + self._kept_ms + 1

    def _deliver(self, state: MessageState, labels: list[str], at_ms: int, sign: int) -> None:
        """Counts the delivery, and what was done not too long before it."""
        oldest_ms = at_ms - self._kept_ms
        channel, list_, campaign = labels
        state.delivered_ms, state.labels = at_ms, (channel, list_, campaign)
        state.done_ms = {slot: ms for slot, ms in state.done_ms.items() if ms >= oldest_ms}
        cell = self._message(at_ms, *state.labels)
        for slot in (_DELIVERIES, *state.done_ms):
            cell[slot] += sign

    def _do(self, state: MessageState, slots: list[int], at_ms: int, sign: int) -> None:
        """Counts what the recipient does the first time, if the message was delivered."""
        for slot in slots:
            if state.delivered_ms and slot not in state.done_ms:
                self._message(state.delivered_ms, *state.labels)[slot] += sign
            state.done_ms[slot] = at_ms


_KINDS: dict[type[Event], tuple[int, Callable[[Any], list[Any]]]] = {
    MessageDelivered: (
        DELIVERED,
        lambda e: [e.channel, e.list or NONE, e.campaign or NONE],
    ),
    MessageOpened: (OPENED, lambda e: [_OPENED] if e.by_machine else [_OPENED, _BY_PERSON]),
    MessageClicked: (CLICKED, lambda _: [_OPENED, _BY_PERSON, _CLICKED]),
}


def entry_of(event: Event) -> Entry:
    """The entry of an event whose key is the message: labels of a delivery, else what is counted."""
    kind, details = _KINDS[type(event)]
    return (to_ms(event.timestamp), kind, event.event_id or "", details(event))


def left_entry(event: SubscriberLeft) -> Entry:
    """The recipient left a list because of the message."""
    return (to_ms(event.timestamp), LEFT, "", [_LEFT])
