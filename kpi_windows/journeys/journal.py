"""The life of one entity: the events kept, the state before them, and the state after them.

It must not know what the entity is; `Rules` do.

    base --fold--> head        kept = events whose neighbours may still arrive
    |<- final ->|<- kept ->|

An event in order moves `head` and states its facts.  An event out of order takes back all that
was stated since `base` and states it anew with the event in its place, so that facts are a
function of the events, never of their order of arrival.  What no accepted event can precede any
more is folded into `base`.

Facts that time alone states (a cart is abandoned, a ticket is overdue) come from `settle`, which
is a function of the folded state and the watermark.
"""

from __future__ import annotations

from bisect import insort
from typing import Any, Generic, Protocol, TypeVar

import msgspec

Entry = tuple[Any, ...]
"""(at_ms, kind, event id or "", …): sorts by time; kinds break ties, then ids, then content.

Values are str, int or lists of these, never None, so that entries compare and pack."""

NEVER = 1 << 62
"""A time that doesn't come."""

_WORTH_TRIMMING = 32
"""Fewer events are kept until the last of them can go, which costs no second step."""

S = TypeVar("S")


class Rules(Protocol[S]):
    """What a kind of entity does with its events."""

    state: type[S]
    """A msgspec Struct (array_like), whose default value is an entity of which nothing is known."""

    def step(self, state: S, entry: Entry, sign: int) -> None:
        """Moves the state by an event and adds sign × its facts."""

    def settle(self, state: S, watermark_ms: int, sign: int) -> bool:
        """Adds sign × the facts that are due by the watermark and marks them stated in the state;
        True when there were any."""

    def due_ms(self, state: S) -> int:
        """When `settle` will have something to do next, or `NEVER`."""

    def ends_ms(self, state: S) -> int:
        """When a state with no kept events can be dropped altogether, or `NEVER`."""


class Journal(Generic[S]):
    """One entity; `timer_ms` is when it must be looked at next."""

    __slots__ = ("base", "head", "ids", "kept", "settled_ms", "timer_ms")

    def __init__(self, head: S) -> None:
        self.base: S | None = None  # None: the same as head
        self.kept: list[Entry] = []
        self.head = head
        self.ids: set[str] = set()
        self.settled_ms = 0  # the watermark of the last `settle` that stated something
        self.timer_ms = NEVER


class Journals(Generic[S]):
    """How to read, move and write the journals of one kind of entity."""

    def __init__(self, rules: Rules[S]) -> None:
        self.rules = rules
        self._encode = msgspec.msgpack.Encoder().encode
        packed = tuple[int, int, rules.state, rules.state | None, list[Entry]]  # type: ignore[name-defined]
        self._decode = msgspec.msgpack.Decoder(packed).decode
        self._decode_state = msgspec.msgpack.Decoder(rules.state).decode

    def new(self) -> Journal[S]:
        """An entity of which nothing is known."""
        journal = Journal(self.rules.state())
        journal.base = self.rules.state()
        return journal

    def copy(self, state: S) -> S:
        """An independent copy."""
        return self._decode_state(self._encode(state))

    def pack(self, journal: Journal[S]) -> bytes:
        """The journal as bytes."""
        return self._encode(
            (journal.timer_ms, journal.settled_ms, journal.head, journal.base, journal.kept)
        )

    def unpack(self, packed: bytes) -> Journal[S]:
        """The reverse of `pack`."""
        timer_ms, settled_ms, head, base, kept = self._decode(packed)
        journal = Journal(head)
        journal.timer_ms, journal.settled_ms = timer_ms, settled_ms
        journal.base, journal.kept = base, kept
        journal.ids = {entry[2] for entry in kept if entry[2]}
        return journal

    def add(self, journal: Journal[S], entry: Entry) -> bool:
        """Takes an event in; False when its id was there already."""
        event_id = entry[2]
        if event_id:
            if event_id in journal.ids:
                return False
            journal.ids.add(event_id)
        kept = journal.kept
        if journal.base is None:
            journal.base = self.copy(journal.head)
        if (not kept or entry >= kept[-1]) and entry[0] >= journal.settled_ms:
            self.rules.step(journal.head, entry, 1)
            kept.append(entry)
        else:
            self._again(journal, entry)
        return True

    def settle(self, journal: Journal[S], watermark_ms: int) -> None:
        """States what time alone has brought; to be called before facts are shown."""
        if self.rules.due_ms(journal.head) <= watermark_ms:
            if journal.base is None:
                journal.base = self.copy(journal.head)
            if self.rules.settle(journal.head, watermark_ms, 1):
                journal.settled_ms = watermark_ms

    def trim(self, journal: Journal[S], horizon_ms: int) -> None:
        """Folds events before the horizon into the base: nothing accepted can precede them.

        The base is the head itself once nothing can precede what time has stated either.
        """
        kept = journal.kept
        if journal.base is None:
            return
        if not kept or kept[-1][0] < horizon_ms:
            if journal.settled_ms <= horizon_ms:
                journal.base = None
            else:
                for entry in kept:
                    self.rules.step(journal.base, entry, 0)
            kept.clear()
            journal.ids.clear()
            return
        if kept[0][0] >= horizon_ms:
            return
        if len(kept) < _WORTH_TRIMMING:
            return
        final = [entry for entry in kept if entry[0] < horizon_ms]
        for entry in final:
            self.rules.step(journal.base, entry, 0)
        del kept[: len(final)]
        journal.ids.difference_update(entry[2] for entry in final)

    def _again(self, journal: Journal[S], entry: Entry) -> None:
        """Facts with the event in its place, minus facts without it."""
        assert journal.base is not None
        rules = self.rules
        before = self.copy(journal.base)
        for old in journal.kept:
            rules.step(before, old, -1)
        if journal.settled_ms:
            rules.settle(before, journal.settled_ms, -1)
        insort(journal.kept, entry)
        after = self.copy(journal.base)
        for each in journal.kept:
            rules.step(after, each, 1)
        journal.head = after
        if journal.settled_ms:
            rules.settle(after, journal.settled_ms, 1)
