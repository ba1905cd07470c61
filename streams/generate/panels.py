"""The kinds of panels that the dashboards are made of, and how they lie on a sheet.

It must not know KPIs: titles, queries and units are told to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, stat, table, text, timeseries
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus as prometheus_builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

Panel = stat.Panel | timeseries.Panel | bargauge.Panel | table.Panel | text.Panel

SOURCE = dashboard.DataSourceRef("prometheus", "${datasource}")
WIDTH = 24
GOOD, BAD, PLAIN = "green", "red", "text"


@dataclass(frozen=True)
class Query:
    """One query of a panel: what it is called, and in which unit when not the panel's."""

    expr: str
    name: str
    unit: str = ""


class Sheet:
    """Lays panels from left to right and top to bottom, and numbers them."""

    def __init__(self) -> None:
        self._x = self._y = self._height = 0
        self._next = 1
        self._told: list[builders.Row | Panel] = []
        self._row: builders.Row | None = None

    def number_from(self, first: int) -> None:
        """The next panel has this id, and those after it the following."""
        self._next = first

    def row(self, title: str, *, collapsed: bool = False) -> None:
        """What follows lies under this title."""
        self._line()
        row = builders.Row(title).collapsed(collapsed).id(self._take())
        row.grid_pos(dashboard.GridPos(x=0, y=self._y, w=WIDTH, h=1))
        self._y += 1
        self._told.append(row)
        self._row = row if collapsed else None

    def add(self, panel: Panel, width: int, height: int) -> int:
        """Places a panel; its id."""
        if self._x + width > WIDTH:
            self._line()
        made = self._take()
        panel.id(made)
        panel.grid_pos(dashboard.GridPos(x=self._x, y=self._y, w=width, h=height))
        self._x += width
        self._height = max(self._height, height)
        if self._row is None:
            self._told.append(panel)
        else:
            self._row.with_panel(panel)
        return made

    def onto(self, board: builders.Dashboard) -> None:
        """Gives all to a dashboard."""
        for one in self._told:
            if isinstance(one, builders.Row):
                board.with_row(one)
            else:
                board.with_panel(one)

    def _take(self) -> int:
        self._next += 1
        return self._next - 1

    def _line(self) -> None:
        self._x, self._y, self._height = 0, self._y + self._height, 0


def written(board: builders.Dashboard) -> str:
    """A dashboard as the text of its file."""
    return json.dumps(board.build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False)


def steps(*colours: tuple[float | None, str]) -> builders.ThresholdsConfig:
    """Colours from these values on; the first from None, which is everything below."""
    made = [dashboard.Threshold(value=value, color=colour) for value, colour in colours]
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(made)


def _last() -> common_builders.ReduceDataOptions:
    return common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _ask(
    query: Query, ref: int, *, at_once: bool, tabular: bool = False
) -> prometheus_builders.Dataquery:
    asked = prometheus_builders.Dataquery().expr(query.expr).legend_format(query.name)
    asked.ref_id(chr(ord("A") + ref) if ref < 26 else f"Q{ref}")
    asked.datasource(SOURCE)
    asked.format(PromQueryFormat.TABLE if tabular else PromQueryFormat.TIME_SERIES)
    return asked.instant() if at_once else asked.range()


def _units(panel: Panel, queries: Iterable[Query]) -> None:
    for query in queries:
        if query.unit:
            panel.override_by_name(query.name, [dashboard.DynamicConfigValue("unit", query.unit)])


def link(title: str, url: str) -> builders.DashboardLink:
    """A link of a panel or of a value; the window of time goes along."""
    return builders.DashboardLink(title).url(url).type(dashboard.DashboardLinkType.LINK)


def big(
    title: str,
    queries: Sequence[Query],
    unit: str,
    description: str,
    *,
    links: Sequence[builders.DashboardLink] = (),
    colours: builders.ThresholdsConfig | None = None,
    upright: bool = False,
) -> stat.Panel:
    """Big numbers beside each other, the first without its name when it is alone."""
    panel = stat.Panel().title(title).description(description).datasource(SOURCE).unit(unit)
    for ref, query in enumerate(queries):
        panel.with_target(_ask(query, ref, at_once=True))
    panel.graph_mode(common.BigValueGraphMode.NONE).reduce_options(_last()).no_value("no value")
    panel.color_mode(common.BigValueColorMode.VALUE)
    alone = len(queries) == 1
    panel.text_mode(
        common.BigValueTextMode.VALUE if alone else common.BigValueTextMode.VALUE_AND_NAME
    )
    panel.orientation(common.VizOrientation.HORIZONTAL if upright else common.VizOrientation.AUTO)
    panel.thresholds(colours or steps((None, PLAIN)))
    if links:
        panel.data_links(list(links))
    _units(panel, queries)
    return panel


def coloured(panel: stat.Panel, name: str, colours: builders.ThresholdsConfig) -> None:
    """Gives one number of a panel colours of its own."""
    config = colours.build()
    panel.override_by_name(name, [dashboard.DynamicConfigValue("thresholds", config)])


