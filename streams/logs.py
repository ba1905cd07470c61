"""What is logged, for people or for machines: one line a message, on standard error.

It must not know what is worth a message.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from streams.settings import Log

_QUIET = ("faust", "mode", "aiokafka", "kafka", "asyncio", "aiohttp.access")
"""Of the libraries only warnings: each of their messages belongs to a class, not to a shop."""


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
