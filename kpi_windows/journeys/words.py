"""Texts that repeat in every event: each combination is kept once, as one text.

Entries and states hold these, so that they stay small and pack and compare fast.  It must not
know what the texts are for, but for the labels of a visit and of what it sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kpi_windows.facts import NONE
from kpi_windows.mediums import medium_of

Labels = tuple[str, str, str, str, str]
Seen = tuple[str, tuple[str], str, tuple[str]]
"""A page and the labels of its fact, a category and the labels of its; both may be empty."""

_K = TypeVar("_K")
_V = TypeVar("_V")

_BREAK = "\x1f"
_MOST = 50_000
"""More combinations than this are forgotten and found anew."""


class Known(dict[_K, _V]):
    """Answers that were made once; a look-up of a known one runs no Python."""

    def __init__(self, make: Callable[[_K], _V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: _K) -> _V:
        if len(self) >= _MOST:
            self.clear()
        made = self[key] = self._make(key)
        return made


def join(texts: tuple[str | None, ...]) -> str:
    """One text for several; an absent one is empty."""
    return _BREAK.join((text or "").replace(_BREAK, " ") for text in texts)


def split(joined: str) -> tuple[str, ...]:
    """The reverse of `join`."""
    return tuple(joined.split(_BREAK))


def labels(context: str) -> tuple[Labels, Labels]:
    """A visit's labels from its first event's context: when returning, and when new."""
    source, medium, campaign, device = split(context) if context else ("", "", "", "")
    told = (source or "direct", medium_of(source, medium), campaign or NONE, device or NONE)
    return (*told, "returning"), (*told, "new")


def reach(context: str) -> tuple[str, str]:
    """A visitor's labels from an event's context: device and medium."""
    _, medium, _, device, _ = labels(context)[0]
    return device, medium


def seen(place: str) -> Seen:
    """What a visit sees at a joined (page, page type, category); a page without a name is its type."""
    page, kind, category = split(place)
    page = page or kind or NONE
    return page, (page,), category, (category,)


def page_type(place: str) -> tuple[str]:
    """The labels of the time spent at a joined (page, page type, category)."""
    return (split(place)[1] or NONE,)
