"""`kpi query`: a KPI out of a running exporter."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
from typing import Any

import click

from streams.cli.answers import check_goals, question_of, question_options, show, show_goals
from streams.cli.base import Failure, config_options, examples
from streams.questions import Answer, Question
from streams.settings import Settings

_TIMEOUT_S = 60


@click.command(
    "query",
    epilog=examples(
        "kpi query visits                                          today so far",
        "kpi query conversion_rate --window hour --from now-24h --by source",
        "kpi query sales --window month --from 2026-01-01 --format csv > sales.csv",
        "kpi query product_affinity --window 30d --table --top 10",
        "kpi query --goals                                         where the goals stand",
        "kpi query visits --url https://kpi.example.com            with KPI_EXPORTER_TOKEN",
    ),
)
@config_options("exporter_url")
@click.argument("kpi", required=False)
@click.option("--goals", is_flag=True, help="Where the goals of the settings stand.")
@question_options
def command(settings: Settings, kpi: str | None, goals: bool, **told: Any) -> None:
    """Ask a running exporter for KPI, by id or any of its names (`kpi kpis` lists them)."""
    check_goals(goals, "a KPI", bool(kpi))
    if kpi:
        click.echo(show(ask(settings, question_of(kpi, told)), told["form"]))
    else:
        click.echo(show_goals(get(settings, "/api/v1/goals")["goals"], told["form"]))


def ask(settings: Settings, question: Question, url: str = "") -> list[Answer]:
    """The exporter's answer.  Raises Failure."""
    told: list[tuple[str, str]] = [("kpi", question.kpi), ("window", question.window)]
    times = {"from": question.from_time, "to": question.to_time, "at": question.at_time}
    told += [(name, time) for name, time in times.items() if time]
    told += [("by", label) for label in question.by]
    told += [("where", f"{label}={','.join(v)}") for label, v in question.where.items()]
    told += [("definition", question.definition), ("top", str(question.top))]
    told += [("table", "1")] if question.table else []
    answers: list[Answer] = get(settings, f"/api/v1/query?{urllib.parse.urlencode(told)}", url)
    return answers


def get(settings: Settings, path: str, url: str = "") -> Any:
    """JSON from an exporter, that of the settings or another.

    Raises Failure, with what the exporter said.
    """
    from streams.asking import opened

    url = url or settings.url
    if not url.startswith(("http://", "https://")):
        raise Failure(f"--url: expected http://… or https://…, got {url!r}")
    try:
        with opened(settings, url, path, _TIMEOUT_S) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        raise Failure(_said(error)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise Failure(
            f"no exporter answers at {url} ({reason}). Is one running (`kpi exporter`, `kpi demo`), "
            "and is --url right?"
        ) from error


def _said(error: urllib.error.HTTPError) -> str:
    try:
        told = json.load(error)
        hint = f" ({told['hint']})" if told.get("hint") else ""
        return f"{told['error']}{hint}"
    except (ValueError, KeyError, TypeError):
        return f"{error.url} answered {error.code} {error.reason}; is that an exporter of ours?"
