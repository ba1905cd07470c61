"""The generated files are as the code makes them, and the command says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.generate import FOLDERS
from tests.streams.generate.names import MADE, ROOT

SHOP = ["--config", str(ROOT / "examples/shop.toml")]


@pytest.mark.parametrize("name", MADE)
def test_a_file_is_as_generated(name: str) -> None:
    assert (ROOT / name).is_file(), "`kpi generate --config examples/shop.toml` writes it"
    same = (ROOT / name).read_text(encoding="utf-8") == MADE[name]
    assert same, f"{name}: `kpi generate --config examples/shop.toml` writes it anew"


def test_none_is_left_over() -> None:
    held = {p.relative_to(ROOT).as_posix() for one in FOLDERS for p in (ROOT / one).glob("*")}
    assert held <= MADE.keys(), "`kpi generate` removes them"


def test_the_command_writes_all_and_finds_what_has_drifted(tmp_path: Path) -> None:
    runner = CliRunner()
    where = ["generate", *SHOP, "--folder", str(tmp_path)]
    assert runner.invoke(main, where).exit_code == 0
    assert runner.invoke(main, [*where, "--check"]).exit_code == 0
    first, second = sorted(MADE)[:2]
    (tmp_path / first).write_text("{}", encoding="utf-8")
    (tmp_path / second).unlink()
    (tmp_path / FOLDERS[0] / "old.json").write_text("{}", encoding="utf-8")
    told = runner.invoke(main, [*where, "--check"])
    assert told.exit_code == 1
    assert all(name in told.output for name in (first, second, "old.json"))
    assert "with the same --config" in told.output
    assert runner.invoke(main, where).exit_code == 0
    assert runner.invoke(main, [*where, "--check"]).exit_code == 0
