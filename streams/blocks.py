"""Blocks of Prometheus out of OpenMetrics, by promtool.

It must not know what the samples are.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

BLOCK_MS = 18 * 3_600_000
"""The longest that promtool makes of one text: of Prometheus' own sizes (2 h times a power of 3)
the largest that the least retention allows to be merged."""
_MISSING = (
    "promtool isn't there: it comes with Prometheus (Debian: apt install prometheus; or the "
    "archive at https://prometheus.io/download/). Say where by --promtool, or take the text alone "
    "by --text"
)


class BlockError(Exception):
    """Blocks can't be made; the message says why."""


def find(told: str) -> Path:
    """Promtool's path; BlockError when it isn't there."""
    found = shutil.which(told)
    if found is None:
        raise BlockError(_MISSING)
    return Path(found)


def create(promtool: Path, text: Path, folder: Path) -> list[Path]:
    """The blocks that promtool made of a text, in a folder that has no others.

    Raises BlockError with what promtool said.
    """
    command = [str(promtool), "tsdb", "create-blocks-from", "--quiet"]
    command += [f"--max-block-duration={BLOCK_MS // 1_000}s", "openmetrics", str(text), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise BlockError(f"promtool failed on {text}, which is kept: {said}")
    return sorted(each.parent for each in folder.glob("*/meta.json"))
