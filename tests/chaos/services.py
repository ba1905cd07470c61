"""An exporter or an intake as a process that is started anew whenever it ends, as a host would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.child import FAULT
from tests.chaos.harness import REPOSITORY, until

_PAUSE_S = 0.3


class Service(threading.Thread):
    """`kpi` with some arguments, at a port; `ends` has the exit code of each process that ended."""

    def __init__(self, folder: Path, name: str, arguments: Sequence[str], config: Path) -> None:
        super().__init__(daemon=True, name=name)
        self.log = folder / f"{name}.log"
        self.fault = folder / f"{name}.fault"
        self.ends: list[int] = []
        self._command = [sys.executable, "-m", "tests.chaos.kpi", *arguments]
        self._variables = {"KPI_CONFIG": str(config), FAULT: str(self.fault)}
        self._process: subprocess.Popen[bytes] | None = None
        self._stops = threading.Event()
        self.url = ""

    def run(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KPI_")}
        while not self._stops.is_set():
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command,
                    cwd=REPOSITORY,
                    env=kept | self._variables,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self.ends.append(self._process.wait())
            self._stops.wait(_PAUSE_S)

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def signal(self, which: signal.Signals) -> None:
        until(f"{self.name} runs", lambda: self._process and self._process.poll() is None)
        assert self._process is not None
        os.kill(self._process.pid, which)

    def ask(self, path: str) -> str | None:
        """What it answers; None while it doesn't, or not with 200."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as reply:
                return str(reply.read().decode())
        except (urllib.error.URLError, OSError):
            return None

    def stop(self) -> int:
        """SIGTERM; returns its exit code."""
        self._stops.set()
        self.signal(signal.SIGTERM)
        self.join(60)
        return self.ends[-1]

    def end(self) -> None:
        """Whatever happened: nothing of it is left."""
        self._stops.set()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self.is_alive():
            self.join(30)
