"""`kpi feed`: JSON lines into Kafka."""

from __future__ import annotations

import time
from pathlib import Path

import click

from kpi_windows.events import TOPICS
from streams.cli.base import TIME, Failure, config_options, examples
from streams.producer import ProducerOptions
from streams.settings import Settings
from streams.units import parse_time


@click.command(
    "feed",
    epilog=examples(
        "kpi feed clicks.jsonl --topic clickstream",
        "kpi simulate --hours 1 | kpi feed -            each line says its topic",
        "kpi feed old.jsonl --end-at 2011-12-10         … and nothing happens until then",
    ),
)
@config_options("bootstrap_servers", "app_id")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--topic", type=click.Choice(list(TOPICS)), help="Default: each line's own `topic`.")
@click.option("--end-at", type=TIME, help="At the end, move time on to here.")
@click.option("--keep-bad", is_flag=True, help="Send lines that are no events, as they are.")
@click.option("--restart", is_flag=True, help="Begin at the first line, whatever was fed before.")
@click.option("--no-progress", is_flag=True, help="Without telling how far it is.")
def command(
    settings: Settings,
    file: str,
    topic: str | None,
    end_at: str | None,
    keep_bad: bool,
    restart: bool,
    no_progress: bool,
) -> None:
    """Send the events in FILE (one JSON object a line; `-` is standard input) to Kafka.

    Lines that are no events are reported by number and left out. A run that was cut off goes on
    where it stopped. Exit code 1 when lines were bad.
    """
    from streams.feed import FeedOptions, feed

    options = FeedOptions(
        file=None if file == "-" else Path(file),
        topic=topic,
        keep_bad=keep_bad,
        end_at_ms=time_ms(settings, end_at),
        restart=restart,
        progress=not no_progress,
    )
    result = feed(options, producer_options(settings), report=report)
    told = f"{result.sent:,} events sent"
    told += f", {result.before:,} lines had been fed before" if result.before else ""
    told += f", {result.bad:,} bad lines" if result.bad else ""
    click.echo(told, err=True)
    if result.bad and not keep_bad:
        raise Failure(f"{result.bad:,} lines are no events and were left out")


def time_ms(settings: Settings, text: str | None) -> int | None:
    """A time on the command line; without a zone of its own it is in the shop's."""
    if text is None:
        return None
    return parse_time(text, settings.definitions.zone, time.time_ns() // 1_000_000)


def producer_options(settings: Settings) -> ProducerOptions:
    """Where to send."""
    return ProducerOptions(
        bootstrap_servers=settings.bootstrap_servers,
        kafka_options=settings.kafka_options,
        topics=settings.topics,
        used=tuple(settings.topics),
    )


def report(line: str) -> None:
    """A line for people, beside the bar."""
    click.echo(line, err=True)
