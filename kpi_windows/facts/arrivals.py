"""Facts of events as such: what became of them, how late they came, and a few to look at."""

from __future__ import annotations

from kpi_windows.facts.fact import Fact

ARRIVAL = Fact("arrival", ("event",), sums=("accepted", "duplicate", "late"))
"""Events by type, at their own time; records of type `clock` are none. Bots and tests are accepted.
Which copy is a duplicate, and what is late, depends on when it was read."""

REFUSAL = Fact("refusal", ("topic",), sums=("rejected", "future"))
"""What is no event, can't be counted, or is too far ahead, at the time of its record in Kafka's log;
where that has none, at the latest event time that its topic had come to."""

LATENESS = Fact("lateness", ("topic",), histograms=("behind",), daily=True)
"""Accepted events by how far they were behind the latest event time of their topic in the partition:
in whole seconds, rounded up, in buckets within 0.8 %; in order, or come under another key: 0."""

SAMPLE = Fact("sample", ("event",), histograms=("ids",), daily=True, lowest=5)
"""Of a type of event and a day: the events with the lowest hashes of `event_id`, as
`hash time event_id`; without bots and tests."""
