"""What a KPI is, as an object and in words, from the catalogue.

It must not know values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Any

from kpi_windows.documentation import events_of, topics_of
from kpi_windows.kpi import Kpi, Reading
from streams.metrics import UNITS, metric_name

_NAME = 11


def described(kpi: Kpi) -> dict[str, Any]:
    """All that the catalogue says of a KPI."""
    return {
        "id": kpi.id,
        "title": kpi.title,
        "aliases": list(kpi.aliases),
        "group": kpi.group,
        "unit": kpi.unit.value or "count",
        "better": kpi.better.value,
        "formula": kpi.formula.words(),
        "by": list(kpi.readings["default"].all_labels),
        "windows": list(kpi.windows),
        "metric": kpi.metric(),
        "topics": list(topics_of(kpi.reading())),
        "events": _plain(events_of(kpi.reading())),
        "definitions": {
            name: _reading(kpi, name, reading) for name, reading in kpi.readings.items()
        },
        "table": [column.name for column in kpi.table.columns] if kpi.table else None,
        "matures_after": kpi.matures_after.removesuffix("_ms") if kpi.matures_after else None,
        "note": kpi.note,
        "source": kpi.source,
    }


def _reading(kpi: Kpi, name: str, reading: Reading) -> dict[str, Any]:
    return {
        "formula": reading.formula.words(),
        "amounts": reading.formula.text(),
        "unit": reading.unit.value or "count",
        "by": list(reading.all_labels),
        "windows": list(reading.windows),
        "metric": metric_name(kpi, name),
        "topics": list(topics_of(reading)),
        "note": reading.note,
    }


def in_words(kpi: Kpi, width: int = 100) -> Iterator[str]:
    """Lines for a terminal, as wide as that is."""
    default = kpi.reading()
    yield f"{kpi.title} ({kpi.id})"
    yield from _told("also", ", ".join(kpi.aliases), width)
    unit = UNITS.get(kpi.unit.value) or kpi.unit.value or "count"
    yield from _told("unit", f"{unit}; better: {kpi.better.value}", width)
    yield from _told("meaning", kpi.formula.words(), width)
    yield from _told("formula", kpi.formula.text(), width)
    yield from _told("by", _breakdowns(default) or "-", width)
    for other in default.instead:
        if other.formula != default.formula:
            yield from _told("", f"by {', '.join(other.by)}: {other.formula.text()}", width)
    yield from _told("windows", ", ".join(kpi.windows), width)
    yield from _told("metric", kpi.metric(), width)
    yield from _told("topics", ", ".join(topics_of(default)), width)
    yield from _told("events", _plain(events_of(default)), width)
    if kpi.table:
        columns = ", ".join(column.name.replace("_", " ") for column in kpi.table.columns)
        yield from _told("table", f"the foremost rows of {columns}", width)
    if kpi.matures_after:
        ripe = f"once the window has been over for {kpi.matures_after.removesuffix('_ms')}"
        yield from _told("ripe", ripe, width)
    yield from _told("note", _plain(kpi.note), width)
    yield from _told("source", kpi.source, width)
    yield from _others(kpi, "alternative definitions, by --definition", kpi.definitions, width)
    yield from _others(kpi, "beside it, by --definition", kpi.beside, width)


def _told(name: str, text: str, width: int, indent: int = 2) -> list[str]:
    """A line with a name, as many as it takes; none without a text."""
    return wrap(
        text,
        max(width, 50),
        initial_indent=f"{'':{indent}}{name:<{_NAME}}",
        subsequent_indent=" " * (indent + _NAME),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _others(kpi: Kpi, title: str, names: Iterable[str], width: int) -> Iterator[str]:
    names = tuple(names)
    if names:
        yield ""
        yield f"  {title}:"
    default = kpi.reading()
    for name in names:
        reading = kpi.reading(name)
        yield f"    {name}"
        told = {
            "meaning": reading.formula.words(),
            "formula": reading.formula.text(),
            "metric": kpi.metric(name),
        }
        if topics_of(reading) != topics_of(default):
            told["events"] = _plain(events_of(reading))
        if reading.all_labels != default.all_labels:
            told["by"] = _breakdowns(reading) or "-"
        if reading.windows != kpi.windows:
            told["windows"] = ", ".join(reading.windows)
        told["note"] = _plain(reading.note)
        for each, text in told.items():
            yield from _told(each, text, width, indent=6)


def _breakdowns(reading: Reading) -> str:
    groups = [reading.by or (), *(other.by for other in reading.instead)]
    return "; or ".join(", ".join(group) for group in groups if group)


def _plain(text: str) -> str:
    return text.replace("`", "")
