"""The whole shop: merges what the partitions committed, and says the value of any KPI.

It must not know how commits reach it, nor the clock: now is the watermark.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from kpi_windows.codec import Checkpoint, unpack_checkpoint
from kpi_windows.compatibility import refuse_format
from kpi_windows.definitions import HOUR_MS, MINUTE_MS, Definitions
from kpi_windows.facts import Fact
from kpi_windows.facts.fact import OWN
from kpi_windows.formula import Node, number, quotient, ratio_of
from kpi_windows.kpi import Column, Kpi, Row, UnknownNameError
from kpi_windows.laws import Law, Segments, laws_of, segments_of
from kpi_windows.measures import facts_of
from kpi_windows.panes import MergedPanes
from kpi_windows.question import TOP, Filter, Question, groups
from kpi_windows.scope import OTHER, Frame, WindowScope
from kpi_windows.windows import Grid, Level, Window

__all__ = ["OTHER", "Law", "Rows", "Value", "View"]

_FRAMES = 512
_NEVER = 1 << 62


class Value(NamedTuple):
    """A KPI in one window, for one set of labels."""

    kpi: str
    window: str
    definition: str
    labels: dict[str, str]
    value: float | None
    """None: a denominator is 0, or the amounts weren't kept yet when the window began."""
    numerator: float | None
    denominator: float | None
    start_ms: int
    end_ms: int
    ripe: bool
    """False: the window is so young that its events may not have ended yet."""


class Rows(NamedTuple):
    """The foremost rows of a table KPI."""

    kpi: str
    window: str
    columns: tuple[Column, ...]
    rows: list[Row]
    overflow: int
    """Things that were counted, but not told apart: there were too many."""
    start_ms: int
    end_ms: int


