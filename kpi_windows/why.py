"""Why a KPI moved between the window before and this one: what each segment of a label added.

A ratio comes apart by rates and shares (see `midpoint`), a count or an amount of money into one
difference a segment.  All numbers are exact, and the segments sum to the change.  It must not know
how that is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from kpi_windows.formula import Combined, Node, Scale, Scope
from kpi_windows.kpi import Kpi
from kpi_windows.midpoint import NOUGHT, Effect, Part, effects, whole_of
from kpi_windows.question import Question
from kpi_windows.relations import Days, PerDay, PerYear, Previous, Whole
from kpi_windows.scope import OTHER, Frame, WindowScope
from kpi_windows.segments import NoSegmentsError, Sums, sums_of
from kpi_windows.view import View

MIDPOINT, DIFFERENCE = "midpoint", "difference"
_OVERLAP = "one thing may be in several segments, so that they don't sum to the whole"


class Side(NamedTuple):
    """The KPI in one of the two windows."""

    start_ms: int
    end_ms: int
    value: Fraction | None
    numerator: Fraction | None
    denominator: Fraction | None
    """None, too: the KPI has none."""


class Segment(NamedTuple):
    """What one value of the label added to the change."""

    value: str
    rate: Fraction | None
    """The effect of its own rate; None: the KPI is no ratio."""
    share: Fraction | None
    """The effect of its share of the denominator; None likewise."""
    total: Fraction
    before: Part
    after: Part


class Why(NamedTuple):
    """The change of a KPI and what it is made of."""

    kpi: str
    window: str
    definition: str
    by: str
    before: Side
    after: Side
    change: Fraction | None
    method: str | None
    """`midpoint` (rates and shares), `difference`, or None with a reason."""
    segments: list[Segment]
    """Those that added most, up or down, come first; the last may be all others together."""
    reason: str
    """Why there are no segments."""


def why(
    view: View,
    kpi: Kpi,
    window: str,
    by: str,
    *,
    at_ms: int | None = None,
    definition: str = "default",
    top: int = 50,
) -> Why | None:
    """The window at a time (absent: the watermark) against the one before, as far elapsed.

    None before the first event.  Raises UnknownNameError for what the KPI doesn't have.
    """
    asked = Question(kpi, window, definition, (by,))
    frames = view.pair(asked, at_ms)
    if frames is None:
        return None
    try:
        sums, reason = _sums(asked, by), ""
    except NoSegmentsError as error:
        sums, reason = None, f"{kpi.title} doesn't come apart by {by}: {error}"
    before, after = (_side(view, frame, asked, sums) for frame in frames)
    told = Why(kpi.id, window, definition, by, before, after, None, None, [], reason)
    if before.value is None or after.value is None:
        return told._replace(reason=_no_value(view, asked, before, after))
    told = told._replace(change=after.value - before.value)
    if sums is None:
        return told
    parts = [_parts(frame, asked, sums) for frame in frames]
    if not all(map(_is_whole, parts, (before, after))):
        return told._replace(reason=f"{kpi.title} doesn't come apart by {by}: {_OVERLAP}")
    method = DIFFERENCE if sums.under is None else MIDPOINT
    return told._replace(method=method, segments=_folded(_segments(sums, *parts), top))


def _sums(asked: Question, by: str) -> Sums:
    reading = asked.kpi.reading(asked.definition)
    if by not in (reading.by or ()):
        other = next(other for other in reading.instead if by in other.by)
        if other.overlapping:
            raise NoSegmentsError(_OVERLAP)
    return sums_of(asked.formula, by)


def _side(view: View, frame: Frame, asked: Question, sums: Sums | None) -> Side:
    if view.since_ms(asked.formula) > frame.start_ms:
        return Side(frame.start_ms, frame.end_ms, None, None, None)
    scope = WindowScope(frame, {}).without(asked.by)
    over = _exact(sums.over if sums else asked.formula, scope)
    under = _exact(sums.under, scope) if sums and sums.under else None
    if sums is None or sums.under is None:
        return Side(frame.start_ms, frame.end_ms, over, over, None)
    value = over / under if over is not None and under else None
    return Side(frame.start_ms, frame.end_ms, value, over, under)


def _exact(node: Node, scope: WindowScope) -> Fraction | None:
    value = node.value(scope)
    return None if value is None else Fraction(value)


def _parts(frame: Frame, asked: Question, sums: Sums) -> dict[str, Part]:
    """By the values of the label that the window has."""
    (by,) = asked.by
    anywhere = WindowScope(frame, {by: ""})
    values: set[str] = set()
    for node in (sums.over, sums.under):
        if node is not None:
            values.update(_values(node, by, anywhere))
    parts: dict[str, Part] = {}
    for value in sorted(values):
        scope = WindowScope(frame, {by: value})
        over = _exact(sums.over, scope) or NOUGHT
        under = (sums.under and _exact(sums.under, scope)) or NOUGHT
        parts[value] = Part(over, under)
    return parts


def _is_whole(parts: dict[str, Part], side: Side) -> bool:
    """True when the segments sum to the whole; things that are in several don't."""
    return whole_of(parts.values()) == (side.numerator, side.denominator or NOUGHT)


def _values(node: Node, by: str, scope: Scope) -> Iterator[str]:
    """The values of the label that any amount of a formula has."""
    match node:
        case Whole():
            if by not in node.over:
                yield from _values(node.part, by, scope.without(node.over))
        case Previous():
            yield from _values(node.part, by, scope.previous(node.whole))
        case Combined() | Scale() | Days() | PerDay() | PerYear():
            for part in node.below():
                yield from _values(part, by, scope)
        case _:
            for sizes in node.sizes(scope):
                yield from (labels[0] for labels in sizes)


def _segments(sums: Sums, before: dict[str, Part], after: dict[str, Part]) -> list[Segment]:
    told = effects(before, after) if sums.under else None
    segments = []
    for value in dict.fromkeys((*before, *after)):
        was, now = before.get(value, Part()), after.get(value, Part())
        if told is None:
            segments.append(Segment(value, None, None, now.numerator - was.numerator, was, now))
        else:
            effect: Effect = told[value]
            segments.append(Segment(value, effect.rate, effect.share, effect.total, was, now))
    return sorted(segments, key=lambda segment: (-abs(segment.total), segment.value))


def _folded(segments: list[Segment], top: int) -> list[Segment]:
    """The foremost, and all others as one; effects are summed, not computed anew."""
    if len(segments) <= top:
        return segments
    rest = segments[top:]
    is_ratio = rest[0].rate is not None
    others = Segment(
        OTHER,
        sum((each.rate or NOUGHT for each in rest), NOUGHT) if is_ratio else None,
        sum((each.share or NOUGHT for each in rest), NOUGHT) if is_ratio else None,
        sum((each.total for each in rest), NOUGHT),
        whole_of(each.before for each in rest),
        whole_of(each.after for each in rest),
    )
    return [*segments[:top], others]


def _no_value(view: View, asked: Question, *sides: Side) -> str:
    """Why there is no change."""
    for side, when in zip(sides, ("before", "now"), strict=True):
        if side.value is None:
            if view.since_ms(asked.formula) > side.start_ms:
                return f"no value {when}: its amounts aren't kept from so early on"
            return f"no value {when}: the denominator is 0"
    return ""
