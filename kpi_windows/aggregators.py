"""How amounts add up: sums, histograms and distinct counts, all mergeable, the first two signed.

A *cell* is a list with one amount a slot; an amount is an int (Sum), a dict bucket -> signed
count (Histogram, whose buckets are ints, or Names, whose are texts), or a `Distinct`.  It must not know which fact a cell belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from enum import IntEnum
from typing import Any

import msgspec

from kpi_windows.sketches import Distinct

Cell = list[Any]


class Kind(IntEnum):
    """What a slot of a cell holds."""

    SUM = 0
    HISTOGRAM = 1
    DISTINCT = 2
    NAMES = 3


_EMPTY: tuple[Callable[[], Any], ...] = (int, dict, Distinct, dict)


def zero(kinds: Iterable[Kind]) -> Cell:
    """An empty cell."""
    return [_EMPTY[kind]() for kind in kinds]


def copy(cell: Cell) -> Cell:
    """An independent copy."""
    return [amount if amount.__class__ is int else amount.copy() for amount in cell]


def merge(into: Cell, other: Cell, sign: int = 1) -> None:
    """Adds `other` (takes it back with sign −1; a distinct count is only ever added)."""
    for slot, amount in enumerate(other):
        if amount.__class__ is int:
            into[slot] += sign * amount
        elif amount.__class__ is dict:
            counts = into[slot]
            for bucket, count in amount.items():
                left = counts.get(bucket, 0) + sign * count
                if left:
                    counts[bucket] = left
                else:
                    counts.pop(bucket, None)
        else:
            into[slot].merge(amount)


def difference(new: Cell, old: Cell) -> Cell:
    """What `merge` must add to `old` to make it `new`; takes both for itself.

    >>> difference([5, {1: 2}], [3, {2: 1}])
    [2, {1: 2, 2: -1}]
    """
    for slot, amount in enumerate(old):
        if amount.__class__ is Distinct:
            new[slot] = new[slot].beyond(amount)
            old[slot] = Distinct()
    merge(new, old, -1)
    return new


def is_empty(cell: Cell) -> bool:
    """True when the cell is as good as absent."""
    return not any(cell)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_WIDEST = 2**63 - 1


def pack(cell: Cell) -> bytes:
    """The cell as bytes: msgpack, a distinct count as its own bytes, a huge int as text."""
    try:
        return _encode(cell)
    except (TypeError, OverflowError):
        return _encode([_plain(amount) for amount in cell])


def _plain(amount: Any) -> Any:
    if isinstance(amount, Distinct):
        return amount.pack()
    if isinstance(amount, int) and not -_WIDEST <= amount <= _WIDEST:
        return str(amount)
    return amount


def unpack(packed: bytes) -> Cell:
    """The reverse of `pack`."""
    cell: Cell = _decode(packed)
    for slot, amount in enumerate(cell):
        if amount.__class__ is bytes:
            cell[slot] = Distinct.unpack(amount)
        elif amount.__class__ is str:
            cell[slot] = int(amount)
    return cell


_INTS, _TEXTS = {int}, {str}
_DIGITS = 100
"""No sum of a shop has as many, and a float has room for them."""


def _is_sum(amount: Any) -> bool:
    """A huge one is packed as text, which is what `str` makes of it."""
    if amount.__class__ is str:
        is_number = len(amount) <= _DIGITS and amount.removeprefix("-").isdecimal()
        return is_number and str(int(amount)) == amount
    return amount.__class__ is int


def _is_histogram(amount: Any) -> bool:
    return _counts(amount, _INTS) and (not amount or min(amount) >= 0)


def _are_names(amount: Any) -> bool:
    return _counts(amount, _TEXTS)


def _counts(amount: Any, buckets: Set[type]) -> bool:
    return (
        amount.__class__ is dict
        and set(map(type, amount)) <= buckets
        and set(map(type, amount.values())) <= _INTS
    )


def _is_distinct(amount: Any) -> bool:
    return amount.__class__ is bytes and Distinct.is_packed(amount)


_IS_PACKED: tuple[Callable[[Any], bool], ...] = (
    _is_sum,
    _is_histogram,
    _is_distinct,
    _are_names,
)
"""By kind: whether it can be one that was packed."""


def check_packed(packed: bytes, kinds: Sequence[Kind]) -> None:
    """Raises ValueError for bytes that can't be a cell of these kinds.

    >>> check_packed(pack([5]), (Kind.SUM, Kind.SUM))
    Traceback (most recent call last):
    ...
    ValueError: 1 amounts instead of 2
    """
    cell = _decode(packed)
    if cell.__class__ is not list or len(cell) != len(kinds):
        found = len(cell) if cell.__class__ is list else "no"
        raise ValueError(f"{found} amounts instead of {len(kinds)}")
    for amount, kind in zip(cell, kinds, strict=True):
        if not _IS_PACKED[kind](amount):
            raise ValueError(f"an amount of another kind than {kind.name.lower()}")
