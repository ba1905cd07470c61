"""`kpi worker`: a supervised worker."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import click

from streams.cli.base import config_options, examples
from streams.settings import Settings

log = logging.getLogger(__name__)


@click.command(
    "worker",
    epilog=examples(
        "kpi worker                                    by ./shop.toml",
        "kpi worker --config /etc/kpi/shop.toml --create-topics",
        "KPI_BOOTSTRAP_SERVERS=kafka:9092 kpi worker   the broker by its variable",
    ),
)
@config_options("bootstrap_servers", "app_id", "partitions", "instance_id", "worker_port")
@click.option("--create-topics", is_flag=True, help="Create topics that are missing.")
@click.option("--once", is_flag=True, help="Without supervisor: end when something fails.")
def command(settings: Settings, create_topics: bool, once: bool) -> None:
    """Turn the events in Kafka into KPIs, exactly once.

    Start as many as there are partitions, at most: they share the work, and take over from one
    another. All state is in Kafka, so a worker can be killed at any time. One that fails ends, and
    its supervisor starts a fresh one; exit code 78 says that a human has to look first.
    """
    if not once:
        from streams.worker import supervise

        sys.exit(supervise([sys.executable, "-m", "streams.cli", *sys.argv[1:], "--once"]))
    work(settings, create_topics=create_topics)


def work(settings: Settings, *, create_topics: bool, on_commit: Any = ()) -> None:
    """Works until told to stop; ends the process."""
    from kpi_windows.engine import Shard
    from streams.worker import run_worker

    def shard(partition: int, partitions: int) -> Shard:
        return Shard(settings.definitions, partition, partitions, tuple(settings.topics))

    def started(app: Any) -> None:
        app.own_site = asyncio.ensure_future(_serve(settings, app))

    run_worker(settings, shard, on_commit, create_topics=create_topics, started=started)


async def _serve(settings: Settings, app: Any) -> None:
    from streams.exporter import worker_app
    from streams.settings import ConfigError
    from streams.site import PortTakenError, serve, tls_of

    worker = settings.worker
    try:
        tls = tls_of("worker", worker.certfile, worker.keyfile)
        web_app = worker_app(app, worker)
        site = await serve(web_app, worker.host, worker.port, else_any=True, tls=tls)
    except (PortTakenError, ConfigError) as error:
        log.warning("no metrics of this worker: %s", error)
    else:
        log.info("working; this worker's own metrics: %s/metrics", site.url)
