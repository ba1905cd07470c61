"""What all dashboards share: name, links to each other, variables, and how sure the numbers are.

It must not know which KPIs a dashboard shows.
"""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard

from streams.generate import panels
from streams.generate.panels import Query, Sheet
from streams.settings import Settings

TAG = "kpi"
LATE = 0.01
"""A larger share of events that don't count is worth a look."""
_SHARE = "sum(increase(kpi_processor_events_total{{outcome{which}}}[1h])) / "
_ALL = "(sum(increase(kpi_processor_events_total[1h])) > 0)"


def board(settings: Settings, uid: str, title: str, description: str) -> builders.Dashboard:
    """An empty dashboard that the others can be reached from."""
    made = builders.Dashboard(title).uid(uid).description(description).tags([TAG]).editable()
    made.time("now-24h", "now").refresh("30s").timezone(_zone(settings))
    made.tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    others = builders.DashboardLink("Dashboards").type(dashboard.DashboardLinkType.DASHBOARDS)
    made.link(others.tags([TAG]).as_dropdown(True).include_vars(True).keep_time(True))
    made.with_variable(
        builders.DatasourceVariable("datasource").label("Data source").type("prometheus")
    )
    return made


def _zone(settings: Settings) -> str:
    """The shop's, in which its days begin; who hasn't set one sees their own."""
    zone = settings.definitions.zone
    return "browser" if zone == "UTC" else zone


def windows(made: builders.Dashboard, settings: Settings) -> None:
    """The variables for the windows of numbers and of breakdowns."""
    _choice(made, "window", "Window", "Of the numbers", settings.exporter.windows)
    offered = settings.exporter.breakdown_windows
    _choice(made, "span", "Window of breakdowns", "Of the values by label", offered)


def _choice(
    made: builders.Dashboard, name: str, label: str, words: str, values: tuple[str, ...]
) -> None:
    chosen = "day" if "day" in values else values[0]
    options = [
        dashboard.VariableOption(text=one, value=one, selected=one == chosen) for one in values
    ]
    variable = builders.CustomVariable(name).label(label).description(words)
    variable.values(",".join(values)).options(options)
    variable.current(dashboard.VariableOption(text=chosen, value=chosen, selected=True))
    made.with_variable(variable)


def filters(made: builders.Dashboard, families: Mapping[str, str]) -> None:
    """A variable for each label, its values out of a family that has it."""
    for label, family in families.items():
        variable = builders.QueryVariable(label).label(label.replace("_", " ").capitalize())
        variable.query(f"label_values({family}, {label})").datasource(panels.SOURCE)
        variable.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED).multi(True)
        variable.sort(dashboard.VariableSort.ALPHABETICAL_ASC).include_all(True).all_value(".*")
        every = ["$__all"]
        variable.current(dashboard.VariableOption(text=["All"], value=every, selected=True))
        made.with_variable(variable)


def finished(made: builders.Dashboard, sheet: Sheet) -> str:
    """The dashboard with its panels, as text."""
    sheet.onto(made)
    return panels.written(made)


def how_sure(sheet: Sheet) -> None:
    """A row of small numbers: what didn't count, and how far event time has come."""
    sheet.row("How sure")
    shares = {"late": '="late"', "duplicate": '="duplicate"', "not usable": '=~"rejected|future"'}
    sheet.add(
        panels.big(
            "Events that don't count",
            [Query(_SHARE.format(which=which) + _ALL, name) for name, which in shares.items()],
            "percentunit",
            "Of the events of the last hour: too late to count; the same id again; not readable, "
            "wrong or from the future. All but duplicates are in the dead letters, with the reason.",
            colours=panels.steps((None, panels.PLAIN), (LATE, "orange"), (5 * LATE, panels.BAD)),
            links=_to_processor(),
        ),
        12,
        4,
    )
    sheet.add(
        panels.big(
            "Values contain events until",
            [Query("1000 * min(kpi_processor_watermark_timestamp_seconds)", "watermark")],
            "dateTimeFromNow",
            "How far event time has come, in the partition that is furthest behind: the watermark.",
            links=_to_processor(),
        ),
        6,
        4,
    )
    sheet.add(
        panels.big(
            "Partitions behind",
            [Query("max(kpi_processor_partitions_behind)", "partitions")],
            "short",
            "Partitions more than a minute behind the foremost: values lack their newest events.",
            colours=panels.steps((None, panels.PLAIN), (1, panels.BAD)),
            links=_to_processor(),
        ),
        6,
        4,
    )


def _to_processor() -> list[builders.DashboardLink]:
    return [panels.link("The processor", "/d/kpi-processor?${__url_time_range}")]


def firing(sheet: Sheet, width: int = 24, height: int = 6) -> None:
    """A table of the alerts that fire now."""
    expr = 'max by (alertname, severity, kpi, window) (ALERTS{alertstate="firing"})'
    sheet.add(
        panels.rows(
            "What fires now",
            [Query(expr, "firing")],
            "Alerts of Prometheus that fire at this moment; none: nothing is wrong.",
        ),
        width,
        height,
    )
