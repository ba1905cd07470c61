"""`kpi backtest`: thresholds against the past."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.answers import aligned
from streams.cli.base import TIME, config_options, examples
from streams.cli.feed_command import report, time_ms
from streams.config import load
from streams.cycles import look_seldom
from streams.settings import Settings
from streams.units import show_duration, show_time

if TYPE_CHECKING:
    from kpi_windows.backtest import Trial
    from streams.backtest import BacktestResult

_INTERRUPTED = 130


@click.command(
    "backtest",
    epilog=examples(
        "kpi import orders.csv --mapping shop.toml --dry-run > events.jsonl",
        "kpi backtest events.jsonl",
        "kpi backtest events.jsonl --thresholds stricter.toml --from 2026-01-08",
        "kpi backtest clicks.jsonl.gz orders.jsonl.gz --format json > alerts.json",
    ),
)
@config_options()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--thresholds", metavar="FILE", help="Those of another shop.toml [of --config].")
@click.option("--from", "from_time", type=TIME, help="From this time on [the first event].")
@click.option("--to", "to_time", type=TIME, help="Up to this time [the last event].")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
@click.option("--no-progress", is_flag=True, help="Without telling how far it is.")
def command(
    settings: Settings,
    files: tuple[Path, ...],
    thresholds: str | None,
    from_time: str | None,
    to_time: str | None,
    form: str,
    no_progress: bool,
) -> None:
    """Say when each alert would have fired on the past events in FILES, and for how long.

    Each line is an event with its `topic`, as `kpi import --dry-run` and `kpi simulate` print them.
    Thresholds are judged as live ones are: each minute of event time, by values that are ripe, with
    `for`, `keep_firing_for`, `min_volume` and hysteresis. `once_a_week` is a bound at which one that
    fired more often would have fired once a week at most. Windows fill in the log's first days:
    with --from a week or so after its begin, they don't count.

    Interrupted, it tells of what it has judged.
    """
    from streams.backtest import backtest
    from streams.past import survey

    look_seldom()
    if thresholds is not None:  # with the KPIs and measures that they may be about
        settings = load(thresholds)
    show = not no_progress
    log = survey(files, settings.definitions, settings.topics, progress=show)
    result = backtest(
        log,
        settings,
        settings.thresholds,
        from_ms=time_ms(settings, from_time),
        to_ms=time_ms(settings, to_time),
        progress=show,
    )
    zone = settings.definitions.zone
    told = told_of(result, zone)
    click.echo(json.dumps(told, indent=1) if form == "json" else shown(told))
    if result.report.outcomes:
        report(result.report.words())
    if result.interrupted:
        report(f"interrupted at {show_time(result.last_ms, zone)}: it goes no further than that")
        raise click.exceptions.Exit(_INTERRUPTED)


def told_of(result: BacktestResult, zone: str) -> dict[str, Any]:
    """The result as plain objects."""
    return {
        "from": show_time(result.first_ms, zone),
        "to": show_time(result.last_ms, zone),
        "thresholds": [_told(each, zone) for each in result.tested],
    }


def _told(tested: Trial, zone: str) -> dict[str, Any]:
    threshold = tested.threshold
    return {
        "threshold": threshold.name,
        "kpi": threshold.kpi,
        "definition": threshold.definition,
        "window": threshold.window,
        "where": dict(threshold.where),
        "direction": threshold.direction,
        "bound": threshold.bound,
        "minutes_judged": tested.judged,
        "fired": len(tested.episodes),
        "fired_per_week": len(tested.episodes) / tested.weeks,
        "firing_seconds": tested.firing_ms // 1_000,
        "worst": tested.worst,
        "once_a_week": tested.suggestion(),
        "episodes": [
            {
                "since": show_time(each.since_ms, zone),
                "breach": show_time(each.breached_ms, zone),
                "recovery": each.recovered_ms and show_time(each.recovered_ms, zone),
                "seconds": each.lasted_ms(tested.last_ms) // 1_000,
                "worst": each.worst,
                "worst_at": show_time(each.worst_ms, zone),
            }
            for each in tested.episodes
        ],
    }


_HEADER = ["threshold", "bound", "fired", "a_week", "firing", "worst", "once_a_week"]


def shown(told: dict[str, Any]) -> str:
    """The result as text: a line a threshold, then a line a breach."""
    if not told["thresholds"]:
        return "no thresholds: [thresholds.NAME] in shop.toml makes one"
    rows = [
        [
            each["threshold"],
            f"{each['direction']} {each['bound']:g}",
            str(each["fired"]),
            f"{each['fired_per_week']:.1f}",
            show_duration(each["firing_seconds"] * 1_000),
            "" if each["worst"] is None else f"{each['worst']:.6g}",
            "" if each["once_a_week"] is None else f"{each['once_a_week']:g}",
        ]
        for each in told["thresholds"]
    ]
    lines = [f"{told['from']} to {told['to']}", "", aligned(_HEADER, rows)]
    for each in told["thresholds"]:
        if each["episodes"]:
            lines += ["", each["threshold"]]
        lines += [
            f"  {one['breach']} to {one['recovery'] or '… still firing'}: "
            f"{show_duration(one['seconds'] * 1_000)}, at worst {one['worst']:.6g}"
            for one in each["episodes"]
        ]
    return "\n".join(lines)
