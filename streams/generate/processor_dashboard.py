"""The dashboard of the processor itself: what comes in, how far it is, how it commits and restores.

It must not know KPIs.
"""

from __future__ import annotations

from typing import NamedTuple

from streams import metrics
from streams.generate import boards, panels
from streams.generate.panels import Query, Sheet
from streams.metrics import Series
from streams.settings import Settings


class Course(NamedTuple):
    """A panel over time of one or more series."""

    title: str
    series: Series
    exprs: tuple[tuple[str, str], ...]
    """(PromQL with `{}` for the series' name, legend)"""
    unit: str


def _by(expr: str, *labels: str) -> tuple[tuple[str, str], ...]:
    return ((expr, " ".join(f"{{{{{label}}}}}" for label in labels)),)


_RATE = "rate({}[$__rate_interval])"
ROWS: dict[str, tuple[Course, ...]] = {
    "What comes in": (
        Course("Events by topic", metrics.TAKEN_IN, _by(f"max by (topic) ({_RATE})", "topic"), "eps"),
        Course(
            "Events by outcome", metrics.EVENTS,
            _by(f"max by (outcome) (sum by (outcome, instance) ({_RATE}))", "outcome"), "eps",
        ),
        Course(
            "Unaccounted events", metrics.UNACCOUNTED, _by("max by (topic) ({})", "topic"), "short"
        ),
        Course("Dead letters", metrics.DEAD, (("sum(" + _RATE + ")", "dead letters"),), "eps"),
    ),
    "How far it is": (
        Course("Lag", metrics.LAG, _by("sum by (topic) ({})", "topic"), "short"),
        Course(
            "Watermark behind the clock", metrics.WATERMARK,
            _by("time() - max by (partition) ({})", "partition"), "s",
        ),
        Course(
            "Behind the foremost partition", metrics.BEHIND,
            _by("max by (partition) ({})", "partition"), "s",
        ),
        Course(
            "From arrival to visible", metrics.DELAY,
            tuple(
                (f"histogram_quantile({q}, sum by (le) (rate({{}}_bucket[$__rate_interval])))", name)
                for q, name in (("0.5", "median"), ("0.99", "p99"))
            ),
            "s",
        ),
        Course(
            "Since this exporter took in a commit", metrics.APPLIED,
            _by("time() - max by (partition) ({})", "partition"), "s",
        ),
        Course(
            "Since the newest event arrived", metrics.ARRIVAL,
            _by("time() - max by (partition) ({})", "partition"), "s",
        ),
        Course("Forwarded facts", metrics.FORWARDED, _by(f"max by (what) ({_RATE})", "what"), "eps"),
        Course("Forwards in flight", metrics.IN_FLIGHT, (("max({})", "facts"),), "short"),
    ),
    "Workers": (
        Course(
            "Records taken", metrics.TAKEN, _by(f"sum by (partition) ({_RATE})", "partition"), "eps"
        ),
        Course(
            "Records a batch", metrics.BATCHES,
            (
                (
                    f"sum(rate({metrics.TAKEN.name}[$__rate_interval])) / (sum({_RATE}) > 0)",
                    "records",
                ),
            ),
            "short",
        ),
        Course(
            "Time of a commit", metrics.COMMIT,
            _by(
                "sum by (partition) (rate({0}_sum[$__rate_interval]))"
                " / (sum by (partition) (rate({0}_count[$__rate_interval])) > 0)",
                "partition",
            ),
            "s",
        ),
        Course("Last commit", metrics.LAST_COMMIT, _by("max by (partition) ({})", "partition"), "s"),
        Course(
            "Since the last commit", metrics.COMMITTED,
            _by("time() - max by (partition) ({})", "partition"), "s",
        ),
        Course("Records written", metrics.WRITTEN, (("sum(" + _RATE + ")", "records"),), "eps"),
        Course("Size of the state", metrics.KEPT, _by("sum by (what) ({})", "what"), "short"),
        Course("Let go before their time", metrics.LET_GO, _by(f"max by (what) ({_RATE})", "what"), "ops"),
        Course("Batches fetched again", metrics.REWINDS, (("sum(" + _RATE + ")", "rewinds"),), "short"),
        Course("Time to restore", metrics.RESTORED, _by("max by (partition) ({})", "partition"), "s"),
        Course(
            "Records to restore", metrics.RESTORED_RECORDS,
            _by("max by (partition) ({})", "partition"), "short",
        ),
    ),
    "The exporter": (
        Course(
            "KPI series", metrics.EXPOSED,
            (("max({})", "series"), (f"max({metrics.LIMIT.name})", "limit")), "short",
        ),
        Course("Time to evaluate", metrics.SCRAPE, _by("{}", "instance"), "s"),
        Course("Breakdowns left out", metrics.LEFT_OUT, _by("{}", "family"), "short"),
        Course("Counted under __other__", metrics.FOLDED, _by(f"max by (fact) ({_RATE})", "fact"), "ops"),
        Course("Ready", metrics.READY, _by("{}", "instance"), "short"),
        Course("Time to start", metrics.RESTORE, _by("{}", "instance"), "s"),
        Course("Commits by partition", metrics.COMMITS, _by(f"max by (partition) ({_RATE})", "partition"), "cps"),
    ),
}  # fmt: skip


def text_of(settings: Settings) -> str:
    """The dashboard's text."""
    board = boards.board(
        settings, "kpi-processor", "The processor",
        "Whether the numbers are complete and fresh, and how workers and exporter do.",
    )  # fmt: skip
    sheet = Sheet()
    boards.how_sure(sheet)
    for title, courses in ROWS.items():
        sheet.row(title)
        for course in courses:
            asked = [Query(expr.format(course.series.name), name) for expr, name in course.exprs]
            panel = panels.curves(course.title, asked, course.unit, course.series.meaning)
            sheet.add(panel, 12, 7)
    sheet.row("Processes")
    restarts = 'changes(process_start_time_seconds{job=~"kpi-.+"}[1h])'
    sheet.add(
        panels.curves(
            "Restarts within an hour", [Query(restarts, "{{job}} {{instance}}")], "short",
            "How often a process began anew within the last hour.",
        ),
        12, 7,
    )  # fmt: skip
    memory = 'process_resident_memory_bytes{job=~"kpi-.+"}'
    sheet.add(
        panels.curves(
            "Memory", [Query(memory, "{{job}} {{instance}}")], "bytes",
            "Resident memory of each process.",
        ),
        12, 7,
    )  # fmt: skip
    return boards.finished(board, sheet)
