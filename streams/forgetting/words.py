"""Whether bytes name somebody: an id that stands in them as a word of its own.

It must not know where the bytes come from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from kpi_windows.journeys.journal import contents
from streams.dead_letters.letters import parts_of

Names = Callable[[bytes | None], bool]
"""Whether a key or value names somebody."""

_TOLD_BY = re.compile(r"\x00(order|ticket|forgotten|cart)")
"""What stands before ids within journals; see `kpi_windows.journeys`."""


class Words:
    """Ids to look for.

    >>> words = Words(["c4", "7"])
    >>> words.in_json(b'{"note": "of c4, again"}'), words.in_json(b'{"note": "c42", "price": 7}')
    (True, False)
    >>> words.in_json(b'{"customer_id": 7}'), words.in_json(b"no JSON, but c4")
    (True, True)
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = frozenset(ids)
        longest_first = sorted(map(re.escape, self._ids), key=len, reverse=True)
        self._found = re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)").search
        self._hints = tuple(hint for each in self._ids for hint in _written(each))

    def in_text(self, raw: bytes | None) -> bool:
        """Of text, such as a key."""
        return self._may_be_in(raw) and self._is_in(raw.decode("utf-8", "replace"))  # type: ignore[union-attr]

    def in_json(self, raw: bytes | None) -> bool:
        """Of an event, also of one that isn't as it should be."""
        if not self._may_be_in(raw):
            return False
        try:
            return any(map(self._is_in, _texts(msgspec.json.decode(raw))))  # type: ignore[arg-type]
        except msgspec.DecodeError:
            return self.in_text(raw)

    def in_letter(self, raw: bytes | None) -> bool:
        """Of a dead letter, which holds key and value as they were."""
        if raw is None:
            return False
        try:
            key, value, reason = parts_of(raw)
        except msgspec.DecodeError:
            return self.in_text(raw)
        return self.in_text(key) or self.in_json(value) or self._is_in(reason)

    def in_journal(self, raw: bytes | None) -> bool:
        """Of a journey's state."""
        return self._may_be_in(raw) and any(map(self._is_in, _texts(contents(raw[8:]))))  # type: ignore[index]

    def in_packed(self, raw: bytes | None) -> bool:
        """Of what is packed otherwise: a cell, its key, a fact for another partition."""
        if not self._may_be_in(raw):
            return False
        try:
            return any(map(self._is_in, _texts(msgspec.msgpack.decode(raw))))  # type: ignore[arg-type]
        except msgspec.DecodeError:
            return self.in_text(raw)

    def _may_be_in(self, raw: bytes | None) -> bool:
        """Nearly always it isn't, and this is quick."""
        return raw is not None and any(hint in raw for hint in self._hints)

    def _is_in(self, told: str) -> bool:
        return told in self._ids or self._found(_TOLD_BY.sub("\x00", told)) is not None


def _written(word: str) -> set[bytes]:
    """How a word may stand in UTF-8 and in JSON."""
    escaped = json.dumps(word)[1:-1]
    return {word.encode(), escaped.encode(), escaped.replace("/", "\\/").encode()}


def _texts(told: Any, name: str = "") -> Iterator[str]:
    """All texts, and whole numbers under names that end in `id`."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, bytes):
        yield told.decode("utf-8", "replace")
    elif isinstance(told, dict):
        for key, value in told.items():
            yield from _texts(key)
            yield from _texts(value, str(key))
    elif isinstance(told, list | tuple):
        for each in told:
            yield from _texts(each, name)
    elif type(told) is int and name.lower().endswith("id"):
        yield str(told)
