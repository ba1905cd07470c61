"""Every command of README.md and docs/ does what its page says, page by page in its order."""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from streams.broker import EmbeddedBroker
from streams.cli import main
from tests.docs.pages import HEADS, ROOT, Command, Page, PageError, read, written_pages
from tests.docs.terminal import Terminal, WrongError
from tests.kafka.broker import why_not
from tests.kafka.secured import PASSWORD, secured

PAGES: dict[str, Page] = {}
UNREADABLE: dict[str, str] = {}
for path in written_pages():
    try:
        page = read(path)
        PAGES[page.name] = page
    except PageError as error:
        UNREADABLE[str(path)] = str(error)
TO_RUN = [name for name, page in PAGES.items() if any(not c.not_run for c in page.commands)]
NOT_RUN = [(name, each) for name, page in PAGES.items() for each in page.commands if each.not_run]
LINKING = [*(ROOT / name for name in HEADS), *sorted((ROOT / "docs").rglob("*.md"))]
MOST_NOT_RUN = 1 / 4
"""Of all commands: documentation that nobody runs is a promise."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running demo that the pages beside one share: variables that lead to it."""
    with Terminal(tmp_path_factory.mktemp("demo"), {}) as terminal:
        said = terminal.run(Command(0, "kpi demo --hours 3 --visits 300"))
        found = re.search(r"http://127.0.0.1:(\d+)(?s:.*)Kafka +(\S+)", said)
        assert found, said
        variables = {"KPI_EXPORTER_PORT": found[1], "KPI_BOOTSTRAP_SERVERS": found[2]}
        yield {**variables, "KPI_APP_ID": "demo"}


def test_every_page_can_be_read() -> None:
    assert not UNREADABLE, "\n".join(UNREADABLE.values())


@pytest.fixture(scope="module")
def kafka_with_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A broker that wants TLS and a password: variables that say where, and what it trusts."""
    if missing := why_not():
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("secured")
    (folder / "password.txt").write_text(PASSWORD)
    with secured(folder) as (broker, variables):
        yield {
            "KPI_BOOTSTRAP_SERVERS": broker.bootstrap,
            "CA_OF_THE_TEST": variables["KPI_CAFILE"],
            "PASSWORD_OF_THE_TEST": str(folder / "password.txt"),
        }


BESIDE = {"kpi demo": "demo", "kafka that wants TLS and a password": "kafka_with_tls"}


@pytest.mark.parametrize("name", TO_RUN)
def test_a_page_does_what_it_says(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    page = PAGES[name]
    if missing := sorted(each for each in page.needs if shutil.which(each) is None):
        pytest.skip(f"{name} isn't followed: there is no {', '.join(missing)} here")
    with EmbeddedBroker() as broker:
        variables = {"KPI_BOOTSTRAP_SERVERS": broker.bootstrap}
        if page.beside:
            variables = request.getfixturevalue(BESIDE[page.beside])
        with Terminal(tmp_path, variables) as terminal:
            for step in page.steps:
                try:
                    terminal.do(step)
                except WrongError as error:
                    pytest.fail(f"{name}:{step.line}: {step.text}\n{error}", pytrace=False)
            assert PASSWORD not in terminal.said, "a password was printed"


@pytest.mark.parametrize(("name", "command"), NOT_RUN, ids=lambda of: str(getattr(of, "line", of)))
def test_what_is_not_run_says_why_and_names_what_there_is(name: str, command: Command) -> None:
    assert len(str(command.not_run).split()) >= 3, f"{name}:{command.line}: no reason"
    _check(shlex.split(command.text, comments=True))


@pytest.mark.parametrize("name", PAGES)
def test_what_the_text_of_a_page_names_is_there(name: str) -> None:
    text = re.sub(r"```.*?```", "", PAGES[name].path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for span in re.findall(r"`((?:kpi|make|docker compose) [^`]*)`", text):
        _check(shlex.split(span.replace("…", "")))


@pytest.mark.parametrize(
    "name", [path.relative_to(ROOT).as_posix() for path in LINKING], ids=lambda name: name
)
def test_every_link_of_a_page_leads_somewhere(name: str) -> None:
    path = ROOT / name
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        there = (path.parent / target).resolve() if target else path
        if not there.exists() or (anchor and anchor not in _anchors(there)):
            wrong.append(link)
    assert not wrong, f"{name} links to {wrong}"


def _anchors(page: Path) -> set[str]:
    """Of all headings, as GitHub makes them, and those that are written down."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    written = re.findall(r'<a (?:id|name)="([^"]+)"', text)
    return {*written, *(heading.strip().replace(" ", "-") for heading in plain)}


def _check(words: list[str]) -> None:
    """That what a command names is there: its options, its files, its targets."""
    files = [word for word in words if re.match(r"(examples|grafana|docs)/", word)]
    assert not [word for word in files if not (ROOT / word).exists()], files
    words[0] = words[0].rpartition("/")[2]
    if words[0] == "kpi":
        _check_options(words[1:])
    elif words[0] == "make" and len(words) > 1:
        targets = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{re.escape(words[1])}:", targets, re.MULTILINE), f"no make {words[1]}"
    elif words[:2] == ["docker", "compose"]:
        _check_compose(words[2:])


def _check_options(words: list[str]) -> None:
    """That `kpi` has the command, and it the options."""
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None, f"there is no kpi {' '.join(words)}"
        command = found
    known = {name for param in command.get_params(click.Context(command)) for name in param.opts}
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in known, f"{command.name} has no {word}"


def _check_compose(words: list[str]) -> None:
    """That docker-compose.yml has the profiles and the services."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    profiles = {each for service in services.values() for each in service.get("profiles", ())}
    for option, value in itertools.pairwise(words):
        assert option != "--profile" or value in profiles, f"no profile {value}"


def test_few_commands_are_not_run() -> None:
    commands = [each for page in PAGES.values() for each in page.commands]
    print(f"{len(commands)} commands, {len(NOT_RUN)} of them not run:")
    for name, each in NOT_RUN:
        print(f"  {name}:{each.line}: {each.text.split(' #')[0].strip()}: {each.not_run}")
    assert len(NOT_RUN) <= MOST_NOT_RUN * len(commands)
