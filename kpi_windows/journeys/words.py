"""Texts that repeat in every event: each combination is kept once, as one text.

Entries and states hold these, so that they stay small and pack and compare fast.  It must not
know what the texts are for, but for the labels of a visit.
"""

from __future__ import annotations

from kpi_windows.facts import NONE
from kpi_windows.mediums import medium_of

Labels = tuple[str, str, str, str, str]

_BREAK = "\x1f"
_MOST = 50_000
"""More combinations than this are forgotten and found anew."""


class Words:
    """Combinations of so many texts, and what they consist of."""

    def __init__(self, count: int) -> None:
        self._none = ("",) * count
        self._joined: dict[tuple[str | None, ...], str] = {}
        self._split: dict[str, tuple[str, ...]] = {}
        self._labels: dict[str, tuple[Labels, Labels]] = {}

    def join(self, *texts: str | None) -> str:
        """One text for several; an absent one is empty."""
        joined = self._joined.get(texts)
        if joined is None:
            plain = [(text or "").replace(_BREAK, " ") for text in texts]
            joined = _BREAK.join(plain) if any(plain) else ""
            if len(self._joined) >= _MOST:
                self._joined.clear()
            self._joined[texts] = joined
        return joined

    def split(self, joined: str) -> tuple[str, ...]:
        """The reverse of `join`."""
        texts = self._split.get(joined)
        if texts is None:
            texts = tuple(joined.split(_BREAK)) if joined else self._none
            if len(self._split) >= _MOST:
                self._split.clear()
            self._split[joined] = texts
        return texts

    def labels(self, context: str) -> tuple[Labels, Labels]:
        """A visit's labels from its first event's context: when returning, and when new."""
        found = self._labels.get(context)
        if found is None:
            source, medium, campaign, device = self.split(context)
            told = (source or "direct", medium_of(source, medium), campaign or NONE, device or NONE)
            if len(self._labels) >= _MOST:
                self._labels.clear()
            found = self._labels[context] = ((*told, "returning"), (*told, "new"))
        return found
