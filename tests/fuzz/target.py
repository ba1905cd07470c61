"""What a target of fuzzing is: seeds, and an attempt that raises only when something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple


class Target(NamedTuple):
    """One way in, for bytes of which nothing is known."""

    seeds: Callable[[], Iterable[bytes]]
    """Inputs to begin with: the first byte chooses where the rest goes."""
    attempt: Callable[[bytes], object]
    """Takes one input; what it raises is a finding."""
    is_json: bool = False
    """Whether the rest is JSON, and worth being mutated as such: line by line."""