class View:
    """Merged panes of all partitions, and KPIs over them."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.grid = Grid(definitions.zone)
        self.checkpoints: dict[int, Checkpoint] = {}
        """The last of each partition."""
        self.panes = MergedPanes(self.grid, facts_of(definitions))
        self.watermarks_ms: dict[int, int] = {}
        """The watermark of each partition that has one."""
        self._frames: dict[object, Frame] = {}
        self._since: dict[str, int] = {}
        self._windows: dict[tuple[str, int], Window] = {}

    # ------------------------------------------------------------------ what comes in

    def apply(
        self, partition: int, panes: Sequence[tuple[bytes, bytes | None]], checkpoint: bytes
    ) -> None:
        """Takes in one committed cut of a partition, all of its records.

        Raises DefinitionsChanged for another format, ValueError or TypeError for what isn't a
        worker's; `forget` the partition then.
        """
        told = unpack_checkpoint(checkpoint)
        refuse_format(told, partition)
        self.panes.apply(partition, panes)
        self.checkpoints[partition] = told
        self._moved()

    def forget(self, partition: int) -> None:
        """Drops all that a partition told: it will be told anew."""
        self.checkpoints.pop(partition, None)
        self.panes.forget(partition)
        self._moved()

    def _moved(self) -> None:
        self._frames.clear()
        self._since.clear()
        self._windows.clear()
        self.watermarks_ms = {
            partition: checkpoint.watermark_ms
            for partition, checkpoint in self.checkpoints.items()
            if checkpoint.watermark_ms is not None
        }
        latest_ms = max(self.watermarks_ms.values(), default=None)
        if latest_ms is not None:  # what the furthest partition may have dropped is not read
            minute_ms = latest_ms - self.definitions.minute_panes_ms
            hour_ms = latest_ms - self.definitions.hour_panes_ms
            self.panes.oldest_minute_ms = minute_ms - minute_ms % HOUR_MS + HOUR_MS
            self.panes.oldest_hour_ms = hour_ms - hour_ms % HOUR_MS + HOUR_MS

    # ------------------------------------------------------------------ where time stands

    @property
    def watermark_ms(self) -> int | None:
        """How far event time has come in all partitions; None before the first event."""
        return min(self.watermarks_ms.values(), default=None)

    def lagging(self, behind_ms: int) -> list[int]:
        """Partitions that are further than this behind the furthest one."""
        latest_ms = max(self.watermarks_ms.values(), default=0)
        return sorted(
            partition
            for partition, at_ms in self.watermarks_ms.items()
            if latest_ms - at_ms > behind_ms
        )

    def matures_ms(self, kpi: Kpi) -> int:
        """For how long a window of the KPI must be over until it's ripe."""
        return getattr(self.definitions, kpi.matures_after) if kpi.matures_after else 0

    def ripe_at_ms(self, kpi: Kpi) -> int | None:
        """The latest time at which a window of the KPI is ripe."""
        watermark_ms = self.watermark_ms
        return None if watermark_ms is None else watermark_ms - self.matures_ms(kpi)

    def stand(self, kpi: Kpi) -> tuple[object, ...]:
        """As long as this is equal, so are all values of the KPI's windows up to now.

        Windows end at whole minutes; a table may be made of more facts than this tells.
        """
        latest_ms = max(self.watermarks_ms.values(), default=0)
        times_ms = (self.watermark_ms or 0, latest_ms, self.ripe_at_ms(kpi) or 0)
        told = [self.panes.versions.get(fact, 0) for fact in kpi.facts]
        for checkpoint in self.checkpoints.values():
            told += [checkpoint.since_ms.get(fact, 0) for fact in kpi.facts]
        return (*(at_ms // MINUTE_MS for at_ms in times_ms), *told)

    def stand_before(
        self, kpi: Kpi, window: str, definition: str, at_ms: int
    ) -> tuple[object, ...]:
        """As long as this is equal, so is the KPI's value in the window just before a time."""
        start_ms, end_ms = self.panes.reach(*self.grid.window(window, at_ms - 1))
        is_kept = self.since_ms(kpi.reading(definition).formula) <= start_ms
        oldest_ms = self.panes.oldest_minute_ms, self.panes.oldest_hour_ms
        told = [self.panes.versions.get(fact, 0) for fact in kpi.facts]
        return (start_ms, end_ms, is_kept, *oldest_ms, *told)

    # ------------------------------------------------------------------ questions

    def evaluate(
        self,
        kpi: Kpi,
        window: str,
        *,
        at_ms: int | None = None,
        by: Sequence[str] = (),
        where: Filter | None = None,
        definition: str = "default",
        previous: bool = False,
        top: int = TOP,
        slot: Hashable = None,
    ) -> list[Value]:
        """The KPI in the window at a time (absent: the watermark), one value a set of labels.

        `previous`: in the window before it, over the same elapsed local time.  `slot` names a
        series of times that move on, so that only what is new is read.  Raises
        `UnknownNameError` for a window, label or definition that the KPI doesn't have.
        """
        asked = Question(kpi, window, definition, by, where, top)
        watermark_ms = self.watermark_ms
        if watermark_ms is None:
            return []
        at_ms = watermark_ms if at_ms is None else at_ms
        behind_ms = watermark_ms - at_ms  # what goes along with the watermark is asked for again
        lag_ms = behind_ms if behind_ms in (0, self.matures_ms(kpi)) else None
        start_ms, end_ms = self._window(window, at_ms)
        if slot is None:
            frame = self._frame(window, start_ms, end_ms, asked, lag_ms)
        else:  # never kept: what it reads belongs to the slot, and slides away with the next time
            frame = self._made(window, start_ms, end_ms, asked, (window, slot))
        if previous:
            frame, at_ms = frame.previous(whole=False), frame.start_ms
        return list(self._values(frame, asked, min(at_ms, frame.end_ms)))

    def query(
        self,
        kpi: Kpi,
        window: str,
        from_ms: int,
        to_ms: int,
        *,
        by: Sequence[str] = (),
        where: Filter | None = None,
        definition: str = "default",
        top: int = TOP,
    ) -> list[Value]:
        """The KPI in each period from a time to a time, oldest first; the last one to date.

        Rolling windows follow from `to_ms`, be it in the future, so that they begin and end where
        the caller expects.
        """
        asked = Question(kpi, window, definition, by, where, top)
        watermark_ms = self.watermark_ms
        if watermark_ms is None:
            return []
        told: list[Value] = []
        now_ms = watermark_ms - watermark_ms % 60_000 + 60_000
        for start_ms, end_ms in self.grid.periods(window, from_ms, to_ms):
            if start_ms >= now_ms:
                break
            frame = self._frame(window, start_ms, min(end_ms, now_ms), asked, None)
            told += self._values(frame, asked, min(watermark_ms, end_ms))
        return told

    def table(
        self,
        kpi: Kpi,
        window: str,
        k: int = 20,
        *,
        at_ms: int | None = None,
        where: Filter | None = None,
    ) -> Rows:
        """The K foremost rows of a KPI that is a table."""
        if kpi.table is None:
            raise UnknownNameError(f"{kpi.id} has no table")
        asked = Question(kpi, window, where=where)
        at_ms = self.watermark_ms if at_ms is None else at_ms
        if at_ms is None:
            return Rows(kpi.id, window, kpi.table.columns, [], 0, 0, 0)
        start_ms, end_ms = self.grid.window(window, at_ms)
        since_ms = self.since_ms(kpi.formula)
        if start_ms < since_ms:  # the first whole day that is kept
            start_ms = min(self.grid.pane_end(Level.DAY, since_ms - 1), end_ms)
        if any(fact.daily for fact in kpi.formula.sources):  # whole days, also of what it's over
            end_ms = self.grid.pane_end(Level.DAY, end_ms - 1)
        frame = self._frame(window, start_ms, end_ms, asked, None)
        rows, overflow = kpi.table.rows(WindowScope(frame, {}))
        return Rows(
            kpi.id, window, kpi.table.columns, rows[:k], overflow, frame.start_ms, frame.end_ms
        )

    def scope(self, asked: Question, window: str, start_ms: int, end_ms: int) -> WindowScope | None:
        """What the question's formula reads in [start, end), which are bounds of kept panes.

        None when its amounts weren't kept yet at the start.
        """
        if self.since_ms(asked.formula) > start_ms:
            return None
        return WindowScope(self._frame(window, start_ms, end_ms, asked, None), {})

    def pair(self, asked: Question, at_ms: int | None = None) -> tuple[Frame, Frame] | None:
        """The window before, over the same elapsed local time, and the question's window at a time.

        None before the first event.
        """
        watermark_ms = self.watermark_ms
        if watermark_ms is None:
            return None
        window = self.grid.window(asked.window, watermark_ms if at_ms is None else at_ms)
        frame = self._frame(asked.window, *window, asked, None)
        return frame.previous(whole=False), frame

    def laws(self) -> list[Law]:
        """What became of all events so far, by topic."""
        return list(laws_of(self.checkpoints.values()))

    def segments(self, kpis: Iterable[Kpi], window: str) -> list[Segments]:
        """Totals in a window, and the sums of their segments by each label."""

        def values(kpi: Kpi, *by: str) -> list[float]:
            return [told.value or 0.0 for told in self.evaluate(kpi, window, by=by)]

        return list(segments_of((kpi for kpi in kpis if window in kpi.windows), values))

    # ------------------------------------------------------------------ inside

    def _window(self, name: str, at_ms: int) -> Window:
        """The grid's; a scrape asks for a few, thousands of times."""
        found = self._windows.get((name, at_ms))
        if found is None:
            if len(self._windows) >= _FRAMES:
                self._windows.clear()
            found = self._windows[name, at_ms] = self.grid.window(name, at_ms)
        return found

    def _frame(
        self, window: str, start_ms: int, end_ms: int, asked: Question, lag_ms: int | None
    ) -> Frame:
        key = (window, start_ms, end_ms, lag_ms, asked.by, asked.where)
        found = self._frames.get(key)
        if found is None:
            slot = None if lag_ms is None else (window, lag_ms)
            found = self._made(window, start_ms, end_ms, asked, slot)
            if len(self._frames) >= _FRAMES:
                self._frames.clear()
            self._frames[key] = found
        return found

    def _made(
        self, window: str, start_ms: int, end_ms: int, asked: Question, slot: Hashable
    ) -> Frame:
        start_ms, end_ms = self.panes.reach(start_ms, end_ms)
        return Frame(self.panes, self.grid, window, start_ms, end_ms, slot, asked.by, asked.where)

    def _values(self, frame: Frame, asked: Question, known_ms: int) -> Iterator[Value]:
        """The values of a frame of which events are known up to a time."""
        kpi = asked.kpi
        watermark_ms = self.watermark_ms or 0
        ripe = known_ms <= watermark_ms - self.matures_ms(kpi)
        is_kept = self.since_ms(asked.formula) <= frame.start_ms
        frame, told = groups(frame, asked)
        ratio = ratio_of(asked.formula)
        for group in told:
            labels = dict(zip(asked.by, group, strict=True))
            value: float | None = None
            over: float | None = None
            under: float | None = None
            if is_kept:
                scope = WindowScope(frame, labels)
                if ratio is None:
                    value = over = number(asked.formula.value(scope))
                else:
                    above, below = ratio[0].value(scope), ratio[1].value(scope)
                    value, over, under = quotient(above, below), number(above), number(below)
            yield Value(
                kpi.id, frame.window, asked.definition, labels, value, over, under,
                frame.start_ms, frame.end_ms, ripe,
            )  # fmt: skip

    def since_ms(self, formula: Node) -> int:
        """From when on all amounts of a formula are kept."""
        return max((self.fact_since_ms(fact) for fact in formula.sources), default=0)

    def fact_since_ms(self, fact: Fact) -> int:
        """From when on a fact has been kept, and its days haven't expired."""
        if fact.name not in self._since:
            self._since[fact.name] = self._kept_since_ms(fact)
        return self._since[fact.name]

    def _kept_since_ms(self, fact: Fact) -> int:
        unknown_ms = _NEVER if fact.shown == OWN else 0  # to a worker with earlier settings
        told = [each.since_ms.get(fact.name, unknown_ms) for each in self.checkpoints.values()]
        latest_ms = max(self.watermarks_ms.values(), default=0)
        if fact.daily:
            told.append(latest_ms - self.definitions.pair_panes_ms)
        else:
            told.append(latest_ms - self.definitions.day_panes_ms)
        return max(told, default=0)
