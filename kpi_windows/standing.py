"""Parts of formulas about what stands at the window's end: the latest, and levels thing by thing.

It must not know where cells come from; it asks a `Scope`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kpi_windows.amounts import Level, OfFact
from kpi_windows.facts import Fact
from kpi_windows.formula import Node, Number, Scope, Sizes


@dataclass(frozen=True)
class Latest(OfFact):
    """The last time that a histogram counts, ever before the window's end; None without any."""

    def value(self, scope: Scope) -> Number | None:
        """Milliseconds since 1970."""
        return scope.latest(self.fact, self.amount, self.where)

    def sizes(self, scope: Scope) -> Iterator[Sizes]:
        """What was counted until then."""
        yield scope.sizes(self.fact, self.amount, "end", self.where)

    def text(self) -> str:
        """`latest(fact.histogram)`."""
        return f"latest({super().text()})"


@dataclass(frozen=True)
class Told:
    """The things, by the fact's first label, for which it has told something by the window's end.

    Its level of `amount` isn't 0 then.
    """

    fact: Fact
    amount: str

    @property
    def label(self) -> str:
        """What they are told apart by."""
        return self.fact.labels[0]

    def values(self, scope: Scope) -> set[str]:
        """Whatever the fact's other labels are."""
        alone = scope.without(self.fact.labels[1:])
        heights = alone.heights(self.fact, self.amount, self.label, ())
        return {value for value, height in heights.items() if height > 0}

    def text(self) -> str:
        """`fact.amount`."""
        return f"{self.fact.name}.{self.amount}"


@dataclass(frozen=True)
class LevelOfTold(OfFact):
    """A level at the window's end, of those things only of which something else was told.

    So that a cost is compared with a plan only where there is a plan.
    """

    told: Told | None = None

    def is_additive(self) -> bool:
        """It is."""
        return True

    def value(self, scope: Scope) -> Number | None:
        """The sum of their levels."""
        assert self.told is not None
        told = self.told.values(scope)
        heights = scope.heights(self.fact, self.amount, self.told.label, self.where)
        return sum(height for value, height in heights.items() if value in told)

    def facts(self) -> Iterator[Fact]:
        """Both."""
        assert self.told is not None
        yield from (self.fact, self.told.fact)

    def sizes(self, scope: Scope) -> Iterator[Sizes]:
        """Its heights."""
        yield scope.sizes(self.fact, self.amount, "end", self.where)

    def text(self) -> str:
        """`level_of_told(fact.amount, other.amount)`."""
        assert self.told is not None
        return f"level_of_told({super().text()}, {self.told.text()})"

    def words(self) -> str:
        """As said, with the time."""
        return f"{super().words()} at the window's end"


@dataclass(frozen=True)
class CountAbove(Node):
    """How many things there are whose level is above another one, where that one was told.

    By the labels of the limit: of the level, only what the things are told apart by counts.
    """

    height: Level
    limit: Level
    told: Told
    said: str = ""

    def is_additive(self) -> bool:
        """It is."""
        return True

    def value(self, scope: Scope) -> Number | None:
        """The number of them."""
        told, label, height, limit = (
            self.told.values(scope),
            self.told.label,
            self.height,
            self.limit,
        )
        limits = scope.heights(limit.fact, limit.amount, label, limit.where)
        alone = scope.without(tuple(name for name in height.fact.labels if name != label))
        where = tuple(each for each in height.where if each[0] == label)
        heights = alone.heights(height.fact, height.amount, label, where)
        return sum(value in told and heights.get(value, 0) > most for value, most in limits.items())

    def below(self) -> tuple[Node, ...]:
        """The level and its limit."""
        return self.height, self.limit

    def sizes(self, scope: Scope) -> Iterator[Sizes]:
        """The things of which a limit was told, be it 0."""
        yield scope.sizes(self.told.fact, self.told.amount, "end", self.limit.where)

    def text(self) -> str:
        """`count_above(fact.amount, limit.amount, told.amount)`."""
        parts = (OfFact.text(self.height), OfFact.text(self.limit), self.told.text())
        return f"count_above({', '.join(parts)})"

    def words(self) -> str:
        """As said, with the time."""
        return f"{self.said or 'those above their limit'} at the window's end"
