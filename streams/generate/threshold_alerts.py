"""Alerts of the business: one for each threshold, and its tests.

It must not know where thresholds come from.
"""

from __future__ import annotations

from collections.abc import Mapping

from kpi_windows.kpi import Kpi, Unit
from kpi_windows.thresholds import Threshold
from streams.generate.alerts import (
    DURATION,
    MINUTE_MS,
    NUMBER,
    PERCENT,
    QUIET,
    Alert,
    Case,
    Firing,
    Style,
    flat,
    money,
)
from streams.metrics import metric_name

SCOPE = "business"


def style_of(unit: Unit, currency: str) -> Style:
    """How values of a unit are written."""
    styles = {Unit.RATIO: PERCENT, Unit.SECONDS: DURATION, Unit.MONEY: money(currency)}
    return styles.get(unit, NUMBER)


def name_of(threshold: Threshold) -> str:
    """The alert's name.

    >>> name_of(Threshold("csat_low", "csat", below=0.7))
    'CsatLow'
    """
    return "".join(
        word[:1].upper() + word[1:] for word in threshold.name.replace("-", "_").split("_")
    )


def alert_of(threshold: Threshold, catalogue: Mapping[str, Kpi], currency: str) -> Alert:
    """The alert of a threshold on a known KPI."""
    kpi = catalogue[threshold.kpi]
    reading = kpi.reading(threshold.definition)
    style = style_of(reading.unit, currency)
    sign = "<" if threshold.direction == "below" else ">"
    label = threshold.where[0][0] if threshold.where else ""
    ripe = "ripe" if kpi.matures_after and not label else ""
    name = metric_name(kpi, threshold.definition, ripe, label)
    volume = metric_name(kpi, threshold.definition, "denominator", label)
    matchers = _matchers(threshold)
    by = ", ".join(["window", *([label] if label else [])])
    expr = f"max by ({by}) ({name}{matchers}) {sign} {threshold.bound!r}"
    if threshold.min_volume:
        expr += f"\nand on () max({volume}{matchers}) >= {threshold.min_volume!r}"
    return Alert(
        name=name_of(threshold),
        expr=expr,
        summary=_summary(threshold, kpi, style),
        style=style,
        labels={"severity": threshold.severity, "scope": SCOPE, "kpi": kpi.id},
        page=SCOPE,
        todo=_todo(threshold, kpi),
        dashboard=f"/d/kpi-{kpi.group}?var-window={threshold.window}",
        for_ms=threshold.for_ms,
        keep_firing_for_ms=threshold.keep_firing_for_ms,
        cases=_cases(threshold, f"{name}{matchers}", f"{volume}{matchers}"),
    )


def _matchers(threshold: Threshold) -> str:
    told = [("window", threshold.window), *threshold.where]
    return "{" + ", ".join(f'{label}="{_quoted(value)}"' for label, value in told) + "}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _summary(threshold: Threshold, kpi: Kpi, style: Style) -> str:
    words = (
        kpi.title if threshold.definition == "default" else f"{kpi.title} ({threshold.definition})"
    )
    where = "".join(f", {label} {value}" for label, value in threshold.where)
    limit = style.text(threshold.bound)
    told = f"{words}{where}, window {threshold.window}".replace("{", "{{").replace("}", "}}")
    intro = (
        f"{threshold.summary} ".replace("{", "{{").replace("}", "}}") if threshold.summary else ""
    )
    return f"{intro}{told}: {{value}}, {threshold.direction} the threshold of {limit}."


def _todo(threshold: Threshold, kpi: Kpi) -> str:
    reading = kpi.reading(threshold.definition)
    return (
        f"Open the dashboard of {kpi.group}, row *{kpi.title}*: since when, and by which label? "
        f"The number is `{kpi.metric(threshold.definition)}`, {reading.formula.words()}. "
        f"Look at *How sure* first: late or rejected events may explain it. "
        f"Change or switch off the threshold as `{threshold.name}` in `shop.toml`."
    )


def _cases(threshold: Threshold, value: str, volume: str) -> tuple[Case, ...]:
    step = abs(threshold.bound) / 10 or 1.0
    step = step if threshold.direction == "above" else -step
    bad, fine = round(threshold.bound + step, 6), round(threshold.bound - step, 6)
    before: dict[int, tuple[Firing, ...]] = {}
    waits = max(threshold.for_ms // MINUTE_MS, 1)
    if threshold.for_ms >= 2 * MINUTE_MS:
        before = {waits - 1: ()}
    kept = threshold.keep_firing_for_ms // MINUTE_MS
    labels = {"window": threshold.window, **dict(threshold.where)}
    fires = (Firing(labels, bad),)
    enough = {volume: flat(threshold.min_volume, 1_000)} if threshold.min_volume else {}
    mends = waits + 10
    course = f"{bad!r}+0x{mends} {fine!r}+0x200"
    ends = mends + kept + 2
    told = [
        Case(
            "fires, not before its time, and ends when mended",
            {value: course, **enough},
            {**before, waits + 1: fires, mends: fires, ends: ()},
        ),
        Case("on the bound nothing fires", {value: flat(threshold.bound), **enough}, {QUIET: ()}),
        Case("all is well", {value: flat(fine), **enough}, {QUIET: ()}),
    ]
    if threshold.min_volume:
        few = flat(threshold.min_volume - 1)
        told.append(Case("too few to say", {value: flat(bad), volume: few}, {QUIET: ()}))
    return tuple(told)
