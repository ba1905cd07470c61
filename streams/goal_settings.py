"""Goals as a shop writes them, `[goals.NAME]` in its settings, with the guide's four as templates.

It must not know files or lines: a mistake is told with the goal's name and the key.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from fractions import Fraction
from typing import Any, NamedTuple

from kpi_windows.definitions import DAY_MS
from kpi_windows.goals import By, Goal, Target
from kpi_windows.kpi import Better, Kpi, Reading, Unit
from kpi_windows.kpis import Catalogue
from kpi_windows.local_time import EPOCH
from kpi_windows.projection import Kind, kind_of
from kpi_windows.windows import Grid, Window

WINDOWS = ("day", "week", "month", "quarter", "year")

KEYS = {
    "template": "Fills in what isn't said: `sales` (+10 % next quarter), `conversion` (+2 % within "
    "a year), `visits` (+20 % within a year) or `service_calls` (half within six months). It needs "
    "`deadline` or `starts`.",
    "title": "Shown on the page and the dashboards.",
    "kpi": "The KPI, by id or any of its names.",
    "definition": 'Another number of the KPI, as `"unique_visitors"`.',
    "where": 'Only of these label values, as `{ channel = "web" }`.',
    "window": "The calendar window that is judged: `day`, `week`, `month`, `quarter` or `year`.",
    "deadline": 'The last day, or a period: `"2027-03-31"`, `"2027-Q1"`. The window that ends with '
    "it is judged.",
    "target": 'The unit must be said: `"+10%"` (of the baseline), `"+2pp"` (percentage points), or '
    "a number in the KPI's own unit.",
    "baseline": 'A number, a past period (`"2026-Q3"`, `"2026-09"`, `"2025"`), or `"previous"` '
    "(default): the window before `starts`.",
    "better": "`higher` or `lower`, when a number as target leaves it open (then: as the KPI says, or "
    "by which side of the baseline it is).",
    "starts": "A day or a period; default: where the judged window begins, with a template as long "
    "before the deadline as it says.",
    "supporting": 'KPIs to look at every day, as `["visits", "conversion_rate"]`.',
}

TEMPLATES: dict[str, dict[str, Any]] = {
    "sales": {
        "title": "Sales +10 % next quarter",
        "kpi": "sales",
        "window": "quarter",
        "target": "+10%",
        "supporting": ["sales", "conversion_rate", "visits"],
    },
    "conversion": {
        "title": "Conversion rate +2 % within a year",
        "kpi": "conversion_rate",
        "window": "month",
        "target": "+2%",
        "supporting": ["conversion_rate", "cart_abandonment_rate", "competitor_price_index"],
    },
    "visits": {
        "title": "Visits +20 % within a year",
        "kpi": "visits",
        "window": "month",
        "target": "+20%",
        "supporting": [
            "visits",
            "traffic_source",
            "promotional_click_through_rate",
            "social_shares",
            "bounce_rate",
        ],
    },
    "service_calls": {
        "title": "Half the service calls within six months",
        "kpi": "service_calls",
        "window": "month",
        "target": "-50%",
        "supporting": ["service_calls", "pages_before_contact"],
    },
}
"""The guide's. It says "2 %" of the conversion rate: as written, relative; points are `"+2pp"`."""
_MONTHS = {"sales": 3, "conversion": 12, "visits": 12, "service_calls": 6}
"""How long a template's goal takes."""

