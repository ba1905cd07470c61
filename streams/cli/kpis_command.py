"""`kpi kpis`: the catalogue in the terminal."""

from __future__ import annotations

import json
import shutil

import click

from streams.cli.base import config_options, examples
from streams.settings import Settings


@click.command(
    "kpis",
    epilog=examples(
        "kpi kpis                          all, by group, with their names in the guide",
        "kpi kpis conversion_rate          what it means, how it is computed, what it takes",
        "kpi kpis Conversieratio           by any of its names",
        "kpi kpis --format json",
    ),
)
@config_options()
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(settings: Settings, name: str | None, form: str) -> None:
    """List the KPIs, the shop's own among them, or explain the one called NAME."""
    from streams.explain import described, in_words

    catalogue = settings.catalogue
    find = catalogue.find
    if form == "json":
        told = described(find(name)) if name else [described(k) for k in catalogue.values()]
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    if name:
        click.echo("\n".join(in_words(find(name), shutil.get_terminal_size().columns)))
        return
    width = max(map(len, catalogue))
    titles = max(len(kpi.title) for kpi in catalogue.values())
    for group, kpis in catalogue.groups.items():
        click.secho(group, bold=True)
        for kpi in kpis:
            line = f"  {kpi.id:<{width}}  {kpi.title:<{titles}}  {', '.join(kpi.aliases[:1])}"
            click.echo(line.rstrip())
    click.echo(
        "\n`kpi kpis NAME` explains one, by its id, its title or the guide's name.", err=True
    )
