"""`kpi demo`: everything at once, on this machine."""

from __future__ import annotations

import click

from streams.cli.base import Failure, config_options, examples
from streams.settings import Settings


@click.command(
    "demo",
    epilog=examples(
        "kpi demo                          until Ctrl-C",
        "kpi demo --seconds 300            ends by itself",
        "kpi demo --no-shop                for events of your own",
        "kpi demo --port 8080 --visits 2000",
    ),
)
@config_options("exporter_host", "exporter_port", "log_level")
@click.option(
    "--seconds", type=click.FloatRange(min=0), help="End so long after its start [never]."
)
@click.option("--no-shop", is_flag=True, help="No simulated shop: send events of your own.")
@click.option("--hours", type=click.FloatRange(0), default=26.0, help="Of its past, first [26].")
@click.option("--visits", type=click.FloatRange(1), default=600.0, help="An hour [600].")
@click.option("--seed", type=int, default=1, help="Another seed, another shop [1].")
@click.option("--inside", is_flag=True, hidden=True)
def command(
    settings: Settings,
    seconds: float | None,
    no_shop: bool,
    hours: float,
    visits: float,
    seed: int,
    inside: bool,
) -> None:
    """A simulated shop, a broker, a worker and an exporter, in one go.

    Needs nothing but this command: the broker lives in its memory. The shop's last 26 hours are
    played first, fast, so that every window has values within a minute; then it goes on live.
    The address of its live page is printed; everything is gone when it ends.
    """
    from streams import demo

    if inside:
        demo.inside(settings, None if no_shop else visits)
    options = demo.DemoOptions(seconds, not no_shop, hours, visits, seed)
    try:
        demo.run(settings, options, click.echo)
    except KeyboardInterrupt:
        return
    except demo.DemoError as error:
        raise Failure(str(error)) from error
