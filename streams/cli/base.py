"""What all commands share: how they are found, their settings, and how they fail.

Exit codes: 0 done, 1 failed, 2 called wrongly, 130 interrupted.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

import click

from streams import logs
from streams.config import ConfigError, Settings, load, nearest
from streams.units import parse_duration, parse_time

F = TypeVar("F", bound=Callable[..., Any])

COMMANDS = {
    "demo": "a simulated shop, broker, worker and exporter in one go",
    "worker": "turn the events in Kafka into KPIs",
    "exporter": "serve /metrics, the JSON API and the page",
    "topics": "create or check the topics in Kafka",
    "doctor": "what is wrong with this set-up, and what to do",
    "intake": "events over HTTP into Kafka",
    "feed": "JSON lines into Kafka",
    "import": "CSV or JSON lines of any shop into our events",
    "simulate": "events of a shop that follows from a seed",
    "query": "a KPI out of a running exporter",
    "explain": "what is behind a value, and why it moved",
    "compute": "a KPI out of files, without Kafka",
    "replay": "run the inputs again from a time, beside the running state",
    "dead-letters": "events that didn't count: list, group, mend, send again",
    "forget": "a customer who asks for it, and what still names one",
    "backfill": "past events into Prometheus, as if it had been there",
    "backtest": "when each alert would have fired on past events",
    "kpis": "the KPIs, and what each means",
    "generate": "dashboards, rules and configuration for Grafana, Prometheus, Alertmanager",
    "reference": "",
}
"""Name -> what it does; its file is streams/cli/<name>_command.py, with _ for -. Without words it
is hidden."""


_VERSIONS = "the versions of this and of what it stands on"


class Failure(click.ClickException):
    """Something could not be done; the message says what to do."""


class Commands(click.Group):
    """Finds commands when they are asked for, so that `kpi --help` doesn't load Kafka clients."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*(name for name, does in COMMANDS.items() if does), *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"streams.cli.{cmd_name.replace('-', '_')}_command")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Says what was probably meant."""
        known = self.list_commands(ctx)
        if args and args[0] not in COMMANDS and args[0] not in known:
            ctx.fail(f"no command {args[0]!r}; {nearest(args[0], known)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line each, without loading any."""
        told = {**{name: does for name, does in COMMANDS.items() if does}, "version": _VERSIONS}
        with formatter.section("Commands"):
            formatter.write_dl([(name, told[name]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Turns what went wrong into a message, and into a traceback only with --debug."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            raise click.exceptions.Exit(130) from None
        except BrokenPipeError:
            sys.stderr.close()  # who read us has seen enough
            raise click.exceptions.Exit(0) from None
        except Exception as error:
            if ctx.find_root().meta.get("debug"):
                traceback.print_exc()
            raise Failure(_told(error)) from error


_PLAIN = frozenset(
    "ConfigError RefusedError UnreachableError MappingError SourceError SendError QuestionError "
    "UnknownNameError DefinitionsChanged PortTakenError TooLargeError "
    "BrokenWriterError BackfillError BlockError BacktestError".split()
)
"""Errors whose message is for people; by name, so that no module is loaded for it."""


def _told(error: Exception) -> str:
    known = any(cls.__name__ in _PLAIN for cls in type(error).__mro__)
    if known or isinstance(error, (ConfigError, FileNotFoundError, PermissionError)):
        return str(error)
    return f"{type(error).__name__}: {error} (--debug shows where)"


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with `kpi demo`. Each command's --help has examples.",
)
def main() -> None:
    """A shop's events in Kafka -> exact KPIs, live in Prometheus."""


@main.command()
def version() -> None:
    """The versions of this and of what it stands on."""
    from importlib.metadata import version as of

    click.echo(f"kpi {of('kpi-windows')}")
    for name in ("faust-streaming", "aiokafka", "msgspec", "prometheus-client"):
        click.echo(f"  {name} {of(name)}")
    click.echo(f"  python {sys.version.split()[0]}")


def _set_debug(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    ctx.find_root().meta["debug"] = value
    return value


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_set_debug,
    help="Say more, and where an error came from.",
)


def config_options(*names: str) -> Callable[[F], F]:
    """`--config`, `--debug` and the flags of some settings; the command gets `settings`."""
    known = {
        "bootstrap_servers": ("--bootstrap-servers", "HOST:PORT,…", "Kafka's brokers."),
        "app_id": ("--app-id", "NAME", "Which of several processors on one Kafka."),
        "partitions": ("--partitions", "N", "Partitions of every topic."),
        "exporter_host": ("--host", "ADDRESS", "Address to listen on."),
        "exporter_port": ("--port", "PORT", "Port to listen on; 0 takes any free one."),
        "exporter_url": ("--url", "URL", "Where the exporter is."),
        "intake_host": ("--host", "ADDRESS", "Address to listen on."),
        "intake_port": ("--port", "PORT", "Port to listen on; 0 takes any free one."),
        "worker_port": ("--port", "PORT", "Port of the worker's own metrics; 0: any free one."),
        "instance_id": ("--instance-id", "NAME", "Static membership: another one each worker."),
        "log_level": ("--log-level", "LEVEL", "debug, info, warning or error."),
    }

    def add(function: F) -> F:
        def command(config: str | None, **rest: Any) -> Any:
            told = {name: rest.pop(name) for name in names}
            ctx = click.get_current_context()
            return function(settings=settings_of(ctx, config, told), **rest)

        command.__doc__ = function.__doc__
        command.__name__ = function.__name__
        wrapped: Any = command
        wrapped.__click_params__ = list(getattr(function, "__click_params__", []))
        wrapped = debug_option(wrapped)
        for name in reversed(names):
            flag, metavar, words = known[name]
            wrapped = click.option(flag, name, metavar=metavar, help=words)(wrapped)
        return click.option(
            "--config", metavar="FILE", help="Settings; default: KPI_CONFIG, or ./shop.toml."
        )(wrapped)

    return add


def settings_of(ctx: click.Context, config: str | None, told: dict[str, Any]) -> Settings:
    """The settings, and logging set up by them."""
    settings = load(config, overrides=told)
    logs.configure(settings.log, debug=bool(ctx.find_root().meta.get("debug")))
    for warning in settings.warnings:
        click.secho(f"warning: {warning}", fg="yellow", err=True)
    return settings


class Time(click.ParamType):
    """A point in time, in words or numbers; `zone` comes with the settings, so text is kept."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parse_time(str(value), now_ms=0)
        except (ValueError, OverflowError) as error:
            self.fail(str(error), param, ctx)
        return str(value)


class Duration(click.ParamType):
    """A duration, in milliseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_duration(str(value))
        except ValueError as error:
            return self.fail(str(error), param, ctx)


TIME = Time()
DURATION = Duration()


def examples(*lines: str) -> str:
    """The epilog of a command's help, kept line by line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
