"""Plays a shop before a real Prometheus, asks it the panels' own queries, and draws the answers.

`make pictures` writes docs/pictures; it needs what the tests with Kafka need (Java, Maven), Prometheus
and Alertmanager (Debian: prometheus, prometheus-alertmanager), and some minutes.  What is drawn are the panels' numbers and courses, not Grafana's own looks.
"""

from __future__ import annotations

import json
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpi_windows.definitions import DAY_MS, MINUTE_MS
from streams.simulator import ShopOptions
from tests.kafka.broker import KafkaBroker
from tests.streams.generate.monitoring import ask, until
from tests.streams.generate.names import MADE, ROOT
from tests.streams.generate.shop import START_MS, watched

if TYPE_CHECKING:  # installed by `make pictures` only
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOLDER = ROOT / "docs/pictures"
WINDOW = "24h"
SHOWN = (
    ("kpi-sales", "Sales by product"),
    ("kpi-sales", "Conversion rate by device"),
    ("kpi-sales", "Sales by channel"),
    ("kpi-marketing", "Visits by source"),
    ("kpi-marketing", "Return on ad spend by source"),
    ("kpi-service", "First response time by priority"),
    ("kpi-service", "Customer satisfaction by channel"),
    ("kpi-production", "Overall equipment effectiveness by line"),
)
"""Breakdowns beside the funnel: (dashboard, panel)."""
VISITS_PER_HOUR = 200.0
STEP_MS = 40 * MINUTE_MS
"""Between two points of a course."""
_GROUND, _INK, _FAINT, _LINE = "#ffffff", "#1f2430", "#6b7385", "#d9dde5"
_BLUE, _GOOD, _BAD = "#3871dc", "#2b8a3e", "#c92a2a"
_COLOURS = {"green": _GOOD, "red": _BAD}
Panel = dict[str, Any]
Course = list[tuple[float, float]]


def panels(uid: str, kind: str) -> Iterator[Panel]:
    """The panels of a kind on a dashboard, in order."""
    board = json.loads(MADE[f"grafana/dashboards/{uid}.json"])
    for panel in board["panels"]:
        for one in (panel, *(panel.get("panels") or ())):
            if one["type"] == kind and one.get("targets"):
                yield one


def query(panel: Panel, which: int = 0) -> str:
    """One of the panel's queries, for the window and without filters."""
    expr: str = panel["targets"][which]["expr"]
    for name in ("window", "span"):
        expr = expr.replace(f"${name}", WINDOW)
    for part in expr.split('"$')[1:]:
        expr = expr.replace(f'"${part.split(chr(34))[0]}"', '".*"')
    return expr


def course(url: str, expr: str, since: float) -> dict[float, float]:
    """Time of Prometheus -> value, of a query's first series."""
    told = {"query": expr, "start": since, "end": time.time(), "step": 1}
    asked = f"{url}/api/v1/query_range?{urllib.parse.urlencode(told)}"
    with urllib.request.urlopen(asked, timeout=20) as reply:
        found = json.load(reply)["data"]["result"]
    return {float(at): float(value) for at, value in found[0]["values"]} if found else {}


def in_shop_time(values: Mapping[float, float], clock: Mapping[float, float]) -> Course:
    """The last day of a course, by the shop's own time: the past is played faster than it was."""
    placed = {clock[at]: value for at, value in values.items() if at in clock}
    last = max(placed, default=0.0)
    return [(at - last, value) for at, value in sorted(placed.items()) if last - at <= DAY_MS / 1e3]


def said(value: float, unit: str) -> str:
    """A number as a manager reads it."""
    if unit.startswith("percentunit"):
        return f"{value:.1%}"
    if unit.startswith("currency"):
        return f"€ {value:,.0f}" if abs(value) >= 1_000 else f"€ {value:,.2f}"
    if unit == "s":
        if value >= 3_600:
            return f"{value / 3_600:,.1f} h"
        return f"{value / 60:,.1f} min" if value >= 60 else f"{value:,.0f} s"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}".rstrip("0").rstrip(".")


def unit_of(panel: Panel) -> str:
    """The panel's unit, or none."""
    unit: str = panel.get("fieldConfig", {}).get("defaults", {}).get("unit") or ""
    return unit


