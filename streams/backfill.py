"""`kpi backfill`: what the exporter would have said of past events, step by step, for Prometheus.

The engine plays the log from its beginning; at each step the exporter's own collectors say what
they would at that watermark.  It must not know KPIs, nor how Prometheus keeps blocks.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from kpi_windows.definitions import MINUTE_MS
from streams import blocks, metrics
from streams.exposition import KpiCollector
from streams.goals import GoalCollector
from streams.history import History, steps
from streams.intake.sources import head_of, name_of
from streams.offline import Report
from streams.openmetrics import Page
from streams.past import Log
from streams.progress import Progress
from streams.settings import Settings
from streams.units import show_duration, show_time
from streams.written import Written

STEP_MS = 5 * MINUTE_MS
"""Prometheus shows a sample for five minutes."""
MOST_STEPS = 2_000_000
_MOST_SAMPLES = 2_000_000
"""In one text; more would take more memory than the engine."""
_OF_THE_PROCESS = frozenset(
    series.name for series in (metrics.EXPOSED, metrics.LIMIT, metrics.LEFT_OUT, metrics.SCRAPE)
)
"""What a scrape says of itself: no scrape was made."""
_STATE = "backfill.json"


class BackfillError(Exception):
    """The history can't be made as it was asked for; the message says what to do."""


@dataclass(frozen=True)
class BackfillOptions:
    """What to turn into history, and where to."""

    out: Path
    labels: Mapping[str, str]
    """Those that Prometheus adds when it scrapes: `job` and `instance`."""
    promtool: Path | None
    """None: the text alone."""
    step_ms: int = STEP_MS
    from_ms: int | None = None
    to_ms: int | None = None
    now_ms: int | None = None
    """History ends here at the latest, whatever the events say."""
    restart: bool = False
    progress: bool = True


@dataclass
class BackfillResult:
    """What was made."""

    first_ms: int
    last_ms: int
    steps: int
    before: int
    """Steps that an earlier run had made."""
    samples: int
    made: list[str]
    """The blocks, or the texts, in `out`; also those of earlier runs."""
    report: Report = field(default_factory=Report)


class _State(msgspec.Struct):
    """How far a run came; written whole or not at all."""

    what: str
    """Other files, settings or steps are another history."""
    done_ms: int | None = None
    samples: int = 0
    made: list[str] = []
    moving: list[str] = []
    """Being moved into place; `until_ms` is done when all are."""
    until_ms: int = 0
    moving_samples: int = 0


