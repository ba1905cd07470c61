"""KPIs against the same hour of last week, for those that have no threshold of their own.

A recording rule a KPI says what part of last week's it is, where there is enough to compare; two
alerts look at all of them.  It must not know thresholds' values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kpi_windows.kpi import Better, Kpi, Unit
from streams.generate.alerts import PERCENT, Alert, Case, Firing
from streams.metrics import metric_name

RECORD = "kpi:of_last_week:ratio"
HALF, DOUBLE = 0.5, 2.0
_WINDOW = "1h"
_FEW = 20
"""Fewer things than this say nothing."""


def compared(kpis: Iterable[Kpi], with_threshold: frozenset[str]) -> list[Kpi]:
    """Those that have a better way and this window, and no threshold."""
    return [
        kpi
        for kpi in kpis
        if kpi.better is not Better.NEITHER
        and _WINDOW in kpi.windows
        and kpi.id not in with_threshold
    ]


def recordings(kpis: Iterable[Kpi], transactions: str) -> Iterator[dict[str, Any]]:
    """A rule for each KPI; `transactions` is the family that counts orders."""
    for kpi in kpis:
        name, volume = _names(kpi, transactions)
        yield {
            "record": RECORD,
            "expr": (
                f"{_now(name)}\n/ ({_now(name, ' offset 1w')} > 0)\n"
                f"and ({_now(volume, ' offset 1w')} >= {_FEW})"
            ),
            "labels": {"kpi": kpi.id, "better": kpi.better.value},
        }


def _names(kpi: Kpi, transactions: str) -> tuple[str, str]:
    name = metric_name(kpi, "default", "ripe" if kpi.matures_after else "")
    if kpi.is_ratio():
        return name, metric_name(kpi, "default", "denominator")
    return name, transactions if kpi.unit is Unit.MONEY else name


def _now(name: str, offset: str = "") -> str:
    return f'max by (window) ({name}{{window="{_WINDOW}"}}{offset})'


def alerts(kpis: list[Kpi], transactions: str) -> Iterator[Alert]:
    """Far below what should be high, far above what should be low."""
    told = (
        ("FarBelowLastWeek", Better.HIGHER, "<", HALF, 0.25),
        ("FarAboveLastWeek", Better.LOWER, ">", DOUBLE, 4.0),
    )
    for name, better, sign, bound, bad in told:
        of = [kpi for kpi in kpis if kpi.better is better]
        if not of:
            continue
        yield Alert(
            name=name,
            expr=f'{RECORD}{{better="{better.value}"}} {sign} {bound!r}',
            summary=(
                "{kpi} of the last hour is {value} of what it was in the same hour of last week, "
                f"beyond {PERCENT.text(bound)}."
            ),
            style=PERCENT,
            labels={"severity": "warning", "scope": "business"},
            page="business",
            todo=(
                "Holidays, a campaign that ended or a changed page may explain it; if the other KPIs "
                "of the group moved too, look at *How sure* first. Compared are KPIs without a "
                f"threshold, where last week had at least {_FEW} of what is counted. A KPI that "
                "gets a threshold in `shop.toml` is no longer compared."
            ),
            dashboard="/d/kpi-overview",
            for_ms=30 * 60_000,
            keep_firing_for_ms=30 * 60_000,
            carried=("kpi",),
            cases=tuple(_cases(of, better, bad, transactions)),
        )


def _cases(kpis: list[Kpi], better: Better, bad: float, transactions: str) -> Iterator[Case]:
    after = (7 * 24 + 8) * 60
    for name, factor, size, fires in (
        ("fires for each", bad, 100, True),
        ("as last week", 1.0, 100, False),
        ("too little last week", bad, 4, False),
    ):
        series: dict[str, str] = {}
        pairs = [_names(kpi, transactions) for kpi in kpis]
        for one in [volume for _, volume in pairs]:
            series[f'{one}{{window="{_WINDOW}"}}'] = f"{size}+0x180"
        for one in [of for of, _ in pairs]:
            course = f"{size}+0x23 {size * factor!r}+0x160"  # only a whole week ago it differed
            series[f'{one}{{window="{_WINDOW}"}}'] = course
        labels = [{"kpi": kpi.id, "better": better.value, "window": _WINDOW} for kpi in kpis]
        expected = tuple(Firing(one, bad) for one in labels) if fires else ()
        yield Case(name, series, {after: expected}, step="1h")
