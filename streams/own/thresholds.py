"""A shop's own thresholds, from tables `[thresholds.NAME]`; one with a default's name changes it.

It must not know files or alerts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kpi_windows.kpi import Kpi, Unit, UnknownNameError
from kpi_windows.kpis import Catalogue
from kpi_windows.thresholds import DEFAULTS, SEVERITIES, Threshold, mistakes, with_own
from streams import kinds
from streams.kinds import Kind
from streams.own.measures import LABELS
from streams.own.table import Table
from streams.settings import Settings
from streams.units import parse_duration

_SIZES = {Unit.SECONDS: 1_000, Unit.DAYS: 86_400_000}
KEYS = {
    "kpi": "Its id, or any of its names.",
    "definition": "Which of its numbers; by default the main one.",
    "above": 'The value that is too high: a number in the metric\'s unit, `"20%"` of a ratio, `"4h"` '
    "of a time.",
    "below": "Instead: the value that is too low.",
    "window": "One that `/metrics` has; by default `24h`.",
    "where": 'One label and its value, as `{ channel = "email" }`.',
    "min_volume": "Of a ratio: with a smaller denominator it says nothing.",
    "hysteresis": "So far beyond the bound the value must come back until it is fine again, in the "
    "bound's unit; by default 5 % of the bound (of the alerts on the topic, not of Prometheus').",
    "for": "So long it must hold without a break; by default 5m.",
    "keep_firing_for": "So long it stays on after the value is fine again; by default 15m.",
    "severity": "`warning` or `critical`.",
    "summary": "What people read.",
    "summary_nl": "The same in Dutch, for the page; by default it is in English there too.",
    "enabled": "`false` switches a default of this name off.",
}
"""Key -> what it says."""


def thresholds_of(
    told: Mapping[str, Any], catalogue: Catalogue, settings: Settings
) -> tuple[Threshold, ...]:
    own = {name: _threshold(name, values, catalogue, settings) for name, values in told.items()}
    return with_own(own)


def _threshold(
    name: str, values: Any, catalogue: Catalogue, settings: Settings
) -> Threshold | None:
    table = Table("thresholds", name, values, tuple(KEYS))
    default = next((each for each in DEFAULTS if each.name == name), None)
    if not table.read("enabled", kinds.FLAG, True):
        if default is None:
            table.wrong("enabled", "only a default can be switched off; leave this one out")
        return None
    kpi = _kpi_named(table, default, catalogue)
    base = default if default is not None and default.kpi == kpi.id else Threshold(name, kpi.id)
    made = replace(
        base,
        definition=table.read("definition", kinds.TEXT, base.definition),
        window=table.read("window", kinds.TEXT, base.window),
        where=table.read("where", LABELS, base.where),
        for_ms=table.read("for", kinds.DURATION, base.for_ms),
        keep_firing_for_ms=table.read("keep_firing_for", kinds.DURATION, base.keep_firing_for_ms),
        min_volume=table.read("min_volume", _AMOUNT, base.min_volume),
        severity=table.read("severity", kinds.choice(*SEVERITIES), base.severity),
        summary=table.read("summary", kinds.TEXT, base.summary),
        summary_nl=table.read("summary_nl", kinds.TEXT, _dutch(table, base)),
    )
    if "above" in table.values or "below" in table.values:
        made = replace(
            made, above=_bound(table, "above", kpi, made), below=_bound(table, "below", kpi, made)
        )
    if "hysteresis" in table.values:
        made = replace(made, hysteresis=_bound(table, "hysteresis", kpi, made))
    for key, wrong in mistakes(made, catalogue):
        table.wrong(key if key in table.values else "", wrong)
    if made.where and not settings.exporter.breakdowns:
        table.wrong("where", "[exporter] breakdowns is false, so that there are no series by label")
    exported = settings.exporter.breakdown_windows if made.where else settings.exporter.windows
    if made.window not in exported:
        key = "breakdown_windows" if made.where else "windows"
        table.wrong("window", f"{made.window} is none of [exporter] {key}: {', '.join(exported)}")
    return made


def _dutch(table: Table, base: Threshold) -> str:
    """A default's Dutch text, unless its English one was replaced."""
    return "" if "summary" in table.values else base.summary_nl


def _kpi_named(table: Table, default: Threshold | None, catalogue: Catalogue) -> Kpi:
    if "kpi" not in table.values and default is not None:
        return catalogue[default.kpi]
    try:
        return catalogue.find(table.needed("kpi", kinds.TEXT))
    except UnknownNameError as error:
        table.wrong("kpi", str(error))


def _bound(table: Table, key: str, kpi: Kpi, made: Threshold) -> float | None:
    """A number in the unit of the KPI: `0.2` or `"20%"` of a ratio, `"4h"` of a time."""
    if key not in table.values:
        return None
    told = table.values[key]
    try:
        unit = kpi.reading(made.definition).unit
    except UnknownNameError as error:
        table.wrong("definition", str(error))
    if unit is Unit.RATIO and isinstance(told, str) and re.fullmatch(r"-?\d+(\.\d+)?\s*%", told):
        return float(told.rstrip("% ")) / 100
    if unit in _SIZES and isinstance(told, str):
        try:
            return parse_duration(told) / _SIZES[unit]
        except ValueError as error:
            table.wrong(key, str(error))
    if isinstance(told, bool) or not isinstance(told, int | float):
        table.wrong(key, f"expected {_EXPECTED.get(unit, 'a number')}, got {told!r}")
    if unit is Unit.RATIO and abs(told) > 1:
        table.wrong(key, f'expected a ratio from 0 to 1, or text as "{told:g}%", got {told:g}')
    return float(told)


_EXPECTED = {
    Unit.RATIO: 'a ratio as 0.2 or "20%"',
    Unit.SECONDS: 'seconds, or a duration as "4h"',
    Unit.DAYS: 'days, or a duration as "2d"',
}


def _amount(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise TypeError
    return float(value)


_AMOUNT = Kind("a number of 0 or more", _amount)
