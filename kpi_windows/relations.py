"""Parts of formulas that look elsewhere: at windows before, at all labels, at a whole year, at time.

It must not know where cells come from; it asks a `Scope`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from kpi_windows.definitions import DAY_MS
from kpi_windows.formula import Node, Number, Scope, Sizes

YEAR_MS = Fraction(36_525, 100) * DAY_MS


@dataclass(frozen=True)
class Previous(Node):
    """A part in the window before: all of it, or as much as has elapsed of this one."""

    part: Node
    whole: bool = True

    def value(self, scope: Scope) -> Number | None:
        """The part's, there."""
        return self.part.value(scope.previous(self.whole))

    def sizes(self, scope: Scope) -> Iterator[Sizes]:
        """What there was."""
        return self.part.sizes(scope.previous(self.whole))

    def below(self) -> tuple[Node, ...]:
        """The part."""
        return (self.part,)

    def text(self) -> str:
        """`previous(…)`, and `previous(…, whole)` for all of it."""
        return f"previous({self.part.text()}{', whole' if self.whole else ''})"

    def words(self) -> str:
        """The part's, there."""
        return f"({self.part.words()}) in the {'whole ' if self.whole else ''}window before"


@dataclass(frozen=True)
class Whole(Node):
    """A part whatever some labels are: what a share is a share of."""

    part: Node
    over: tuple[str, ...]

    def value(self, scope: Scope) -> Number | None:
        """The part's, over all values of the labels."""
        return self.part.value(scope.without(self.over))

    def below(self) -> tuple[Node, ...]:
        """The part."""
        return (self.part,)

    def has_label(self, label: str) -> bool:
        """Also the labels that it doesn't look at."""
        return label in self.over or self.part.has_label(label)

    def sizes(self, scope: Scope) -> Iterator[Sizes]:  # noqa: ARG002
        """None: it has the same value everywhere."""
        return iter(())

    def text(self) -> str:
        """`all(…, label)`."""
        return f"all({', '.join((self.part.text(), *self.over))})"

    def words(self) -> str:
        """All of the part."""
        return f"all {self.part.words()}"


@dataclass(frozen=True)
class MeanBefore(Node):
    """The mean of a part over the windows before, each over the same elapsed time."""

    part: Node
    windows: int = 4

    def value(self, scope: Scope) -> Number | None:
        """Their sum by their number; one without a value makes it None."""
        total: Number = 0
        for times in range(1, self.windows + 1):
            value = self.part.value(scope.previous(False, times))
            if value is None:
                return None
            total += value
        return Fraction(total) / self.windows

    def below(self) -> tuple[Node, ...]:
        """The part."""
        return (self.part,)

    def sizes(self, scope: Scope) -> Iterator[Sizes]:
        """What there was."""
        for times in range(1, self.windows + 1):
            yield from self.part.sizes(scope.previous(False, times))

    def text(self) -> str:
        """`mean_before(…, windows)`."""
        return f"mean_before({self.part.text()}, {self.windows})"

    def words(self) -> str:
        """The part's mean, there."""
        return f"mean of ({self.part.words()}) in the {self.windows} windows before"


@dataclass(frozen=True)
class WindowEnd(Node):
    """The instant at which the window ends, so far, in milliseconds since 1970."""

    def value(self, scope: Scope) -> Number | None:
        """The instant."""
        return scope.end_ms

    def text(self) -> str:
        """`end()`."""
        return "end()"

    def words(self) -> str:
        """In words."""
        return "the window's end"


@dataclass(frozen=True)
class Days(Node):
    """Seconds as days of 24 hours."""

    part: Node

    def value(self, scope: Scope) -> Number | None:
        """By 86,400."""
        value = self.part.value(scope)
        return None if value is None else Fraction(value) * 1_000 / DAY_MS

    def is_additive(self) -> bool:
        """When the part is."""
        return self.part.is_additive()

    def below(self) -> tuple[Node, ...]:
        """The part."""
        return (self.part,)

    def text(self) -> str:
        """`days(…)`."""
        return f"days({self.part.text()})"

    def words(self) -> str:
        """The part's: the unit isn't spoken of."""
        return f"({self.part.words()})"


@dataclass(frozen=True)
class PerDay(Node):
    """A part by the days (of 24 hours) that the window has lasted so far."""

    part: Node

    def value(self, scope: Scope) -> Number | None:
        """By the window's length so far."""
        value = self.part.value(scope)
        length_ms = scope.end_ms - scope.start_ms
        return None if value is None or length_ms <= 0 else Fraction(value) * DAY_MS / length_ms

    def below(self) -> tuple[Node, ...]:
        """The part."""
        return (self.part,)

    def text(self) -> str:
        """`per_day(…)`."""
        return f"per_day({self.part.text()})"

    def words(self) -> str:
        """The part, a day."""
        return f"({self.part.words()} a day)"


@dataclass(frozen=True)
class PerYear(Node):
    """A part as if the window were a year long."""

    part: Node

    def value(self, scope: Scope) -> Number | None:
        """Times a year (365.25 days), by the window's length so far."""
        value = self.part.value(scope)
        length_ms = scope.end_ms - scope.start_ms
        return None if value is None or length_ms <= 0 else value * YEAR_MS / length_ms

    def below(self) -> tuple[Node, ...]:
        """The part."""
        return (self.part,)

    def text(self) -> str:
        """`per_year(…)`."""
        return f"per_year({self.part.text()})"

    def words(self) -> str:
        """The part, a year."""
        return f"({self.part.words()} a year)"
