"""What a KPI is, as an object and in words, from the catalogue.

It must not know values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kpi_windows.kpi import Kpi, Reading
from streams.metrics import UNITS, metric_name


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
        "note": reading.note,
    }


def in_words(kpi: Kpi) -> Iterator[str]:
    """Lines for a terminal."""
    yield f"{kpi.title} ({kpi.id})"
    if kpi.aliases:
        yield f"  also       {', '.join(kpi.aliases)}"
    unit = UNITS[kpi.unit.value] or "count"
    yield f"  unit       {unit}; better: {kpi.better.value}"
    yield f"  formula    {kpi.formula.words()}"
    yield f"  by         {', '.join(kpi.readings['default'].all_labels) or '-'}"
    yield f"  windows    {', '.join(kpi.windows)}"
    yield f"  metric     {kpi.metric()}"
    if kpi.table:
        yield f"  table      {', '.join(column.name for column in kpi.table.columns)}"
    if kpi.matures_after:
        yield f"  ripe       once the window has been over for {kpi.matures_after[:-3]}"
    if kpi.note:
        yield f"  note       {kpi.note}"
    if kpi.source:
        yield f"  source     {kpi.source}"
    if len(kpi.readings) > 1:
        yield "  others, by --definition:"
        width = max(map(len, kpi.readings))
        for name, reading in kpi.readings.items():
            if name != "default":
                yield f"    {name:<{width}}  {reading.formula.words()}"
