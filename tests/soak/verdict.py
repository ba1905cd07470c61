"""Flat or not: what must not grow is judged by its trend, once all that fills up is full.

The trend is Theil and Sen's: the median of the slopes between all pairs of samples, which a few
outliers (a scrape, a pause of the machine) don't move.  Trend × time = what it grew by.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

NOT_OURS = "broker."
"""Is in the samples, and isn't judged."""


class Rule(NamedTuple):
    """What a series may grow by over the judged time: a share of its median, or so much."""

    words: str
    suffix: str
    share: float = 0.0
    least: float = 0.0


RULES = (
    Rule("memory, MB", ".rss_mb", share=0.05, least=10.0),
    Rule("open descriptors", ".descriptors", least=1.0),
    Rule("threads", ".threads", least=1.0),
    Rule("records that wait (lag)", "lag", share=0.5, least=1_000.0),
    Rule("visible after, 99 of 100, s", "delay_p99_s", share=0.25, least=0.5),
)


class Judged(NamedTuple):
    """One series: its middle, its most, what it grew by, what it may, and whether that is flat."""

    name: str
    words: str
    median: float
    most: float
    grew: float
    may: float

    @property
    def flat(self) -> bool:
        return self.grew <= self.may


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Median of the slopes of all pairs.

    >>> slope([(0, 1.0), (1, 1.5), (2, 2.0), (3, 99.0), (4, 3.0)])
    0.5
    """
    slopes = [
        (later - earlier) / (t - s)
        for at, (s, earlier) in enumerate(points)
        for t, later in points[at + 1 :]
        if t > s
    ]
    return median(slopes) if slopes else math.nan


def judge(samples: Sequence[Mapping[str, float]]) -> list[Judged]:
    """Every series that a rule is for, in the rules' order."""
    names = dict.fromkeys(name for each in samples for name in each)
    return [
        _judged(rule, name, [(each["at_s"], each[name]) for each in samples if name in each])
        for rule in RULES
        for name in names
        if name.endswith(rule.suffix) and not name.startswith(NOT_OURS)
    ]


def _judged(rule: Rule, name: str, points: Sequence[tuple[float, float]]) -> Judged:
    values = [value for _, value in points]
    grew = slope(points) * (points[-1][0] - points[0][0])
    may = max(rule.least, rule.share * median(values))
    return Judged(name, rule.words, median(values), max(values), grew, may)


def markdown(judged: Iterable[Judged], told: Mapping[str, Any]) -> str:
    """The section of docs/benchmarks.md, as it is to be pasted."""
    lines = [
        "{minutes:g} minutes, after {fill:g} to fill, at {rate:,} clicks a second, half of the "
        "{maximum:,.0f} that a worker takes live on this machine ({cores} cores, load {load:.1f} "
        "before). All {events:,} clicks were counted.".format(**told),
        "",
        "| | median | most | grew by | may | |",
        "|---|---|---|---|---|---|",
    ]
    lines += map(_row, judged)
    used = (f"{name} {cores:.2f}" for name, cores in told["cores_used"].items())
    return "\n".join([*lines, "", f"Cores used: {', '.join(used)}."])


def _row(each: Judged) -> str:
    process = f"{each.name.partition('.')[0]}: " if "." in each.name else ""
    told = f"{each.median:,.2f} | {each.most:,.2f} | {each.grew:+,.2f} | {each.may:,.2f}"
    return f"| {process}{each.words} | {told} | {'flat' if each.flat else '**not flat**'} |"
