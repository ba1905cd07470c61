"""`kpi explain`: what is behind a value of a running exporter, and why it moved."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

import click

from streams.cli.answers import aligned, short
from streams.cli.base import TIME, config_options, examples
from streams.cli.query_command import get
from streams.settings import Settings

_WIDTH = 100
_NAME = 13


@click.command(
    "explain",
    epilog=examples(
        "kpi explain conversion_rate                               today so far",
        "kpi explain conversion_rate --window hour --at now-2h",
        "kpi explain conversion_rate --window day --by device      and why it moved",
        "kpi explain bounce_rate --definition engagement --window week",
        "kpi explain sales --window month --at 2026-10-31 --format json",
    ),
)
@config_options("exporter_url")
@click.argument("kpi")
@click.option(
    "--window", default="day", show_default=True, help="Which window: 5m … 30d, hour … year."
)
@click.option("--at", "at_time", type=TIME, help="The window at this time [now].")
@click.option("--definition", default="default", metavar="NAME", help="Another number of the KPI.")
@click.option("--by", metavar="LABEL", help="Why it moved: what each segment of a label added.")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="Segments told.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def command(
    settings: Settings, kpi: str, by: str | None, top: int, form: str, **told: str | None
) -> None:
    """Say what is behind KPI in one window, by id or any of its names.

    Its formula, numerator and denominator; the events of the window that were accepted, late,
    duplicate or rejected; how complete it is; when it is ripe; a few event ids. With --by also why
    it moved since the window before: which segment changed its rate and which its share.
    """
    asked = {"kpi": kpi, "window": told["window"], "definition": told["definition"]}
    asked |= {"at": told["at_time"]} if told["at_time"] else {}
    explained = get(settings, f"/api/v1/explain?{urllib.parse.urlencode(asked)}")
    if by:
        more = urllib.parse.urlencode({**asked, "by": by, "top": top})
        explained["why"] = get(settings, f"/api/v1/why?{more}")
    if form == "json":
        click.echo(json.dumps(explained, indent=1, ensure_ascii=False))
    else:
        click.echo("\n".join(in_words(explained)))


def in_words(told: dict[str, Any]) -> Iterator[str]:
    """Lines for a terminal."""
    yield f"{told['title']} ({told['kpi']}), {told['window']}: {told['start']} to {told['end']}"
    name = "" if told["definition"] == "default" else f" ({told['definition']})"
    yield from _line("value" + name, _number(told["value"], told["unit"], told["reason"]))
    if told["denominator"] is not None:
        yield from _line("numerator", short(told["numerator"]))
        yield from _line("denominator", short(told["denominator"]))
    yield from _line("meaning", told["formula"])
    yield from _line("formula", f"{told['amounts']}  (version {told['version']})")
    yield from _line("events", _events(told))
    yield from _line("complete", _complete(told))
    yield from _line("ripe", "yes" if told["ripe"] else f"no: at {told['ripens_at']}")
    yield from _samples(told["samples"])
    if "why" in told:
        yield ""
        yield from _why(told["why"])


def _line(name: str, text: str) -> list[str]:
    return wrap(
        text,
        _WIDTH,
        initial_indent=f"  {name:<{_NAME}}",
        subsequent_indent=" " * (2 + _NAME),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _number(value: float | None, unit: str, reason: str | None) -> str:
    return f"none: {reason}" if value is None else f"{short(value)} ({unit})"


def _events(told: dict[str, Any]) -> str:
    counts = ", ".join(f"{count:,} {name}" for name, count in told["events"].items())
    since = f"; counted since {told['events_since']}" if told["events_since"] else ""
    return f"{counts}, of {', '.join(told['topics'])}{since}"


def _complete(told: dict[str, Any]) -> str:
    if told["complete"] is None:
        return "nothing was counted in this window"
    shares = {name: topic["complete"] for name, topic in told["topics"].items()}
    of = [f"{name} {share:.2%}" for name, share in shares.items() if share is not None]
    return f"{told['complete']:.2%}, by what came late in the last days ({', '.join(of)})"


def _samples(samples: list[dict[str, Any]]) -> Iterator[str]:
    if not samples:
        yield from _line("ids", "none of the few that are kept for each day is of this window")
    for number, each in enumerate(samples):
        yield from _line(
            "" if number else "ids", f"{each['day']} {each['type']} {each['event_id']}"
        )


def _why(told: dict[str, Any]) -> Iterator[str]:
    before, after = told["before"], told["after"]
    if told["change"] is None or told["method"] is None:
        yield f"Why it moved: {told['reason']}"
        return
    yield (
        f"Why it moved, by {told['by']}: {short(before['value'])} ({before['start']} to "
        f"{before['end']}) -> {short(after['value'])}, {_signed(told['change'])}"
    )
    is_ratio = told["method"] == "midpoint"
    names = ["by its rate", "by its share", "together"] if is_ratio else ["change"]
    keys = ["rate", "share", "total"] if is_ratio else ["total"]
    rows = [[each["value"], *(_signed(each[key]) for key in keys)] for each in told["segments"]]
    for line in aligned([told["by"], *names], rows).splitlines():
        yield f"  {line}"


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{short(value)}"
