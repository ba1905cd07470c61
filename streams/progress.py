"""How far long work is, how fast it goes and how long it will still take.

On a terminal a bar; elsewhere a line now and then, for logs.  It must not know what the work is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from streams.units import show_duration

EVERY_S = 10.0
"""Between two lines; work that takes less says nothing."""
BYTES = "B"
"""The unit that is told in MB."""

Say = Callable[[str], object]
Clock = Callable[[], float]


class Pace:
    """What was done of how much, and since when.

    >>> pace = Pace("orders.csv", 3_000_000, "rows", monotonic=iter((0.0, 10.0)).__next__)
    >>> pace.words(1_000_000)
    'orders.csv: 33 %, 1,000,000 of 3,000,000 rows, 100,000/s, 20s left'
    """

    def __init__(
        self, what: str, total: int | None, unit: str, monotonic: Clock = time.monotonic
    ) -> None:
        self.what = what
        self.total = total
        self.unit = unit
        self.monotonic = monotonic
        self._began_s = monotonic()
        self._before = 0

    def skip(self, done: int) -> None:
        """So much had been done before: it says nothing about the rate."""
        self._before = done
        self._began_s = self.monotonic()

    def words(self, done: int) -> str:
        """A line: percent, amounts, rate, and time left where the total is known."""
        passed_s = self.monotonic() - self._began_s
        rate = (done - self._before) / passed_s if passed_s > 0 else 0.0
        if not self.total:
            return f"{self.what}: {_amount(done, self.unit)}, {_rate(rate, self.unit)}"
        told = f"{self.what}: {min(1.0, done / self.total):.0%}".replace("%", " %")
        told += f", {_shown(done, self.unit)} of {_amount(self.total, self.unit)}"
        told += f", {_rate(rate, self.unit)}"
        if rate > 0:
            left_s = max(self.total - done, 0) / rate
            told += f", {show_duration(round(left_s) * 1_000)} left"
        return told


class Progress:
    """Long work: `reached` it tells how far it is.  Use as a context.

    Without `say` it draws a bar when standard error is a terminal, and writes lines to standard
    error when it isn't; with `say` it always says lines.  `show=False`: nothing.
    """

    def __init__(
        self,
        what: str,
        total: int | None,
        unit: str = BYTES,
        *,
        show: bool = True,
        say: Say | None = None,
        every_s: float = EVERY_S,
        monotonic: Clock = time.monotonic,
    ) -> None:
        self.done = 0
        self._pace = Pace(what, total, unit, monotonic)
        self._every_s = every_s
        self._next_s = monotonic() + every_s
        self._say: Say | None = (say or _to_stderr) if show else None
        self._bar = _bar(what, total, unit) if show and say is None and _on_terminal() else None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """The work has ended, one way or another."""
        if self._bar is not None:
            self._bar.close()

    def skip(self, done: int) -> None:
        """An earlier run did so much."""
        self.done = done
        self._pace.skip(done)
        if self._bar is not None:
            self._bar.initial = self._bar.n = done  # so that its rate leaves it out, too

    def reached(self, done: int, total: int | None = None) -> None:
        """So much is done, of a total that may have become known only now."""
        self.done = done
        if total is not None:
            self._pace.total = total
        if self._bar is not None:
            self._bar.total = self._pace.total
            self._bar.update(done - self._bar.n)
        elif self._say is not None and self._pace.monotonic() >= self._next_s:
            self._next_s = self._pace.monotonic() + self._every_s
            self._say(self._pace.words(done))

    def advance(self, more: int = 1) -> None:
        """So much more is done."""
        self.reached(self.done + more)


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _bar(what: str, total: int | None, unit: str) -> Any:
    from tqdm import tqdm

    is_bytes = unit == BYTES
    shown = unit if is_bytes else f" {unit}"
    return tqdm(total=total, desc=what, unit=shown, unit_scale=is_bytes, dynamic_ncols=True)


def _shown(amount: float, unit: str) -> str:
    if unit != BYTES:
        return f"{amount:,.0f}"
    return f"{amount / 1e6:,.1f}"


def _amount(amount: float, unit: str) -> str:
    return f"{_shown(amount, unit)} {'MB' if unit == BYTES else unit}"


def _rate(rate: float, unit: str) -> str:
    if unit == BYTES:
        return f"{rate / 1e6:,.1f} MB/s"
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s"
