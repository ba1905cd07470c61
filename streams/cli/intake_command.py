"""`kpi intake`: events over HTTP into Kafka."""

from __future__ import annotations

import asyncio

import click

from streams.cli.base import config_options, examples
from streams.settings import Settings


@click.command(
    "intake",
    epilog=examples(
        "export KPI_INTAKE_TOKENS=$(openssl rand -hex 24)     who has it may send",
        "kpi intake                                           http://127.0.0.1:9466",
        'curl -H "Authorization: Bearer $KPI_INTAKE_TOKENS" -H "Content-Type: application/json" \\',
        "  -d @event.json http://127.0.0.1:9466/v1/events/clickstream",
        "kpi intake --host 0.0.0.0                            with [intake] certfile and keyfile",
    ),
)
@config_options("bootstrap_servers", "app_id", "intake_host", "intake_port")
def command(settings: Settings) -> None:
    """Take events over HTTP, check them, and write them to Kafka.

    POST /v1/events/TOPIC takes one event, an array, or one a line, and answers for each of them:
    accepted (Kafka has it), duplicate, rejected (and what was expected), or not_written (send the
    same again, under the same event_id). Any number of intakes may run.
    It listens on this machine only unless told otherwise.
    """
    from streams.receiver.run import run_intake
    from streams.site import Site

    def told(site: Site) -> None:
        click.echo(f"events   {site.url}/v1/events/TOPIC")
        click.echo(f"metrics  {site.url}/metrics")

    asyncio.run(run_intake(settings, told))
