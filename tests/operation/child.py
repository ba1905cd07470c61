"""A supervised worker for the tests of the watch, which can be made to hang.

The file named by OPERATION_HANG says what hangs: `loop`, `fetch` or `commit`; the one named by OPERATION_URL gets the address of the worker's own pages.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

from streams import logs, restore
from streams.settings import Log
from streams.settings import Worker as WorkerSettings
from tests.chaos.child import PID, ChaosSettings, factory, main

HANG = "OPERATION_HANG"
URL = "OPERATION_URL"
SLOW = "OPERATION_SLOW"
"""Seconds that each partition's restore takes longer."""

_EACH_S = 0.1


async def _for_ever(*_: Any, **__: Any) -> Any:
    await asyncio.Event().wait()


def _hang(app: Any, what: str) -> None:
    if what == "loop":
        time.sleep(600)
    elif what == "fetch":
        app.consumer.thread.fetch = _for_ever
    elif what == "commit":
        app.commits.begin = lambda: None


def look(app: Any) -> None:
    """Hangs, once, what the file names."""
    file = Path(os.environ[HANG])
    if file.exists():
        what = file.read_text()
        if what:
            file.unlink()
            _hang(app, what)
            return
    app.loop.call_later(_EACH_S, look, app)


async def serve(app: Any) -> None:
    from streams.exporter import worker_app
    from streams.site import serve

    site = await serve(worker_app(app, WorkerSettings()), "127.0.0.1", 0)
    _write(Path(os.environ[URL]), site.url)


def _write(file: Path, text: str) -> None:
    partial = file.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(file)


def started(app: Any) -> None:
    look(app)
    app.serving = asyncio.ensure_future(serve(app))


def _slowly(read: Any, seconds: float) -> Any:
    async def read_slowly(*told: Any, **more: Any) -> Any:
        await asyncio.sleep(seconds)
        return await read(*told, **more)

    return read_slowly


def work(settings: ChaosSettings) -> None:
    from streams.worker import run_worker

    logs.configure(Log())
    Path(os.environ[PID]).write_text(str(os.getpid()))
    restore.read_to_end = _slowly(restore.read_to_end, float(os.environ.get(SLOW, "0")))
    run_worker(settings, factory(settings), started=started)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], "tests.operation.child", work))
