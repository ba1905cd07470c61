"""A question about a KPI, and its answer as plain objects: one for the API and for `kpi compute`.

It must not know where the view's cells came from, nor how an answer is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.kpi import Column, Kpi, Row
from kpi_windows.kpis import Catalogue
from kpi_windows.view import Value, View
from streams.units import parse_time, show_time

Answer = dict[str, Any]

TOP_PERIODS = 20_000
"""More periods than this are refused: a coarser window was meant."""


class QuestionError(ValueError):
    """The question can't be answered; the message says what can be asked."""


@dataclass(frozen=True)
class Question:
    """Of one KPI: over the periods from a time to a time, or in the window at a time."""

    kpi: str
    window: str = "day"
    from_time: str | None = None
    to_time: str | None = None
    """Not included."""
    at_time: str | None = None
    by: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    definition: str = "default"
    top: int = 50
    table: bool = False


def parse_where(parts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """`label=value` parts; several values of a label, by commas or by several parts, all count.

    >>> parse_where(["device=mobile,tablet", "source=google"])
    {'device': ('mobile', 'tablet'), 'source': ('google',)}
    """
    told: dict[str, tuple[str, ...]] = {}
    for part in parts:
        label, equals, values = part.partition("=")
        if not equals or not label:
            raise QuestionError(f"where: expected label=value, got {part!r}")
        told[label] = (*told.get(label, ()), *values.split(","))
    return told


def answer(view: View, question: Question, catalogue: Catalogue = CATALOGUE) -> list[Answer]:
    """The answer, oldest window first.  Raises QuestionError, or UnknownNameError (a ValueError)."""
    kpi = catalogue.find(question.kpi)
    zone = view.definitions.zone
    if view.watermark_ms is None:
        return []
    if question.table:
        return _table(view, kpi, question)
    if question.from_time is None and question.to_time is None:
        at_ms = at_ms_of(view, question)
        values = view.evaluate(
            kpi, question.window, at_ms=at_ms, by=question.by, where=question.where,
            definition=question.definition, top=question.top,
        )  # fmt: skip
    else:
        values = view.query(
            kpi, question.window, *_range(view, question), by=question.by, where=question.where,
            definition=question.definition, top=question.top,
        )  # fmt: skip
    return [_told(value, zone) for value in values]


def _range(view: View, question: Question) -> tuple[int, int]:
    now_ms = view.watermark_ms or 0
    zone = view.definitions.zone
    if question.at_time is not None:
        raise QuestionError("at: can't be combined with from and to")
    if question.from_time is None:
        raise QuestionError("to: needs from as well")
    try:
        from_ms = parse_time(question.from_time, zone, now_ms)
        to_ms = parse_time(question.to_time, zone, now_ms) if question.to_time else now_ms + 1
    except (ValueError, OverflowError) as error:
        raise QuestionError(f"from, to: {error}") from None
    if to_ms <= from_ms:
        raise QuestionError(f"to ({question.to_time or 'now'}) must come after from")
    _check_count(view, question.window, from_ms, to_ms)
    return from_ms, to_ms


def _check_count(view: View, window: str, from_ms: int, to_ms: int) -> None:
    try:
        first = next(iter(view.grid.periods(window, from_ms, from_ms + 1)))
    except ValueError as error:
        raise QuestionError(str(error)) from None
    count = (to_ms - from_ms) // max(1, first.end_ms - first.start_ms)
    if count > TOP_PERIODS:
        raise QuestionError(
            f"from, to: {count:,} windows of {window} are too many (at most {TOP_PERIODS:,}); "
            "ask for a shorter time or a longer window"
        )


def at_ms_of(view: View, question: Question) -> int | None:
    """The time that is asked about; None: now.  Raises QuestionError."""
    if question.at_time is None:
        return None
    try:
        return parse_time(question.at_time, view.definitions.zone, view.watermark_ms)
    except (ValueError, OverflowError) as error:
        raise QuestionError(f"at: {error}") from None


def _told(value: Value, zone: str) -> Answer:
    return {
        "kpi": value.kpi,
        "window": value.window,
        "start": show_time(value.start_ms, zone),
        "end": show_time(value.end_ms, zone),
        "labels": value.labels,
        "value": value.value,
        "numerator": value.numerator,
        "denominator": value.denominator,
        "definition": value.definition,
        "ripe": value.ripe,
        "start_ms": value.start_ms,
        "end_ms": value.end_ms,
    }


def _table(view: View, kpi: Kpi, question: Question) -> list[Answer]:
    if question.by:
        raise QuestionError("table: its rows have their own labels, so leave out by")
    if question.from_time is None:
        times: list[int | None] = [at_ms_of(view, question)]
    else:
        now_ms = view.watermark_ms or 0
        periods = view.grid.periods(question.window, *_range(view, question))
        times = [min(end_ms - 1, now_ms) for start_ms, end_ms in periods if start_ms <= now_ms]
    told: list[Answer] = []
    for at_ms in times:
        rows = view.table(kpi, question.window, question.top, at_ms=at_ms, where=question.where)
        told += [_row(rows.columns, row, view.definitions.zone, rows) for row in rows.rows]
    return told


def _row(columns: tuple[Column, ...], row: Row, zone: str, rows: Any) -> Answer:
    cells = dict(zip((column.name for column in columns), row, strict=True))
    texts = {column.name for column in columns if column.unit is None}
    numbers = {name: cell for name, cell in cells.items() if name not in texts}
    return {
        "kpi": rows.kpi,
        "window": rows.window,
        "start": show_time(rows.start_ms, zone),
        "end": show_time(rows.end_ms, zone),
        "labels": {name: cell for name, cell in cells.items() if name in texts},
        "value": next(iter(numbers.values()), None),
        "numerator": None,
        "denominator": None,
        "definition": "table",
        "ripe": True,
        "start_ms": rows.start_ms,
        "end_ms": rows.end_ms,
        **numbers,
    }
