"""The place where a run that was cut off goes on: a small file, written after acknowledgement.

What was sent and not yet acknowledged at the cut is sent again, with the same derived ids, so that
it counts once.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_SECONDS = 1.0
"""Between two writes."""


def state_file(input_path: Path, state_dir: Path | None, what: Sequence[str]) -> Path:
    """Where the state lies: in `state_dir`, else beside the input, else under the home folder.

    `what` says what this run is: the file's identity, where to, and by which rules; another run
    of the same file has another state.
    """
    digest = hashlib.blake2b("\0".join(what).encode(), digest_size=6).hexdigest()
    name = f".{input_path.name}.{digest}.kpi.json"
    if state_dir is not None:
        state_dir.mkdir(parents=True, exist_ok=True)
        return state_dir / name
    if os.access(input_path.parent, os.W_OK):
        return input_path.parent / name
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    folder = home / "kpi"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


class Resume:
    """How far a run came: `done` counts lines (feed) or events (import) that are surely in."""

    def __init__(
        self,
        path: Path | None,
        *,
        restart: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._monotonic = monotonic
        self._written_at = monotonic()
        self.done = 0 if restart else self._read()
        self._saved = self.done

    def _read(self) -> int:
        if self.path is None or not self.path.is_file():
            return 0
        try:
            return int(json.loads(self.path.read_text(encoding="utf-8"))["done"])
        except (ValueError, KeyError, TypeError):
            return 0

    def reached(self, done: int) -> None:
        """So much is in; written about once a second."""
        self.done = max(self.done, done)
        if self._monotonic() - self._written_at >= _SECONDS:
            self.save()

    def save(self) -> None:
        """Write it now, whole or not at all."""
        self._written_at = self._monotonic()
        if self.path is None or self.done == self._saved:
            return
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps({"done": self.done}) + "\n", encoding="utf-8")
        beside.replace(self.path)
        self._saved = self.done
