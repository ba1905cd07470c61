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

from bisect import bisect, bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

Entry = tuple[Any, ...]
"""(at_ms, kind, event id or "", …): sorts by time; kinds break ties, then ids, then content.

Values are str, int or lists of these, never None, so that entries compare and pack."""

NEVER = 1 << 62
"""A time that doesn't come."""

WORTH_TRIMMING = 16
"""Fewer events are kept until the last of them can go, which costs no second step."""

_LONG = 256
"""Ids of so many events kept are looked up in a set, of fewer in their bytes."""

S = TypeVar("S")


class Rules(Protocol[S]):
    """What a kind of entity does with its events."""

    state: type[S]
    """A msgspec Struct (array_like), whose default value is an entity of which nothing is known."""

    def step(self, state: S, entry: Entry, sign: int) -> None:
        """Moves the state by an event and adds sign × its facts."""

    # It may also have `steps(state, entries, sign)`: the same for several in order, but faster.

    def settle(self, state: S, watermark_ms: int, sign: int) -> bool:
        """Adds sign × the facts that are due by the watermark and marks them stated in the state;
        True when there were any."""

    def due_ms(self, state: S) -> int:
        """When `settle` will have something to do next, or `NEVER`."""

    def ends_ms(self, state: S) -> int:
        """When a state with no kept events can be dropped altogether, or `NEVER`."""


class Journal(Generic[S]):
    """One entity; `timer_ms` is when it must be looked at next.

    Most events come in order, and then neither `base` nor the events kept earlier are needed: both
    stay packed until something asks for them (`_open`).
    """

    __slots__ = (
        "base", "head", "ids", "kept", "last_ms", "packed", "packed_base", "packed_kept",
        "settled_ms", "timer_ms",
    )  # fmt: skip

    def __init__(self, head: S, base: S | None) -> None:
        self.head = head
        self.base = base  # None: the same as head, or still packed
        self.packed_base = _NOTHING
        self.packed_kept = b""  # the events before those in `kept`, one after the other
        self.packed = 0  # how many these are
        self.kept: list[Entry] = []
        self.ids: set[str] = set()  # of `kept`
        self.last_ms = 0  # of the last event kept
        self.settled_ms = 0  # the watermark of the last `settle` that stated something
        self.timer_ms = NEVER

    @property
    def is_final(self) -> bool:
        """Nothing accepted can precede what is known: the base is the head."""
        return self.base is None and self.packed_base is _NOTHING


class _Packed(msgspec.Struct, Generic[S], array_like=True):
    timer_ms: int
    settled_ms: int
    last_ms: int
    head: S
    base: msgspec.Raw
    packed: int
    kept: bytes


