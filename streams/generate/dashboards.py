"""The dashboards of the business: one for each group of the catalogue, and the overview.

It must not know how a panel is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kpi_windows.documentation import TITLES
from kpi_windows.kpi import Better, Kpi
from streams import metrics
from streams.generate import boards, goals_dashboard, kpi_panels, panels, processor_dashboard
from streams.generate.kpi_panels import Context
from streams.generate.panels import Query, Sheet
from streams.metrics import metric_name
from streams.settings import Settings

HEADLINES: Mapping[str, tuple[str, ...]] = {
    "sales": ("sales", "transactions", "conversion_rate", "average_order_value"),
    "marketing": ("visits", "bounce_rate", "average_visit_duration", "ppc_traffic"),
    "service": ("csat", "first_response_time", "active_issues", "backlog"),
}
"""What the overview shows of a group; of others its first four that have a better way."""

Step = tuple[str, str, str, str]
FUNNEL: tuple[Step, ...] = (
    ("visits", "conversion_rate", "default", "denominator"),
    ("carts with a product", "cart_abandonment_rate", "default", "denominator"),
    ("visits with a checkout", "conversion_rate", "checkout", "denominator"),
    ("visits with an order", "conversion_rate", "default", "numerator"),
)
"""(words, KPI, definition, part) of each step from visit to order, both ends counted alike."""


def all_of(settings: Settings) -> Iterator[tuple[str, str]]:
    """(uid, text) of each dashboard."""
    yield "kpi-overview", _overview(settings)
    for group in settings.catalogue.groups:
        yield f"kpi-{group}", _of_group(settings, group)
    yield from goals_dashboard.all_of(settings)
    yield "kpi-processor", processor_dashboard.text_of(settings)


def title_of(group: str) -> str:
    """A group's name for people."""
    return TITLES.get(group, group.capitalize())


def headlines(group: str, kpis: Sequence[Kpi]) -> list[Kpi]:
    """What the overview shows of a group."""
    told = [kpi for name in HEADLINES.get(group, ()) for kpi in kpis if kpi.id == name]
    return told or [kpi for kpi in kpis if kpi.better is not Better.NEITHER][:4]


def _context(settings: Settings, labels: Mapping[str, str]) -> Context:
    lines: dict[tuple[str, str], tuple[float, ...]] = {}
    for one in settings.thresholds:
        if not one.where:
            key = (one.kpi, one.definition)
            lines[key] = (*lines.get(key, ()), one.bound)
    targets: dict[str, tuple[tuple[str, str], ...]] = {}
    for goal in settings.goals:
        if goal.definition == "default" and not goal.where:
            told = (goal.name, f'max({metrics.GOAL_TARGET.name}{{goal="{goal.name}"}})')
            targets[goal.kpi.id] = (*targets.get(goal.kpi.id, ()), told)
    return Context(settings.definitions.currency, frozenset(labels), lines, targets)


def _overview(settings: Settings) -> str:
    board = boards.board(
        settings, "kpi-overview", "Overview",
        "The business at a glance: the foremost numbers of each group, goals, and what fires now.",
    )  # fmt: skip
    boards.windows(board, settings)
    context = _context(settings, {})
    sheet = Sheet()
    boards.firing(sheet)
    for group, kpis in settings.catalogue.groups.items():
        sheet.row(title_of(group))
        told = [
            (kpi, kpi_panels.link_to(f"kpi-{group}", kpis.index(kpi)))
            for kpi in headlines(group, kpis)
        ]
        kpi_panels.row_of_numbers(sheet, told, context)
    goals_dashboard.short(sheet)
    sheet.row("From visit to order")
    sheet.add(_funnel(settings.catalogue), 24, 6)
    boards.how_sure(sheet)
    return boards.finished(board, sheet)


def _of_group(settings: Settings, group: str) -> str:
    kpis, title = settings.catalogue.groups[group], title_of(group)
    board = boards.board(
        settings, f"kpi-{group}", title,
        f"{title}: each number with the window before; below, each KPI over time and by label.",
    )  # fmt: skip
    boards.windows(board, settings)
    labels = kpi_panels.labels_of(kpis)
    boards.filters(board, labels)
    context = _context(settings, labels)
    sheet = Sheet()
    uid = f"kpi-{group}"
    told = [(kpi, kpi_panels.link_to(uid, place)) for place, kpi in enumerate(kpis)]
    sheet.row(f"{title} at a glance")
    kpi_panels.row_of_numbers(sheet, told, context)
    if group == "sales":
        sheet.row("From visit to order")
        sheet.add(_funnel(settings.catalogue), 24, 6)
    for kpi in kpis:
        for pair in kpi.crossed:
            sheet.row(f"{kpi.title} by {' and '.join(pair)}")
            sheet.add(kpi_panels.heat_map(kpi, pair, context), 24, 9)
    boards.how_sure(sheet)
    for place, kpi in enumerate(kpis):
        kpi_panels.detail(sheet, kpi, place, context)
    return boards.finished(board, sheet)


def _funnel(catalogue: Mapping[str, Kpi]) -> panels.Panel:
    asked = []
    for words, name, definition, part in FUNNEL:
        family = metric_name(catalogue[name], definition, part)
        asked.append(Query(f'max by (window) ({family}{{window="$window"}})', words))
    return panels.bars(
        "From visit to order",
        asked,
        "short",
        "Visits of the window, carts with a product, visits that started a checkout, and visits with "
        "an order; these count at the start of their visit.",
    )
