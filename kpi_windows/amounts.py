"""Amounts of facts as parts of formulas: sums, counts of different things, quantiles, levels.

It must not know where cells come from; it asks a `Scope`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from kpi_windows.facts import Fact
from kpi_windows.formula import Node, Number, Scale, Scope, Sizes, Where
from kpi_windows.sketches import Distinct, quantile
from kpi_windows.windows import CALENDAR, is_calendar

WHOLE_DAYS: tuple[str, ...] = tuple(name for name in CALENDAR if name != "hour")
"""Windows for facts that are kept by the day."""


@dataclass(frozen=True)
class OfFact(Node):
    """What all of them share: a fact, one of its amounts, and the label values that count."""

    fact: Fact
    amount: str
    said: str = ""
    where: Where = ()

    def __post_init__(self) -> None:
        self.fact.slot(self.amount)  # fails early for an amount that the fact doesn't have
        for label, _ in self.where:
            self.fact.labels.index(label)

    def facts(self) -> Iterator[Fact]:
        """The fact."""
        yield self.fact

    def fits(self, window: str) -> bool:
        """What is kept by the day needs windows of whole days."""
        return not self.fact.daily or window in WHOLE_DAYS

    def sizes(self, scope: Scope) -> Iterator[Sizes]:
        """Its own."""
        yield scope.sizes(self.fact, self.amount, "", self.where)

    def has_label(self, label: str) -> bool:
        """Of the fact, and not held fast by `where`."""
        return label in self.fact.labels and label not in dict(self.where)

    def text(self) -> str:
        """`fact.amount{label=value}`."""
        told = ", ".join(f"{label}={' or '.join(values)}" for label, values in self.where)
        return f"{self.fact.shown or self.fact.name}.{self.amount}" + (
            f"{{{told}}}" if told else ""
        )

    def words(self) -> str:
        """As said, or the amount's name."""
        return self.said or self.amount.replace("_", " ")


@dataclass(frozen=True)
class Amount(OfFact):
    """The sum of an amount in the window; 0 where nothing was added."""

    def is_additive(self) -> bool:
        """It is."""
        return True

    def value(self, scope: Scope) -> Number | None:
        """The sum."""
        total: int | None = scope.amount(self.fact, self.amount, self.where)
        return total or 0


@dataclass(frozen=True)
class DistinctCount(OfFact):
    """How many different things: exact while few, else within about 0.8 %."""

    def value(self, scope: Scope) -> Number | None:
        """The number of them."""
        seen = scope.amount(self.fact, self.amount, self.where)
        assert seen is None or isinstance(seen, Distinct)
        return 0 if seen is None else seen.value()


@dataclass(frozen=True)
class Entries(OfFact):
    """How many things a histogram counts."""

    def is_additive(self) -> bool:
        """It is."""
        return True

    def value(self, scope: Scope) -> Number | None:
        """The sum of its counts."""
        counts: dict[str | int, int] = scope.amount(self.fact, self.amount, self.where) or {}
        return sum(counts.values())


@dataclass(frozen=True)
class Quantile(OfFact):
    """A quantile by nearest rank, within 1 %; None where nothing was added."""

    q: float = 0.5

    def value(self, scope: Scope) -> Number | None:
        """The middle of the bucket that holds it."""
        return quantile(scope.amount(self.fact, self.amount, self.where) or {}, self.q)

    def text(self) -> str:
        """`quantile(q, fact.histogram)`."""
        return f"quantile({self.q}, {super().text()})"

    def words(self) -> str:
        """As said, with the quantile's name."""
        name = "median" if self.q == 0.5 else f"{round(self.q * 100)}th percentile"
        return f"{name} of {super().words()}"


@dataclass(frozen=True)
class Level(OfFact):
    """A level at the window's end or start: the sum of everything before."""

    at: str = "end"

    def is_additive(self) -> bool:
        """It is."""
        return True

    def value(self, scope: Scope) -> Number | None:
        """The height."""
        return scope.level(self.fact, self.amount, self.where, self.at)

    def sizes(self, scope: Scope) -> Iterator[Sizes]:
        """Its heights."""
        yield scope.sizes(self.fact, self.amount, self.at, self.where)

    def text(self) -> str:
        """`level(fact.amount, end)`."""
        return f"level({super().text()}, {self.at})"

    def words(self) -> str:
        """As said, with the time."""
        return f"{super().words()} at the window's {self.at}"


@dataclass(frozen=True)
class ForPeriod(OfFact):
    """An amount that is kept by kind of period, of the kind that the window is."""

    def sizes(self, scope: Scope) -> Iterator[Sizes]:  # noqa: ARG002
        """It has no labels but the period."""
        return iter(())

    def value(self, scope: Scope) -> Number | None:
        """The sum under the window's own name."""
        where = (*self.where, ("period", (scope.window,)))
        total: int | None = scope.amount(self.fact, self.amount, where)
        return total or 0

    def fits(self, window: str) -> bool:
        """A rolling window is no period."""
        return is_calendar(window)

    def has_label(self, label: str) -> bool:
        """Of the fact, but for the period."""
        return label != "period" and super().has_label(label)

    def text(self) -> str:
        """`fact.amount{period=window}`."""
        return f"{self.fact.name}.{self.amount}{{period=window}}"


@dataclass(frozen=True)
class Peak(Node):
    """The highest level in the window: at its start, and after each minute in which it changed."""

    fact: Fact
    histogram: str
    start: Node
    """The level at the window's start."""

    def value(self, scope: Scope) -> Number | None:
        """Start plus the largest sum of changes, from the first minute on."""
        height = self.start.value(scope)
        return None if height is None else height + scope.rise(self.fact, self.histogram)

    def below(self) -> tuple[Node, ...]:
        """The level at the start."""
        return (self.start,)

    def facts(self) -> Iterator[Fact]:
        """The fact, and the start's."""
        yield self.fact
        yield from self.start.facts()

    def has_label(self, label: str) -> bool:  # noqa: ARG002
        """None: the changes are counted over all."""
        return False

    def text(self) -> str:
        """`peak(start + fact.histogram)`."""
        return f"peak({self.start.text()} + {self.fact.name}.{self.histogram})"

    def words(self) -> str:
        """Of what it is the peak."""
        return f"highest, by the minute, of {self.start.words()} and after"


def money(fact: Fact, amount: str, said: str = "", **where: str | tuple[str, ...]) -> Node:
    """A sum of millionths as money."""
    return Scale(Amount(fact, amount, said, where_of(where)), Fraction(1, 1_000_000))


def count(fact: Fact, amount: str, said: str = "", **where: str | tuple[str, ...]) -> Amount:
    """A sum that counts things."""
    return Amount(fact, amount, said, where_of(where))


def seconds(part: Node) -> Node:
    """Milliseconds as seconds."""
    return Scale(part, Fraction(1, 1_000))


def where_of(where: dict[str, str | tuple[str, ...]]) -> Where:
    """The labels that an amount is held to.

    >>> where_of({"device": "mobile"})
    (('device', ('mobile',)),)
    """
    return tuple(
        (label, (values,) if isinstance(values, str) else values) for label, values in where.items()
    )
