"""The rules of the house that no other check holds: imports, sizes, pins, words."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import distribution
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PACKAGES = ("kpi_windows", "streams")
MOST_LINES = 400

# What a pure package has no business with: clocks, chance, files, the network, processes, logging.
NOT_PURE = frozenset(
    "asyncio concurrent ctypes fileinput ftplib getpass glob http io logging mmap multiprocessing "
    "os pathlib pickle platform queue random resource sched secrets select selectors shelve shutil "
    "signal smtplib socket socketserver sqlite3 ssl subprocess sys syslog tempfile threading time "
    "urllib uuid warnings".split()
)
NOT_PURE_CALLS = frozenset({"open", "print", "input", "breakpoint", "exec", "eval"})
# Somebody's home, or a folder that only one machine had.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:(?:home|Users|root|work)/|tmp/\w)[\w./-]*|[.]pyenv\b")
CLOCK_READS = frozenset({"now", "utcnow", "today"})


def _modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of all that a file imports, `from a import b` as a.b."""
    package = _name(path).split(".")
    if path.name != "__init__.py":
        package.pop()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{source}.{alias.name}"


def _where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def _tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_the_core_imports_the_standard_library_msgspec_and_itself() -> None:
    allowed = set(sys.stdlib_module_names) - NOT_PURE | {"msgspec", "kpi_windows"}
    wrong = [
        f"{_where(path, line)} imports {name}"
        for path in _modules("kpi_windows")
        for line, name in _imports(path)
        if name.split(".")[0] not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_the_core_reads_no_clock_and_does_no_input_or_output() -> None:
    wrong = []
    for path in _modules("kpi_windows"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            match node.func:
                case ast.Name(id=name) if name in NOT_PURE_CALLS:
                    wrong.append(f"{_where(path, node.lineno)} calls {name}()")
                case ast.Attribute(
                    attr=name,
                    value=ast.Name(id="datetime" | "date")
                    | ast.Attribute(attr="datetime" | "date"),
                ) if name in CLOCK_READS:
                    wrong.append(f"{_where(path, node.lineno)} asks a clock: {name}()")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_goes_in_a_circle(package: str) -> None:
    paths = {_name(path): path for path in _modules(package)}
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        targets = {target for _, target in _imports(path)}
        # "a.b.C" is the module a.b; "a.b" may be a module or a name in a.
        modules = {t if t in paths else t.rpartition(".")[0] for t in targets}
        own_packages = {name} | {name.rsplit(".", n)[0] for n in range(1, name.count(".") + 1)}
        graph[name] = (modules & paths.keys()) - own_packages
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_so_long_that_it_must_hold_two_ideas(package: str) -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in _modules(package)}
    long = [f"{_where(path, lines)}" for path, lines in lengths.items() if lines > MOST_LINES]
    assert not long, f"over {MOST_LINES} lines: {', '.join(long)}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_opens_with_a_sentence(package: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in _modules(package)
        if not (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").strip()
    ]
    assert not silent, f"no docstring: {', '.join(silent)}"


def _commands(command: click.Command, path: str) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None, f"{path} lists {name} but does not have it"
        if not below.hidden:
            yield from _commands(below, f"{path} {name}")


def test_the_readme_names_every_command() -> None:
    from streams.cli import main

    commands = set(_commands(main, "kpi"))
    assert commands
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = sorted(command for command in commands if command not in readme)
    assert not missing, f"not in README.md: {', '.join(missing)}"


def test_the_readme_and_ci_give_the_same_test_command() -> None:
    for name in ("README.md", ".ci/run", "CONTRIBUTING.md"):
        assert "make test" in (ROOT / name).read_text(encoding="utf-8"), name


def test_no_text_tells_whose_machine_it_was_written_on() -> None:
    wrong = []
    for path in _tracked_files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # an image has no words
        wrong += [
            f"{_where(path, number)} has {found[0]}"
            for number, line in enumerate(lines, 1)
            if (found := MACHINE_PATH.search(line))
        ]
    assert not wrong, "\n".join(wrong)


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


def _needed(name: str, extras: frozenset[str], found: set[str]) -> set[str]:
    """All that an installation of `name` brings on this Python, itself left out."""
    for line in distribution(name).requires or []:
        requirement = Requirement(line)
        environments = [{"extra": extra} for extra in extras or {""}]
        if requirement.marker and not any(map(requirement.marker.evaluate, environments)):
            continue
        below = canonicalize_name(requirement.name)
        if below not in found:
            found.add(below)
            _needed(below, frozenset(requirement.extras), found)
    return found


def test_every_package_that_is_installed_is_pinned_and_at_its_pin() -> None:
    pins = _pins()
    needed = _needed("kpi-windows", frozenset({"test"}), set())
    wrong = [
        f"{name} {distribution(name).version}, constraints.txt has {pins.get(name)}"
        for name in sorted(needed)
        if pins.get(name) != distribution(name).version
    ]
    assert needed >= {"faust-streaming", "msgspec", "pytest"}
    assert not wrong, "\n".join(wrong)
