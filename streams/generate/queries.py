"""How a KPI's numbers are asked for in PromQL, and how Grafana writes them.

It must not know panels.  Every query takes the largest over all exporters: they serve the same
values, and one that has just started may still be behind.
"""

from __future__ import annotations

from collections.abc import Iterable

from kpi_windows.kpi import Kpi, Unit
from streams.metrics import metric_name

_CURRENCIES = frozenset(
    "USD GBP EUR JPY RUB UAH BRL DKK ISK NOK SEK CZK CHF PLN BTC ZAR INR".split()
)
"""Grafana writes these with their sign."""


def number(name: str, window: str = "$window") -> str:
    """One number of a window, by the name of its family.

    >>> number("kpi_visits", "1h")
    'max by (window) (kpi_visits{window="1h"})'
    """
    return f'max by (window) ({name}{{window="{window}"}})'


def value(kpi: Kpi, definition: str = "default", part: str = "", window: str = "$window") -> str:
    """A KPI's number in the dashboard's window; `part` as in `metric_name`."""
    return number(metric_name(kpi, definition, part), window)


def change(kpi: Kpi) -> str:
    """How much larger than in the window before, as a share of that; nothing when that was 0."""
    before = value(kpi, part="previous")
    return f"({value(kpi)} - {before}) / abs({before} != 0)"


def foremost(kpi: Kpi, label: str, filters: Iterable[str], most: int = 12) -> str:
    """The largest by a label, in the window of breakdowns; filtered when it has a variable."""
    matched = f', {label}=~"${label}"' if label in filters else ""
    name = metric_name(kpi, "default", by=label)
    return f'topk({most}, max by ({label}) ({name}{{window="$span"{matched}}}))'


def unit_of(unit: Unit, currency: str) -> str:
    """Grafana's name of a unit."""
    if unit is Unit.MONEY:
        return f"currency{currency}" if currency in _CURRENCIES else f"currency:{currency} "
    return {
        Unit.RATIO: "percentunit",
        Unit.SECONDS: "s",
        Unit.DAYS: "d",
        Unit.SCORE: "none",
        Unit.COUNT: "short",
    }[unit]
