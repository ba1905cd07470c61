"""Counts that don't add up by adding: distinct things, and quantiles of a duration.

`Distinct` is exact up to 2,048 things and a HyperLogLog beyond (Flajolet, Fusy, Gandouet and
Meunier 2007, 64-bit hashes as Heule, Nunkesser and Hall 2013; 2^14 registers, standard error
0.8 %).  Quantiles come from integer logarithmic buckets with 64 steps an octave (as HdrHistogram),
so that a bucket's middle is within 0.8 % of each of its values.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b

_EXACT = 2_048
_PRECISION = 14
_REGISTERS = 1 << _PRECISION
_REST_BITS = 64 - _PRECISION
_REST = (1 << _REST_BITS) - 1
_RANKS = bytes(range(_REST_BITS + 2))


def hash64(text: str) -> int:
    """A stable 64-bit hash (BLAKE2b)."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


class Distinct:
    """How many different 64-bit hashes were added; merging is union, nothing can be taken back.

    >>> d = Distinct(); d.add(1); d.add(1); d.add(2); d.value()
    2
    """

    __slots__ = ("_counted", "hashes", "registers")

    def __init__(self, hashes: Iterable[int] = ()) -> None:
        self.hashes: set[int] | None = set(hashes)
        self.registers: bytearray | None = None
        self._counted: int | None = None  # the value of these registers, once asked for

    def __bool__(self) -> bool:
        return self.hashes is None or bool(self.hashes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Distinct) and self.pack() == other.pack()

    __hash__ = None  # type: ignore[assignment]

    def add(self, hashed: int) -> None:
        """Counts a hash, once."""
        if self.hashes is not None:
            self.hashes.add(hashed)
            if len(self.hashes) > _EXACT:
                self._make_dense()
        else:
            self._register((hashed,))

    def merge(self, other: Distinct) -> None:
        """Union; the result doesn't depend on the order of merging."""
        if other.hashes is not None:
            if self.hashes is not None:
                self.hashes |= other.hashes
                if len(self.hashes) > _EXACT:
                    self._make_dense()
            else:
                self._register(other.hashes)
            return
        if self.registers is None:
            self._make_dense()
        if self.registers != other.registers:
            self.registers = _larger(self.registers, other.registers)
            self._counted = None

    def beyond(self, other: Distinct) -> Distinct:
        """What must be added to `other` to have all of this; all of this, when one isn't exact.

        >>> Distinct((1, 2, 3)).beyond(Distinct((2,))).value()
        2
        """
        if self.hashes is None or other.hashes is None:
            return self
        return Distinct(self.hashes - other.hashes)

    def copy(self) -> Distinct:
        """An independent copy."""
        made = Distinct(self.hashes or ())
        if self.registers is not None:
            made.hashes, made.registers = None, bytearray(self.registers)
        return made

    def value(self) -> int:
        """The number of different hashes: exact while few, else within about 0.8 %."""
        if self.registers is None:
            return len(self.hashes or ())
        if self._counted is None:
            self._counted = self._estimate(self.registers)
        return self._counted

    @staticmethod
    def _estimate(registers: bytearray) -> int:
        raw = 0.7213 / (1 + 1.079 / _REGISTERS) * _REGISTERS**2
        raw /= math.fsum(_parts(registers))
        empty = registers.count(0)
        if raw <= 2.5 * _REGISTERS and empty:
            raw = _REGISTERS * math.log(_REGISTERS / empty)
        return round(raw)

    def pack(self) -> bytes:
        """Bytes that are equal exactly when the counts are."""
        if self.registers is not None:
            return b"d" + bytes(self.registers)
        hashes = sorted(self.hashes or ())
        return b"s" + struct.pack(f">{len(hashes)}Q", *hashes)

    @classmethod
    def unpack(cls, packed: bytes) -> Distinct:
        """The reverse of `pack`."""
        if packed[:1] == b"d":
            made = cls()
            made.hashes, made.registers = None, bytearray(packed[1:])
            return made
        return cls(struct.unpack(f">{len(packed) // 8}Q", packed[1:]))

    @staticmethod
    def is_packed(packed: bytes) -> bool:
        """Whether `unpack` can make sense of these bytes.

        >>> Distinct.is_packed(Distinct((1, 2)).pack()), Distinct.is_packed(b"s12345")
        (True, False)
        """
        kind, rest = packed[:1], len(packed) - 1
        if kind == b"d":
            return rest == _REGISTERS and not packed[1:].translate(None, _RANKS)
        return kind == b"s" and rest % 8 == 0

    def _make_dense(self) -> None:
        hashes, self.hashes = self.hashes, None
        self.registers = bytearray(_REGISTERS)
        self._register(hashes or ())

    def _register(self, hashes: Iterable[int]) -> None:
        """Written for speed: the exporter runs it for each hash of what is no longer exact."""
        registers = self.registers
        assert registers is not None
        self._counted = None
        for hashed in hashes:
            index = hashed >> _REST_BITS
            rank = _REST_BITS + 1 - (hashed & _REST).bit_length()
            if rank > registers[index]:
                registers[index] = rank


