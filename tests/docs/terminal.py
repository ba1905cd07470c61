"""A terminal for one page: a folder of its own, what was exported, and what goes on beside it.

It must not know Markdown.  `kpi` is this checkout's; Kafka is an embedded broker, and ports are
free ones, which are put in the place of those on the page, and back in what is printed.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from tests.docs.pages import ROOT, Command, File
from tests.kafka.broker import free_ports

PATIENCE_S = 90.0
_STOP_S = 20.0
_COPIED = ("Makefile", "pyproject.toml", "constraints.txt")
RUNS_ON = re.compile(
    r"^(\S*/)?(kpi (demo|worker|exporter|intake)|make demo|kpi simulate .*--live)\b"
)
"""These go on until somebody ends them; the page goes on beside them once they say an address."""
ASKS = re.compile(
    r"^(\w+=\S+ )*(\S*/)?(kpi (query|explain|doctor|goals)|curl)\b(?!(?s:.*)( -X| -d |--data))"
)
"""These change nothing: they are asked again until they say what the page says."""
_ADDRESS = re.compile(r"https?://\S+")
_KAFKA = re.compile(r"^ *Kafka +(\S+:\d+)$", re.MULTILINE)
_BROKER, _EXPORTER, _INTAKE = "127.0.0.1:9092", "127.0.0.1:9464", "127.0.0.1:9466"


class WrongError(AssertionError):
    """A command doesn't do what the page says."""


def matches(expected: Sequence[str], printed: str) -> bool:
    """Whether this was printed, `…` being anything and a line `…` any lines.

    >>> matches(["a", "…", "day …  7"], "a\\nb\\nc\\nday 2026-01-01  7\\n")
    True
    >>> matches(["a", "day …  7"], "a\\nb\\nday 2026-01-01  7\\n")
    False
    """
    pattern = ""
    for line in expected:
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += r".*".join(map(re.escape, line.rstrip().split("…"))) + r"[ ]*\n"
    return re.fullmatch(pattern, printed.rstrip() + "\n" if printed.strip() else "") is not None


