"""What a message on the alerts' topic looks like: JSON with the numbers, and a sentence.

It must not know Kafka, nor when an alert is due.
"""

from __future__ import annotations

from typing import Any

import msgspec

from kpi_windows.alerting import Alert, Event
from kpi_windows.kpi import Unit
from streams.settings import Settings
from streams.units import show_duration, show_time


def key_of(alert: Alert, settings: Settings) -> bytes:
    """A breach and the recovery from it have the same key: the shop's app and the threshold."""
    return f"{settings.app_id}/{alert.threshold.name}".encode()


def message_of(alert: Alert, settings: Settings) -> bytes:
    """The message; its fields are in `docs/how-to/alerts.md`."""
    threshold, value = alert.threshold, alert.value
    zone, name = settings.definitions.zone, alert.id_in(settings.app_id)
    told: dict[str, Any] = {
        "id": f"{name}-{alert.event.value}",
        "alert": name,
        "event": alert.event.value,
        "at": show_time(alert.at_ms, zone),
        "since": show_time(alert.since_ms, zone),
        "breached": show_time(alert.breached_ms, zone),
        "app": settings.app_id,
        "shop": settings.shop_name,
        "threshold": threshold.name,
        "severity": threshold.severity,
        "summary": summary_of(alert, settings),
        "kpi": threshold.kpi,
        "definition": threshold.definition,
        "labels": dict(threshold.where),
        "unit": _unit(alert, settings).value,
        "direction": threshold.direction,
        "bound": threshold.bound,
        "value": value and value.value,
        "numerator": value and value.numerator,
        "denominator": value and value.denominator,
        "window": threshold.window,
        "window_start": value and show_time(value.start_ms, zone),
        "window_end": value and show_time(value.end_ms, zone),
    }
    return msgspec.json.encode(told)


def summary_of(alert: Alert, settings: Settings) -> str:
    """A sentence or two for people."""
    threshold, value = alert.threshold, alert.value
    kpi = settings.catalogue.get(threshold.kpi)
    if kpi is None or value is None or value.value is None:
        return f"The threshold {threshold.name} was removed or changed, and isn't watched any more."
    unit, currency = _unit(alert, settings), settings.definitions.currency
    words = [kpi.title]
    if threshold.definition != "default":
        words.append(f"({threshold.definition})")
    words += [f"of {label} {wanted}" for label, wanted in threshold.where]
    now = show_value(value.value, unit, currency)
    if unit is Unit.RATIO and value.denominator is not None and value.numerator is not None:
        now += f" ({value.numerator:,.6g} of {value.denominator:,.6g})"
    bound = show_value(threshold.bound, unit, currency)
    about = f"{' '.join(words)}, window {threshold.window}"
    if alert.event is Event.BREACH:
        told = f"{about}: {now}, {threshold.direction} the threshold of {bound}."
        return f"{threshold.summary} {told}".lstrip()
    return f"{about}: {now}, no longer {threshold.direction} the threshold of {bound}."


def show_value(value: float, unit: Unit, currency: str) -> str:
    """A value as people write it.

    >>> show_value(0.8312, Unit.RATIO, "EUR"), show_value(14_400, Unit.SECONDS, "EUR")
    ('83.1 %', '4h')
    >>> show_value(-12.5, Unit.MONEY, "EUR"), show_value(12_345, Unit.COUNT, "EUR")
    ('-12.50 EUR', '12,345')
    """
    if unit is Unit.RATIO:
        return f"{value * 100:.3g} %"
    if unit is Unit.MONEY:
        return f"{value:,.2f} {currency}"
    if unit is Unit.SECONDS and value >= 0:
        return show_duration(round(value) * 1_000)
    shown = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    words = {Unit.SECONDS: "s", Unit.DAYS: "days", Unit.SCORE: "points"}
    return f"{shown} {words.get(unit, '')}".rstrip()


def _unit(alert: Alert, settings: Settings) -> Unit:
    """COUNT for a KPI that the shop has taken away."""
    kpi = settings.catalogue.get(alert.threshold.kpi)
    if kpi is None or alert.threshold.definition not in kpi.readings:
        return Unit.COUNT
    return kpi.reading(alert.threshold.definition).unit
