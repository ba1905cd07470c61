"""What is behind a KPI's value in a window: events by outcome, how complete it is, and a few ids.

All of it follows from the merged panes and the watermark, so it is the same whoever asks, and
whenever it is asked again.  It must not know how that is shown.

Completeness: of the events of a type, those that come late are known from the past (the histogram
of how far behind accepted events were, of the last seven days).  Of the events of a minute that was
`age` ago, the share F(age) has come by now; n that have come stand for n / F(age).

    complete = accepted / sum over minutes of accepted / F(age)       the least of all topics
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from kpi_windows.definitions import DAY_MS, MINUTE_MS
from kpi_windows.documentation import types_of
from kpi_windows.facts import Fact
from kpi_windows.facts.arrivals import ARRIVAL, LATENESS, REFUSAL, SAMPLE
from kpi_windows.kpi import Kpi, Reading
from kpi_windows.question import Question
from kpi_windows.sketches import top_of
from kpi_windows.view import Value, View
from kpi_windows.windows import Level

LATENESS_DAYS = 7
"""So far back what came late is looked at."""
_HASH = 9  # characters before the time of a sample


class Event(NamedTuple):
    """One of the events behind a value."""

    event_id: str
    type: str
    topic: str
    at_ms: int


class Counts(NamedTuple):
    """What became of the events in a window, of one topic or all."""

    accepted: int
    duplicate: int
    late: int
    rejected: int
    future: int


class Topic(NamedTuple):
    """A topic that the KPI takes."""

    counts: Counts
    complete: Fraction | None
    """None: nothing was accepted in the window."""


class Explained(NamedTuple):
    """A KPI's value and what is behind it."""

    value: Value
    version: str
    """Changes when the formula does, or what the shop's settings make of its amounts."""
    is_ripe: bool
    """Only late events can change the window."""
    ripe_at_ms: int
    """The watermark at which it will be, or was."""
    counted_since_ms: int
    """Events are counted from then on."""
    topics: dict[str, Topic]
    complete: Fraction | None
    samples: list[Event]
    why_none: str
    """Why there is no value."""

    @property
    def counts(self) -> Counts:
        """Of all its topics."""
        return Counts(
            *map(sum, zip(*(topic.counts for topic in self.topics.values()), strict=True))
        )


def explain(
    view: View, kpi: Kpi, window: str, *, at_ms: int | None = None, definition: str = "default"
) -> Explained | None:
    """The window at a time (absent: the watermark); None before the first event.

    Raises UnknownNameError for what the KPI doesn't have.
    """
    asked = Question(kpi, window, definition)
    watermark_ms = view.watermark_ms
    if watermark_ms is None:
        return None
    at_ms = watermark_ms if at_ms is None else at_ms
    (value,) = view.evaluate(kpi, window, at_ms=at_ms, definition=definition)
    types = types_of(asked.formula)
    topics = _topics(view, types, value, watermark_ms)
    known = [topic.complete for topic in topics.values() if topic.complete is not None]
    end_ms = max(view.grid.whole(window, at_ms).end_ms, value.end_ms)
    ripe_at_ms = end_ms + view.matures_ms(kpi)
    return Explained(
        value=value,
        version=version_of(kpi.reading(definition), view.definitions.fingerprint()),
        is_ripe=watermark_ms >= ripe_at_ms,
        ripe_at_ms=ripe_at_ms,
        counted_since_ms=view.fact_since_ms(ARRIVAL),
        topics=topics,
        complete=min(known, default=None),
        samples=_samples(view, types, value),
        why_none=_why_none(view, asked, value),
    )


def version_of(reading: Reading, fingerprint: str) -> str:
    """A digest of the formula and of the definitions that give its amounts their meaning."""
    told = f"{fingerprint}\n{reading.unit.value}\n{reading.formula.text()}"
    return hashlib.blake2b(told.encode(), digest_size=4).hexdigest()


