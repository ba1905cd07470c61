"""`kpi compute`: KPIs out of files, without Kafka."""

from __future__ import annotations

from typing import Any

import click

from streams.cli.answers import check_goals, question_of, question_options, show, show_goals
from streams.cli.base import config_options, examples
from streams.cycles import look_seldom
from streams.settings import Settings


@click.command(
    "compute",
    epilog=examples(
        "kpi import orders.csv --mapping shop.toml --dry-run > events.jsonl",
        "kpi compute events.jsonl --kpi sales --window month --from 2011-01-01 --to 2012-01-01",
        "kpi compute a.jsonl b.jsonl.gz --kpi visits --kpi conversion_rate --by source",
        "kpi simulate --hours 24 | kpi compute - --kpi bounce_rate --format json",
    ),
)
@config_options()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True))
@click.option("--kpi", "names", multiple=True, help="Which; may be repeated.")
@click.option("--goals", is_flag=True, help="Where the goals of the settings stand, instead.")
@question_options
def command(
    settings: Settings, files: tuple[str, ...], names: tuple[str, ...], goals: bool, **told: Any
) -> None:
    """Answer a question about KPIs from events in FILES, offline.

    Each line is an event with its `topic`, as `kpi import --dry-run` and `kpi simulate` print them;
    `-` is standard input. The same code as in the worker and the exporter, so the same numbers.
    "Now" is the time of the latest event. Lines that don't count are reported at the end.
    """
    from streams.goals import told_of
    from streams.offline import compute
    from streams.questions import answer

    check_goals(goals, "--kpi", bool(names))

    look_seldom()
    questions = [question_of(settings.catalogue.find(name).id, told) for name in names]
    view, report = compute(files, settings.definitions, settings.topics)
    if goals:
        click.echo(show_goals(told_of(settings.goals, view), told["form"]))
    else:
        answers = [
            each for question in questions for each in answer(view, question, settings.catalogue)
        ]
        click.echo(show(answers, told["form"]))
    if report.outcomes:
        click.echo(report.words(), err=True)
