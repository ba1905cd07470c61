"""A loop that doesn't turn ends its process; one that is over ends nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_WATCHED = """
import asyncio, time
from streams.blocked import watch_loop
async def run():
    watch_loop(asyncio.get_running_loop(), 0.5, "nothing is done", "a fresh one begins")
    await asyncio.sleep(0.2)
    time.sleep({blocked_s})
asyncio.run(run())
time.sleep(2)
print("went on")
"""


def _run(blocked_s: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WATCHED.format(blocked_s=blocked_s)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_process_goes_on_when_its_loop_is_over() -> None:
    done = _run(0)
    assert (done.returncode, done.stdout) == (0, "went on\n"), done.stderr


def test_a_process_ends_when_its_loop_does_not_turn() -> None:
    done = _run(10)
    assert (done.returncode, done.stdout) == (1, "")
    assert "so nothing is done: this process ends, and a fresh one begins" in done.stderr