class _Place:
    """The folder that is filled, part by part; what a run that was cut off left is put right."""

    def __init__(self, out: Path, what: str, *, restart: bool) -> None:
        self._out = out
        self.work = out / ".kpi"
        self._file = self.work / _STATE
        self.work.mkdir(parents=True, exist_ok=True)
        found = self._read()
        if found is not None and restart:
            for name in (*found.made, *found.moving):
                _remove(out / name)
            found = None
        if found is not None and found.what != what:
            raise BackfillError(
                f"{out} holds a history of other files, settings, steps or labels: choose another "
                "--out, or --restart, which removes what that one made"
            )
        self.state = found or _State(what)
        self._move()
        for each in self.work.iterdir():
            if each != self._file:
                _remove(each)
        self._save()

    def put(self, parts: Iterable[Path], until_ms: int, samples: int) -> None:
        """Takes finished parts over; after this, or after none of it, the run goes on."""
        state = self.state
        state.moving = [part.name for part in parts]
        state.until_ms, state.moving_samples = until_ms, samples
        for part in parts:
            part.rename(self.work / part.name)
        self._save()
        self._move()
        self._save()

    def _move(self) -> None:
        state = self.state
        for name in state.moving:
            if (self.work / name).exists():
                (self.work / name).rename(self._out / name)
        if state.until_ms:
            state.made += state.moving
            state.done_ms = state.until_ms
            state.samples += state.moving_samples
            state.moving, state.until_ms, state.moving_samples = [], 0, 0

    def _read(self) -> _State | None:
        if not self._file.is_file():
            return None
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_State)
        except msgspec.MsgspecError as error:
            raise BackfillError(f"{self._file} can't be read ({error}): remove it") from error

    def _save(self) -> None:
        beside = self._file.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(self.state))
        beside.replace(self._file)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def span(log: Log, options: BackfillOptions) -> range:
    """The steps, in ms.  Raises BackfillError when there are none, or far too many."""
    if log.first_ms is None or log.last_ms is None:
        raise BackfillError("no line is an event: there is no history (see `kpi import --dry-run`)")
    first_ms = max(log.first_ms, options.from_ms or 0)
    end_ms = -(-log.last_ms // options.step_ms) * options.step_ms  # all events are in there
    last_ms = end_ms if options.to_ms is None else options.to_ms
    last_ms = last_ms if options.now_ms is None else min(last_ms, options.now_ms)
    told = steps(first_ms, last_ms, options.step_ms)
    events = f"events are from {show_time(log.first_ms)} to {show_time(log.last_ms)}"
    if not told:
        raise BackfillError(f"no step between --from and --to: {events}")
    if len(told) > MOST_STEPS:
        raise BackfillError(
            f"{len(told):,} steps: {events}. Is a clock wrong? --from and --to say what to make"
        )
    return told


def backfill(
    log: Log,
    settings: Settings,
    options: BackfillOptions,
    say: Callable[[str], object] = lambda _: None,
) -> BackfillResult:
    """Makes blocks (or texts) of a log in `options.out`, or goes on with them.

    Raises BackfillError, BlockError, SourceError; what was finished stays, and counts.
    """
    at_steps = span(log, options)
    place = _Place(options.out, _what(log, settings, options, at_steps), restart=options.restart)
    done_ms = place.state.done_ms
    left = [at_ms for at_ms in at_steps if done_ms is None or at_ms > done_ms]
    before = len(at_steps) - len(left)
    if before:
        when = show_time(done_ms or 0)
        say(f"{options.out}: goes on after {when}, made before (--restart makes all again)")
    with ExitStack() as opened:
        work = place.work / "sorting"
        work.mkdir(exist_ok=True)
        opened.callback(_remove, work)
        lines = log.in_order(work, opened)
        history = History(settings, lines, tuple(map(str, log.files)))
        if left:
            _go(history, options, place, left, before)
        report = history.finish()
    state = place.state
    return BackfillResult(
        at_steps[0], at_steps[-1], len(at_steps), before, state.samples, state.made, report
    )


def _go(
    history: History, options: BackfillOptions, place: _Place, left: list[int], before: int
) -> None:
    collectors: list[Collector] = [KpiCollector(history.whole), GoalCollector(history.whole)]
    page = Page(options.labels)
    with Progress("history", before + len(left), "steps", show=options.progress) as progress:
        if before:
            history.bring_to(left[0] - options.step_ms)
            progress.skip(before)
        for at_ms, next_ms in zip(left, [*left[1:], None], strict=True):
            history.bring_to(at_ms)
            for metric in said(collectors):
                page.add(metric, at_ms // 1_000)
            progress.advance()
            if next_ms is None or _is_full(page, at_ms, next_ms):
                place.put(_parts(page, options.promtool, place.work, at_ms), at_ms, page.samples)
                page = Page(options.labels)


def said(collectors: Iterable[Collector]) -> Iterator[Metric]:
    """What collectors say of the shop, not of the process that is asked."""
    for collector in collectors:
        for metric in collector.collect():
            has_any = isinstance(metric, Written) or metric.samples
            if has_any and metric.name not in _OF_THE_PROCESS:
                yield metric


def _is_full(page: Page, at_ms: int, next_ms: int) -> bool:
    """A part ends where a block does, and before it takes too much memory."""
    ends_block = at_ms // blocks.BLOCK_MS != next_ms // blocks.BLOCK_MS
    return ends_block or page.samples >= _MOST_SAMPLES


def _parts(page: Page, promtool: Path | None, work: Path, at_ms: int) -> list[Path]:
    if not page.samples:
        return []
    text = work / f"until-{show_time(at_ms).replace(':', '')}.om"
    with text.open("wb") as file:
        page.write(file)
    if promtool is None:
        return [text]
    folder = work / "blocks"
    folder.mkdir(exist_ok=True)
    made = blocks.create(promtool, text, folder)
    text.unlink()
    return made


def _what(log: Log, settings: Settings, options: BackfillOptions, at_steps: range) -> str:
    """What a history follows from."""
    files = [(name_of(file.name, head_of(file)), file.stat().st_size) for file in log.files]
    exporter = settings.exporter
    bounds = (exporter.windows, exporter.breakdowns, exporter.breakdown_windows)
    limits = (exporter.top_labels, exporter.max_series)
    told = (
        files, settings.definitions.fingerprint(), bounds, limits,
        [(kpi.id, kpi.formula.text()) for kpi in settings.catalogue.values()],
        [repr(goal) for goal in settings.goals], dict(options.labels),
        (at_steps.start, at_steps.step, options.to_ms), options.promtool is None,
    )  # fmt: skip
    return hashlib.blake2b(repr(told).encode(), digest_size=12).hexdigest()


def shown(result: BackfillResult, options: BackfillOptions) -> str:
    """What was made, in a sentence."""
    kind = "texts" if options.promtool is None else "blocks"
    every = show_duration(options.step_ms)
    return (
        f"{show_time(result.first_ms)} to {show_time(result.last_ms)} every {every}: "
        f"{result.samples:,} samples in {len(result.made)} {kind} in {options.out}"
    )
