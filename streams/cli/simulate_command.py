"""`kpi simulate`: a seeded shop."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import click

from streams.cli.base import DURATION, TIME, config_options, examples
from streams.cli.feed_command import producer_options, report, time_ms
from streams.settings import Settings
from streams.units import HOUR_MS

_FOR_EVER_MS = 1 << 62


@click.command(
    "simulate",
    epilog=examples(
        "kpi simulate --hours 24 > events.jsonl          a day, as fast as it goes",
        "kpi simulate --hours 24 --seed 7 --truth truth.json > events.jsonl",
        "kpi simulate --live --rate 100 --to-kafka       100 events a second, for ever",
        "kpi simulate --hours 1 | kpi compute - --kpi visits",
        "kpi simulate --live --to-kafka --breaks 2m --mended 2h    a checkout that fails",
    ),
)
@config_options("bootstrap_servers", "app_id")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another shop.")
@click.option("--start", type=TIME, help="When it begins [now, or --hours ago without --live].")
@click.option("--hours", type=float, help="How much of its life; with --live the default is: all.")
@click.option("--rate", type=float, help="Events a second at a mean hour [about 1.2].")
@click.option("--visits", type=float, help="Visits an hour instead [600].")
@click.option("--live", is_flag=True, help="In step with the clock.")
@click.option("--speed", type=float, default=1.0, help="With --live: so much faster.")
@click.option("--late", type=float, help="Share of events that arrive late [0.02].")
@click.option("--late-by", type=DURATION, help="How late at most [5m].")
@click.option("--too-late", type=float, help="Share that arrives too late to count [0].")
@click.option("--duplicates", type=float, help="Share that is sent twice [0.01].")
@click.option("--breaks", type=DURATION, help="So long after the start no checkout works [never].")
@click.option(
    "--mended", type=DURATION, help="With --breaks: so long after the start it does again."
)
@click.option("--truth", type=click.Path(path_type=Path), help="Write what is true, as JSON.")
@click.option("--to-kafka", is_flag=True, help="Send to Kafka instead of printing lines.")
def command(settings: Settings, to_kafka: bool, **told: Any) -> None:
    """Play a shop whose events follow from a seed, in all topics, coherent with each other.

    Prints one event a line with its `topic`, for `kpi feed` and `kpi compute`, or sends them.
    """
    from streams.producer import Sender
    from streams.simulator import Message, line_of, simulate

    options = options_of(settings, told)
    play = partial(simulate, options, now_ms=_now_ms, sleep=time.sleep, report=report)
    if to_kafka:
        with Sender(producer_options(settings)) as sender:

            def post(message: Message) -> None:
                if message.topic in sender.used:
                    sender.send(message.topic, message.key, message.value)

            play(send=post)
        return
    out = sys.stdout.buffer

    def write(message: Message) -> None:
        out.write(line_of(message) + b"\n")
        if options.live:
            out.flush()

    play(send=write)
    out.flush()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def options_of(settings: Settings, told: dict[str, Any]) -> Any:
    """How to play."""
    from streams.simulator import ShopOptions, SimulateOptions

    hours, live = told["hours"], told["live"]
    if hours is None and not live:
        raise click.UsageError("how long? --hours 24, or --live for ever")
    start_ms = time_ms(settings, told["start"])
    if start_ms is None:
        start_ms = _now_ms() - (0 if live else int(hours * HOUR_MS))
    shop: dict[str, Any] = {
        "events_per_second": told["rate"],
        "visits_per_hour": told["visits"],
        "late": told["late"],
        "late_by_ms": told["late_by"],
        "too_late": told["too_late"],
        "duplicates": told["duplicates"],
        "broken_ms": _broken_ms(start_ms, told["breaks"], told["mended"]),
    }
    try:
        chosen = ShopOptions(**{name: value for name, value in shop.items() if value is not None})
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return SimulateOptions(
        start_ms=start_ms,
        end_ms=None if hours is None else start_ms + int(hours * HOUR_MS),
        seed=told["seed"],
        shop=chosen,
        live=live,
        speed=told["speed"],
        truth_file=told["truth"],
    )


def _broken_ms(start_ms: int, breaks_ms: int | None, mended_ms: int | None) -> Any:
    """From when until when the checkout is broken; absent: it isn't."""
    if breaks_ms is None:
        if mended_ms is not None:
            raise click.UsageError("--mended needs --breaks: when does the checkout break?")
        return None
    if mended_ms is not None and mended_ms <= breaks_ms:
        raise click.UsageError("--mended must be later than --breaks")
    return start_ms + breaks_ms, _FOR_EVER_MS if mended_ms is None else start_ms + mended_ms