def _page(title: str, count: int, columns: int, height: float) -> tuple[Figure, Sequence[Axes]]:
    from matplotlib.figure import Figure

    rows = -(-count // columns)
    figure = Figure(figsize=(12, rows * height + 0.9), facecolor=_GROUND)
    axes = figure.subplots(rows, columns, squeeze=False).flat
    figure.suptitle(title, x=0.012, y=0.99, ha="left", color=_INK, fontsize=14, weight="bold")
    told = list(axes)
    for one in told:
        one.set_axis_off()
    return figure, told


def _save(figure: Figure, name: str, note: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    words = f"{note} A simulated shop's numbers, as Prometheus answered the panels' own queries;"
    figure.text(0.012, 0.012, f"{words} drawn with matplotlib, not a screenshot of Grafana.",
                color=_FAINT, fontsize=8.5)  # fmt: skip
    inches = figure.get_figheight()
    figure.tight_layout(rect=(0, 0.3 / inches, 1, 1 - 0.12 / inches), h_pad=1.2, w_pad=1.2)
    figure.savefig(FOLDER / name, dpi=90)
    print(f"wrote {(FOLDER / name).relative_to(ROOT)}: {(FOLDER / name).stat().st_size:,} bytes")


def draw_overview(url: str, since: float) -> None:
    """The big numbers with their change and their course."""
    told = [panel for panel in panels("kpi-overview", "stat") if "$window" in str(panel["targets"])]
    clock = course(url, "min(kpi_processor_watermark_timestamp_seconds)", since)
    figure, axes = _page("The business at a glance, last 24 hours", len(told), 4, 1.25)
    for panel, one in zip(told, axes, strict=False):
        _card(
            one, panel, in_shop_time(course(url, query(panel), since), clock), _change(url, panel)
        )
    _save(figure, "overview.png", "Lines: the value over the shop's last day.")


def _change(url: str, panel: Panel) -> tuple[float, str] | None:
    """How much it differs from the day before, and the colour that the panel gives to that."""
    names = [target.get("legendFormat") for target in panel["targets"]]
    found = ask(url, query(panel, names.index("change")))
    if not found:
        return None
    value = float(found[0]["value"][1])
    steps = next(
        one["value"]["steps"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == "change"
        for one in override["properties"]
        if one["id"] == "thresholds"
    )
    met = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return value, _COLOURS.get(met[-1], _FAINT)


def _card(one: Axes, panel: Panel, line: Course, change: tuple[float, str] | None) -> None:
    one.set_title(panel["title"], loc="left", color=_FAINT, fontsize=9.5, pad=3)
    if not line:
        one.text(0, 0.5, "no value yet", color=_FAINT, transform=one.transAxes)
        return
    x, y = zip(*line, strict=True)
    low, high = min(y), max(y)
    room = (high - low) or abs(high) or 1.0
    one.plot(x, y, color=_BLUE, linewidth=1.1)
    one.fill_between(x, y, low - 0.1 * room, color=_BLUE, alpha=0.10, linewidth=0)
    one.set_xlim(-DAY_MS / 1e3, 0)
    one.set_ylim(low - 0.1 * room, high + 1.9 * room)
    one.axhline(low - 0.1 * room, color=_LINE, linewidth=1)
    now = said(y[-1], unit_of(panel))
    one.text(0, 0.6, now, color=_INK, fontsize=17, weight="bold", transform=one.transAxes)
    if change is not None:
        value, colour = change
        one.text(1, 0.63, f"{value:+.1%}", color=colour, fontsize=10, ha="right",
                 transform=one.transAxes)  # fmt: skip


def draw_breakdowns(url: str) -> None:
    """The funnel, and the foremost segments of some KPIs."""
    funnel = next(p for p in panels("kpi-overview", "bargauge") if len(p["targets"]) > 2)
    steps = [
        (target["legendFormat"], float(found[0]["value"][1]))
        for place, target in enumerate(funnel["targets"])
        if (found := ask(url, query(funnel, place)))
    ]
    told = [(funnel["title"], unit_of(funnel), steps)]
    told += [_foremost(url, uid, title) for uid, title in SHOWN]
    figure, axes = _page("By segment, last 24 hours", len(told), 3, 2.1)
    for (title, unit, rows), one in zip(told, axes, strict=False):
        _bars(one, title, unit, rows)
    _save(figure, "breakdowns.png", "The foremost of each label.")


def _foremost(url: str, uid: str, title: str) -> tuple[str, str, list[tuple[str, float]]]:
    panel = next(one for one in panels(uid, "bargauge") if one["title"] == title)
    found = ask(url, query(panel))
    rows = sorted(((_label(each["metric"]), float(each["value"][1])) for each in found), key=_size)
    return title, unit_of(panel), rows[:7]


def _size(row: tuple[str, float]) -> float:
    return -row[1]


def _label(metric: dict[str, str]) -> str:
    words = [v for k, v in metric.items() if k not in ("__name__", "window", "instance", "job")]
    return ", ".join(words)[:26]


def _bars(one: Axes, title: str, unit: str, rows: Sequence[tuple[str, float]]) -> None:
    one.set_axis_on()
    places = range(len(rows))
    one.barh(places, [value for _, value in rows], color=_BLUE, height=0.6)
    one.invert_yaxis()
    one.set_yticks(places, [name for name, _ in rows], fontsize=8.5, color=_INK)
    one.set_title(title, loc="left", color=_FAINT, fontsize=9.5, pad=4)
    one.set_xticks([])
    one.margins(x=0.22)
    one.tick_params(axis="y", length=0)
    for place, (_, value) in zip(places, rows, strict=True):
        one.annotate(said(value, unit), (max(value, 0), place), (4, 0), color=_INK, fontsize=8,
                     textcoords="offset points", va="center")  # fmt: skip
    for side in one.spines.values():
        side.set_visible(False)


def main() -> None:
    """Draws all pictures."""
    since = time.time()
    shop = ShopOptions(visits_per_hour=VISITS_PER_HOUR)
    with (
        tempfile.TemporaryDirectory() as folder,
        KafkaBroker() as kafka,
        watched(Path(folder), kafka, shop, "2s") as under_way,
    ):
        url = under_way.prometheus
        for at_ms in range(START_MS - DAY_MS - STEP_MS, START_MS + 1, STEP_MS):
            under_way.play(at_ms)
            seen = f"min(kpi_processor_watermark_timestamp_seconds) >= {at_ms // 1_000}"
            until(lambda: ask(url, seen), "it is scraped")  # noqa: B023 - asked at once
            print(f"played until {(at_ms - START_MS) / DAY_MS:+.2f} days")
        draw_overview(url, since)
        draw_breakdowns(url)


if __name__ == "__main__":
    main()
