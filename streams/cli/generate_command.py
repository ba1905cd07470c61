"""`kpi generate`: writes what Prometheus, Grafana and Alertmanager read, or says what is out of date."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.base import Failure, config_options, examples
from streams.config import Settings


@click.command(
    "generate",
    epilog=examples(
        "kpi generate",
        "kpi generate --config shop.toml --folder deploy",
        "kpi generate --config examples/shop.toml --check    what is committed has not drifted",
    ),
)
@config_options()
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path(), help="Where; default: here."
)
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is out of date.")
def command(settings: Settings, folder: Path, check: bool) -> None:
    """Write dashboards, rules and configuration into FOLDER/grafana."""
    from streams.generate import FOLDERS, files

    wanted = files(settings)
    stale = [name for name, text in wanted.items() if _read(folder / name) != text]
    held = {
        path.relative_to(folder).as_posix() for one in FOLDERS for path in _within(folder / one)
    }
    left = sorted(held - wanted.keys())
    if check and (stale or left):
        told = ", ".join([*stale, *(f"{name} (no longer made)" for name in left)])
        raise Failure(
            f"out of date for these settings: {told}; "
            "`kpi generate` with the same --config writes them anew"
        )
    for name in stale:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(wanted[name], encoding="utf-8")
        click.echo(f"wrote {folder / name}")
    for name in left:
        (folder / name).unlink()
        click.echo(f"removed {folder / name}")


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _within(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if path.is_file()] if folder.is_dir() else []
