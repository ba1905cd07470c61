"""Notices from a thread of its own that an event loop has stopped turning.

It must not know whose loop it is.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import sys
import threading
import time
import traceback

log = logging.getLogger(__name__)

_LOOKS = 10
"""So many times within its patience the loop is asked."""


def watch_loop(loop: asyncio.AbstractEventLoop, patience_s: float, so: str, then: str) -> None:
    """Ends the process, with 1 and the loop's stack in the log, once it didn't turn for so long.

    What doesn't happen `so`, and what happens `then`, is told, too.

    Only time in which this thread could look counts: a process that was frozen isn't blocked.
    Call it in the loop's own thread.  A function that never lets go of Python's lock lets no thread
    look either: after twice the time the process ends without more than its stacks.
    """
    thread = threading.Thread(
        target=_watch,
        args=(loop, threading.get_ident(), patience_s, so, then),
        name="watch-loop",
        daemon=True,
    )
    thread.start()


def _watch(loop: asyncio.AbstractEventLoop, at: int, patience_s: float, so: str, then: str) -> None:
    each_s = patience_s / _LOOKS
    while True:
        turned = threading.Event()
        try:
            loop.call_soon_threadsafe(turned.set)
        except RuntimeError:  # it is closed
            faulthandler.cancel_dump_traceback_later()
            return
        for _ in range(_LOOKS):
            faulthandler.dump_traceback_later(2 * patience_s, exit=True)
            if turned.wait(each_s) or loop.is_closed():
                break
        else:
            log.error(
                "stuck: the event loop has not turned for %g s, so %s: this process ends, and %s. "
                "It is at\n%s",
                *(patience_s, so, then),
                "".join(traceback.format_stack(sys._current_frames().get(at))),
            )
            logging.shutdown()
            os._exit(1)
        time.sleep(each_s)
