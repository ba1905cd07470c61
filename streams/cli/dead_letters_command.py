"""`kpi dead-letters`: events that didn't count, listed, grouped, mended and sent again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kpi_windows.events import TOPICS
from streams.cli.base import TIME, config_options, examples
from streams.cli.feed_command import report, time_ms
from streams.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
_SHOWN = 20


@click.group(
    "dead-letters",
    epilog=examples(
        "kpi dead-letters groups                        which reasons, how often",
        "kpi dead-letters list --topic orders --since now-1d",
        "kpi dead-letters mend rules.toml --dry-run     before and after; sends nothing",
        "kpi dead-letters mend rules.toml               … and sends what would count",
    ),
)
def command() -> None:
    """Events that didn't count, with the reason, and what can still be made of them.

    Workers keep each event that they can't count (not as it should be, too late, or ahead of time)
    for 30 days, in the topic {app_id}-dead-letters.
    """


def _wanted_options(function: F) -> F:
    topic = click.Choice(list(TOPICS))
    options = (
        click.option("--topic", "topics", multiple=True, type=topic, help="Only of this topic."),
        click.option("--reason", default="", metavar="TEXT", help="Only with this in the reason."),
        click.option("--since", type=TIME, help="Only those buried since then, as now-2h."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _wanted(settings: Settings, told: dict[str, Any]) -> Any:
    from streams.dead_letters.letters import Wanted

    since_ms = time_ms(settings, told.pop("since")) or 0
    return Wanted(tuple(told.pop("topics")), told.pop("reason"), since_ms)


_all = click.option("--all", "also_sent", is_flag=True, help="Those too that were sent again.")
_format = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)


@command.command(
    "list",
    epilog=examples(
        "kpi dead-letters list                          the newest 20",
        "kpi dead-letters list --reason currency --limit 5",
        "kpi dead-letters list --reason late --format json --limit 100000 > late.jsonl",
    ),
)
@config_options("bootstrap_servers", "app_id", "partitions")
@_wanted_options
@click.option("--limit", type=click.IntRange(1), default=_SHOWN, show_default=True)
@_all
@_format
def list_command(settings: Settings, limit: int, also_sent: bool, form: str, **told: Any) -> None:
    """The newest dead letters, newest first.

    What isn't printable is shown escaped. With --format json each is one line, with key and value
    as text where they are text, and as base64 always.
    """
    from streams.dead_letters.showing import as_json, show_letter

    letters, others = asyncio.run(_newest(settings, _wanted(settings, told), limit, also_sent))
    for letter in letters:
        if form == "json":
            click.echo(json.dumps(as_json(letter)))
        else:
            click.echo(show_letter(letter, settings.definitions.zone))
    if others:
        report(f"… and {others:,} older ones (--limit)")
    elif not letters:
        report("no dead letters")


async def _newest(
    settings: Settings, wanted: Any, limit: int, also_sent: bool
) -> tuple[list[Any], int]:
    import heapq

    newest: list[tuple[int, tuple[int, int], Any]] = []
    count = 0
    async for letter in _letters(settings, wanted, also_sent):
        count += 1
        item = (letter.buried_ms, letter.place, letter)
        if len(newest) < limit:
            heapq.heappush(newest, item)
        else:
            heapq.heappushpop(newest, item)
    return [letter for *_, letter in sorted(newest, reverse=True)], count - len(newest)


async def _letters(settings: Settings, wanted: Any, also_sent: bool) -> Any:
    from streams.dead_letters.letters import read
    from streams.dead_letters.sent import sent_before
    from streams.progress import Progress

    sent = set() if also_sent else await sent_before(settings)
    with Progress("reading", None, "records") as progress:
        async for letters in read(settings, progress=progress.reached):
            for letter in letters:
                if wanted.fits(letter) and letter.id not in sent:
                    yield letter


@command.command(
    "groups",
    epilog=examples(
        "kpi dead-letters groups",
        "kpi dead-letters groups --topic orders --since now-7d",
        "kpi dead-letters groups --format json",
    ),
)
@config_options("bootstrap_servers", "app_id", "partitions")
@_wanted_options
@_all
@_format
def groups_command(settings: Settings, also_sent: bool, form: str, **told: Any) -> None:
    """Dead letters by topic and reason, the commonest first, each with an example."""
    from streams.dead_letters.showing import Groups, as_json, safe
    from streams.units import show_time

    async def group(wanted: Any) -> Groups:
        groups = Groups()
        async for letter in _letters(settings, wanted, also_sent):
            groups.add([letter])
        return groups

    groups = asyncio.run(group(_wanted(settings, told)))
    for each in groups.ranked():
        if form == "json":
            told = {"count": each.count, "topic": each.topic, "outcome": each.outcome}
            told |= {"reason": each.pattern, "last_ms": each.last_ms}
            click.echo(json.dumps({**told, "example": as_json(each.example)}))
            continue
        last = show_time(each.last_ms - each.last_ms % 1000, settings.definitions.zone)
        click.echo(f"{each.count:>9,}  {each.topic}, {each.outcome}: {safe(each.pattern, 300)}")
        click.echo(f"           such as {safe(each.example.value, 200)}")
        click.echo(f"           last {last}")
    report(f"{groups.letters:,} dead letters")


def _send_options(function: F) -> F:
    options = (
        click.option("--dry-run", is_flag=True, help="Show before and after; send nothing."),
        click.option("--limit", type=click.IntRange(1), help="At most so many, oldest first."),
        click.option("--no-progress", is_flag=True, help="Without the bars."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command(
    "mend",
    epilog=examples(
        "kpi dead-letters mend rules.toml --dry-run --limit 3",
        "kpi dead-letters mend rules.toml --topic orders",
        "kpi dead-letters mend --charset windows-1252 --dry-run",
        """kpi dead-letters mend --replace-text '"visitor":' '"visitor_id":' --reason visitor_id""",
    ),
)
@config_options("bootstrap_servers", "app_id", "partitions")
@click.argument(
    "rules", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--charset", metavar="NAME", help="How bytes are written that aren't UTF-8.")
@click.option(
    "--replace-text", type=(str, str), multiple=True, metavar="OLD NEW", help="In the bytes."
)
@click.option("--late", is_flag=True, help="Send what is too late as well, for a replay.")
@_wanted_options
@_send_options
def mend_command(
    settings: Settings,
    rules: Path | None,
    charset: str | None,
    replace_text: tuple[tuple[str, str], ...],
    late: bool,
    **told: Any,
) -> None:
    """Put dead letters right by the TOML file RULES, and send what then counts.

    Letters that no rule changes are left alone. Each goes to its topic, under its key, once: the
    event and the note that it was sent are one transaction, so a run that was cut off goes on where
    it stopped. docs/how-to/dead-letters.md has the rules.
    """
    from streams.dead_letters.rules import load_rules, text_rule

    all_rules = text_rule(charset, replace_text) + (load_rules(rules) if rules else ())
    if not all_rules:
        raise click.UsageError("expected a file of rules, --charset or --replace-text")
    _send(settings, all_rules, late, told)


@command.command(
    "send",
    epilog=examples(
        "kpi dead-letters send --dry-run                what would count by now",
        "kpi dead-letters send --reason currency        … after its rate was added to shop.toml",
    ),
)
@config_options("bootstrap_servers", "app_id", "partitions")
@_wanted_options
@_send_options
def send_command(settings: Settings, **told: Any) -> None:
    """Send dead letters again as they are, if they count by now.

    After an upgrade, a change of the settings, or once their time has come. Each is sent once, as
    by `mend`. What came too late can't be sent: a replay with more lateness takes it where it is.
    """
    _send(settings, None, False, told)


def _send(settings: Settings, rules: Any, late: bool, told: dict[str, Any]) -> None:
    from streams.dead_letters.sending import SendOptions, send

    options = SendOptions(
        wanted=_wanted(settings, told),
        rules=rules,
        late=late,
        dry_run=told["dry_run"],
        limit=told["limit"],
        progress=not told["no_progress"],
    )
    shown = _Shown(settings, options.dry_run)
    result = asyncio.run(send(settings, options, shown.show))
    shown.end()
    verb = "would be sent" if options.dry_run else "sent"
    report(f"{result.sent:,} of {result.letters:,} dead letters {verb}")
    if result.before:
        report(f"{result.before:,} had been sent before")
    if result.untouched:
        report(f"{result.untouched:,} that no rule changes")
    for kind, count in sorted(result.unfit.items()):
        report(f"{count:,} {_KINDS[kind]}")


_KINDS = {
    "rejected": "would be rejected again",
    "late": "would be too late for the workers (a replay with more lateness: docs/how-to/replay.md)",
    "future": "of a time that is still to come",
    "off": "of topics that are switched off",
    "unmended": "can't be mended by these rules",
}


class _Shown:
    """Tells of the first letters one by one: of all in a dry run, else of those not sent."""

    def __init__(self, settings: Settings, dry_run: bool) -> None:
        self._zone = settings.definitions.zone
        self._dry_run = dry_run
        self._count = 0

    def show(self, letter: Any, mended: Any, judged: Any) -> None:
        from streams.dead_letters.judging import Ready
        from streams.dead_letters.showing import safe, show_letter

        self._count += 1
        if self._count > _SHOWN:
            return
        lines = [show_letter(letter, self._zone)]
        if mended is not None and mended.changed:
            lines.append(f"  now   {safe(mended.value)}")
        if isinstance(judged, Ready):
            lines.append(f"  → would go to {judged.topic} under the key {safe(judged.key)}")
        else:
            lines.append(f"  → not sent, {judged.kind}: {safe(judged.reason, 500)}")
        click.echo("\n".join(lines), err=not self._dry_run)

    def end(self) -> None:
        if self._count > _SHOWN:
            report(f"… and {self._count - _SHOWN:,} more")