def _parts(registers: bytearray) -> Iterator[float]:
    """Count x 2^-rank of each rank, up to the highest there is (about 20 of 64)."""
    left, rank = _REGISTERS, 0
    while left:
        count = registers.count(rank)
        yield count * 2.0**-rank
        left -= count
        rank += 1


_HIGH = int.from_bytes(b"\x80" * _REGISTERS, "little")


def _larger(left: bytearray | None, right: bytearray | None) -> bytearray:
    """The larger of each two registers, all at once: as each is below 128, one subtraction of two
    huge integers with every top bit set compares them all, and borrows from no neighbour."""
    assert left is not None
    assert right is not None
    a, b = int.from_bytes(left, "little"), int.from_bytes(right, "little")
    is_larger = ((a | _HIGH) - b) & _HIGH
    mask = (is_larger << 1) - (is_larger >> 7)
    return bytearray(((a & mask) | (b & ~mask)).to_bytes(_REGISTERS, "little"))


_MOST_SHIFT = 64
"""Of what is counted; a bucket beyond it would be a number of as many digits as it is large."""


def bucket_of(amount: int) -> int:
    """The logarithmic bucket of a whole amount of 0 or more; below 128 each has its own.

    >>> [bucket_of(n) for n in (0, 1, 127, 128, 129, 130)]
    [0, 1, 127, 128, 128, 129]
    """
    if amount < 128:
        return amount if amount > 0 else 0
    shift = amount.bit_length() - 7
    return (shift << 6) + (amount >> shift)


def middle_of(bucket: int) -> float:
    """The middle of a bucket.

    >>> middle_of(bucket_of(1000)), middle_of(5)
    (1003.5, 5.0)
    """
    if bucket < 128:
        return float(bucket)
    shift = min((bucket >> 6) - 1, _MOST_SHIFT)
    low = (bucket - (shift << 6)) << shift
    return low + ((1 << shift) - 1) / 2


def top_of(bucket: int) -> int:
    """The largest amount of a bucket.

    >>> top_of(bucket_of(1000)), top_of(5), bucket_of(1008) - bucket_of(1007)
    (1007, 5, 1)
    """
    if bucket < 128:
        return bucket
    shift = min((bucket >> 6) - 1, _MOST_SHIFT)
    return ((bucket - (shift << 6) + 1) << shift) - 1


def quantile(counts: Mapping[int, int], q: float) -> float | None:
    """The nearest-rank quantile of a histogram of buckets, within 0.8 %; None when it is empty."""
    total = sum(counts.values())
    if total <= 0:
        return None
    rank = max(1, math.ceil(q * total))
    for bucket in sorted(counts):
        rank -= counts[bucket]
        if rank <= 0:
            return middle_of(bucket)
    return None  # only counts that were taken back wrongly lead here
