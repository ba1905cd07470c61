"""What must hold always, as numbers: events are accounted for, and segments sum to their total.

It must not know how either is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from kpi_windows.codec import Checkpoint
from kpi_windows.events import TOPICS
from kpi_windows.kpi import Kpi


class Law(NamedTuple):
    """What went into a topic and what became of it."""

    topic: str
    taken_in: int
    outcomes: dict[str, int]

    @property
    def holds(self) -> bool:
        """In = accepted + duplicate + late + future + rejected.

        A message that is on its way to another partition, because it came under another key than
        its topic's, isn't accounted for until it gets there.
        """
        return self.taken_in == sum(self.outcomes.values())


class Segments(NamedTuple):
    """A KPI's total, and the sum of its values by a label."""

    kpi: str
    label: str
    total: float
    parts: float

    @property
    def holds(self) -> bool:
        """They are equal, but for the rounding of floats."""
        return math.isclose(self.total, self.parts, rel_tol=1e-9, abs_tol=1e-6)


def laws_of(checkpoints: Iterable[Checkpoint]) -> Iterator[Law]:
    """What became of all events that partitions have taken in, by topic."""
    checkpoints = list(checkpoints)
    for topic in TOPICS:
        outcomes: dict[str, int] = {}
        for checkpoint in checkpoints:
            for outcome, count in checkpoint.counts.get(topic, {}).items():
                outcomes[outcome] = outcomes.get(outcome, 0) + count
        taken_in = outcomes.pop("in", sum(outcomes.values()))
        yield Law(topic, taken_in, outcomes)


def segments_of(kpis: Iterable[Kpi], values: Callable[..., list[float]]) -> Iterator[Segments]:
    """Total and segments of all KPIs that are sums, by each label that doesn't overlap.

    `values(kpi, *labels)` gives a KPI's values by labels; without any, its total.
    """
    for kpi in kpis:
        groups = [(kpi.by, kpi.formula)]
        groups += [(other.by, other.formula) for other in kpi.instead if not other.overlapping]
        for by, formula in groups:
            for label in by if formula.is_additive() else ():
                total, parts = math.fsum(values(kpi)), math.fsum(values(kpi, label))
                yield Segments(kpi.id, label, total, parts)
