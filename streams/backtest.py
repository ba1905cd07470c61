"""`kpi backtest`: a shop's thresholds against a log of its past, minute by minute.

It must not know when to alert; `kpi_windows.backtest` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

from kpi_windows.alerting import STEP_MS
from kpi_windows.backtest import Backtest, Trial
from kpi_windows.thresholds import Threshold
from streams.history import History, steps
from streams.offline import Report
from streams.past import Log
from streams.progress import Progress
from streams.settings import Settings
from streams.units import show_time


class BacktestError(Exception):
    """There is nothing to judge; the message says why."""


@dataclass
class BacktestResult:
    """What became of each threshold."""

    first_ms: int
    last_ms: int
    """The last minute that was judged; before the end when it was interrupted."""
    tested: list[Trial]
    report: Report = field(default_factory=Report)
    interrupted: bool = False


def backtest(
    log: Log,
    settings: Settings,
    thresholds: Iterable[Threshold],
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    progress: bool = True,
) -> BacktestResult:
    """Judges every whole minute of the log, or of a part of it.

    What lies before the part is played, too: windows are as full as they were then.  When it is
    interrupted, the result is that of the minutes until then.  Raises BacktestError, SourceError.
    """
    if log.first_ms is None or log.last_ms is None:
        raise BacktestError("no line is an event: see `kpi import --dry-run`")
    first_ms = max(log.first_ms, from_ms or 0)
    last_ms = log.last_ms + STEP_MS if to_ms is None else to_ms
    minutes = steps(first_ms, last_ms, STEP_MS)
    if not minutes:
        told = f"{show_time(log.first_ms)} to {show_time(log.last_ms)}"
        raise BacktestError(f"no minute between --from and --to: events are from {told}")
    tests = Backtest(thresholds, settings.catalogue)
    judged_ms, interrupted = minutes[0], False
    with ExitStack() as opened:
        history = History(settings, log.in_order(None, opened), tuple(map(str, log.files)))
        telling = opened.enter_context(Progress("judged", len(minutes), "minutes", show=progress))
        try:
            for at_ms in minutes:
                history.bring_to(at_ms)
                tests.judge(history.whole.view, at_ms)
                judged_ms = at_ms
                telling.advance()
        except KeyboardInterrupt:
            interrupted = True
        report = history.finish()
    return BacktestResult(minutes[0], judged_ms, list(tests.tested.values()), report, interrupted)
