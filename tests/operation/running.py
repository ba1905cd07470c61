"""Commands as an operator starts and stops them, and somebody who looks at `/metrics` all along."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.chaos.harness import REPOSITORY, until

Page = dict[str, float]

_SERIES = re.compile(r"^([a-z_]+(?:{[^}]*})?) (\S+)$", re.MULTILINE)


class Command:
    """`kpi COMMAND …`; `stop` is an operator's."""

    def __init__(self, name: str, folder: Path, settings: dict[str, str], *arguments: str) -> None:
        self.log = folder / f"{name}.log"
        self._begins_at = len(self.said())
        kept = {key: value for key, value in os.environ.items() if not key.startswith("KPI_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", *arguments],
                cwd=folder,
                env={**kept, "PYTHONPATH": str(REPOSITORY), **settings},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self) -> str:
        """By this one, and those before it of the same name."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def says(self, pattern: str) -> re.Match[str]:
        """Waits until this one does."""
        found = until(
            f"{self.log.stem} says {pattern}",
            lambda: re.search(pattern, self.said()[self._begins_at :]) or self._process.poll(),
            120,
        )
        assert isinstance(found, re.Match), self.said()[-3000:]
        return found

    @property
    def url(self) -> str:
        return self.says(r"(http://\S+)/metrics")[1]

    def ends(self) -> None:
        """Waits until it has, in order."""
        assert self._process.wait(60) == 0, self.said()[-3000:]

    def stop(self) -> float:
        """SIGTERM; returns how many seconds it took to end in order."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self.ends()
        return time.monotonic() - began

    def end(self) -> None:
        """Whatever happened: nothing of it is left, its own child neither."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(40)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def page_of(url: str) -> Page:
    """Each series of /metrics and its value."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        return {name: float(value) for name, value in _SERIES.findall(answer.read().decode())}


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=30) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class Looking(threading.Thread):
    """Calls `look` again and again; what that raises is raised at the end."""

    def __init__(self, look: Callable[[], None], each_s: float = 0.3) -> None:
        super().__init__(daemon=True)
        self._look = look
        self._each_s = each_s
        self._closing = threading.Event()
        self._error: BaseException | None = None
        self.looks = 0

    def run(self) -> None:
        try:
            while not self._closing.wait(self._each_s):
                self._look()
                self.looks += 1
        except BaseException as error:  # it is the test's, in another thread
            self._error = error

    def __enter__(self) -> Looking:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._closing.set()
        self.join()
        if self._error is not None and kind is None:
            raise self._error
