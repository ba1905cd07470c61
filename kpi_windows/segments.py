"""Whether a KPI comes apart by a label: as a sum of segments, or as a ratio of such sums.

It must not know windows; it looks at formulas only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from kpi_windows.amounts import DistinctCount, ForPeriod, Peak, Quantile
from kpi_windows.formula import Combined, Constant, Node, Scale
from kpi_windows.relations import Days, MeanBefore, PerDay, PerYear, Previous, Whole, WindowEnd
from kpi_windows.standing import Latest


class NoSegmentsError(ValueError):
    """The number of all doesn't follow from those of the segments; the message says why."""


class Sums(NamedTuple):
    """Formulas whose values by the label sum to their value over all."""

    over: Node
    under: Node | None
    """None: the number is such a sum itself."""


_WHY: tuple[tuple[type[Node], str], ...] = (
    (DistinctCount, "it counts different things, and one thing may be in several segments"),
    (Quantile, "the median or percentile of all doesn't follow from those of the segments"),
    (ForPeriod, "it counts each thing once a period, in whatever segments that is"),
    (Latest, "the latest time of all is that of one segment"),
    (Peak, "segments are at their highest at different times"),
    (MeanBefore, "a mean of ratios isn't a ratio of sums"),
)


def sums_of(formula: Node, label: str) -> Sums:
    """The formula as a sum over the values of a label, or as a ratio of two.

    Raises NoSegmentsError.

    >>> from kpi_windows.catalogue import CATALOGUE
    >>> sums_of(CATALOGUE["conversion_rate"].formula, "device").under.text()
    'visit.visits'
    """
    if _is_same(formula, label):
        raise NoSegmentsError(f"it is the same whatever the {label} is")
    return _sums(formula, label)


def _is_same(node: Node, label: str) -> bool:
    """True when it has the same value in every segment."""
    if isinstance(node, (Constant, WindowEnd)):
        return True
    if isinstance(node, Whole) and label in node.over:
        return True
    below = node.below()
    return bool(below) and all(_is_same(part, label) for part in below)


def _sums(node: Node, label: str) -> Sums:
    if node.is_additive():
        return Sums(node, None)
    match node:
        case Combined():
            return _combined(node, label)
        case Previous() | Whole():
            over, under = _sums(node.part, label)
            return Sums(replace(node, part=over), under and replace(node, part=under))
        case Scale() | Days() | PerDay() | PerYear():
            over, under = _sums(node.part, label)
            return Sums(replace(node, part=over), under)
        case MeanBefore() if _sums(node.part, label).under is None:
            return Sums(node, None)
    raise NoSegmentsError(_reason(node))


def _combined(node: Combined, label: str) -> Sums:
    sign, same = node.operator, (_is_same(node.left, label), _is_same(node.right, label))
    if sign in "×/" and any(same):
        return _scaled(node, label, same)
    if sign == "×":
        raise NoSegmentsError(f"it multiplies amounts ({node.text()}), which don't sum up then")
    if any(same):
        return _shifted(node, label, same)
    left, right = _sums(node.left, label), _sums(node.right, label)
    if left.under is None and right.under is None:
        over = Combined(sign, left.over, right.over)
        return Sums(left.over, right.over) if sign == "/" else Sums(over, None)
    raise NoSegmentsError("it is made of several ratios")


def _scaled(node: Combined, label: str, same: tuple[bool, bool]) -> Sums:
    """Times, or by, what is the same in every segment."""
    if same[0] and node.operator == "/":
        raise NoSegmentsError("only its denominator has segments")
    part, factor = (node.right, node.left) if same[0] else (node.left, node.right)
    over, under = _sums(part, label)
    return Sums(Combined(node.operator, over, factor), under)


def _shifted(node: Combined, label: str, same: tuple[bool, bool]) -> Sums:
    """More, or less, than what is the same in every segment: of a ratio, so many denominators."""
    over, under = _sums(node.right if same[0] else node.left, label)
    if under is None:
        raise NoSegmentsError("it is a sum and something that isn't in any segment")
    if same[0]:
        return Sums(Combined(node.operator, Combined("×", node.left, under), over), under)
    return Sums(Combined(node.operator, over, Combined("×", node.right, under)), under)


def _reason(node: Node) -> str:
    for kind, why in _WHY:
        if isinstance(node, kind):
            return f"{why} ({node.text()})"
    return f"segments of {node.text()} don't sum up"
