"""`kpi forget`: a customer who asks for it; and where in Kafka one is still named."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from typing import Any

import click

from streams.cli.base import TIME, config_options, examples
from streams.cli.feed_command import producer_options, time_ms
from streams.settings import Settings
from streams.units import show_time

_TOLD = """\
goes     what workers keep under {whom}, once no earlier event can come any more
         (the topic's lateness, plus {gap} for visitors)
stays    all values: nobody is named in them. Orders and tickets, for what refers to them later: of
         the customer they hold nothing
remains  in the inputs and in dead letters until Kafka deletes them, and where you keep events
         yourself: `kpi forget {ids} --check` counts what still names them, and says until when"""


@click.command(
    "forget",
    epilog=examples(
        "kpi forget c-1042                              what is kept under the customer goes",
        "kpi forget c-1042 --visitor v-77 --visitor v-78 --subscriber ann-1",
        "kpi forget --visitor v-77                      of somebody who is no customer",
        "kpi forget c-1042 --visitor v-77 --check       where they are named; writes nothing",
    ),
)
@config_options("bootstrap_servers", "app_id", "partitions")
@click.argument("customer", required=False)
@click.option(
    "--visitor", multiple=True, metavar="ID", help="A visitor id of theirs; also several."
)
@click.option("--subscriber", multiple=True, metavar="ID", help="As whom they are on lists.")
@click.option("--check", is_flag=True, help="Only count what names them; 1 while state does.")
@click.option(
    "--request", metavar="TEXT", help="Names the request: sent again under it, it counts once."
)
@click.option("--at", "at_time", type=TIME, help="When; default: now, in the shop's time.")
def command(
    settings: Settings,
    customer: str | None,
    visitor: tuple[str, ...],
    subscriber: tuple[str, ...],
    check: bool,
    request: str | None,
    at_time: str | None,
) -> None:
    """Forget CUSTOMER, and what is kept under ids of theirs; no value of the past changes.

    Writes `customer_forgotten` to the topic of orders, which workers act on; whoever comes again
    after that is new. An id that is an e-mail address is also looked for as the adapter for Segment
    hashes it. docs/how-to/forget.md says what goes, what stays, and until when.
    """
    from streams.forgetting.requests import Person

    person = Person(*(_with_hashes(settings, ids) for ids in ((customer,), visitor, subscriber)))
    if not person.ids:
        raise click.UsageError("expected CUSTOMER, --visitor or --subscriber")
    if check:
        _check(settings, person)
    else:
        _forget(settings, person, request, time_ms(settings, at_time))


def _with_hashes(settings: Settings, ids: tuple[str | None, ...]) -> tuple[str, ...]:
    from streams.adapters.segment_orders import hashed

    given = [each for each in ids if each]
    return (*given, *(hashed(each, settings.segment.pepper) for each in given if "@" in each))


def _forget(settings: Settings, person: Any, request: str | None, at_ms: int | None) -> None:
    from streams.forgetting.moment import now_of
    from streams.forgetting.requests import events_of
    from streams.producer import Sender

    if at_ms is None:
        at_ms = asyncio.run(now_of(settings, time.time_ns() // 1_000_000))
    request = request or secrets.token_hex(8)
    events = events_of(person, at_ms, request)
    with Sender(producer_options(settings)) as sender:
        for event in events:
            sender.send("orders", event["customer_id"].encode(), json.dumps(event).encode())
    shown = show_time(at_ms - at_ms % 1000, settings.definitions.zone)
    click.echo(f"sent     {len(events)} customer_forgotten of {shown}, as request {request}")
    words = [*person.customers[:1]]
    words += [f"--visitor {each}" for each in person.visitors]
    words += [f"--subscriber {each}" for each in person.subscribers]
    whom = "that id" if len(person.ids) == 1 else "those ids"
    gap = f"{settings.definitions.visit_gap_ms // 60_000} minutes"
    click.echo(_TOLD.format(whom=whom, gap=gap, ids=" ".join(words)))


def _check(settings: Settings, person: Any) -> None:
    from streams.forgetting.traces import find
    from streams.progress import Progress

    with Progress("looking through", None, "records") as told:
        found = asyncio.run(find(settings, person.ids, told.reached))
    width = max((len(traces.topic) for traces in found), default=0)
    for traces in found:
        click.echo(f"{traces.topic:{width}}  {_told(traces, settings.definitions.zone)}")
    if any(traces.is_dropped_by_workers and traces.standing for traces in found):
        raise click.exceptions.Exit(1)


def _told(traces: Any, zone: str) -> str:
    if not traces.count:
        return "none"
    told = f"{traces.standing:,}"
    if traces.passing:
        told += f", and {traces.passing:,} older to be compacted"
    told += f", the last of {show_time(traces.newest_ms - traces.newest_ms % 1000, zone)}"
    if traces.until_ms is not None:
        return f"{told}; gone by {show_time(traces.until_ms - traces.until_ms % 1000, zone)}"
    if traces.is_dropped_by_workers:
        return f"{told}; until workers drop it"
    return f"{told}; until somebody deletes it"
