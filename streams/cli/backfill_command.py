"""`kpi backfill`: past events into Prometheus."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click

from kpi_windows.definitions import MINUTE_MS
from streams.cli.base import DURATION, TIME, config_options, examples
from streams.cli.feed_command import report, time_ms
from streams.cycles import look_seldom
from streams.settings import Settings

_AFTER = """\
Copy them into Prometheus' data folder, as the user that it runs as; within a minute it has them:
  cp -r {out}/01* …/data/      (with docker compose, and what to mind: docs/how-to/history.md)
It deletes at once what is older than its --storage.tsdb.retention.time."""


@click.command(
    "backfill",
    epilog=examples(
        "kpi import orders.csv --mapping shop.toml --dry-run > events.jsonl",
        "kpi backfill events.jsonl --out history",
        "kpi backfill clicks.jsonl.gz orders.jsonl.gz --out history --from 2026-01-01",
        "kpi backfill events.jsonl --out texts --text      without promtool",
        "cp -r history/01* PROMETHEUS_DATA/                see docs/how-to/history.md",
    ),
)
@config_options()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="A folder."
)
@click.option("--from", "from_time", type=TIME, help="From this time on [the first event].")
@click.option("--to", "to_time", type=TIME, help="Up to this time [the last event; at most now].")
@click.option("--step", type=DURATION, default="5m", show_default=True, help="Between samples.")
@click.option("--promtool", default="promtool", help="Where promtool is [in the PATH].")
@click.option("--text", is_flag=True, help="OpenMetrics text only; promtool isn't needed.")
@click.option("--totals", is_flag=True, help="Without breakdowns: in half the time.")
@click.option("--job", help="Label of the series [as in the generated prometheus.yml].")
@click.option("--instance", help="Label of the series [as in the generated prometheus.yml].")
@click.option("--restart", is_flag=True, help="From the start, whatever is there.")
@click.option("--no-progress", is_flag=True, help="Without telling how far it is.")
def command(
    settings: Settings,
    files: tuple[Path, ...],
    out: Path,
    from_time: str | None,
    to_time: str | None,
    step: int,
    promtool: str,
    text: bool,
    totals: bool,
    job: str | None,
    instance: str | None,
    restart: bool,
    no_progress: bool,
) -> None:
    """Turn past events in FILES into blocks for Prometheus, so that panels are full on day one.

    Each line is an event with its `topic`, as `kpi import --dry-run` and `kpi simulate` print them;
    files may be packed with gzip. The series are those of the exporter's /metrics, at each step as
    it would have said them then, to the last digit. All events of the files count: lines are put in
    order of time first, so none is late.

    Prometheus shows a sample for five minutes: a longer --step leaves gaps. A run that was cut off
    goes on where it stopped, when it is called again in the same way.
    """
    from streams import backfill, blocks
    from streams.generate.processor_alerts import EXPORTER
    from streams.generate.services import TARGET
    from streams.past import survey

    if step < MINUTE_MS or step % MINUTE_MS:
        raise click.UsageError("--step: expected whole minutes, as 5m: windows end at minutes")
    look_seldom()
    options = backfill.BackfillOptions(
        out=out,
        labels={"instance": instance or TARGET, "job": job or EXPORTER},
        promtool=None if text else blocks.find(promtool),
        step_ms=step,
        from_ms=time_ms(settings, from_time),
        to_ms=time_ms(settings, to_time),
        now_ms=time.time_ns() // 1_000_000,
        restart=restart,
        progress=not no_progress,
    )
    if totals:
        settings = replace(settings, exporter=replace(settings.exporter, breakdowns=False))
    log = survey(files, settings.definitions, settings.topics, progress=not no_progress)
    try:
        result = backfill.backfill(log, settings, options, report)
    except KeyboardInterrupt:
        report(f"interrupted; the same command goes on, with what is finished in {out}")
        raise
    if result.report.outcomes:
        report(result.report.words())
    if log.late:
        report(f"{log.late:,} events are so far out of order that live they could have been late")
    report(backfill.shown(result, options))
    if not text and result.before < result.steps:
        report(_AFTER.format(out=out))
