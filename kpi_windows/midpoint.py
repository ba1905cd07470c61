"""Why a ratio changed: which segment changed its own rate, and which its share of the whole.

    ratio = sum(n_i) / sum(d_i) = sum(share_i x rate_i)     rate_i = n_i / d_i, share_i = d_i / D

    rate effect   mean share x change of rate
    share effect  (mean rate - reference) x change of share
    reference     the mean of both ratios

It must not know KPIs or windows.  The midpoint is Bennet's (1920, "The theory of measurement of
changes in cost of living", Journal of the Royal Statistical Society 83): both windows are treated
alike, and nothing is left over.  As shares sum to 1, any reference gives the same sum; with the
mean of both ratios a segment that grows adds only if it is better than the whole, and segments
that are new or gone have a share effect too (Griliches and Regev 1995, "Firm productivity in
Israeli industry 1979-1988", Journal of Econometrics 65).

A segment without a denominator in one window has no rate there: its rate counts as unchanged, and
all that it does is a change of share.  What it has of the numerator there all the same (a refund
in a window without orders) belongs to no rate, and is told as a rate effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

NOUGHT = Fraction(0)


class Part(NamedTuple):
    """What a segment, or the whole, has of the numerator and of the denominator."""

    numerator: Fraction = NOUGHT
    denominator: Fraction = NOUGHT

    @property
    def ratio(self) -> Fraction | None:
        """None when the denominator is 0."""
        return self.numerator / self.denominator if self.denominator else None


class Effect(NamedTuple):
    """What a segment adds to the change of the whole."""

    rate: Fraction
    share: Fraction

    @property
    def total(self) -> Fraction:
        """Both together."""
        return self.rate + self.share


Parts = Mapping[str, Part]
"""By the value of a label."""


def whole_of(parts: Iterable[Part]) -> Part:
    """All of them together."""
    over = under = NOUGHT
    for part in parts:
        over, under = over + part.numerator, under + part.denominator
    return Part(over, under)


def effects(before: Parts, after: Parts) -> dict[str, Effect] | None:
    """By segment of either window; their totals sum to the change of the ratio, exactly.

    None when one of the windows has no ratio.

    >>> before = {"mobile": Part(Fraction(1), Fraction(50)), "desktop": Part(Fraction(3), Fraction(50))}
    >>> after = {"mobile": Part(Fraction(1), Fraction(50)), "desktop": Part(Fraction(1), Fraction(50))}
    >>> effects(before, after)["desktop"]
    Effect(rate=Fraction(-1, 50), share=Fraction(0, 1))
    """
    wholes = whole_of(before.values()), whole_of(after.values())
    first, last = wholes[0].ratio, wholes[1].ratio
    if first is None or last is None:
        return None
    reference = (first + last) / 2
    return {
        name: _effect(before.get(name, Part()), after.get(name, Part()), wholes, reference)
        for name in dict.fromkeys((*before, *after))
    }


def _effect(before: Part, after: Part, wholes: tuple[Part, Part], reference: Fraction) -> Effect:
    was = before.denominator / wholes[0].denominator
    now = after.denominator / wholes[1].denominator
    rate_was, rate_now = before.ratio, after.ratio
    stray = NOUGHT  # of the numerator, without any of the denominator
    if rate_was is None:
        stray -= before.numerator / wholes[0].denominator
    if rate_now is None:
        stray += after.numerator / wholes[1].denominator
    if rate_was is None:
        rate_was = NOUGHT if rate_now is None else rate_now
    if rate_now is None:
        rate_now = rate_was
    return Effect(
        rate=(was + now) / 2 * (rate_now - rate_was) + stray,
        share=((rate_was + rate_now) / 2 - reference) * (now - was),
    )
