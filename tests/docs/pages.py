"""The commands that a page of the documentation shows, in order, and what it says of them.

It must not know how a command is run.

    <!-- file: orders.csv -->            the block below is this file
    <!-- given: kpi simulate … -->       run before, unseen: what the reader is said to have
    <!-- not run: REASON -->             the commands below can't be run here; their options are looked up
    <!-- exits with: 1 -->               the commands below fail, and are meant to
    <!-- beside: kpi demo -->            the whole page is read beside a running demo, or beside
                                         "kafka that wants TLS and a password"
    <!-- needs: promtool -->             the page's commands need this one too

A block `sh` holds one command a line, `console` also what it prints: after `$ ` stands a command, and
in what follows `…` is anything, alone in a line any lines. What is printed may be in a block `text`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADS = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
GENERATED = ("docs/reference", "docs/kpis.md", "docs/runbooks")
COMMANDS = ("sh", "console")
NEITHER = ("bash", "shell", "zsh", "shell-session")
_FENCE = re.compile(r"^( *)(```+)(\S*)\s*$")
_MARK = re.compile(r"^ *<!-- *(file|given|not run|exits with|beside|needs): *(.*?) *-->$")
_A_COMMAND = re.compile(r"^(\$ |(\S+/)?(kpi|make|docker|curl|pip|git|kafka-\S+\.sh) \S)")


class PageError(Exception):
    """The page can't be read as meant; the message says where."""


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    line: int
    kind: str
    lines: tuple[str, ...]
    marks: tuple[tuple[str, str], ...]
    """What stands in comments before it, in order."""

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)

    def mark(self, name: str) -> str | None:
        return next((text for mark, text in self.marks if mark == name), None)


@dataclass(frozen=True)
class File:
    """What the page has the reader save."""

    line: int
    name: str
    text: str


@dataclass(frozen=True)
class Command:
    """One command, and what the page says that it prints (None: it doesn't say)."""

    line: int
    text: str
    prints: tuple[str, ...] | None = None
    code: int = 0
    not_run: str | None = None


@dataclass
class Page:
    """What happens on a page, in order."""

    path: Path
    steps: list[File | Command] = field(default_factory=list)
    beside: str | None = None
    needs: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix() if ROOT in self.path.parents else "a page"

    @property
    def commands(self) -> list[Command]:
        return [step for step in self.steps if isinstance(step, Command)]


def written_pages() -> list[Path]:
    """All pages that somebody wrote."""
    found = [*(ROOT / name for name in HEADS), *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in found if not path.relative_to(ROOT).as_posix().startswith(GENERATED)]


def read(path: Path) -> Page:
    """The page.  Raises PageError."""
    page = Page(path)
    for block in blocks(path):
        page.beside = block.mark("beside") or page.beside
        for mark, text in block.marks:
            if mark == "given":
                page.steps.append(Command(block.line, text))
            elif mark == "needs":
                page.needs.add(text)
        if name := block.mark("file"):
            page.steps.append(File(block.line, name, block.text))
        elif block.kind in COMMANDS:
            page.steps += _commands(block)
        elif block.kind in NEITHER:
            raise PageError(f"{page.name}:{block.line}: call the block sh or console")
        elif block.kind in ("", "text"):
            _refuse_commands(page, block)
    return page


def blocks(path: Path) -> Iterator[Block]:
    """Every fenced block of a page, with the marks that stand before it."""
    fence: re.Match[str] | None = None
    began, inside = 0, []
    marks: list[tuple[str, str]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = _FENCE.match(line)
        if fence is None:
            if found:
                fence, began, inside = found, number, []
            elif mark := _MARK.match(line):
                marks.append((mark[1], mark[2]))
            elif line.strip() and any(name not in ("beside", "needs") for name, _ in marks):
                raise PageError(
                    f"{path.name}:{number}: a comment for a block isn't followed by one"
                )
        elif found and found[2] == fence[2] and not found[3]:
            yield Block(began, fence[3], tuple(inside), tuple(marks))
            fence, marks = None, []
        else:
            inside.append(line.removeprefix(fence[1]))
    if fence is not None:
        raise PageError(f"{path.name}:{began}: the block has no end")


def _commands(block: Block) -> Iterator[Command]:
    reason, code = block.mark("not run"), int(block.mark("exits with") or 0)
    shows = block.kind == "console"
    if shows and not block.lines[0].startswith("$ "):
        raise PageError(f"line {block.line}: a console begins with `$ `")
    command, printed, line = "", [], block.line
    for number, text in enumerate(block.lines, block.line + 1):
        if _goes_on(command):
            command += f"\n{text}"
        elif shows and not text.startswith("$ "):
            printed.append(text)
        else:
            if _says(command):
                yield Command(line, command, tuple(printed) if shows else None, code, reason)
            command, printed, line = text.removeprefix("$ ") if shows else text, [], number
    if _says(command):
        yield Command(line, command, tuple(printed) if shows else None, code, reason)


def _goes_on(command: str) -> bool:
    """Whether the next line belongs to it: after a backslash, in quotes, in a document."""
    if word := re.search(r"<<-?['\"]?(\w+)", command):
        return not re.search(rf"\n\s*{word[1]}$", command)
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return True
    return command.endswith("\\")


def _says(command: str) -> bool:
    return bool(command.strip()) and not command.lstrip().startswith("#")


def _refuse_commands(page: Page, block: Block) -> None:
    for number, line in enumerate(block.lines, block.line + 1):
        if _A_COMMAND.match(line.lstrip()):
            raise PageError(
                f"{page.name}:{number}: a command that nothing runs; call the block sh or console"
            )
