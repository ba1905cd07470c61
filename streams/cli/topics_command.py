"""`kpi topics`: creates the topics, or checks them."""

from __future__ import annotations

import asyncio

import click

from streams.cli.base import config_options, examples
from streams.settings import Settings


@click.command(
    "topics",
    epilog=examples(
        "kpi topics                                   create what is missing",
        "kpi topics --check                           say what is missing or wrong",
        "kpi topics --bootstrap-servers kafka:9092 --partitions 8",
    ),
)
@config_options("bootstrap_servers", "app_id", "partitions")
@click.option("--check", is_flag=True, help="Create nothing; fail when something is missing.")
def command(settings: Settings, check: bool) -> None:
    """Create the topics in Kafka, or check them.

    The input topics that the shop uses and the internal ones all get the same number of partitions, because one
    transaction covers everything of a partition. Existing topics are never changed.
    """
    from streams.alerting import topics as alerts
    from streams.topics import Names, ensure

    created = asyncio.run(ensure(settings, create=not check)).created
    for name in Names.of(settings).all():
        click.echo(f"{name}: {'created' if name in created else 'there'}")
    click.echo(f"all with {settings.partitions} partitions")
    if settings.alerting.evaluate:
        created = asyncio.run(alerts.ensure(settings, create=not check))
        for name in alerts.AlertTopics.of(settings):
            click.echo(f"{name}: {'created' if name in created else 'there'}, for alerts")
