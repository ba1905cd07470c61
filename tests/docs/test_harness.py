"""The tests of the documentation can fail: each kind of mistake on a page is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import PageError, read
from tests.docs.terminal import Terminal, WrongError, matches


def follow(page: Path, text: str) -> None:
    """Do what a page of this text says."""
    (page / "page.md").write_text(text, encoding="utf-8")
    steps = read(page / "page.md").steps
    with Terminal(page / "reader", {}) as terminal:
        for step in steps:
            terminal.do(step)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "reader").mkdir()
    return tmp_path


def test_files_exports_and_folders_last_for_a_page(page: Path) -> None:
    follow(
        page,
        "<!-- file: a/b.txt -->\n```\ntea\n```\n"
        "```sh\n# a comment\nexport WHAT=b\ncd a\n```\n"
        "```console\n$ cat \\\n    $WHAT.txt\ntea\n$ echo 1; echo 2; echo 3\n1\n…\n```\n"
        "<!-- exits with: 3 -->\n```sh\nexit 3\n```\n",
    )


@pytest.mark.parametrize(
    "text",
    [
        "```console\n$ echo tea\ncoffee\n```\n",
        "```console\n$ echo tea\n```\n",
        "```console\n$ echo\ntea\n```\n",
        "```sh\nfalse\n```\n",
        "```sh\nfalse | cat\n```\n",
        "```sh\nkpi compote\n```\n",
        "<!-- exits with: 1 -->\n```sh\ntrue\n```\n",
    ],
)
def test_a_command_that_does_something_else_is_found(page: Path, text: str) -> None:
    with pytest.raises(WrongError):
        follow(page, text)


@pytest.mark.parametrize(
    "text",
    [
        "```\nkpi demo\n```\n",
        "```text\n$ kpi demo\n```\n",
        "```bash\nkpi demo\n```\n",
        "```console\nkpi demo\n```\n",
        "```sh\nkpi demo\n",
        "<!-- not run: no Docker -->\nkpi demo\n",
    ],
)
def test_a_command_that_would_be_overlooked_is_found(page: Path, text: str) -> None:
    with pytest.raises(PageError):
        follow(page, text)


def test_dots_stand_for_anything_in_a_line_and_alone_for_any_lines() -> None:
    assert matches(["a …", "…", "z"], "a b\nc\nd\nz\n")
    assert matches(["…"], "")
    assert matches(["a  ", "b"], "a\nb  \n\n")
    assert not matches(["a …"], "b\n")
    assert not matches(["a"], "a\nb\n")
    assert not matches(["a.c"], "abc\n")
    assert not matches([], "a\n")
