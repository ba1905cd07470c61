"""The panels of a KPI: its number, its course, what goes along with it, breakdowns and table.

It must not know which dashboard they are on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kpi_windows.kpi import Better, Column, Kpi, Unit
from kpi_windows.windows import WINDOWS
from streams import metrics
from streams.generate import panels, queries
from streams.generate.panels import Query, Sheet

_ROOM = 100
"""Ids for the panels of one KPI, so that those of another stay what they are."""
_CHANGE = {
    Better.HIGHER: panels.steps((None, panels.BAD), (0, panels.GOOD)),
    Better.LOWER: panels.steps((None, panels.GOOD), (0, panels.BAD)),
    Better.NEITHER: panels.steps((None, panels.PLAIN)),
}


@dataclass(frozen=True)
class Context:
    """What the panels of a KPI depend on beside it."""

    currency: str
    filters: frozenset[str]
    """Labels that the dashboard has a variable for."""
    lines: Mapping[tuple[str, str], tuple[float, ...]]
    """(KPI, definition) -> thresholds of alerts."""
    targets: Mapping[str, tuple[tuple[str, str], ...]]
    """KPI -> (goal, query of what it wants), of goals on the whole of it."""


def number_of(place: int) -> int:
    """The id of the panel that a link to the KPI at this place of its dashboard opens."""
    return (place + 1) * _ROOM


def description(kpi: Kpi) -> str:
    """What the number is, in words and as a formula."""
    reading = kpi.reading()
    told = reading.formula.words()
    parts = [f"{told[:1].upper()}{told[1:]}.", f"Formula: `{reading.formula.text()}`.", kpi.note]
    if kpi.matures_after:
        parts.append("Young windows may still change; alerts use the latest ripe one.")
    if len(reading.windows) < len(WINDOWS):
        parts.append(f"Only in the windows {', '.join(reading.windows)}.")
    return " ".join(part for part in parts if part)


def big_number(kpi: Kpi, context: Context, url: str) -> panels.Panel:
    """The number, the window before, and the change."""
    asked = [
        Query(queries.value(kpi), "now"),
        Query(queries.value(kpi, part="previous"), "before"),
        Query(queries.change(kpi), "change", "percentunit"),
    ]
    told = context.targets.get(kpi.id, ())
    asked += [Query(expr, "target" if len(told) == 1 else name) for name, expr in told]
    words = f"{description(kpi)} Beside it the window before, over the same elapsed time."
    panel = panels.big(
        kpi.title,
        asked,
        queries.unit_of(kpi.unit, context.currency),
        words,
        links=[panels.link(f"{kpi.title} in detail", url)],
    )
    panels.coloured(panel, "change", _CHANGE[kpi.better])
    return panel


def detail(sheet: Sheet, kpi: Kpi, place: int, context: Context) -> None:
    """A closed row with all that there is to see of a KPI."""
    sheet.number_from(number_of(place) - 1)
    sheet.row(kpi.title, collapsed=True)
    beside = _beside(kpi, context)
    sheet.add(_course(kpi, context), 16 if beside else 24, 9)
    if beside:
        sheet.add(beside, 8, 9)
    for label in kpi.reading().all_labels:
        sheet.add(_breakdown(kpi, label, context), 8, 8)
    if kpi.table is not None:
        sheet.add(_table(kpi, context), 24, 9)


def heat_map(kpi: Kpi, pair: tuple[str, str], context: Context) -> panels.Panel:
    """One label down, the other across, the value as a colour."""
    down, across = pair
    name = metrics.metric_name(kpi, "default", by="_".join(pair))
    return panels.matrix(
        f"{kpi.title} by {down} and {across}",
        Query(f'max by ({down}, {across}) ({name}{{window="$span"}})', "value"),
        queries.unit_of(kpi.unit, context.currency),
        f"{kpi.title} by {down} and {across}: the darker, the more. {kpi.note} Best seen over a week "
        "or a month.",
        down,
        across,
    )


def _course(kpi: Kpi, context: Context) -> panels.Panel:
    asked = [Query(queries.value(kpi), "now"), Query(queries.value(kpi, part="previous"), "before")]
    if kpi.matures_after:
        asked.append(Query(queries.value(kpi, part="ripe"), "ripe"))
    lines = context.lines.get((kpi.id, "default"), ())
    unit = queries.unit_of(kpi.unit, context.currency)
    targets = [Query(expr, f"target {name}") for name, expr in context.targets.get(kpi.id, ())]
    words = description(kpi)
    if lines:
        words += " The dashed lines are thresholds of alerts."
    return panels.curves(
        f"{kpi.title}, over time",
        [*asked, *targets],
        unit,
        words,
        dashed=["before", *(target.name for target in targets)],
        lines=lines,
    )


def _beside(kpi: Kpi, context: Context) -> panels.Panel | None:
    asked = []
    if kpi.is_ratio():
        asked += [
            Query(queries.value(kpi, part="numerator"), "numerator", _part_unit(kpi, context)),
            Query(queries.value(kpi, part="denominator"), "denominator", "short"),
        ]
    told = []
    for name, reading in kpi.readings.items():
        if name == "default":
            continue
        words = name.replace("_", " ")
        unit = queries.unit_of(reading.unit, context.currency)
        asked.append(Query(queries.value(kpi, name), words, unit))
        told.append(f"{words}: {reading.formula.words()}.")
    if not asked:
        return None
    title = f"{kpi.title}: what goes along"
    intro = "Other definitions, what is told beside it, and what a ratio is made of."
    return panels.big(title, asked, "short", " ".join([intro, *told]), upright=True)


def _part_unit(kpi: Kpi, context: Context) -> str:
    return "short" if kpi.unit is Unit.RATIO else queries.unit_of(kpi.unit, context.currency)


def _breakdown(kpi: Kpi, label: str, context: Context) -> panels.Panel:
    words = label.replace("_", " ")
    links = []
    if label in context.filters:
        only = f"/d/kpi-{kpi.group}?var-{label}=${{__field.labels.{label}}}&${{__url_time_range}}"
        links = [panels.link(f"Only this {words}", f"{only}&${{window:queryparam}}")]
    return panels.bars(
        f"{kpi.title} by {words}",
        [Query(queries.foremost(kpi, label, context.filters), f"{{{{{label}}}}}")],
        queries.unit_of(kpi.unit, context.currency),
        f"{kpi.title} by {words}, the largest first; the rest is under __other__.",
        links=links,
    )


def _table(kpi: Kpi, context: Context) -> panels.Panel:
    assert kpi.table is not None
    texts = [column.name for column in kpi.table.columns if column.unit is None]
    names = {
        family.part: family.name
        for family in metrics.families_of(kpi)
        if family.part in {column.name for column in kpi.table.columns}
        and family.name.startswith(f"kpi_{kpi.id}_table_")
    }
    numbers = [column for column in kpi.table.columns if column.name in names]
    by = ", ".join(texts)
    asked = [
        Query(
            f'max by ({by}) ({names[column.name]}{{window="$span"}})',
            column.name.replace("_", " "),
            _column_unit(column, context),
        )
        for column in numbers
    ]
    return panels.rows(f"{kpi.title}: the foremost", asked, description(kpi))


def _column_unit(column: Column, context: Context) -> str:
    return queries.unit_of(column.unit, context.currency) if column.unit else ""


def labels_of(kpis: Iterable[Kpi]) -> dict[str, str]:
    """Label -> a family that has it, of the labels that at least two KPIs share."""
    shared: dict[str, list[str]] = {}
    for kpi in kpis:
        for label in kpi.reading().all_labels:
            shared.setdefault(label, []).append(metrics.metric_name(kpi, "default", by=label))
    return {label: names[0] for label, names in shared.items() if len(names) > 1}


def link_to(uid: str, place: int) -> str:
    """Where a KPI's course is, on its own and large."""
    base = f"/d/{uid}?viewPanel={number_of(place)}"
    return f"{base}&${{window:queryparam}}&${{__url_time_range}}"


def row_of_numbers(
    sheet: Sheet, told: Iterable[tuple[Kpi, str]], context: Context, width: int = 6
) -> None:
    """The numbers of some KPIs, each with the address that it leads to."""
    for kpi, url in told:
        sheet.add(big_number(kpi, context, url), width, 5)
