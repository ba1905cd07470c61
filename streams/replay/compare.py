"""Which values of two applications differ, in all windows that both have whole.

Numbers are compared as they are answered, to the last digit.  It must not know where the answers
come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kpi_windows.definitions import DAY_MS, Definitions
from kpi_windows.engine import FORWARDED
from kpi_windows.kpi import Kpi
from kpi_windows.kpis import Catalogue
from kpi_windows.laws import laws_of
from kpi_windows.view import View
from kpi_windows.windows import Grid, Level
from streams.questions import Answer, Question, answer

_TOP = 10_000
"""Values of a label."""
_HOURS_MS = 7 * DAY_MS
"""Hours are compared over so much of the past, days over all that is asked for."""
_NUMBERS = ("value", "numerator", "denominator")


@dataclass(frozen=True)
class Side:
    """One of the two."""

    name: str
    ask: Callable[[Question], list[Answer]]
    watermark_ms: int | None
    events: Mapping[str, Mapping[str, int]]
    """By topic: how many came `in`, and how many had which outcome."""
    positions: Mapping[str, Mapping[str, int]]
    """By partition, as text, and topic."""


class Difference(NamedTuple):
    """Two numbers that should be one; None where there is none at all."""

    kpi: str
    definition: str
    window: str
    start: str
    labels: Mapping[str, str]
    left: Answer | None
    right: Answer | None


@dataclass
class Comparison:
    """What was found."""

    from_ms: int
    to_ms: int
    values: int = 0
    """Compared."""
    kpis: int = 0
    """That had any."""
    differences: dict[str, list[Difference]] = field(default_factory=dict)
    """By KPI."""


def side_of(name: str, view: View, catalogue: Catalogue) -> Side:
    """Of what was read from Kafka."""
    events = {
        law.topic: {"in": law.taken_in, **law.outcomes}
        for law in laws_of(view.checkpoints.values())
    }
    positions = {str(p): each.positions for p, each in view.checkpoints.items()}
    return Side(
        name, lambda asked: answer(view, asked, catalogue), view.watermark_ms, events, positions
    )


def behind(left: Side, right: Side) -> int:
    """By how many records the two are apart in the inputs."""
    apart = 0
    for partition in left.positions.keys() | right.positions.keys():
        one, other = left.positions.get(partition, {}), right.positions.get(partition, {})
        for topic in (one.keys() | other.keys()) - {FORWARDED}:
            apart += abs(one.get(topic, 0) - other.get(topic, 0))
    return apart


def compare(
    left: Side,
    right: Side,
    catalogue: Catalogue,
    definitions: Definitions,
    *,
    from_ms: int | None,
    days: int,
    progress: Callable[[], object] = lambda: None,
) -> Comparison | None:
    """All KPIs by all definitions and labels, by day, and their totals by hour.

    Windows begin at `from_ms` or later, and ended so long before either watermark that nothing
    comes any more which would count in them.  `progress` is called once a KPI.  None when there is
    no such window.
    """
    marks = (left.watermark_ms, right.watermark_ms)
    grid = Grid(definitions.zone)
    end_ms = (
        min(-1 if at_ms is None else at_ms for at_ms in marks) - definitions.longest_lateness_ms
    )
    if end_ms < 0:
        return None
    last_ms = grid.pane_start(Level.HOUR, end_ms)
    first_ms = max(0, grid.pane_start(Level.DAY, last_ms) - days * DAY_MS, from_ms or 0)
    spans = {
        "day": (_next(grid, Level.DAY, first_ms), grid.pane_start(Level.DAY, last_ms)),
        "hour": (_next(grid, Level.HOUR, max(first_ms, last_ms - _HOURS_MS)), last_ms),
    }
    spans = {window: span for window, span in spans.items() if span[0] < span[1]}
    if not spans:
        return None
    found = Comparison(min(s[0] for s in spans.values()), max(s[1] for s in spans.values()))
    for kpi in catalogue.values():
        before = found.values
        for question in _questions(kpi, spans):
            _compare(left, right, question, found)
        found.kpis += found.values > before
        progress()
    return found


def _next(grid: Grid, level: Level, at_ms: int) -> int:
    """The first bound of panes at a time or after it."""
    start_ms = grid.pane_start(level, at_ms)
    return start_ms if start_ms == at_ms else grid.pane_end(level, at_ms)


def _questions(kpi: Kpi, spans: Mapping[str, tuple[int, int]]) -> Iterator[Question]:
    for name, reading in kpi.readings.items():
        for window, (from_ms, to_ms) in spans.items():
            if window not in reading.windows:
                continue
            labels = [(), *((label,) for label in reading.by or ())] if window == "day" else [()]
            for by in labels:
                yield Question(
                    kpi.id, window, str(from_ms), str(to_ms), by=by, definition=name, top=_TOP
                )


def _compare(left: Side, right: Side, question: Question, found: Comparison) -> None:
    one, other = (_by_place(side.ask(question)) for side in (left, right))
    for place in sorted(one.keys() | other.keys()):
        ours, theirs = one.get(place), other.get(place)
        if not all(each is None or each["ripe"] for each in (ours, theirs)):
            continue
        found.values += 1
        if _numbers(ours) != _numbers(theirs):
            told: Any = ours or theirs
            found.differences.setdefault(question.kpi, []).append(
                Difference(
                    question.kpi,
                    question.definition,
                    question.window,
                    told["start"],
                    told["labels"],
                    ours,
                    theirs,
                )
            )


def _by_place(answers: list[Answer]) -> dict[tuple[Any, ...], Answer]:
    return {(told["start_ms"], *sorted(told["labels"].items())): told for told in answers}


def _numbers(told: Answer | None) -> tuple[Any, ...]:
    return (None, None, None) if told is None else tuple(told[name] for name in _NUMBERS)
