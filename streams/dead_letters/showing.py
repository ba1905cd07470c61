"""Dead letters as text that is safe on any terminal, and groups of those of one reason.

It must not know Kafka.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from streams.dead_letters.letters import Letter, pattern_of
from streams.units import show_time


def safe(told: bytes | str | None, most: int = 300) -> str:
    """Text as it is; what isn't text, or would move the cursor or turn the writing, is escaped.

    >>> safe(b'{"a": 1}'), safe(b"\\xff\\x1b[2J"), safe(None)
    ('{"a": 1}', '\\\\xff\\\\x1b[2J', '(none)')
    """
    if told is None:
        return "(none)"
    text = told if isinstance(told, str) else told[: 4 * most].decode("utf-8", "backslashreplace")
    shown = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text[:most]
    )
    if len(text) <= most:
        return shown
    return f"{shown} … ({len(told):,} {'characters' if isinstance(told, str) else 'bytes'})"


def show_letter(letter: Letter, zone: str, most: int = 300) -> str:
    """A letter in three or four lines."""
    where = f"{letter.topic}, partition {letter.partition}, offset {letter.offset}"
    lines = [
        f"{show_time(letter.buried_ms - letter.buried_ms % 1000, zone)}  {where}",
        f"  {letter.outcome}: {safe(letter.reason, 500)}",
        f"  key   {safe(letter.key, 100)}",
        f"  value {safe(letter.value, most)}",
    ]
    return "\n".join(lines)


@dataclass
class Group:
    """Letters of one topic and one reason."""

    topic: str
    outcome: str
    pattern: str
    example: Letter
    """The first one."""
    count: int = 0
    last_ms: int = 0
    """When the last one was buried."""


class Groups:
    """Counts letters by topic, outcome and what their reasons have in common."""

    def __init__(self) -> None:
        self.letters = 0
        self._groups: dict[tuple[str, str, str], Group] = {}

    def add(self, letters: Iterable[Letter]) -> None:
        """Some more."""
        for letter in letters:
            key = (letter.topic, letter.outcome, pattern_of(letter.reason))
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = Group(*key, example=letter)
            group.count += 1
            group.last_ms = max(group.last_ms, letter.buried_ms)
            self.letters += 1

    def ranked(self) -> list[Group]:
        """The commonest first."""
        return sorted(self._groups.values(), key=lambda group: (-group.count, group.topic))


def as_json(letter: Letter) -> dict[str, Any]:
    """A letter as plain objects; bytes as base64, and as text too where they are text."""
    told: dict[str, Any] = {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "outcome": letter.outcome,
        "reason": letter.reason,
        "timestamp_ms": letter.timestamp_ms,
        "buried_ms": letter.buried_ms,
    }
    for name, raw in (("key", letter.key), ("value", letter.value)):
        told[f"{name}_base64"] = None if raw is None else base64.b64encode(raw).decode()
        try:
            told[name] = None if raw is None else raw.decode()
        except UnicodeDecodeError:
            told[name] = None
    return told
