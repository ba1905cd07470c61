"""`kpi reference`: writes the generated pages, or says which are out of date."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.base import Failure, debug_option, examples
from streams.reference import pages


@click.command(
    "reference",
    hidden=True,
    epilog=examples("kpi reference", "kpi reference --check"),
)
@click.option("--folder", type=click.Path(path_type=Path), default=Path("docs"))
@click.option("--check", is_flag=True, help="Write nothing; fail when a page is out of date.")
@debug_option
def command(folder: Path, check: bool) -> None:
    """Generate docs/kpis.md and docs/reference from the code."""
    stale = [name for name, text in pages().items() if _read(folder / name) != text]
    if check and stale:
        raise Failure(f"out of date: {', '.join(stale)}; `kpi reference` writes them anew")
    for name in stale:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(pages()[name], encoding="utf-8")
        click.echo(f"wrote {folder / name}")


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None
