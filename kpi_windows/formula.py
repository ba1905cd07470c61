"""Formulas: trees of amounts that say their value, their words and their labels.

It must not know where cells come from.  Inside, numbers are ints and Fractions, so that nothing
is rounded before the end; a division by 0 gives None, and so does all that needs its value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

from kpi_windows.facts import Fact

Number = int | Fraction | float
Where = tuple[tuple[str, tuple[str, ...]], ...]
"""Label -> the values that count."""


Labels = tuple[str, ...]
Sizes = dict[Labels, float]
"""Label values -> how much there is of an amount, to see which are the foremost."""


class Scope(Protocol):
    """One window and one set of label values: what a formula reads amounts from."""

    @property
    def window(self) -> str:
        """The window's name."""

    @property
    def start_ms(self) -> int:
        """Its first instant."""

    @property
    def end_ms(self) -> int:
        """The instant after its last."""

    def amount(self, fact: Fact, amount: str, where: Where) -> Any:
        """A sum, histogram or distinct count; None where nothing was added."""

    def level(self, fact: Fact, amount: str, where: Where, at: str) -> int:
        """The sum of everything before the window's `start` or `end`."""

    def latest(self, fact: Fact, histogram: str, where: Where) -> int | None:
        """The last bucket of a histogram that counts anything, of all before the window's end."""

    def heights(self, fact: Fact, amount: str, label: str, where: Where) -> dict[str, int]:
        """Of the window's end, the level by the values of a label, none of them folded."""

    def rise(self, fact: Fact, histogram: str) -> int:
        """The largest sum of a histogram's counts from its first bucket on, 0 or more."""

    def sizes(self, fact: Fact, amount: str, at: str, where: Where) -> Sizes:
        """How much of an amount by the labels that are asked for; `at`: empty, or a level's."""

    def table(self, fact: Fact, amount: str, by: Labels) -> dict[Labels, Any]:
        """An amount by any labels."""

    def previous(self, whole: bool, times: int = 1) -> Scope:
        """The window before (that many times): over the same elapsed time, or all of it."""

    def without(self, labels: Labels) -> Scope:
        """The same, whatever these labels are."""


class Node:
    """A part of a formula; parts combine by + − × /."""

    rank = 9
    """How tightly it binds, for parentheses."""

    def value(self, scope: Scope) -> Number | None:
        """The exact value, or None when there is none."""
        raise NotImplementedError

    def text(self) -> str:
        """As a formula over facts, `visit.converted / visit.visits`."""
        raise NotImplementedError

    def words(self) -> str:
        """In words."""
        raise NotImplementedError

    def below(self) -> tuple[Node, ...]:
        """The parts that it is made of."""
        return ()

    def has_label(self, label: str) -> bool:
        """True when every amount in it has the label."""
        return all(part.has_label(label) for part in self.below())

    def is_additive(self) -> bool:
        """True when its values by a label sum to its value over all."""
        return False

    def fits(self, window: str) -> bool:
        """True when it has a value in such a window."""
        return all(part.fits(window) for part in self.below())

    def facts(self) -> Iterator[Fact]:
        """All facts that it reads, possibly more than once."""
        for part in self.below():
            yield from part.facts()

    @cached_property
    def sources(self) -> tuple[Fact, ...]:
        """The facts that it reads, each once."""
        return tuple(dict.fromkeys(self.facts()))

    def sizes(self, scope: Scope) -> Iterator[Sizes]:
        """Which label values its amounts have, and how much of each, amount by amount."""
        for part in self.below():
            yield from part.sizes(scope)

    def __add__(self, other: Node | int) -> Node:
        return Combined("+", self, _node(other))

    def __sub__(self, other: Node | int) -> Node:
        return Combined("−", self, _node(other))

    def __mul__(self, other: Node | int) -> Node:
        return Combined("×", self, _node(other))

    def __truediv__(self, other: Node | int) -> Node:
        return Combined("/", self, _node(other))


def _node(part: Node | int) -> Node:
    return part if isinstance(part, Node) else Constant(part)


