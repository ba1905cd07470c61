"""Sorting more than fits in memory: sorted runs in temporary files, merged while reading.

It must not know what it sorts: a key of numbers and texts, and bytes.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

Item = tuple[tuple[Any, ...], bytes]
"""A key that orders, and what is ordered."""

_LENGTH = 4
_OVERHEAD = 250
"""About what an item takes in memory beside its bytes."""
_FAN_IN = 64
"""So many files are open at once."""


class Sorter:
    """`add` in any order, then iterate once in order; items of equal keys keep no order.

    Use as a context: the temporary files go at its end.
    """

    def __init__(self, folder: Path | None = None, memory_bytes: int = 96 << 20) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="kpi-sort-", dir=folder)
        self._memory = memory_bytes
        self._items: list[Item] = []
        self._held = 0
        self._runs: list[Path] = []
        self._made = 0
        self.count = 0

    def __enter__(self) -> Sorter:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def add(self, key: tuple[Any, ...], value: bytes) -> None:
        """One more item."""
        self._items.append((key, value))
        self._held += len(value) + _OVERHEAD
        self.count += 1
        if self._held >= self._memory:
            self._spill()

    def __iter__(self) -> Iterator[Item]:
        while len(self._runs) >= _FAN_IN:
            merged = heapq.merge(*(_read(run) for run in self._runs[:_FAN_IN]), key=_key)
            self._runs = [*self._runs[_FAN_IN:], self._write(merged)]
        self._items.sort(key=_key)
        runs: list[Iterator[Item]] = [_read(run) for run in self._runs]
        yield from heapq.merge(*runs, iter(self._items), key=_key)

    def _spill(self) -> None:
        self._items.sort(key=_key)
        self._runs.append(self._write(iter(self._items)))
        self._items, self._held = [], 0

    def _write(self, items: Iterator[Item]) -> Path:
        self._made += 1
        path = Path(self._folder.name) / f"{self._made}.run"
        encode = msgspec.msgpack.Encoder().encode
        with path.open("wb") as file:
            for item in items:
                packed = encode(item)
                file.write(len(packed).to_bytes(_LENGTH, "big"))
                file.write(packed)
        return path


def _key(item: Item) -> tuple[Any, ...]:
    return item[0]


def _read(path: Path) -> Iterator[Item]:
    decode = msgspec.msgpack.Decoder(tuple[tuple[Any, ...], bytes]).decode
    file: IO[bytes]
    with path.open("rb") as file:
        while length := file.read(_LENGTH):
            yield decode(file.read(int.from_bytes(length, "big")))
    path.unlink()