class Process:
    """A command that goes on, and all that it says."""

    def __init__(self, arguments: Sequence[str], folder: Path, variables: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            arguments,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self._lines.extend(self._process.stdout)  # line by line, as they come

    @property
    def said(self) -> str:
        """All that it has printed so far."""
        return "".join(self._lines)

    def until(self, found: Callable[[str], object]) -> bool:
        """Waits until `found` is true of what was said; False: it ended, or time is over."""
        deadline = time.monotonic() + PATIENCE_S
        while not found(self.said):
            ended = self._process.poll() is not None
            if ended:
                self._reader.join(5)
                return bool(found(self.said))
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def end(self) -> int | None:
        """Its exit code once it ends by itself; None when it doesn't, and had to be ended."""
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.close()
            return None
        self._reader.join(5)
        return code

    def interrupt(self) -> None:
        """Ask it to end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """As Ctrl-C would, and then by force."""
        if self._process.poll() is None:
            self.interrupt()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self._process.pid, signal.SIGKILL)  # whatever it left behind
        except ProcessLookupError:
            pass
        self._process.wait()
        self._reader.join(5)


class Terminal:
    """Runs what a page shows; `with Terminal(folder, variables) as terminal:`."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._home = folder / "clone"
        self._variables = _variables(folder, self._home) | variables
        self._folder = self._home
        self._state = folder / "state"
        self._beside: list[Process] = []
        self.instead = {
            _BROKER: self._variables.get("KPI_BOOTSTRAP_SERVERS", _BROKER),
            _EXPORTER: f"127.0.0.1:{self._variables['KPI_EXPORTER_PORT']}",
            _INTAKE: f"127.0.0.1:{self._variables['KPI_INTAKE_PORT']}",
        }
        """Address on the page -> what it is here."""
        self._ended: list[str] = []
        _clone(self._home, folder / "bin")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._beside:
            process.interrupt()  # all at once: each takes its time
        for process in self._beside:
            process.close()

    @property
    def said(self) -> str:
        """All that all commands have printed so far."""
        return "".join(self._ended + [process.said for process in self._beside])

    def do(self, step: File | Command) -> None:
        """The page's next step.  Raises WrongError."""
        if isinstance(step, File):
            self.save(step)
        elif not step.not_run:
            self.run(step)

    def save(self, file: File) -> None:
        """The file that the page shows."""
        path = self._folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._there(file.text), encoding="utf-8")

    def run(self, command: Command) -> str:
        """What it printed (so far).  Raises WrongError unless it does what the page says."""
        text = self._there(command.text)
        if RUNS_ON.match(command.text) and "--seconds" not in text and "--help" not in text:
            return self._start(command, text)
        return self._until_right(command, text)

    def _start(self, command: Command, text: str) -> str:
        process = Process(["bash", "-c", f"exec {text}"], self._folder, self._variables)
        self._beside.append(process)
        told = _KAFKA.search("\n".join(command.prints or ()))

        def found(said: str) -> object:
            if command.prints is None or not said.endswith("\n"):
                return _ADDRESS.search(said)
            there = _KAFKA.search(said)
            if told and there:
                self.instead[told[1]] = there[1]
            return matches([*command.prints, "…"], self._here(said))

        if not process.until(found):
            raise WrongError(f"it said:\n{self._here(process.said)}")
        return process.said

    def _until_right(self, command: Command, text: str) -> str:
        deadline = time.monotonic() + (PATIENCE_S if ASKS.match(command.text) else 0)
        while True:
            code, printed = self._once(text)
            right = code == command.code and (
                command.prints is None or matches(command.prints, printed)
            )
            if right:
                return printed
            if time.monotonic() > deadline:
                raise WrongError(f"it ended with {code} and printed:\n{printed}")
            time.sleep(0.2)

    def _once(self, text: str) -> tuple[int, str]:
        self._state.unlink(missing_ok=True)
        keep = f"env -0 > {shlex.quote(str(self._state))}"
        script = f"set -o pipefail; {text}\ncode=$?; {keep}; exit $code"
        process = Process(["bash", "-c", script], self._folder, self._variables)
        code = process.end()
        if code is None:
            raise WrongError(
                f"no end after {PATIENCE_S:g} s; until then it printed:\n{process.said}"
            )
        if self._state.exists():
            pairs = self._state.read_text().split("\0")
            self._variables = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
            self._folder = Path(self._variables["PWD"])
        self._ended.append(process.said)
        return code, self._here(process.said)

    def _there(self, text: str) -> str:
        """With this machine's ports in place of the page's."""
        for page, real in self.instead.items():
            text = text.replace(page, real)
        return text

    def _here(self, text: str) -> str:
        """The other way round."""
        for page, real in self.instead.items():
            text = text.replace(real, page)
        return text.replace(str(self._home), "~/clone")


def _variables(folder: Path, home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KPI_", "MAKE", "MFLAGS"))}
    exporter, intake = free_ports(2)
    return {
        **kept,
        "HOME": str(folder),
        "PATH": f"{folder / 'bin'}:{kept.get('PATH', '')}",
        "PWD": str(home),
        "PYTHONPATH": str(ROOT),
        "KPI_EXPORTER_PORT": str(exporter),
        "KPI_INTAKE_PORT": str(intake),
        "KPI_WORKER_PORT": "0",
        "NO_COLOR": "1",
    }


def _clone(home: Path, shims: Path) -> None:
    """What a reader's clone has: the examples, the Makefile, and `.venv` with `kpi` in it."""
    shutil.copytree(ROOT / "examples", home / "examples")
    for name in _COPIED:
        shutil.copy(ROOT / name, home / name)
    (home / "tests").symlink_to(ROOT / "tests")
    for folder in (shims, home / ".venv" / "bin"):
        folder.mkdir(parents=True)
        _script(folder / "kpi", f'exec {shlex.quote(sys.executable)} -m streams.cli "$@"')
        _script(folder / "python", f'exec {shlex.quote(sys.executable)} "$@"')
    (home / ".venv" / ".installed").touch()


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
