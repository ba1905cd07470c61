"""`kpi doctor`: what is wrong with this set-up."""

from __future__ import annotations

import asyncio

import click

from streams.cli.base import config_options, examples
from streams.settings import Settings

_SIGNS = {"ok": ("✓", "green"), "note": ("!", "yellow"), "bad": ("✗", "red")}


@click.command(
    "doctor",
    epilog=examples(
        "kpi doctor",
        "kpi doctor --config /etc/kpi/shop.toml",
        "kpi doctor --bootstrap-servers kafka:9092 --url http://kpi:9464",
    ),
)
@config_options("bootstrap_servers", "app_id", "partitions", "exporter_url")
def command(settings: Settings) -> None:
    """Look at everything from the settings to the exporter; change nothing.

    Says what is wrong and what to do about it. Exit code 1 when something is wrong; what is only
    worth a note doesn't count.
    """
    if asyncio.run(_look(settings)):
        raise click.exceptions.Exit(1)


async def _look(settings: Settings) -> int:
    from streams.doctor import examine

    bad = 0
    async for finding in examine(settings):
        sign, colour = _SIGNS[finding.state]
        click.echo(f"{click.style(sign, fg=colour)} {finding.what}")
        if finding.todo:
            click.echo(f"  → {finding.todo}")
        bad += finding.state == "bad"
    return bad
