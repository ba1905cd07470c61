"""One target under the fuzzer, in a process of its own, which the fuzzer ends.

    python -m tests.fuzz.child TARGET bytes|json STATUS-FILE libFuzzer's own arguments

With coverage as the guide; how it goes is written into the status file each second.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from pathlib import Path

import psutil

from tests.fuzz.mutating import changed
from tests.fuzz.targets import target

_LOOK_EVERY = 64
_WARM, _WARM_S = 20_000, 30
"""Inputs or seconds until all that is made once has been made: memory is compared with then."""


class Status:
    """How many inputs there were, and how much memory the process has."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = psutil.Process()
        self._began_s = self._told_s = time.monotonic()
        self.inputs = 0
        self._warm_bytes = 0

    def count(self) -> None:
        """One input more."""
        self.inputs += 1
        if self.inputs % _LOOK_EVERY == 0 and time.monotonic() - self._told_s > 1:
            self.tell()

    def tell(self) -> None:
        """Writes the status down."""
        self._told_s = time.monotonic()
        rss = self._process.memory_info().rss
        seconds = self._told_s - self._began_s
        if not self._warm_bytes and (self.inputs >= _WARM or seconds > _WARM_S):
            self._warm_bytes = rss
        told = {
            "inputs": self.inputs,
            "seconds": seconds,
            "rss": rss,
            "warm_rss": self._warm_bytes or rss,
        }
        self._path.write_text(json.dumps(told), encoding="utf-8")


def as_json(told: bytes, most: int, seed: int) -> bytes:
    """In place of the fuzzer's own changes of bytes."""
    return changed(told, random.Random(seed))[:most]


def main() -> None:
    name, how, status_file, *options = sys.argv[1:]
    import atheris

    with atheris.instrument_imports(include=["kpi_windows", "streams"]):
        attempt = target(name).attempt
    logging.disable(logging.CRITICAL)
    status = Status(Path(status_file))
    count = status.count

    def one(told: bytes) -> None:
        attempt(told)
        count()

    status.tell()
    more = {"custom_mutator": as_json} if how == "json" else {}
    atheris.Setup([sys.argv[0], *options], one, **more)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