class Journals(Generic[S]):
    """How to read, move and write the journals of one kind of entity."""

    def __init__(self, rules: Rules[S]) -> None:
        self.rules = rules
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(_Packed[rules.state]).decode  # type: ignore[name-defined]
        self._decode_state = msgspec.msgpack.Decoder(rules.state).decode
        self._steps: Callable[[S, Sequence[Entry], int], None] = getattr(
            rules, "steps", self._one_by_one
        )

    def _one_by_one(self, state: S, entries: Sequence[Entry], sign: int) -> None:
        for entry in entries:
            self.rules.step(state, entry, sign)

    def new(self) -> Journal[S]:
        """An entity of which nothing is known."""
        return Journal(self.rules.state(), self.rules.state())

    def copy(self, state: S) -> S:
        """An independent copy."""
        return self._decode_state(self._encode(state))

    def pack(self, journal: Journal[S]) -> bytes:
        """The journal as bytes."""
        base = journal.packed_base if journal.base is None else journal.base
        kept = journal.packed_kept
        packed = journal.packed
        if journal.kept:
            added = len(journal.kept)
            array = self._encode(journal.kept)
            kept += array[1 if added < 16 else 3 if added < 65_536 else 5 :]  # without its head
            packed += added
        return self._encode(
            (
                journal.timer_ms, journal.settled_ms, journal.last_ms, journal.head, base, packed,
                kept,
            )
        )  # fmt: skip

    def unpack(self, packed: bytes) -> Journal[S]:
        """The reverse of `pack`."""
        told = self._decode(packed)
        journal = Journal(told.head, None)
        journal.timer_ms, journal.settled_ms = told.timer_ms, told.settled_ms
        journal.last_ms = told.last_ms
        journal.packed, journal.packed_kept = told.packed, told.kept
        if told.base != _NOTHING:
            journal.packed_base = told.base
        return journal

    def timer_of(self, packed: bytes) -> int:
        """The timer of a packed journal; raises ValueError or TypeError for what isn't one."""
        timer_ms: int = self._decode(packed).timer_ms
        return timer_ms

    def add(self, journal: Journal[S], entry: Entry) -> bool:
        """Takes an event in; False when its id was there already."""
        if self._repeats(journal, entry[2]):
            return False
        self._take_in(journal, [entry])
        return True

    def add_all(self, journal: Journal[S], entries: list[Entry]) -> list[Entry]:
        """Takes events in that came in this order; those that were there already come back.

        Of those with one id the first counts that came, and all are then taken in by their time.
        """
        if journal.packed >= _LONG:
            self._open(journal)
        fresh: list[Entry] = []
        repeated: list[Entry] = []
        for entry in entries:
            (repeated if self._repeats(journal, entry[2]) else fresh).append(entry)
        if fresh:
            fresh.sort()
            self._take_in(journal, fresh)
        return repeated

    def _repeats(self, journal: Journal[S], event_id: str) -> bool:
        if not event_id:
            return False
        if event_id in journal.ids:
            return True
        # Bytes that don't hold the id's don't hold the event; those that do, maybe.
        if journal.packed and event_id.encode() in journal.packed_kept:
            self._open(journal)
            if event_id in journal.ids:
                return True
        journal.ids.add(event_id)
        return False

    def _take_in(self, journal: Journal[S], entries: list[Entry]) -> None:
        """Events in order: first those that don't come after all that is known, at once."""
        first_ms = max(journal.last_ms + 1, journal.settled_ms)
        if entries[0][0] < first_ms:
            late = bisect_left(entries, (first_ms,))
            self._keep_base(journal)
            self._open(journal)
            self._again(journal, entries[:late])
            entries = entries[late:]
        if entries:
            self._append(journal, entries)

    def _append(self, journal: Journal[S], entries: list[Entry]) -> None:
        """What comes after all that is known needs neither the base nor the events kept.

        Of one time with the last of these it may be, if these are open.
        """
        self._keep_base(journal)
        self._steps(journal.head, entries, 1)
        journal.kept += entries
        journal.last_ms = entries[-1][0]

    def _keep_base(self, journal: Journal[S]) -> None:
        if journal.base is None and journal.packed_base is _NOTHING:
            journal.packed_base = msgspec.Raw(self._encode(journal.head))

    def settle(self, journal: Journal[S], watermark_ms: int) -> int:
        """States what time alone has brought; to be called before facts are shown.

        Answers with when there will be more of that.
        """
        due_ms = self.rules.due_ms(journal.head)
        if due_ms > watermark_ms:
            return due_ms
        self._keep_base(journal)
        if self.rules.settle(journal.head, watermark_ms, 1):
            journal.settled_ms = watermark_ms
        return self.rules.due_ms(journal.head)

    def trim(self, journal: Journal[S], horizon_ms: int) -> None:
        """Folds events before the horizon into the base: nothing accepted can precede them.

        The base is the head itself once nothing can precede what time has stated either.
        """
        if journal.is_final:
            return
        if journal.last_ms < horizon_ms:
            if journal.settled_ms > horizon_ms:
                self._fold(journal, horizon_ms)
                return
            journal.base, journal.packed_base = None, _NOTHING
            journal.packed, journal.packed_kept = 0, b""
            journal.kept.clear()
            journal.ids.clear()
        elif self._is_worth_while(journal, horizon_ms):
            self._fold(journal, horizon_ms)

    def _is_worth_while(self, journal: Journal[S], horizon_ms: int) -> bool:
        """Many events, and an eighth of the time that they take is final.

        So each is unpacked for a fold eight times at most, however many must be kept.
        """
        if journal.packed + len(journal.kept) < WORTH_TRIMMING:
            return False
        first_ms = _first_ms(journal.packed_kept) if journal.packed else journal.kept[0][0]
        return 7 * first_ms + journal.last_ms < 8 * horizon_ms

    def _fold(self, journal: Journal[S], horizon_ms: int) -> None:
        base = self._open(journal)
        final = [entry for entry in journal.kept if entry[0] < horizon_ms]
        self._steps(base, final, 0)
        del journal.kept[: len(final)]
        journal.ids.difference_update(entry[2] for entry in final)

    def _open(self, journal: Journal[S]) -> S:
        """Unpacks the base and all events kept."""
        if journal.packed:
            array = b"\xdd" + journal.packed.to_bytes(4, "big")
            old = _decode_entries(array + journal.packed_kept)
            journal.kept = old + journal.kept
            journal.ids.update(entry[2] for entry in old if entry[2])
            journal.packed, journal.packed_kept = 0, b""
        if journal.packed_base is not _NOTHING:
            journal.base = self._decode_state(journal.packed_base)
            journal.packed_base = _NOTHING
        assert journal.base is not None
        return journal.base

    def _again(self, journal: Journal[S], entries: list[Entry]) -> None:
        """Facts with the events in their places, minus facts without; what precedes them stands."""
        assert journal.base is not None
        rules = self.rules
        place = bisect(journal.kept, entries[0])
        if place == len(journal.kept) and entries[0][0] >= journal.settled_ms:
            self._append(journal, entries)
            return
        before = self.copy(journal.base)
        self._steps(before, journal.kept[:place], 0)
        after = self.copy(before)
        self._steps(before, journal.kept[place:], -1)
        if journal.settled_ms:
            rules.settle(before, journal.settled_ms, -1)
        journal.kept[place:] = sorted(journal.kept[place:] + entries)
        self._steps(after, journal.kept[place:], 1)
        journal.head = after
        if journal.settled_ms:
            rules.settle(after, journal.settled_ms, 1)
        journal.last_ms = journal.kept[-1][0]


def contents(packed: bytes) -> list[Any]:
    """All that a packed journal holds, of whatever kind it is: its state, and the events kept."""
    told: list[Any] = msgspec.msgpack.decode(packed)
    *states, count, kept = told
    return [*states, _decode_entries(b"\xdd" + count.to_bytes(4, "big") + kept)]


def _first_ms(kept: bytes) -> int:
    """The time of the first of packed events, without unpacking them.

    >>> [_first_ms(msgspec.msgpack.encode((at_ms, 0, "id"))) for at_ms in (7, 300, 1_767_268_800_000)]
    [7, 300, 1767268800000]
    """
    at = 1 if kept[0] < 0xA0 else 3  # after the array's head: up to 15 fields, or more
    width = _WIDTHS.get(kept[at], 0)
    return int.from_bytes(kept[at + 1 : at + 1 + width], "big") if width else kept[at]


_WIDTHS = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
"""Bytes of msgpack's unsigned integers by what is before them; a small one has none."""
_NOTHING = msgspec.Raw(b"\xc0")
"""Packed None."""
_decode_entries = msgspec.msgpack.Decoder(list[Entry]).decode
