"""`kpi` under a sampler: `python -m tests.bench.sampled FILE worker --once …`.

Every few milliseconds each thread's CPU time since the last look is put down to where its stack
is now, so that a thread that waits (for the network, or for Python's lock) counts for nothing.
The sums go to FILE each second, since a worker ends without saying goodbye.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

_EVERY_S = 0.003
_WRITE_S = 1.0

#: The first of these that a stack's innermost frames meet says what the thread is about.
_PARTS = (
    ("start: imports", "importlib._bootstrap", ""),
    ("start: app", "streams/app.py", "build_app"),
    ("decode", "kpi_windows/decoding.py", ""),
    ("journeys: out of order", "journeys/journal.py", "_again"),
    ("journeys: unpack", "journeys/journal.py", "unpack"),
    ("journeys: pack", "journeys/journal.py", "pack"),
    ("panes", "kpi_windows/rollup.py", ""),
    ("cut: settle, trim, timers", "kpi_windows/table.py", "rest"),
    ("cut", "kpi_windows/engine.py", "cut"),
    ("cut: tick", "kpi_windows/engine.py", "tick"),
    ("ingest", "kpi_windows/engine.py", "ingest"),
    ("restore", "streams/restore.py", ""),
    ("write: pack batches", "streams/commits.py", "_pack"),
    ("write", "streams/commits.py", ""),
    ("write", "aiokafka/producer", ""),
    ("fetch", "streams/fetches.py", ""),
    ("fetch", "aiokafka/consumer", ""),
    ("metrics", "streams/exporter.py", ""),
    ("network", "aiokafka/conn.py", ""),
    ("Faust", "/faust/", ""),
    ("Faust", "/mode/", ""),
)


class Sampler(threading.Thread):
    """Adds up CPU seconds by part and by line of code."""

    def __init__(self, file: Path) -> None:
        super().__init__(daemon=True, name="sampler")
        self._file = file
        self._parts: Counter[str] = Counter()
        self._lines: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._known: dict[int, float] = {}
        self._collections: Counter[str] = Counter()
        self._collecting_since = 0.0
        gc.callbacks.append(self._collect)

    def run(self) -> None:
        written = time.monotonic()
        while True:
            time.sleep(_EVERY_S)
            self._look()
            if time.monotonic() - written > _WRITE_S:
                written = time.monotonic()
                self._write()

    def _look(self) -> None:
        for ident, frame in sys._current_frames().items():
            try:
                now = time.clock_gettime(time.pthread_getcpuclockid(ident))
            except OSError:
                continue  # it has just ended
            spent = now - self._known.get(ident, now)
            self._known[ident] = now
            if ident == self.ident:
                self._parts["(sampler)"] += spent
            elif spent > 0:
                self._parts[_part(frame)] += spent
                self._lines[_name(frame)] += spent
                for name in _callers(frame):
                    self._calls[name] += spent

    def _collect(self, phase: str, info: dict[str, int]) -> None:
        """Python's garbage collection takes its time wherever memory is asked for."""
        if phase == "start":
            self._collecting_since = time.thread_time()
        else:
            spent = time.thread_time() - self._collecting_since
            self._collections[f"collections of generation {info['generation']}"] += 1
            self._collections["CPU s in collections"] += spent

    def _write(self) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        told = {
            "parts": self._parts,
            "lines": dict(self._lines.most_common(40)),
            "calls": dict(self._calls.most_common(60)),
            "memory": {
                **self._collections,
                "page faults": usage.ru_minflt,
                "CPU s in the system": usage.ru_stime,
                "CPU s in Python": usage.ru_utime,
            },
        }
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps(told))
        partial.replace(self._file)


def _part(frame: FrameType | None) -> str:
    while frame is not None:
        code = frame.f_code
        for part, file, name in _PARTS:
            if file in code.co_filename and (not name or code.co_name == name):
                return part
        frame = frame.f_back
    return "other"


def _name(frame: FrameType) -> str:
    code = frame.f_code
    return f"{'/'.join(code.co_filename.split('/')[-2:])}:{code.co_name}"


def _callers(frame: FrameType | None) -> set[str]:
    """The core's functions in the stack, each once."""
    names = set()
    while frame is not None:
        if "/kpi_windows/" in frame.f_code.co_filename:
            names.add(_name(frame))
        frame = frame.f_back
    return names


if __name__ == "__main__":
    sampler = Sampler(Path(sys.argv.pop(1)))
    sampler.start()
    from streams.cli import main

    main()
