"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass

from aiokafka.errors import KafkaError

GOOD, NOTE, BAD = "ok", "note", "bad"
CONNECTION = (KafkaError, OSError, TimeoutError)
"""What is raised when a broker doesn't answer as it should."""


@dataclass(frozen=True)
class Finding:
    """Something that was looked at."""

    state: str
    what: str
    todo: str = ""


def ok(what: str) -> Finding:
    """Something that is as it should be."""
    return Finding(GOOD, what)
