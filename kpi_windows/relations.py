"""Parts of formulas that look elsewhere: at the window before, at all labels, at a whole year.

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
