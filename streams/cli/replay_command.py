"""`kpi replay`: the inputs once more, into a fresh state beside the running one."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import click

from streams.cli.base import TIME, Failure, config_options, examples
from streams.cli.feed_command import report, time_ms
from streams.settings import Settings
from streams.units import show_duration, show_time

_SHOWN = 5


@click.command(
    "replay",
    epilog=examples(
        "kpi replay --app-id kpi-2 --from earliest      everything, by today's shop.toml",
        "kpi replay --app-id kpi-2 --from now-7d        what came in the last seven days",
        "kpi replay --app-id kpi-2                      goes on where it was interrupted",
        "kpi replay --app-id kpi-2 --compare kpi        which values differ from the running ones",
        "kpi replay --app-id kpi-2 --compare http://127.0.0.1:9464",
        "kpi replay --app-id kpi-2 --delete             its topics, and no others",
    ),
)
@config_options("bootstrap_servers", "partitions")
@click.option("--app-id", "name", required=True, metavar="NAME", help="A new name: the replay's.")
@click.option("--from", "from_time", metavar="TIME", help="`earliest`, or what came since then.")
@click.option("--to", "to_time", type=TIME, help="Up to then [where the inputs end now].")
@click.option("--compare", metavar="APP|URL", help="Which values differ from those of another.")
@click.option("--days", type=click.IntRange(1), default=31, show_default=True, help="To compare.")
@click.option("--delete", is_flag=True, help="Remove the topics of the replay.")
@click.option("--yes", is_flag=True, help="… without asking.")
@click.option("--inside", is_flag=True, hidden=True)
def command(
    settings: Settings,
    name: str,
    from_time: str | None,
    to_time: str | None,
    compare: str | None,
    days: int,
    delete: bool,
    yes: bool,
    inside: bool,
) -> None:
    """Run the input topics again into a fresh state beside the running one, which stays as it is.

    For changed definitions, for events that came too late, or to check. The replay is an
    application of its own, with its own state; it ends where the inputs end when it is first
    started. Times are those of the records' arrival in Kafka. It can be interrupted at any time
    and goes on when it is started again. docs/how-to/replay.md says how to switch over to it.
    """
    if sum(map(bool, (from_time or to_time, compare, delete))) > 1:
        raise click.UsageError("expected --from and --to, --compare or --delete: one at a time")
    if compare:
        _compare(settings, name, compare, days)
    elif delete:
        _delete(settings, name, yes)
    elif inside:
        _work(settings, name)
    else:
        _replay(settings, name, _time_or_earliest(settings, from_time), from_time, to_time)


def _time_or_earliest(settings: Settings, told: str | None) -> int | None:
    if told is None or told == "earliest":
        return None
    try:
        return time_ms(settings, told)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"earliest, or a time: {error}", param_hint="--from") from None


def _replay(
    settings: Settings, name: str, from_ms: int | None, from_time: str | None, to_time: str | None
) -> None:
    from streams.replay.plan import as_app, find, finish, make
    from streams.worker import EXIT_FINISHED, EXIT_OK, supervise

    plan = asyncio.run(find(settings, name))
    if plan is None:
        if from_time is None:
            raise click.UsageError(f"{name} is a new replay: --from earliest, or a time")
        plan = asyncio.run(make(settings, name, from_ms, time_ms(settings, to_time)))
    elif from_time or to_time:
        raise Failure(
            f"{name} is a replay already: it goes on without --from and --to; for another one "
            "choose another name, or remove it first (--delete)"
        )
    _tell_plan(settings, name, plan)
    began_s = time.monotonic()
    if not plan.finished:
        child = [sys.executable, "-m", "streams.cli", *sys.argv[1:], "--inside"]
        code = supervise(child)
        if code == EXIT_OK:
            report("interrupted; the same command goes on from here (without --from and --to)")
        if code != EXIT_FINISHED:
            raise click.exceptions.Exit(code or 130)
        asyncio.run(finish(settings, name, plan))
    low_ms = asyncio.run(_complete_to_ms(as_app(settings, name)))
    _tell_next(settings, name, plan, max(1, round(time.monotonic() - began_s)), low_ms)


def _work(settings: Settings, name: str) -> None:
    from streams.replay.plan import as_app, find
    from streams.replay.run import span_of, work

    plan = asyncio.run(find(settings, name))
    assert plan is not None
    replayed = as_app(settings, name)
    span = asyncio.run(span_of(replayed, plan))
    work(replayed, plan, span, bar=sys.stderr.isatty())


async def _complete_to_ms(replayed: Settings) -> int | None:
    """Up to when values are complete."""
    from streams.checkpoints import last_checkpoints
    from streams.topics import answering

    async with answering(replayed):
        stood = await last_checkpoints(replayed)
    marks = [each.checkpoint.watermark_ms for each in stood.values()]
    return min((at_ms for at_ms in marks if at_ms is not None), default=None)


def _tell_plan(settings: Settings, name: str, plan: Any) -> None:
    zone = settings.definitions.zone
    since = "the beginning" if plan.from_ms is None else show_time(plan.from_ms, zone)
    until = "the end" if plan.to_ms is None else show_time(plan.to_ms, zone)
    report(f"{name}: {plan.records:,} records, from {since} to {until} of the inputs")
    if not plan.records:
        report("nothing came in that time: times are those of the records' arrival in Kafka")
    for topic, count in plan.by_topic().items():
        if count:
            report(f"  {count:>12,} {settings.topics.get(topic, topic)}")


def _tell_next(settings: Settings, name: str, plan: Any, took_s: int, low_ms: int | None) -> None:
    zone = settings.definitions.zone
    told = "done before" if plan.finished else f"done in {show_duration(took_s * 1_000)}"
    if low_ms is not None:
        told += f"; values are complete up to {show_time(low_ms - low_ms % 1_000, zone)}"
    click.echo(told)
    click.echo(f"compare      kpi replay --app-id {name} --compare {plan.of}")
    click.echo(f"look         KPI_ALERTING_EVALUATE=false kpi exporter --app-id {name} --port 0")
    click.echo("             kpi query KPI --url … (where that exporter says that it listens)")
    click.echo(f"switch over  kpi worker --app-id {name} goes on from here; docs/how-to/replay.md")
    click.echo(f"remove       kpi replay --app-id {name} --delete")


# ------------------------------------------------------------------ compare


def _compare(settings: Settings, name: str, other: str, days: int) -> None:
    from streams.progress import Progress
    from streams.replay.compare import behind, compare
    from streams.replay.plan import find

    plan = asyncio.run(find(settings, name))
    left = _side(settings, name)
    right = (
        _side_at(settings, other)
        if other.startswith(("http://", "https://"))
        else _side(settings, other)
    )
    with Progress("compare", len(settings.catalogue), "KPIs") as telling:
        found = compare(
            left,
            right,
            settings.catalogue,
            settings.definitions,
            from_ms=plan.from_ms if plan else None,
            days=days,
            progress=telling.advance,
        )
    _tell_events(left, right)
    apart = behind(left, right)
    if apart:
        report(
            f"one has read {apart:,} records that the other hasn't: a KPI whose past changes by "
            "what comes later (answers to old tickets, say) may differ by these"
        )
    if found is None:
        raise Failure("there is no hour yet that both have whole")
    zone = settings.definitions.zone
    click.echo(
        f"{found.values:,} values of {found.kpis} KPIs, from {show_time(found.from_ms, zone)} to "
        f"{show_time(found.to_ms, zone)}: "
        + (f"{len(found.differences)} KPIs differ" if found.differences else "all are equal")
    )
    for kpi, differences in found.differences.items():
        click.echo(f"{kpi}: {len(differences):,} values")
        for each in differences[:_SHOWN]:
            click.echo(
                f"  {_place(each)}: {left.name} {_number(each.left)}, {right.name} {_number(each.right)}"
            )
    if found.differences:
        raise click.exceptions.Exit(1)


def _tell_events(left: Any, right: Any) -> None:
    from kpi_windows.engine import OUTCOMES

    for topic in sorted(left.events.keys() | right.events.keys()):
        one, other = left.events.get(topic, {}), right.events.get(topic, {})
        for outcome in OUTCOMES:
            ours, theirs = one.get(outcome, 0), other.get(outcome, 0)
            if ours != theirs:
                report(f"{topic}, {outcome}: {left.name} {ours:,}, {right.name} {theirs:,}")


def _place(each: Any) -> str:
    labels = ", ".join(f"{label}={value}" for label, value in each.labels.items())
    definition = "" if each.definition == "default" else f" ({each.definition})"
    return f"{each.window} {each.start}{definition}{' ' if labels else ''}{labels}"


def _number(told: Any) -> str:
    if told is None or told["value"] is None:
        return "none"
    of = f" ({told['numerator']!r} / {told['denominator']!r})" if told["denominator"] else ""
    return f"{told['value']!r}{of}"


def _side(settings: Settings, name: str) -> Any:
    from kpi_windows.compatibility import are_others
    from streams.replay.compare import side_of
    from streams.replay.plan import as_app
    from streams.snapshot import snapshot
    from streams.topics import Names, answering, partitions_of

    async def view() -> Any:
        app = as_app(settings, name)
        panes = Names.of(app).panes
        async with answering(app):
            if not await partitions_of(app, panes):
                raise Failure(f"{panes} isn't there: is {name!r} the name of an application?")
            return await snapshot(app)

    found = asyncio.run(view())
    if are_others(found.checkpoints.values(), settings.definitions):
        report(
            f"{name} was made under other definitions ([shop]: zone, currency, gaps, targets …) than "
            "the settings have, so that numbers may rightly differ"
        )
    return side_of(name, found, settings.catalogue)


def _side_at(settings: Settings, url: str) -> Any:
    from streams.cli.query_command import ask, get
    from streams.replay.compare import Side

    status = get(settings, "/api/v1/status", url)
    if not status["ready"]:
        raise Failure(f"the exporter at {url} isn't ready yet: {status['reason']}")
    positions = {p: told["positions"] for p, told in status["partitions"].items()}
    return Side(
        url,
        lambda asked: ask(settings, asked, url),
        status["watermark_ms"],
        status["events"],
        positions,
    )


# ------------------------------------------------------------------ delete


def _delete(settings: Settings, name: str, yes: bool) -> None:
    from streams.replay.remove import owned, remove

    topics = asyncio.run(owned(settings, name))
    click.echo("\n".join(f"  {topic}" for topic in topics), err=True)
    if not yes:
        click.confirm(
            f"Remove these {len(topics)} topics of the replay {name}?", abort=True, err=True
        )
    asyncio.run(remove(settings, name, topics))
    click.echo(f"{name} is removed")
