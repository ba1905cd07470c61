"""What needs attention now: thresholds and goals, read without any state of their own.

It must not know how they are shown.  A threshold is judged in the same window and at the same
whole minute as the evaluator of alerts does, but at once: without `for`, hysteresis or memory, so
that every exporter says the same, elected or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from kpi_windows.alerting import STEP_MS, is_bad, latest
from kpi_windows.kpi import Kpi, Unit
from kpi_windows.thresholds import SEVERITIES, Threshold
from kpi_windows.view import View


class Verdict(NamedTuple):
    """A threshold at the last whole minute."""

    threshold: Threshold
    value: float | None
    """In the threshold's own window and definition; None: no verdict."""
    bad: bool | None

    @property
    def state(self) -> str:
        """The severity of a breach, `ok`, or `unknown`."""
        if self.bad is None:
            return "unknown"
        return self.threshold.severity if self.bad else "ok"


def verdicts(
    view: View, thresholds: Iterable[Threshold], catalogue: Mapping[str, Kpi]
) -> Iterator[Verdict]:
    """Every threshold; none before the first event."""
    watermark_ms = view.watermark_ms
    if watermark_ms is None:
        return
    at_ms = watermark_ms - watermark_ms % STEP_MS
    for threshold in thresholds:
        kpi = catalogue[threshold.kpi]
        value = latest(view, threshold, kpi, at_ms)
        if value is None or value.value is None:
            yield Verdict(threshold, None, None)
        else:
            yield Verdict(threshold, value.value, is_bad(threshold, kpi, value.value, firing=False))


_WORST = (*reversed(SEVERITIES), "ok", "unknown")


def worst(told: Iterable[Verdict]) -> str | None:
    """The state of a KPI: of its worst threshold; None without any."""
    found = {verdict.state for verdict in told}
    return next((state for state in _WORST if state in found), None)


_TIMES = frozenset({"return_on_ad_spend", "blended_roas", "cost_performance_index"})
"""Ratios that people read as so many times, not as a part of a whole."""


def unit_shown(kpi: Kpi, definition: str) -> str:
    """The unit in which people read a number: the KPI's, or `times`."""
    unit = kpi.reading(definition).unit
    is_times = kpi.id in _TIMES and definition == "default" and unit is Unit.RATIO
    return "times" if is_times else unit.value


def told_of(verdict: Verdict, kpi: Kpi) -> dict[str, Any]:
    """As a plain object."""
    threshold = verdict.threshold
    return {
        "threshold": threshold.name,
        "kpi": threshold.kpi,
        "definition": threshold.definition,
        "unit": unit_shown(kpi, threshold.definition),
        "window": threshold.window,
        "where": dict(threshold.where),
        "severity": threshold.severity,
        "summary": threshold.summary,
        "summary_nl": threshold.summary_nl,
        "direction": threshold.direction,
        "bound": threshold.bound,
        "value": verdict.value,
        "state": verdict.state,
    }
