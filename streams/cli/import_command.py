"""`kpi import`: a shop's own file into our events."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from streams.cli.base import TIME, config_options, examples
from streams.cli.feed_command import producer_options, report, time_ms
from streams.settings import Settings


@click.command(
    "import",
    epilog=examples(
        "kpi import orders.csv --mapping shop-mapping.toml",
        "kpi import orders.csv.gz --mapping shop-mapping.toml --dry-run | head",
        "kpi import orders.csv --mapping o.toml --no-clocks && kpi import tickets.csv --mapping t.toml",
        "ls examples/mappings                       mappings to start from",
    ),
)
@config_options("bootstrap_servers", "app_id")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--mapping",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Which column is which field: a TOML file.",
)
@click.option("--dry-run", is_flag=True, help="Print the events, each with its topic; no Kafka.")
@click.option("--keep-order", is_flag=True, help="In the file's order, not by event time.")
@click.option("--end-at", type=TIME, help="At the end, move time on to here [the last event].")
@click.option("--no-clocks", is_flag=True, help="Don't move time on: another file follows.")
@click.option("--restart", is_flag=True, help="From the start, whatever was sent before.")
@click.option("--no-progress", is_flag=True, help="Without telling how far it is.")
def command(
    settings: Settings,
    file: Path,
    mapping: Path,
    dry_run: bool,
    keep_order: bool,
    end_at: str | None,
    no_clocks: bool,
    restart: bool,
    no_progress: bool,
) -> None:
    """Turn the CSV or JSON lines in FILE into events, and send them to Kafka by event time."""
    from streams import importer

    options = importer.ImportOptions(
        file=file,
        mapping=mapping,
        keep_order=keep_order,
        clocks=not no_clocks,
        end_at_ms=time_ms(settings, end_at),
        restart=restart,
        progress=not no_progress,
    )
    if dry_run:
        result = importer.dry_run(options, write=sys.stdout.buffer.write, report=report)
        sys.stdout.buffer.flush()
    else:
        result = importer.import_file(options, producer_options(settings), report=report)
    events = ", ".join(f"{count:,} {kind}" for kind, count in result.events.items())
    report(f"{result.lines:,} lines: {events or 'no events'}")
    if result.unused or result.bad:
        report(f"{result.unused:,} lines that no rule wants, {result.bad:,} bad lines")
