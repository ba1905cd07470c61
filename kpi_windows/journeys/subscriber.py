"""A subscriber's life: joins lists and leaves them; signed facts out.

    joined       joined again      left            left again
    |------------|-----------------|---------------|------------>
    subscribed   perhaps another   not any more    changes nothing
                 segment

It must not know where an event came from, nor the clock.
"""

from __future__ import annotations

import msgspec

from kpi_windows.definitions import Definitions
from kpi_windows.events import CustomerForgotten, Event, SubscriberJoined, SubscriberLeft, to_ms
from kpi_windows.facts import NONE, Deltas
from kpi_windows.facts.marketing import SUBSCRIBER
from kpi_windows.journeys.heard import forgotten_key
from kpi_windows.journeys.journal import NEVER, Entry
from kpi_windows.journeys.words import join, split

JOINED, LEFT, FORGOTTEN = range(3)

_SUBSCRIBERS = SUBSCRIBER.slot("subscribers")
_JOINED = SUBSCRIBER.slot("joined")
_LEFT = SUBSCRIBER.slot("left")


class SubscriberState(msgspec.Struct, array_like=True):
    """The lists that somebody is on, each with their segment there."""

    segments: dict[str, str] = {}
    """By channel and list, as one text."""


class SubscriberRules:
    """Rules of the subscriber's journey; see `Rules`."""

    state = SubscriberState

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:  # noqa: ARG002 # as all rules
        self._subscriber = deltas.adder(SUBSCRIBER)

    def step(self, state: SubscriberState, entry: Entry, sign: int) -> None:
        """Puts somebody on a list, in another segment of it, or off it, or off all."""
        at_ms, kind, _, where, segment = entry
        before = state.segments.get(where)
        if kind == JOINED:
            after = segment or before or NONE
            if after != before:
                state.segments[where] = after
                self._move(at_ms, where, before, after, sign)
        elif kind == FORGOTTEN:
            for where, before in state.segments.items():
                self._move(at_ms, where, before, None, sign)
            state.segments = {}
        elif before is not None:
            del state.segments[where]
            self._move(at_ms, where, before, None, sign)

    def settle(self, state: SubscriberState, watermark_ms: int, sign: int) -> bool:  # noqa: ARG002
        """Time states nothing."""
        return False

    def due_ms(self, state: SubscriberState) -> int:  # noqa: ARG002
        """Never."""
        return NEVER

    def ends_ms(self, state: SubscriberState) -> int:
        """Who is on no list is as one of whom nothing is known."""
        return NEVER if state.segments else 0

    def _move(
        self, at_ms: int, where: str, before: str | None, after: str | None, sign: int
    ) -> None:
        """From one segment to another; None is not on the list."""
        channel, list_ = split(where)
        if before is not None:
            cell = self._subscriber(at_ms, channel, list_, before)
            cell[_SUBSCRIBERS] -= sign
            cell[_LEFT] += sign * (after is None)
        if after is not None:
            cell = self._subscriber(at_ms, channel, list_, after)
            cell[_SUBSCRIBERS] += sign
            cell[_JOINED] += sign * (before is None)


def entry_of(event: Event) -> Entry:
    """(at_ms, kind, event id, channel and list, segment or "").

    >>> entry_of(SubscriberLeft(timestamp=5, subscriber_id="s", list="vip"))[:3]
    (5, 1, '')
    """
    assert isinstance(event, SubscriberJoined | SubscriberLeft)
    kind, segment = LEFT, ""
    if isinstance(event, SubscriberJoined):
        kind, segment = JOINED, event.segment or ""
    where = join((event.channel, event.list or NONE))
    return (to_ms(event.timestamp), kind, event.event_id or "", where, segment)


def forgotten_entry(event: CustomerForgotten) -> Entry:
    """The end of what is known of a subscriber, who leaves all lists."""
    return (to_ms(event.timestamp), FORGOTTEN, forgotten_key(event), "", "")
