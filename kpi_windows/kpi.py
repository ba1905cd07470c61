"""What a KPI is: a formula over amounts of facts, with a unit, a direction and breakdowns.

It must not know where cells come from: a formula asks a `Scope` (one window, one set of labels).
The same tree gives the exact value, its numerator and denominator, the words and the labels by
which it can be broken down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property

from kpi_windows.formula import Node, Scope, ratio_of
from kpi_windows.windows import WINDOWS


class Unit(Enum):
    """What a value is counted in; the value is the end of the metric's name."""

    RATIO = "ratio"
    MONEY = "money"
    SECONDS = "seconds"
    DAYS = "days"
    SCORE = "points"
    COUNT = ""


class Better(Enum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class UnknownNameError(ValueError):
    """A name that is none of ours; the message says which are, or which was meant."""


@dataclass(frozen=True)
class Instead:
    """Another formula for the same quantity, for labels that the main formula doesn't have."""

    by: tuple[str, ...]
    formula: Node
    overlapping: bool = False
    """One thing may be under several labels, so that these don't sum to the total."""


@dataclass(frozen=True)
class Reading:
    """One number of a KPI: the default one, an alternative definition, or one beside it."""

    formula: Node
    unit: Unit
    by: tuple[str, ...] | None = None
    """Absent: the KPI's, as far as the formula has them."""
    instead: tuple[Instead, ...] = ()
    note: str = ""
    windows: tuple[str, ...] = ()
    """Empty: the KPI's, as far as the formula fits them."""

    def for_labels(self, labels: tuple[str, ...]) -> Node:
        """The formula to use when broken down or filtered by these; UnknownNameError if none fits."""
        if set(labels) <= set(self.by or ()):
            return self.formula
        for other in self.instead:
            if set(labels) <= set(other.by):
                return other.formula
        groups = [self.by or (), *(other.by for other in self.instead)]
        offered = " or ".join("(" + ", ".join(group) + ")" for group in groups if group)
        raise UnknownNameError(
            f"not broken down by {', '.join(labels)}: offered {offered or 'is no breakdown'}"
        )

    @property
    def all_labels(self) -> tuple[str, ...]:
        """All labels that it can be broken down by, though not by all at once."""
        names = (*(self.by or ()), *(label for other in self.instead for label in other.by))
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    unit: Unit | None = None
    """None: text."""


Row = tuple[str | int | float | None, ...]


@dataclass(frozen=True)
class Table:
    """The K foremost rows: `rows` gives all, in order, and how many things it couldn't tell apart."""

    columns: tuple[Column, ...]
    rows: Callable[[Scope], tuple[list[Row], int]]


@dataclass(frozen=True)
class Kpi:
    """One row of the guide.

    `definitions` are alternatives for the default number, `beside` goes along with it;
    `matures_after` names the time of `Definitions` that a window must have been over for.
    """

    id: str
    title: str
    aliases: tuple[str, ...]
    group: str
    unit: Unit
    better: Better
    formula: Node
    by: tuple[str, ...] = ()
    instead: tuple[Instead, ...] = ()
    definitions: Mapping[str, Reading] = field(default_factory=dict)
    beside: Mapping[str, Reading] = field(default_factory=dict)
    windows: tuple[str, ...] = WINDOWS
    matures_after: str | None = None
    crossed: tuple[tuple[str, str], ...] = ()
    """Labels that say something together, both with few values: exported two at once."""
    table: Table | None = None
    note: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        for name, reading in self.readings.items():
            groups = [(reading.by or (), reading.formula)]
            groups += [(other.by, other.formula) for other in reading.instead]
            for by, formula in groups:
                missing = [label for label in by if not formula.has_label(label)]
                if missing:
                    raise ValueError(f"{self.id} ({name}): no label {missing} in {formula.text()}")
                unfit = [window for window in reading.windows if not formula.fits(window)]
                if unfit:
                    raise ValueError(f"{self.id} ({name}): {formula.text()} doesn't fit {unfit}")

    @cached_property
    def readings(self) -> dict[str, Reading]:
        """`default`, the alternatives and what is beside them, by name."""
        told = {
            "default": Reading(self.formula, self.unit, self.by, self.instead, windows=self.windows)
        }
        for name, reading in {**self.definitions, **self.beside}.items():
            labels = reading.by
            if labels is None:
                labels = tuple(label for label in self.by if reading.formula.has_label(label))
            windows = reading.windows or self.windows
            windows = tuple(window for window in windows if reading.formula.fits(window))
            told[name] = replace(reading, by=labels, windows=windows)
        return told

    @cached_property
    def facts(self) -> frozenset[str]:
        """The names of all facts that its numbers are made of, whatever they are broken down by."""
        formulas = [
            formula
            for reading in self.readings.values()
            for formula in (reading.formula, *(other.formula for other in reading.instead))
        ]
        return frozenset(fact.name for formula in formulas for fact in formula.facts())

    def reading(self, name: str = "default") -> Reading:
        """The number of that name; UnknownNameError when there is none."""
        if name not in self.readings:
            known = ", ".join(self.readings)
            raise UnknownNameError(f"{self.id} has no definition {name!r}: it has {known}")
        return self.readings[name]

    def metric(self, name: str = "default") -> str:
        """The name of the metric family: `kpi_<id>[_<definition>][_<unit>]`.

        >>> from kpi_windows.catalogue import CATALOGUE
        >>> CATALOGUE["first_response_time"].metric("p90")
        'kpi_first_response_time_p90_seconds'
        """
        words = ["kpi", self.id]
        if name != "default":
            words.append(name)
        unit = self.reading(name).unit.value
        if unit and not words[-1].endswith(f"_{unit}") and words[-1] != unit:
            words.append(unit)
        return "_".join(words)

    def is_ratio(self, name: str = "default") -> bool:
        """True when the number has a numerator and a denominator."""
        return ratio_of(self.reading(name).formula) is not None