def curves(
    title: str,
    queries: Sequence[Query],
    unit: str,
    description: str,
    *,
    dashed: Sequence[str] = (),
    lines: Sequence[float] = (),
    links: Sequence[builders.DashboardLink] = (),
) -> timeseries.Panel:
    """Numbers over time; `lines` are thresholds, `dashed` the names to draw as background."""
    panel = timeseries.Panel().title(title).description(description).datasource(SOURCE).unit(unit)
    for ref, query in enumerate(queries):
        panel.with_target(_ask(query, ref, at_once=False))
    panel.line_width(2).fill_opacity(8).show_points(common.VisibilityMode.NEVER)
    panel.no_value("no value")
    legend = common_builders.VizLegendOptions().show_legend(True)
    panel.legend(
        legend.placement(common.LegendPlacement.BOTTOM)
        .display_mode(common.LegendDisplayMode.LIST)
        .calcs(["lastNotNull"])
    )
    panel.tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    if lines:
        panel.thresholds(steps((None, "transparent"), *((at, BAD) for at in sorted(lines))))
        drawn = common_builders.GraphThresholdsStyleConfig()
        panel.thresholds_style(drawn.mode(common.GraphThresholdsStyleMode.DASHED))
    for name in dashed:
        style = {"dash": [6, 6], "fill": "dash"}
        panel.override_by_name(
            name,
            [
                dashboard.DynamicConfigValue("custom.lineStyle", style),
                dashboard.DynamicConfigValue("custom.fillOpacity", 0),
                dashboard.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": "gray"}),
            ],
        )
    if links:
        panel.data_links(list(links))
    _units(panel, queries)
    return panel


def bars(
    title: str,
    queries: Sequence[Query],
    unit: str,
    description: str,
    *,
    links: Sequence[builders.DashboardLink] = (),
) -> bargauge.Panel:
    """Lying bars, longest first as the query gives them."""
    panel = bargauge.Panel().title(title).description(description).datasource(SOURCE).unit(unit)
    for ref, query in enumerate(queries):
        panel.with_target(_ask(query, ref, at_once=True))
    panel.orientation(common.VizOrientation.HORIZONTAL).reduce_options(_last())
    panel.display_mode(common.BarGaugeDisplayMode.BASIC).show_unfilled(False).min(0)
    panel.value_mode(common.BarGaugeValueMode.TEXT).no_value("no value")
    panel.thresholds(steps((None, "blue")))
    if links:
        panel.data_links(list(links))
    _units(panel, queries)
    return panel


def rows(
    title: str,
    queries: Sequence[Query],
    description: str,
    *,
    hidden: Sequence[str] = (),
    transformations: Sequence[dashboard.DataTransformerConfig] = (),
) -> table.Panel:
    """A table: one row for each set of labels, one column for each query."""
    panel = table.Panel().title(title).description(description).datasource(SOURCE)
    for ref, query in enumerate(queries):
        panel.with_target(_ask(query, ref, at_once=True, tabular=True))
    if transformations:
        panel.transformations(list(transformations))
        return panel
    names = {"Value": queries[0].name} if len(queries) == 1 else {}
    names |= {f"Value #{chr(ord('A') + ref)}": query.name for ref, query in enumerate(queries)}
    if len(queries) > 1:
        panel.with_transformation(dashboard.DataTransformerConfig("merge", options={}))
    panel.with_transformation(
        dashboard.DataTransformerConfig(
            "organize",
            options={
                "excludeByName": dict.fromkeys(("Time", *hidden), True),
                "renameByName": names,
            },
        )
    )
    panel.no_value("nothing").filterable(True)
    panel.sort_by(
        [common_builders.TableSortByFieldState().display_name(queries[0].name).desc(True)]
    )
    _units(panel, queries)
    return panel


def matrix(
    title: str, query: Query, unit: str, description: str, down: str, across: str
) -> table.Panel:
    """A heat map of two labels: rows and columns in their order, the value as a colour."""
    panel = table.Panel().title(title).description(description).datasource(SOURCE).unit(unit)
    panel.with_target(_ask(query, 0, at_once=True, tabular=True))
    sort = {"sort": [{"field": across, "desc": False}]}
    panel.with_transformation(
        dashboard.DataTransformerConfig(
            "convertFieldType",
            options={
                "conversions": [
                    {"targetField": one, "destinationType": "number"} for one in (down, across)
                ]
            },
        )
    )
    panel.with_transformation(dashboard.DataTransformerConfig("sortBy", options=sort))
    matrix_of = {"rowField": down, "columnField": across, "valueField": "Value"}
    panel.with_transformation(
        dashboard.DataTransformerConfig(
            "groupingToMatrix", options={**matrix_of, "emptyValue": "zero"}
        )
    )
    panel.sort_by([common_builders.TableSortByFieldState().display_name(f"{down}\\{across}")])
    mode = common.TableCellBackgroundDisplayMode.GRADIENT
    panel.cell_options(common.TableColoredBackgroundCellOptions(mode))
    panel.color_scheme(builders.FieldColor().mode(dashboard.FieldColorModeId.CONTINUOUS_BL_PU))
    panel.no_value("nothing")
    return panel


def words(content: str) -> text.Panel:
    """Text in Markdown."""
    return text.Panel().mode(TextMode.MARKDOWN).content(content).transparent(True)
