"""How an answer is asked for on the command line, and shown: options, table, CSV, JSON.

It must not know where answers come from.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from kpi_windows.windows import WINDOWS
from streams.cli.base import TIME
from streams.questions import Answer, Question, parse_where

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = click.Choice(["table", "csv", "json"])
_OF_QUESTION = (
    "window", "from_time", "to_time", "at_time", "by", "where", "definition", "top", "table",
)  # fmt: skip
_SAID = frozenset(
    "kpi window start end labels value numerator denominator definition ripe "
    "start_ms end_ms".split()
)


def question_options(function: F) -> F:
    """The options of a question, the same for `query` and `compute`."""
    options = (
        click.option("--window", type=click.Choice(WINDOWS), default="day", show_default=True),
        click.option("--from", "from_time", type=TIME, help="From this time on, window by window."),
        click.option("--to", "to_time", type=TIME, help="Up to this time, not included [now]."),
        click.option("--at", "at_time", type=TIME, help="Only the window at this time [now]."),
        click.option("--by", multiple=True, metavar="LABEL", help="Broken down by this label."),
        click.option("--where", multiple=True, metavar="LABEL=VALUE,…", help="Only of these."),
        click.option(
            "--definition", default="default", metavar="NAME", help="Another number of the KPI."
        ),
        click.option("--top", type=click.IntRange(1), default=50, help="Values of a label [50]."),
        click.option("--table", is_flag=True, help="The foremost rows of a KPI that is a table."),
        click.option("--format", "form", type=FORMATS, default="table", show_default=True),
    )
    for option in reversed(options):
        function = option(function)
    return function


def check_goals(goals: bool, kpi: str, named: bool) -> None:
    """Raises UsageError unless either a KPI is asked for, or --goals, which takes --format only."""
    if goals == named:
        both = ", not both" if goals else ""
        raise click.UsageError(f"expected {kpi}, or --goals{both}")
    context = click.get_current_context()
    for name in _OF_QUESTION if goals else ():
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            option = name.removesuffix("_time")
            raise click.UsageError(f"--goals goes without --{option}: a goal has its own")


def question_of(kpi: str, told: Mapping[str, Any]) -> Question:
    """The question in the options."""
    by = tuple(label for part in told["by"] for label in part.split(",") if label)
    try:
        where = parse_where(told["where"])
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None
    if told["at_time"] and (told["from_time"] or told["to_time"]):
        raise click.UsageError("--at goes without --from and --to")
    if told["to_time"] and not told["from_time"]:
        raise click.UsageError("--to needs --from as well")
    return Question(
        kpi=kpi,
        window=told["window"],
        from_time=told["from_time"],
        to_time=told["to_time"],
        at_time=told["at_time"],
        by=by,
        where=where,
        definition=told["definition"],
        top=told["top"],
        table=told["table"],
    )


def show(answers: Sequence[Answer], form: str) -> str:
    """The answers as text."""
    if form == "json":
        return json.dumps(answers, indent=1, ensure_ascii=False)
    if not answers:
        return "" if form == "csv" else "no values: nothing was counted in this time"
    header, rows = _grid(answers)
    if form == "csv":
        return _csv(header, rows)
    return aligned(header, [[short(cell) for cell in row] for row in rows])


_OF_GOAL = (
    "goal", "kpi", "state", "value", "baseline", "target", "landing", "progress", "pace",
    "pace_needed", "last_day",
)  # fmt: skip


def show_goals(goals: Sequence[Answer], form: str) -> str:
    """Where goals stand, as text; below the table, what is lacking."""
    if form == "json":
        return json.dumps(goals, indent=1, ensure_ascii=False)
    rows = [["" if goal[name] is None else goal[name] for name in _OF_GOAL] for goal in goals]
    if form == "csv":
        told = [[*row, goal["reason"]] for row, goal in zip(rows, goals, strict=True)]
        return _csv([*_OF_GOAL, "reason"], told)
    if not goals:
        return "no goals: [goals.NAME] in shop.toml makes one"
    table = aligned(list(_OF_GOAL), [[short(cell) for cell in row] for row in rows])
    why = [f"{goal['goal']}: {goal['reason']}" for goal in goals if goal["reason"]]
    return "\n".join([table, *why])


def _csv(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue().rstrip("\n")


def _grid(answers: Sequence[Answer]) -> tuple[list[str], list[list[Any]]]:
    labels = list(dict.fromkeys(label for each in answers for label in each["labels"]))
    more = list(dict.fromkeys(name for each in answers for name in each if name not in _SAID))
    numbers = more or ["value", "numerator", "denominator"]
    if all(each["denominator"] is None for each in answers) and not more:
        numbers = ["value"]
    several = len({each["kpi"] for each in answers}) > 1
    first = ["kpi"] if several else []
    header = [*first, "window", "start", "end", *labels, *numbers]
    rows = [
        [
            *(each[name] for name in first),
            each["window"],
            each["start"],
            each["end"],
            *(each["labels"].get(label, "") for label in labels),
            *("" if each.get(name) is None else each[name] for name in numbers),
        ]
        for each in answers
    ]
    return header, rows


def short(cell: Any) -> str:
    """A number as people read it."""
    if isinstance(cell, float):
        if cell == int(cell):
            return f"{cell:,.0f}"
        return f"{cell:,.4f}" if abs(cell) >= 1 else f"{cell:.6f}"
    return str(cell)


def aligned(header: list[str], rows: list[list[str]]) -> str:
    """Rows below each other, numbers to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    numbers = [
        all(row[i][:1].isdigit() or row[i][:1] in "-" for row in rows) and "T" not in rows[0][i]
        for i in range(len(header))
    ]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in [header, *rows]
    )
