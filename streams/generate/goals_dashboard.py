"""The dashboard of goals, as far as goals are exported.

It must not know how a goal is judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams import metrics
from streams.generate import boards, panels
from streams.generate.panels import Query, Sheet
from streams.settings import Settings

_KNOWN = {series.name: series for series in metrics.EXPORTER if series.name.startswith("kpi_goal_")}


def all_of(settings: Settings) -> Iterator[tuple[str, str]]:
    """(uid, text), or nothing while no goal is exported."""
    if not _KNOWN:
        return
    board = boards.board(
        settings, "kpi-goals", "Goals",
        "Each goal: where it stands, what is wanted, where it will land, and whether it is at risk.",
    )  # fmt: skip
    sheet = Sheet()
    short(sheet)
    for name, series in _KNOWN.items():
        if "progress" in name or "landing" in name or "value" in name:
            title = name.removeprefix("kpi_goal_").replace("_", " ").capitalize()
            by = ", ".join(series.labels)
            legend = " ".join(f"{{{{{label}}}}}" for label in series.labels)
            unit = "percentunit" if name.endswith("_ratio") else "short"
            asked = [Query(f"max by ({by}) ({name})", legend)]
            sheet.add(
                panels.curves(f"{title} of goals, over time", asked, unit, series.meaning), 12, 9
            )
    boards.how_sure(sheet)
    yield "kpi-goals", boards.finished(board, sheet)


def short(sheet: Sheet) -> None:
    """A table of all goals."""
    asked = [
        Query(f"max by ({', '.join(series.labels)}) ({name})", _words(name))
        for name, series in _KNOWN.items()
        if "state" not in series.labels
    ]
    if not asked:
        return
    sheet.row("Goals")
    words = "Each goal with its value, its target, how far it is, and where it will land."
    sheet.add(panels.rows("Goals", asked, words), 16, 8)
    for name, series in _KNOWN.items():
        if "state" in series.labels:
            by = ", ".join(series.labels)
            told = [Query(f"max by ({by}) ({name}) == 1", "is so")]
            sheet.add(panels.rows("State of goals", told, series.meaning, hidden=["is so"]), 8, 8)


def _words(name: str) -> str:
    return name.removeprefix("kpi_goal_").removesuffix("_ratio").replace("_", " ")
