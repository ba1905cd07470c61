"""Draws from one stream of random numbers; nothing but `random()` is used, whose numbers stay the
same in every Python version, so that a seed gives the same shop everywhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import log
from typing import Generic, TypeVar

T = TypeVar("T")
Draw = Callable[[], float]
"""A number in [0, 1)."""


def wait_ms(draw: Draw, mean_ms: float, most_ms: float) -> int:
    """An exponential waiting time of at least 1 ms, cut at `most_ms`."""
    waited = -log(1.0 - draw()) * mean_ms
    return 1 + int(waited if waited < most_ms else most_ms)


def one_of(draw: Draw, values: Sequence[T]) -> T:
    """One of some equals."""
    return values[int(draw() * len(values))]


class Choice(Generic[T]):
    """Values with weights.

    >>> Choice({"a": 1, "b": 3}).of(lambda: 0.3)
    'b'
    """

    def __init__(self, weights: dict[T, float]) -> None:
        total = sum(weights.values())
        self.values = list(weights)
        self._shares = [part / total for part in accumulate(weights.values())]
        self._shares[-1] = 1.0

    def of(self, draw: Draw) -> T:
        """One value, by its weight."""
        return self.values[bisect_right(self._shares, draw())]
