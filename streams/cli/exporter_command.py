"""`kpi exporter`: what workers commit, on the web."""

from __future__ import annotations

import asyncio

import click

from streams.cli.base import Failure, config_options, examples
from streams.settings import Settings


@click.command(
    "exporter",
    epilog=examples(
        "kpi exporter                                 http://127.0.0.1:9464/",
        "kpi exporter --host 0.0.0.0 --port 8080      for the whole network",
        "curl -s 127.0.0.1:9464/readyz                503 until all values are complete",
    ),
)
@config_options("bootstrap_servers", "app_id", "partitions", "exporter_host", "exporter_port")
def command(settings: Settings) -> None:
    """Serve the live page, /metrics for Prometheus, and the JSON API.

    Any number of exporters may run; each reads all partitions, and keeps nothing of its own.
    It listens on this machine only unless told otherwise, and asks for a token and speaks HTTPS
    when told to: docs/how-to/protect.md.
    """
    from streams.address import url_of
    from streams.exporter import run_exporter
    from streams.site import Site
    from streams.stuck import StuckError
    from streams.topics import RefusedError
    from streams.worker import EXIT_REFUSED

    def told(site: Site) -> None:
        click.echo(f"page     {site.url}/")
        exporter = settings.exporter
        metrics = site.url
        if exporter.metrics_port:
            host = exporter.metrics_host or exporter.host
            metrics = url_of(host, exporter.metrics_port, site.url.partition(":")[0])
        click.echo(f"metrics  {metrics}/metrics")
        click.echo(f"API      {site.url}/api/v1/status")

    try:
        asyncio.run(run_exporter(settings, told))
    except RefusedError as error:
        refused = Failure(str(error))
        refused.exit_code = EXIT_REFUSED
        raise refused from error
    except StuckError as error:
        raise Failure(f"{error}: started anew, it reads all again") from error
