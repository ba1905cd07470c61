"""Sums of the tables by window and by every set of labels, and arithmetic on them.

A `Series` is a number by label values; where it has nothing, the number is its `nothing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

import duckdb

from tests.oracle.windows import Window

Number = int | Fraction | None
Values = tuple[str, ...]


@dataclass(frozen=True)
class Cube:
    """A table, its labels, and what is summed up of it."""

    table: str
    labels: tuple[str, ...]
    amounts: Mapping[str, str]
    """Name -> SQL aggregate."""
    at: str = "at_ms >= w.start_ms AND at_ms < w.end_ms"
    """Which rows belong to a window."""


def _rank(column: str, q: float) -> str:
    """The quantile by nearest rank."""
    rank = f"greatest(1, ceil({q} * count(*))::INT)"
    return f"list_extract(list_sort(list({column})), {rank})"


def _sums(*columns: str) -> dict[str, str]:
    return {column: f"sum({column})" for column in columns}


def _waits(name: str, column: str) -> dict[str, str]:
    return {f"{name}_median": _rank(column, 0.5), f"{name}_p90": _rank(column, 0.9)}


_IN_DAYS = "at_ms >= w.start_ms AND at_ms < w.day_end_ms"
"""What is kept by the day counts with the whole last day."""
_BEFORE_END, _BEFORE_START = "at_ms < w.end_ms", "at_ms < w.start_ms"

_UNIT = ("line", "machine", "product", "shift")
_PROJECT = ("project", "team")


def _told(name: str) -> str:
    return f"greatest(at_ms, {name}_from) < w.end_ms AND {name}_from IS NOT NULL"


CUBES: dict[str, Cube] = {
    "visit": Cube(
        "visits",
        ("source", "medium", "campaign", "device", "visitor"),
        {
            **_sums(
                *"visits bounces not_engaged page_views duration_ms converted with_cart".split(),
                *"cart_without_order saw_blog with_chat".split(),
            ),
            **_waits("duration", "duration_ms"),
        },
    ),
    "seen": Cube(
        "seen",
        ("device", "medium"),
        {
            "visitors": "count(DISTINCT visitor)",
            "buyers": "count(DISTINCT visitor) FILTER (is_buyer)",
            "from_ads": "count(DISTINCT visitor) FILTER (medium IN ('paid', 'display'))",
            "on_mobile": "count(DISTINCT visitor) FILTER (device = 'mobile')",
        },
    ),
    "day_part": Cube("visits", ("weekday", "hour"), _sums("visits")),
    "checkout": Cube("visit_checkouts", ("device",), _sums("visits", "ordered")),
    "page_time": Cube(
        "page_times", ("page_type",), _sums("views", "next_event_ms", "next_page_ms")
    ),
    "page": Cube("visit_pages", ("page",), _sums("visits", "clicked", "converted")),
    "category": Cube("visit_categories", ("category",), _sums("visits", "converted")),
    "click": Cube("clicks", ("place",), _sums("clicks")),
    "chat": Cube("chats", ("page_type",), _sums("chats")),
    "cart": Cube(
        "carts",
        ("device",),
        _sums(
            *"carts abandoned ordered recovered abandoned_micros recovered_micros".split(),
            "recovered_ms",
        ),
    ),
    "promotion": Cube("visit_promotions", ("promotion",), _sums("visits", "clicked")),
    "attributed": Cube("attributed", ("source", "medium", "campaign"), _sums("orders", "micros")),
    "ads": Cube(
        "ads",
        ("source", "medium", "campaign", "banner"),
        _sums("impressions", "clicks", "spend", "conversions", "revenue"),
    ),
    "spent": Cube("spent", ("purpose",), _sums("spend")),
    "position": Cube("positions", ("kind", "keyword"), _sums("impressions", "place")),
    "social": Cube("social", ("network",), _sums("impressions", "reactions", "comments", "shares")),
    "followers_start": Cube(
        "follower_counts",
        ("network",),
        _sums("followers"),
        "at_ms < w.start_ms AND (until_ms IS NULL OR until_ms >= w.start_ms)",
    ),
    "followers_end": Cube(
        "follower_counts",
        ("network",),
        _sums("followers"),
        "at_ms < w.end_ms AND (until_ms IS NULL OR until_ms >= w.end_ms)",
    ),
    "review": Cube("reviews", ("product",), _sums("reviews", "stars", "low")),
    "affiliate": Cube(
        "affiliate_facts", ("affiliate",), _sums("clicks", "orders", "revenue", "commission")
    ),
    "market": Cube("market_days", ("market",), _sums("size")),
    "contact_page": Cube("contact_pages", ("page", "channel"), _sums("contacts")),
    "order": Cube(
        "order_facts",
        ("channel", "team", "employee"),
        _sums(
            *"orders units gross discount tax shipping refunds cancellations refund".split(),
            *"production wages overhead".split(),
        ),
    ),
    "profit": Cube("order_facts", (), _sums("profit"), _BEFORE_END),
    "line": Cube(
        "line_facts",
        ("product", "category"),
        _sums(*"orders units gross discount refund cost".split()),
    ),
    "buyer": Cube("buyers", ("customer",), _sums("orders", "micros")),
    "customers_start": Cube("customers", (), _sums("customers", "active"), _BEFORE_START),
    "customers_end": Cube("customers", (), _sums("customers", "active"), _BEFORE_END),
    "period": Cube("periods", ("period",), _sums("active", "retained", "new", "lost")),
    "pair": Cube("pairs", ("product", "other"), {"orders": "count(*)"}, _IN_DAYS),
    "follow": Cube(
        "follows", ("product", "next"), {"orders": "count(*)", "days": _rank("days", 0.5)}, _IN_DAYS
    ),
    "start": Cube("starts", ("product",), {"orders": "count(*)"}, _IN_DAYS),
    "ticket": Cube("tickets", ("channel", "concern", "priority"), _sums("opened", "escalated")),
    "message": Cube("messages", ("channel", "concern", "priority"), _sums("messages")),
    "response": Cube(
        "responses",
        ("channel", "priority"),
        {
            **_sums("answered", "ms", "business_ms", "within"),
            **_waits("ms", "ms"),
            **_waits("business", "business_ms"),
        },
    ),
    "resolution": Cube(
        "resolutions",
        ("channel", "priority"),
        {
            **_sums("resolved", "ms", "business_ms", "within"),
            **_waits("ms", "ms"),
            **_waits("business", "business_ms"),
        },
    ),
    "first_resolution": Cube(
        "first_resolutions",
        ("channel", "priority"),
        {**_sums("resolved", "ms"), **_waits("ms", "ms")},
    ),
    "flow": Cube("flow", (), _sums("opened", "resolved", "reopened", "escalations")),
    "contact": Cube("contacts", ("product",), {"customers": "count(DISTINCT customer)"}),
    "list": Cube("list_changes", ("channel", "list", "segment"), _sums("joined", "gone")),
    "list_start": Cube(
        "list_changes", ("channel", "list", "segment"), _sums("subscribers"), _BEFORE_START
    ),
    "list_end": Cube(
        "list_changes", ("channel", "list", "segment"), _sums("subscribers"), _BEFORE_END
    ),
    "reported": Cube("reported", ("channel", "list"), _sums("subscribers")),
    "reported_start": Cube("reported", ("channel", "list"), _sums("subscribers"), _BEFORE_START),
    "reported_end": Cube("reported", ("channel", "list"), _sums("subscribers"), _BEFORE_END),
    "mailing": Cube(
        "mailings",
        ("channel", "list", "campaign"),
        _sums("delivered", "opened", "opened_by_person", "clicked", "gone"),
    ),
    "stock": Cube(
        "stock_changes", ("product", "location"), _sums("units", "received"), _BEFORE_END
    ),
    "stock_out": Cube("assortment", ("product",), _sums("stock_outs")),
    "assortment": Cube("assortment", ("product",), _sums("products", "out"), _BEFORE_END),
    "price": Cube(
        "price_changes",
        ("product",),
        _sums("own_price", "elsewhere", "compared", "dearer"),
        _BEFORE_END,
    ),
    "unit_start": Cube("unit_starts", _UNIT, _sums("started", "became_good", "first_pass")),
    "unit_end": Cube("unit_ends", _UNIT, _sums("finished", "good", "reworked")),
    "cycle": Cube("cycles", _UNIT, {**_sums("cycles", "cycle_ms"), **_waits("cycle", "cycle_ms")}),
    "machine": Cube(
        "machine_reported",
        _UNIT,
        _sums("planned", "run", "ideal", "valuable", "produced", "good"),
    ),
    "labour": Cube(
        "labour_reported",
        ("line", "team", "shift"),
        _sums("planned", "worked", "standard", "produced", "good"),
    ),
    "incident": Cube("incident_reported", ("kind", "line"), _sums("incidents")),
    "last_incident": Cube(
        "incident_reported", ("kind", "line"), {"at_latest": "max(at_ms)"}, _BEFORE_END
    ),
    "booked": Cube("bookings", _PROJECT, _sums("hours", "cost", "income")),
    "booked_end": Cube("bookings", _PROJECT, _sums("hours", "cost", "income"), _BEFORE_END),
    **{
        f"booked_{name}": Cube("bookings", _PROJECT, _sums("hours", "cost"), _told(name))
        for name in ("budget", "estimated", "planned", "earned")
    },
    "plan": Cube(
        "plan_changes", _PROJECT, _sums("budget", "estimated", "planned", "earned"), _BEFORE_END
    ),
    "above_budget": Cube("above_budget", _PROJECT, _sums("above"), _BEFORE_END),
    "rating": Cube(
        "ratings",
        ("channel",),
        {
            **_sums("csat", "satisfied", "promoters", "passives", "detractors"),
            "place": "sum(if(csat = 1, (place * 1000000 / scale)::DOUBLE, 0))",
        },
    ),
}

_STANDING = """
CREATE TABLE standing AS
SELECT w.id, status, priority, age, if(aged >= resolution, 'yes', 'no') AS overdue, 1 AS open
FROM (
    SELECT w.id, ticket, status, priority, least(w.{at} - 1, until) - opened AS aged
    FROM w JOIN lives ON at_ms < w.{at}
    QUALIFY n = max(n) OVER (PARTITION BY w.id, ticket)
) w JOIN targets USING (priority) ASOF JOIN ages ON aged >= from_ms
WHERE status <> 'resolved'
"""

_PEAKS = """
WITH begun AS (
    SELECT w.id, coalesce(sum({column}), 0) AS height
    FROM w LEFT JOIN changes ON at_ms < start_ms GROUP BY w.id
), steps AS (
    SELECT w.id, at_ms // 60000 AS minute, sum({column}) AS step
    FROM w JOIN changes ON at_ms >= start_ms AND at_ms < end_ms GROUP BY w.id, minute
), rises AS (
    SELECT id, sum(step) OVER (PARTITION BY id ORDER BY minute) AS rise FROM steps
)
SELECT id, height + greatest(0, coalesce(max(rise), 0))
FROM begun LEFT JOIN rises USING (id) GROUP BY id, height
"""


class Sums:
    """All cubes in some windows."""

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        windows: Iterable[Window],
        day_end: Callable[[int], int],
    ) -> None:
        self._db = db
        self.windows = sorted(set(windows))
        self._ids = {window: number for number, window in enumerate(self.windows)}
        rows = ", ".join(
            f"({n}, {w.start_ms}, {w.end_ms}, {day_end(w.end_ms)})" for w, n in self._ids.items()
        )
        db.execute(
            "CREATE OR REPLACE TABLE w (id INT, start_ms BIGINT, end_ms BIGINT, day_end_ms BIGINT)"
        )
        db.execute(f"INSERT INTO w VALUES {rows}")
        self._cells: dict[str, dict[Any, dict[str, Any]]] = {}
        self._standing()
        self._peaks = {
            column: dict(db.execute(_PEAKS.format(column=column)).fetchall())
            for column in ("open", "overdue")
        }

    def _standing(self) -> None:
        for when in ("start", "end"):
            self._db.execute("DROP TABLE IF EXISTS standing")
            self._db.execute(_STANDING.format(at=f"{when}_ms"))
            cube = Cube(
                "standing", ("status", "priority", "age", "overdue"), _sums("open"), "w.id = t.id"
            )
            self._cells[f"standing_{when}"] = self._read(cube)

    def peak(self, column: str, window: Window) -> int:
        """The highest level by the minute."""
        return int(self._peaks[column][self._ids[window]])

    def cells(
        self, name: str, window: Window, labels: tuple[str, ...]
    ) -> dict[Values, dict[str, Any]]:
        """What there is by these labels (in any order)."""
        if name not in self._cells:
            self._cells[name] = self._read(CUBES[name])
        cube_labels = _labels_of(name)
        ordered = tuple(label for label in cube_labels if label in labels)
        found: dict[Values, dict[str, Any]] = self._cells[name].get(
            (self._ids[window], ordered), {}
        )
        if ordered == labels:
            return found
        places = [ordered.index(label) for label in labels]
        return {tuple(values[p] for p in places): cell for values, cell in found.items()}

    def _read(self, cube: Cube) -> dict[Any, dict[Values, dict[str, Any]]]:
        names = ", ".join(f"t.{label}" for label in cube.labels)
        amounts = ", ".join(f"{sql} AS {name}" for name, sql in cube.amounts.items())
        grouped = f"CUBE ({names})" if names else "()"
        mark = f"grouping({names})" if names else "0"
        by = f"GROUP BY GROUPING SETS ((w.id)), {grouped}" if names else "GROUP BY w.id"
        chosen = f"{names}, " if names else ""
        rows = self._db.execute(
            f"SELECT w.id, {mark}, {chosen}{amounts} FROM w JOIN {cube.table} t ON {cube.at} {by}"
        ).fetchall()
        cells: dict[Any, dict[Values, dict[str, Any]]] = {}
        count = len(cube.labels)
        for number, grouping, *rest in rows:
            kept = [i for i in range(count) if not grouping >> (count - 1 - i) & 1]
            key = number, tuple(cube.labels[i] for i in kept)
            values = tuple(rest[i] for i in kept)
            cell = dict(zip(cube.amounts, rest[count:], strict=True))
            cells.setdefault(key, {})[values] = cell
        return cells


def _labels_of(name: str) -> tuple[str, ...]:
    if name.startswith("standing"):
        return ("status", "priority", "age", "overdue")
    return CUBES[name].labels


def subsets(labels: tuple[str, ...]) -> list[tuple[str, ...]]:
    """All sets of labels, the empty one first."""
    return [chosen for size in range(len(labels) + 1) for chosen in combinations(labels, size)]


class Series:
    """A number by label values."""

    def __init__(
        self,
        by: tuple[str, ...],
        number: Callable[[Values], Number],
        told: Iterable[Values] = (),
    ) -> None:
        self.by = by
        self._number = number
        self.told = frozenset(told)
        """For which label values there is anything."""

    @classmethod
    def of(cls, number: Number) -> Series:
        """The same number everywhere."""
        return cls((), lambda _: number)

    def at(self, by: tuple[str, ...], values: Values) -> Number:
        """The number at values of these and perhaps more labels."""
        if self.by != by:
            values = tuple(value for name, value in zip(by, values, strict=True) if name in self.by)
        return self._number(values)

    def _with(self, other: Series | int | Fraction, act: Callable[[Any, Any], Number]) -> Series:
        more = other if isinstance(other, Series) else Series.of(other)
        by = self.by if len(self.by) >= len(more.by) else more.by

        def both(values: Values) -> Number:
            left, right = self.at(by, values), more.at(by, values)
            return None if left is None or right is None else act(left, right)

        return Series(by, both, {v for part in (self, more) if part.by == by for v in part.told})

    def __add__(self, other: Series | int) -> Series:
        return self._with(other, lambda a, b: a + b)

    def __sub__(self, other: Series | int) -> Series:
        return self._with(other, lambda a, b: a - b)

    def __mul__(self, other: Series | int | Fraction) -> Series:
        return self._with(other, lambda a, b: a * b)

    def __truediv__(self, other: Series | int) -> Series:
        def divide(a: Any, b: Any) -> Number:
            return Fraction(a) / Fraction(b) if b else None

        return self._with(other, divide)