def _why_none(view: View, asked: Question, value: Value) -> str:
    if value.value is not None:
        return ""
    if view.since_ms(asked.formula) > value.start_ms:
        return "its amounts weren't kept yet, or are no longer kept, when the window began"
    if value.denominator == 0:
        return "the denominator is 0"
    return "nothing that it is made of was counted"


def _topics(
    view: View, types: Mapping[str, str], value: Value, watermark_ms: int
) -> dict[str, Topic]:
    arrived = _sums(view, ARRIVAL, value.start_ms, value.end_ms)
    refused = _sums(view, REFUSAL, value.start_ms, value.end_ms)
    topics: dict[str, Topic] = {}
    for topic in dict.fromkeys(types.values()):
        names = [name for name, its in types.items() if its == topic]
        sums = [sum(each) for each in zip(*(arrived.get(n, (0, 0, 0)) for n in names), strict=True)]
        counts = Counts(*sums, *refused.get(topic, (0, 0)))
        complete = _complete(view, topic, names, counts.accepted, value, watermark_ms)
        topics[topic] = Topic(counts, complete)
    return topics


def _sums(view: View, fact: Fact, start_ms: int, end_ms: int) -> dict[str, tuple[int, ...]]:
    cells = view.panes.cells(fact, start_ms, end_ms)
    return {name: tuple(cell[: len(fact.sums)]) for (name,), cell in cells.items()}


# ---------------------------------------------------------------------------- completeness


def _complete(
    view: View, topic: str, names: list[str], accepted: int, value: Value, watermark_ms: int
) -> Fraction | None:
    if not accepted:
        return None
    behind = _behind(view, topic, watermark_ms)
    longest_ms = max((top_of(bucket) for bucket in behind), default=0) * 1_000
    minute_ms = max(value.start_ms, watermark_ms - longest_ms)
    minute_ms -= minute_ms % MINUTE_MS
    expected = Fraction(accepted)
    while minute_ms < min(value.end_ms, watermark_ms + 1):
        sums = _sums(view, ARRIVAL, minute_ms, minute_ms + MINUTE_MS)
        count = sum(sums[name][0] for name in names if name in sums)
        middle_ms = (minute_ms + min(minute_ms + MINUTE_MS, watermark_ms)) // 2
        expected += count / come(behind, watermark_ms - middle_ms) - count
        minute_ms += MINUTE_MS
    return accepted / expected


def _behind(view: View, topic: str, watermark_ms: int) -> dict[int, int]:
    """Buckets of seconds -> how many accepted events were so far behind, in the last days."""
    start_ms = view.grid.pane_start(Level.DAY, watermark_ms - LATENESS_DAYS * DAY_MS)
    end_ms = view.grid.pane_end(Level.DAY, watermark_ms)
    cell = view.panes.cells(LATENESS, start_ms, end_ms, part="behind").get((topic,))
    counts: dict[int, int] = cell[0] if cell else {}
    return counts


def come(behind: Mapping[int, int], age_ms: int) -> Fraction:
    """The share that is at most so far behind: what has come of the events of that age.

    1 where nothing is known; never 0, as what came first was not behind.

    >>> come({0: 6, 5: 3, 90: 1}, 5_999)
    Fraction(9, 10)
    """
    total = sum(behind.values())
    in_time = sum(count for bucket, count in behind.items() if top_of(bucket) * 1_000 <= age_ms)
    return Fraction(in_time, total) if in_time else Fraction(1)


# ---------------------------------------------------------------------------- samples


def _samples(view: View, types: Mapping[str, str], value: Value) -> list[Event]:
    """Of the events in the window that the days keep, those with the lowest hashes."""
    cells = view.panes.cells(SAMPLE, value.start_ms, value.end_ms, part="ids")
    found: list[tuple[str, Event]] = []
    for (name,), (ids,) in cells.items():
        if name not in types:
            continue
        for told in ids:
            at, _, event_id = told[_HASH:].partition(" ")
            if value.start_ms <= int(at) < value.end_ms:
                found.append((told, Event(event_id, name, types[name], int(at))))
    return [event for _, event in sorted(found)[: SAMPLE.lowest]]
