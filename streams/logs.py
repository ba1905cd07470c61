"""What is logged, for people or for machines: one line a message, on standard error.

It must not know what is worth a message.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime

from streams.settings import Log

_QUIET = ("faust", "mode", "aiokafka", "asyncio", "aiohttp.access", "librdkafka")
"""Of the libraries only warnings: each of their messages belongs to a class, not to a shop."""
_SENDER = "kafka"
"""kafka-python, which isn't heard without --debug: `producer` says in its own words what went wrong, and
else each try would stand among what a command answers."""
_LIBRARIES = ("faust", "mode", "aiokafka", "kafka", "asyncio", "librdkafka")
_SAY_AGAIN_S = 10.0


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and error with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def configure(log: Log, *, debug: bool = False) -> None:
    """Sets up logging for this process, again if it was."""
    handler = logging.StreamHandler(sys.stderr)
    if log.format == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    level = logging.DEBUG if debug else getattr(logging, log.level.upper())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger(_SENDER).setLevel(logging.WARNING if debug else logging.CRITICAL)


class _SayRarely(logging.Filter):
    """Lets a library say the same thing once in a while: a broker that is away fills no disk."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_LIBRARIES):
            return True
        kind = (record.name, str(record.msg))
        now = time.monotonic()
        if now - self._said.get(kind, -_SAY_AGAIN_S) < _SAY_AGAIN_S:
            return False
        self._said[kind] = now
        return True


def say_rarely() -> None:
    """From here on libraries say the same thing once in a while, in this process."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_SayRarely())