_CHANGE = re.compile(r"([+\-\u2212])\s*(\d+(?:\.\d+)?)\s*(%|pp)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_PERIOD = re.compile(r"(\d{4})(?:-(?:Q([1-4])|W(\d\d)|(\d\d)(?:-(\d\d))?))?")
_PERIODS = '"2026-Q3", "2026-09", "2026-W39", "2026-09-30" or "2025"'


class GoalError(ValueError):
    """A goal is written wrongly: which one, the key, and what would be right."""

    def __init__(self, goal: str, key: str, message: str) -> None:
        super().__init__(message)
        self.goal = goal
        self.key = key
        """Empty: the goal as a whole."""


class _Period(NamedTuple):
    window: str
    span: Window


def goals_of(tables: Any, catalogue: Catalogue, zone: str) -> tuple[Goal, ...]:
    """All goals of a table of tables, in its order.  Raises GoalError."""
    if not isinstance(tables, Mapping):
        raise GoalError("", "", "expected tables as [goals.sales]")
    grid = Grid(zone)
    return tuple(_Reader(name, told, catalogue, grid).goal() for name, told in tables.items())


class _Reader:
    """Reads one goal."""

    def __init__(self, name: str, told: Any, catalogue: Catalogue, grid: Grid) -> None:
        self._name = name
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise self._error("", "a goal's name is of letters, digits, dashes and underscores")
        if not isinstance(told, dict):
            raise self._error("", f"expected a table [goals.{name}]")
        for key in told:
            if key not in KEYS:
                raise self._error(key, f"no such setting; {_nearest(key, KEYS)}")
        template = told.get("template")
        if template is not None and str(template) not in TEMPLATES:
            raise self._error(
                "template", f"no such one: {template}; {_nearest(template, TEMPLATES)}"
            )
        self._template: str | None = template
        self._told: dict[str, Any] = {**TEMPLATES.get(template or "", {}), **told}
        self._catalogue = catalogue
        self._grid = grid

    def goal(self) -> Goal:
        """The goal, checked."""
        kpi = self._kpi("kpi", self._needed("kpi", 'a KPI as "sales"'))
        definition = self._text("definition", "default")
        reading = self._checked("definition", lambda: kpi.reading(definition))
        window = self._window()
        target = self._target(self._needed("target", '"+10%", "+2pp" or a number'), reading)
        deadline_ms = self._deadline(window)
        where = self._where()
        goal = Goal(
            name=self._name,
            kpi=kpi,
            window=window,
            target=target,
            deadline_ms=deadline_ms,
            baseline=self._baseline(window, deadline_ms, reading),
            title=self._text("title", self._name),
            definition=definition,
            where=where,
            better=self._better(),
            supporting=tuple(self._kpi("supporting", name) for name in self._names("supporting")),
        )
        self._checked("where" if window in reading.windows else "window", goal.asked)
        return goal

    # ------------------------------------------------------------------ single keys

    def _needed(self, key: str, expected: str) -> Any:
        if key not in self._told:
            raise self._error("", f"{key} is missing: expected {expected}")
        return self._told[key]

    def _text(self, key: str, default: str) -> str:
        told = self._told.get(key, default)
        if not isinstance(told, str):
            raise self._error(key, f"expected text, got {told!r}")
        return told

    def _kpi(self, key: str, name: Any) -> Kpi:
        if not isinstance(name, str):
            raise self._error(key, f'expected a KPI as "sales", got {name!r}')
        return self._checked(key, lambda: self._catalogue.find(name))

    def _names(self, key: str) -> list[str]:
        told = self._told.get(key, [])
        if not isinstance(told, list):
            raise self._error(key, f'expected a list as ["visits"], got {told!r}')
        return told

    def _window(self) -> str:
        told = self._needed("window", f"one of {', '.join(WINDOWS)}")
        if told not in WINDOWS:
            raise self._error("window", f"no such one: {told}; {_nearest(told, WINDOWS)}")
        return str(told)

    def _better(self) -> Better:
        told = self._told.get("better", "neither")
        if told not in ("higher", "lower", "neither"):
            raise self._error("better", f"expected higher or lower, got {told!r}")
        return Better(told)

    def _where(self) -> dict[str, tuple[str, ...]]:
        told = self._told.get("where", {})
        if not isinstance(told, dict):
            raise self._error("where", f'expected a table as {{ channel = "web" }}, got {told!r}')
        read = {
            label: value if isinstance(value, list) else [value] for label, value in told.items()
        }
        for values in read.values():
            if not values or not all(isinstance(value, str) for value in values):
                raise self._error("where", f'expected texts as {{ channel = "web" }}, got {told!r}')
        return {label: tuple(values) for label, values in read.items()}

    def _target(self, told: Any, reading: Reading) -> Target:
        number = _number(told)
        if number is not None:
            return Target(number)
        change = _CHANGE.fullmatch(told.strip()) if isinstance(told, str) else None
        if change is None:
            raise self._error(
                "target",
                'expected "+10%" (of the baseline), "+2pp" (percentage points) or a number in the '
                f"KPI's unit, got {told!r}",
            )
        sign, size, unit = change.groups()
        amount = Fraction(size) / (100 if sign == "+" else -100)
        if not amount:
            raise self._error("target", f"expected a change, got {told!r}")
        if unit == "%":
            return Target(amount, By.RELATIVE)
        if reading.unit is not Unit.RATIO:
            raise self._error("target", f'only a ratio has percentage points: use "{sign}{size}%"')
        return Target(amount, By.POINTS)

    # ------------------------------------------------------------------ times

    def _deadline(self, window: str) -> int:
        told = self._told.get("deadline")
        if told is None and self._template and "starts" in self._told:
            return self._months_after(self._starts(None), _MONTHS[self._template], window)
        if told is None:
            also = " (or starts)" if self._template else ""
            raise self._error("", f'deadline is missing{also}: expected one as "2027-03-31"')
        end_ms = self._period("deadline", told).span.end_ms
        judged = self._grid.whole(window, end_ms - 1)
        if judged.end_ms != end_ms:
            raise self._error(
                "deadline",
                f'with window "{window}" expected the last day of one, as "{self._last_day(judged)}"'
                f", got {str(told)!r}",
            )
        return end_ms

    def _months_after(self, start_ms: int, months: int, window: str) -> int:
        month = self._grid.period_index("month", start_ms)
        end_ms = self._grid.period_start("month", month + months)
        judged = self._grid.whole(window, end_ms - 1)
        if self._grid.period_start("month", month) != start_ms or judged.end_ms != end_ms:
            raise self._error(
                "starts", f"expected the first day of a {window}, or a deadline as well"
            )
        return end_ms

    def _starts(self, deadline_ms: int | None) -> int:
        told = self._told.get("starts")
        if told is not None:
            start_ms = self._period("starts", told).span.start_ms
            if deadline_ms is not None and start_ms >= deadline_ms:
                raise self._error(
                    "starts", f"expected a day before the deadline, got {str(told)!r}"
                )
            return start_ms
        assert deadline_ms is not None
        months = _MONTHS.get(self._template or "")
        if months is None:
            return self._grid.whole(self._window(), deadline_ms - 1).start_ms
        month = self._grid.period_index("month", deadline_ms)
        return self._grid.period_start("month", month - months)

    def _baseline(self, window: str, deadline_ms: int, reading: Reading) -> Fraction | Window:
        starts_ms = self._starts(deadline_ms)
        told = self._told.get("baseline", "previous")
        if told == "previous":
            return self._grid.previous_whole(window, starts_ms)
        if isinstance(told, str) and not _PERIOD.fullmatch(told.strip()):
            number = _number(told)
        else:
            number = None if isinstance(told, str | date) else _number(told)
        if number is not None:
            return number
        period = self._period("baseline", told, also='a number, "previous" or ')
        if period.span.start_ms >= deadline_ms:
            raise self._error("baseline", f"expected a period before the deadline, got {told!r}")
        alike = kind_of(reading.formula) in (Kind.RATIO, Kind.LEVEL)
        if period.window != window and not alike:
            raise self._error(
                "baseline",
                f"{told} is a {period.window}, but a {window} is judged (window): expected a "
                f"{window} too, or a number",
            )
        return period.span

    def _period(self, key: str, told: Any, also: str = "") -> _Period:
        if isinstance(told, date) and not isinstance(told, datetime):
            told = told.isoformat()
        found = _PERIOD.fullmatch(told.strip()) if isinstance(told, str) else None
        try:
            if found is None:
                raise ValueError
            window, day = _first_day(*found.groups())
        except ValueError:
            raise self._error(key, f"expected {also}a period as {_PERIODS}, got {told!r}") from None
        day_ms = self._grid.first_at((day.toordinal() - EPOCH) * DAY_MS)
        return _Period(window, self._grid.whole(window, day_ms))

    def _last_day(self, window: Window) -> str:
        return date.fromordinal(EPOCH + self._grid.date_number(window.end_ms - 1)).isoformat()

    # ------------------------------------------------------------------ mistakes

    def _checked(self, key: str, read: Any) -> Any:
        try:
            return read()
        except ValueError as error:
            raise self._error(key, str(error)) from None

    def _error(self, key: str, message: str) -> GoalError:
        return GoalError(self._name, key, message)


def _number(told: Any) -> Fraction | None:
    """Exactly as written; None when it is no number."""
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return None
    text = str(told).strip()
    if isinstance(told, float) and "e" in text and told - told == 0:
        return Fraction(text)
    return Fraction(text) if _NUMBER.fullmatch(text) else None


def _first_day(
    year: str, quarter: str | None, week: str | None, month: str | None, day: str | None
) -> tuple[str, date]:
    """The kind of a period, and its first day.  Raises ValueError when there is no such day."""
    number = int(year)
    if not 1970 <= number < 2100:
        raise ValueError
    if quarter:
        return "quarter", date(number, 3 * int(quarter) - 2, 1)
    if week:
        return "week", date.fromisocalendar(number, int(week), 1)
    if day:
        return "day", date(number, int(month or 0), int(day))
    if month:
        return "month", date(number, int(month), 1)
    return "year", date(number, 1, 1)


def _nearest(name: Any, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), list(known), 1, 0.6)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
