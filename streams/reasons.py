"""What is behind a value, and why it moved, as plain objects: one for the API and for `kpi explain`.

Numbers are as JSON has them; where they come from a division each is told exactly too, as text.

It must not know how they are made, nor how they are shown.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.explaining import Event, Explained, explain
from kpi_windows.formula import number
from kpi_windows.kpis import Catalogue
from kpi_windows.midpoint import Part
from kpi_windows.view import View
from kpi_windows.why import Segment, Side, Why, why
from streams.questions import Question, QuestionError, at_ms_of
from streams.units import show_time

Answer = dict[str, Any]
NOTHING = "nothing has been counted yet: there is no event"


def explain_answer(view: View, question: Question, catalogue: Catalogue = CATALOGUE) -> Answer:
    """A KPI's value in one window and what is behind it.

    Raises QuestionError, or UnknownNameError (a ValueError).
    """
    kpi = catalogue.find(question.kpi)
    told = explain(
        view, kpi, question.window, at_ms=at_ms_of(view, question), definition=question.definition
    )
    if told is None:
        raise QuestionError(NOTHING)
    reading, zone = kpi.reading(question.definition), view.definitions.zone
    value = told.value
    return {
        "kpi": kpi.id,
        "title": kpi.title,
        "definition": question.definition,
        "formula": reading.formula.words(),
        "amounts": reading.formula.text(),
        "version": told.version,
        "window": question.window,
        "start": show_time(value.start_ms, zone),
        "end": show_time(value.end_ms, zone),
        "start_ms": value.start_ms,
        "end_ms": value.end_ms,
        "watermark": show_time(view.watermark_ms or 0, zone),
        "unit": reading.unit.value or "count",
        "value": value.value,
        "numerator": value.numerator,
        "denominator": value.denominator,
        "reason": told.why_none or None,
        "ripe": told.is_ripe,
        "ripens_at": None if told.is_ripe else show_time(told.ripe_at_ms, zone),
        "events": told.counts._asdict(),
        "events_since": _since(told, zone),
        **_exactly("complete", told.complete),
        "topics": {
            name: {**topic.counts._asdict(), "complete": number(topic.complete)}
            for name, topic in told.topics.items()
        },
        "samples": [_sample(event, zone) for event in told.samples],
    }


def _since(told: Explained, zone: str) -> str | None:
    """From when on events are counted, if that is after the window's start."""
    since_ms = told.counted_since_ms
    return show_time(since_ms, zone) if since_ms > told.value.start_ms else None


def _sample(event: Event, zone: str) -> Answer:
    at = show_time(event.at_ms, zone)
    return {"event_id": event.event_id, "type": event.type, "topic": event.topic, "day": at[:10]}


def why_answer(view: View, question: Question, catalogue: Catalogue = CATALOGUE) -> Answer:
    """What each segment added to the change since the window before.

    Raises QuestionError, or UnknownNameError (a ValueError).
    """
    kpi = catalogue.find(question.kpi)
    reading = kpi.reading(question.definition)
    if len(question.by) != 1:
        offered = f"one of {', '.join(reading.all_labels)}" if reading.all_labels else "none here"
        raise QuestionError(f"by: expected one label ({offered})")
    told = why(
        view, kpi, question.window, question.by[0], at_ms=at_ms_of(view, question),
        definition=question.definition, top=question.top,
    )  # fmt: skip
    if told is None:
        raise QuestionError(NOTHING)
    return _why(told, reading.unit.value or "count", view)


def _why(told: Why, unit: str, view: View) -> Answer:
    zone = view.definitions.zone
    return {
        "kpi": told.kpi,
        "window": told.window,
        "definition": told.definition,
        "unit": unit,
        "by": told.by,
        "before": _side(told.before, zone),
        "after": _side(told.after, zone),
        **_exactly("change", told.change),
        "method": told.method,
        "reason": told.reason or None,
        "segments": [_segment(each, told.method) for each in told.segments],
    }


def _side(side: Side, zone: str) -> Answer:
    return {
        "start": show_time(side.start_ms, zone),
        "end": show_time(side.end_ms, zone),
        "start_ms": side.start_ms,
        "end_ms": side.end_ms,
        **_exactly("value", side.value),
        **_exactly("numerator", side.numerator),
        **_exactly("denominator", side.denominator),
    }


def _segment(segment: Segment, method: str | None) -> Answer:
    is_ratio = method == "midpoint"
    return {
        "value": segment.value,
        **_exactly("rate", segment.rate),
        **_exactly("share", segment.share),
        **_exactly("total", segment.total),
        "before": _part(segment.before, is_ratio),
        "after": _part(segment.after, is_ratio),
    }


def _part(part: Part, is_ratio: bool) -> Answer:
    under = part.denominator if is_ratio else None
    return {**_exactly("numerator", part.numerator), **_exactly("denominator", under)}


def _exactly(name: str, value: Fraction | None) -> Answer:
    """The nearest number, and the rational itself as text, `n/d`."""
    exact = None if value is None else f"{value.numerator}/{value.denominator}"
    return {name: number(value), f"{name}_exact": exact}
