"""The guide's four goals for the demo's shop, when its settings have none.

It must not know the clock.  The demo's past is a day, so the baselines are told as numbers: about
what such a shop does.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from kpi_windows.goals import Goal
from kpi_windows.kpis import Catalogue
from streams.goal_settings import goals_of

_SALES_A_VISIT = 4.2
_CALLS_A_VISIT = 0.007
_CONVERSION = 0.06


def demo_goals(
    today: date, visits_per_hour: float, catalogue: Catalogue, zone: str
) -> tuple[Goal, ...]:
    """For a shop with so many visits an hour; as the guide has them, from today on."""
    day = visits_per_hour * 24
    tables: dict[str, dict[str, Any]] = {
        "sales": {
            "template": "sales",
            "deadline": _months_ahead(today, 5 - (today.month - 1) % 3),  # the next quarter's
            "baseline": round(day * 91 * _SALES_A_VISIT),
        },
        "conversion": {
            "template": "conversion",
            "deadline": _months_ahead(today, 11),
            "baseline": _CONVERSION,
        },
        "visits": {
            "template": "visits",
            "deadline": _months_ahead(today, 11),
            "baseline": round(day * 30),
        },
        "service_calls": {
            "template": "service_calls",
            "deadline": _months_ahead(today, 5),
            "baseline": round(day * 30 * _CALLS_A_VISIT),
        },
    }
    return goals_of(tables, catalogue, zone)


def _months_ahead(today: date, months: int) -> str:
    """The last day of the month that is so many months ahead."""
    month = today.year * 12 + today.month + months  # the one after it, counted from 0
    return (date(month // 12, month % 12 + 1, 1) - timedelta(days=1)).isoformat()