def divided(left: Number | None, right: Number | None) -> Number | None:
    """Left / right, exactly; None without one of them, and for a division by 0.

    >>> divided(1, 3)
    Fraction(1, 3)
    """
    if left is None or not right:
        return None
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    return Fraction(left, right)


_RANKS = {"+": 1, "−": 1, "×": 2, "/": 2}
_OPERATORS: dict[str, Callable[[Any, Any], Number | None]] = {
    "+": lambda left, right: left + right,
    "−": lambda left, right: left - right,
    "×": lambda left, right: left * right,
    "/": divided,
}


@dataclass(frozen=True)
class Combined(Node):
    """Two parts and an operator."""

    operator: str
    left: Node
    right: Node

    @property
    def rank(self) -> int:  # type: ignore[override]
        """Of the operator."""
        return _RANKS[self.operator]

    def value(self, scope: Scope) -> Number | None:
        """None when a part is None, or for a division by 0."""
        left, right = self.left.value(scope), self.right.value(scope)
        if left is None or right is None:
            return None
        return _OPERATORS[self.operator](left, right)

    def is_additive(self) -> bool:
        """Sums and differences of what is."""
        return self.operator in "+−" and self.left.is_additive() and self.right.is_additive()

    def below(self) -> tuple[Node, ...]:
        """Both sides."""
        return self.left, self.right

    def sizes(self, scope: Scope) -> Iterator[Sizes]:
        """Of a division the denominator first: it is the volume."""
        for part in (self.right, self.left) if self.operator == "/" else self.below():
            yield from part.sizes(scope)

    def text(self) -> str:
        """With the parentheses that it needs."""
        return self._said(lambda node: node.text())

    def words(self) -> str:
        """With the parentheses that it needs."""
        return self._said(lambda node: node.words())

    def _said(self, say: Callable[[Node], str]) -> str:
        left, right = say(self.left), say(self.right)
        if self.left.rank < self.rank:
            left = f"({left})"
        if self.right.rank < self.rank + (self.operator in "−/"):
            right = f"({right})"
        return f"{left} {self.operator} {right}"


@dataclass(frozen=True)
class Constant(Node):
    """A number."""

    number: int | Fraction

    def value(self, scope: Scope) -> Number | None:  # noqa: ARG002
        """The number."""
        return self.number

    def text(self) -> str:
        """The number, in decimals."""
        return f"{Decimal(self.number.numerator) / self.number.denominator:f}"

    words = text


@dataclass(frozen=True)
class Scale(Node):
    """A part in another unit: millionths as money, milliseconds as seconds."""

    part: Node
    factor: Fraction

    @property
    def rank(self) -> int:  # type: ignore[override]
        """Of the part: the unit isn't spoken of."""
        return self.part.rank

    def value(self, scope: Scope) -> Number | None:
        """Times the factor."""
        value = self.part.value(scope)
        if isinstance(value, int):  # nearly always; the general product takes twice as long
            return Fraction(value * self.factor.numerator, self.factor.denominator)
        return None if value is None else value * self.factor

    def is_additive(self) -> bool:
        """When the part is."""
        return self.part.is_additive()

    def below(self) -> tuple[Node, ...]:
        """The part."""
        return (self.part,)

    def text(self) -> str:
        """The part's."""
        return self.part.text()

    def words(self) -> str:
        """The part's."""
        return self.part.words()


def quotient(left: Number | None, right: Number | None) -> float | None:
    """What `number(divided(left, right))` is, in a third of the time for integers.

    Python divides them to the nearest float, however long they are.

    >>> quotient(1, 3), quotient(10**400 + 1, 10**400), quotient(1, 0)
    (0.3333333333333333, 1.0, None)
    """
    if isinstance(left, int) and isinstance(right, int) and right:
        return left / right
    return number(divided(left, right))


def ratio_of(node: Node) -> tuple[Node, Node] | None:
    """Numerator and denominator of a formula that is a division at its top."""
    if isinstance(node, Combined) and node.operator == "/":
        return node.left, node.right
    return None


def number(value: Number | None) -> float | None:
    """The exact value as the nearest float; what isn't finite is no value."""
    if value is None:
        return None
    rounded = float(value)
    return rounded if math.isfinite(rounded) else None
