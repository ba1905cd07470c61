"""How large a run is: what is simulated, how often it is measured, and where."""

from __future__ import annotations

from dataclasses import dataclass

from kpi_windows.events import TOPICS

START_MS = 1_748_865_600_000
"""2025-06-02T12:00:00Z, when the clickstream begins; the past, so that no broker minds."""

PARTITIONS = 4
CLICKS = "clickstream"
PLAIN = "plain-clickstream"
"""The clickstream's beginning, for plain Faust."""
OTHERS = tuple(topic for topic in TOPICS if topic != CLICKS)


UNHURRIED = {"log.cleaner.backoff.ms": "15000", "log.cleaner.min.cleanable.ratio": "0.5"}
"""Kafka's own; brokers of tests clean their logs fifteen times as often."""


@dataclass(frozen=True)
class Sizes:
    """What the flags of `python -m tests.bench` can change."""

    visitors: int = 125_000
    events: int = 1_500_000
    """A visit of the simulated clickstream has 12 clicks: so many bring every visitor once."""
    events_per_second: float = 400.0
    """Of event time: a bit over an hour in all."""
    plain_events: int = 30_000
    rounds: int = 5
    fresh_rate: int = 20_000
    fresh_seconds: int = 60
    fresh_warm_up_seconds: int = 90
    fresh_workers: int = 2
    """As docker-compose.yml starts them: one alone needs nearly a whole core at that rate."""
    fresh_visitors: int = 1_000_000
    """In turns, visits of five minutes: with few, whose visits never end, and a short warm-up a rate
    seems to last that doesn't."""
    group_events: int = 60_000
    """Of a whole shop, all topics, for what each group of KPIs costs."""
    skew_events: int = 20_000
    posts: int = 20_000
    """To the intake, of one event each; and as many events a hundred at a time."""
