"""A question about a KPI: which number, by which labels, of which label values, and how many.

It must not know partitions; it asks the frame of a window.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from kpi_windows.formula import Labels, Where
from kpi_windows.kpi import Kpi, Reading, UnknownNameError
from kpi_windows.scope import OTHER, Frame, WindowScope

TOP = 50
"""Values of a label that are told apart, unless asked otherwise."""

Filter = Mapping[str, str | Sequence[str]]
"""Label -> the value, or the values, that count."""


class Question:
    """A KPI's number, by labels, of some label values only."""

    def __init__(
        self,
        kpi: Kpi,
        window: str,
        definition: str = "default",
        by: Sequence[str] = (),
        where: Filter | None = None,
        top: int = TOP,
    ) -> None:
        self.kpi = kpi
        self.window = window
        self.definition = definition
        self.by: Labels = tuple(by)
        self.where: Where = _where(where) if where else ()
        self.top = top
        reading = kpi.reading(definition)
        if window not in reading.windows:
            raise UnknownNameError(f"{kpi.id} has no window {window!r}: {_meant(window, reading)}")
        try:
            self.formula = reading.for_labels((*self.by, *dict(self.where)))
        except UnknownNameError as error:
            raise UnknownNameError(f"{kpi.id} is {error}") from None


def groups(frame: Frame, asked: Question) -> tuple[Frame, list[Labels]]:
    """The label sets to tell, in order, and the frame in which the others are folded."""
    if not asked.by:
        return frame, [()]
    sizes = list(asked.formula.sizes(WindowScope(frame, dict.fromkeys(asked.by, ""))))
    kept: dict[str, frozenset[str]] = {}
    for place, name in enumerate(asked.by):
        foremost = frame.foremost(sizes, place, asked.top)
        if foremost is not None:
            kept[name] = foremost
    if kept:
        frame = frame.folded(kept)
        if len(asked.by) == 1:
            return frame, sorted((value,) for value in (*kept[asked.by[0]], OTHER))
    told = {labels for each in sizes for labels in each}
    return frame, sorted({frame.fold(asked.by, labels) for labels in told} if kept else told)


def _meant(window: str, reading: Reading) -> str:
    near = difflib.get_close_matches(window, reading.windows, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}use one of {', '.join(reading.windows)}"


def _where(where: Filter) -> Where:
    return tuple(
        (label, (values,) if isinstance(values, str) else tuple(values))
        for label, values in sorted(where.items())
    )
