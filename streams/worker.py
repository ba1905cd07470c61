"""Running a worker: in a process of its own that always ends, under a supervisor that starts anew.

It knows signals and exit codes; what a worker does is in `streams.app`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from aiokafka.errors import InvalidTimestampError, ProducerFenced

from streams import cycles, logs
from streams.app import ShopApp, build_app
from streams.blocked import watch_loop
from streams.commits import CommitHook
from streams.reach import DENIED, denied
from streams.restore import ShardFactory
from streams.span import ALL, Span
from streams.stuck import StuckError
from streams.topics import EngineSettings, RefusedError, UnreachableError, ensure

log = logging.getLogger(__name__)

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_FINISHED = 3  # there is nothing left to do
EXIT_REFUSED = 78  # sysexits' EX_CONFIG: trying again can't help

_STOP_PATIENCE_S = 15.0
_STEADY_S = 60.0


def run_worker(
    settings: EngineSettings,
    shard_factory: ShardFactory,
    on_commit: Sequence[CommitHook] = (),
    *,
    create_topics: bool = False,
    started: Callable[[ShopApp], None] | None = None,
    span: Span = ALL,
) -> NoReturn:
    """Work until told to stop, until something fails or the app finishes; ends this process.

    Threads of Faust's outlive its crash, so nothing but `os._exit` ends the process for sure.
    `started` gets the app once it runs, to put an exporter beside it in the same loop.
    """
    code = EXIT_FAILED
    gc.freeze()
    cycles.look_seldom()
    logs.say_rarely()
    try:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        if settings.stuck_after_s:
            watch_loop(
                loop,
                settings.stuck_after_s,
                "nothing is read, committed or answered",
                "a fresh one goes on from the last commit",
            )
        code = loop.run_until_complete(
            _run(settings, shard_factory, on_commit, create_topics, started, span)
        )
    except BaseException:
        log.exception("the worker ends")
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


async def _run(
    settings: EngineSettings,
    shard_factory: ShardFactory,
    on_commit: Sequence[CommitHook],
    create_topics: bool,
    started: Callable[[ShopApp], None] | None,
    span: Span,
) -> int:
    stop = _stop_signals()
    try:
        preparing = asyncio.ensure_future(ensure(settings, create=create_topics))
        if not await _unless(stop, preparing):
            return EXIT_OK
        embedded = preparing.result().embedded
        app = build_app(settings, shard_factory, on_commit, embedded=embedded, span=span)
        starting = asyncio.ensure_future(app.start())
        starting.add_done_callback(lambda task: _started(app, task, started))
        if settings.stuck_after_s:
            watching = asyncio.ensure_future(app.watch.run())
            watching.add_done_callback(lambda task: _started(app, task, None))
        ended = await _unless(stop, asyncio.ensure_future(app.ended.wait()))
        if app.failed:
            raise app.failed
        code = await _stop(app)
        return EXIT_FINISHED if ended and code == EXIT_OK else code
    except ProducerFenced:
        log.warning(
            "a commit was refused: another worker has taken over a partition of this one, or the "
            "transaction took longer than its timeout; nothing of it was written"
        )
    except InvalidTimestampError as error:
        log.error(
            "Kafka takes nothing of this worker's, for its time is too far from Kafka's own: is the "
            "clock of this machine right? Nothing was written (%s)",
            error,
        )
    except StuckError as error:
        log.error("%s: this process ends, and a fresh one goes on from the last commit", error)
    except DENIED as error:
        log.error("%s", denied(error))
    except UnreachableError as error:
        log.error("%s", error)
    except RefusedError as error:
        log.error("%s", error)
        return EXIT_REFUSED
    return EXIT_FAILED


async def _stop(app: ShopApp) -> int:
    log.info("stopping: one last commit, then leaving the group")
    try:
        await asyncio.wait_for(app.drain(), _STOP_PATIENCE_S)
    except TimeoutError:
        log.warning(
            "stopped without a last commit: Kafka did not take it within %g s. Nothing is lost; "
            "the next worker goes on from the commit before",
            _STOP_PATIENCE_S,
        )
        return EXIT_FAILED
    log.info("stopped")
    return EXIT_OK


async def _unless(stop: asyncio.Event, task: asyncio.Future[Any]) -> bool:
    """Whether `task` was done, with whatever outcome, before `stop` was set."""
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait([stopping, task], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    return task.done()


def _started(
    app: ShopApp, task: asyncio.Future[None], then: Callable[[ShopApp], None] | None
) -> None:
    if task.cancelled():
        return
    if error := task.exception():
        app.fail(error)
    elif then is not None:
        then(app)


def _stop_signals() -> asyncio.Event:
    """Set by SIGTERM and SIGINT, and when the process that started this one is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    parent = os.getppid()

    def look() -> None:
        if os.getppid() != parent:
            stop.set()
        loop.call_later(1.0, look)

    look()
    return stop


def supervise(
    command: Sequence[str],
    *,
    first_pause_s: float = 0.5,
    longest_pause_s: float = 10.0,
    patience_s: float = 30.0,
) -> int:
    """Run `command`, a worker, and start a fresh one with growing pauses whenever it fails.

    Returns when it ended in order, was finished or was refused. SIGTERM and SIGINT are passed on; a child that
    doesn't end within `patience_s` is killed.
    """
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: told.append(number))
    pause_s = first_pause_s
    while True:
        began = time.monotonic()
        child = subprocess.Popen(command, start_new_session=True)
        code = _wait(child, told, patience_s)
        if told and code == -signal.SIGTERM:
            return EXIT_OK  # it had not begun
        if told or code in (EXIT_OK, EXIT_FINISHED, EXIT_REFUSED):
            return code
        pause_s = first_pause_s if time.monotonic() - began > _STEADY_S else pause_s
        log.warning("the worker ended with %d; a fresh one in %.1f s", code, pause_s)
        _pause(pause_s, told)
        if told:
            return EXIT_OK
        pause_s = min(longest_pause_s, pause_s * 2)


def _wait(child: subprocess.Popen[bytes], told: Sequence[int], patience_s: float) -> int:
    deadline: float | None = None
    while True:
        try:
            return child.wait(0.1)
        except subprocess.TimeoutExpired:
            pass
        if told and deadline is None:
            deadline = time.monotonic() + patience_s
            child.terminate()
        if deadline is not None and time.monotonic() > deadline:
            child.kill()


def _pause(seconds: float, told: Sequence[int]) -> None:
    until = time.monotonic() + seconds
    while not told and time.monotonic() < until:
        time.sleep(0.05)
