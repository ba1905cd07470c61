"""The command `kpi`; one file a command.

It must not do any work itself: a command reads what it is told, calls, and prints.
"""

from __future__ import annotations

from streams.cli.base import main

__all__ = ["main"]
