"""What the intake has done so far, for its own `/metrics`.

It must not know how anything is done; a series without a value is left out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from streams import metrics
from streams.collectors import family, histogram

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Counts:
    """Events by topic and status, requests by route and status, how long these took, what made none."""

    def __init__(self) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        self.requests: Counter[tuple[str, str]] = Counter()
        self.ignored_total: Counter[tuple[str, str]] = Counter()
        self.seconds = [0] * (len(BOUNDS_S) + 1)
        self.seconds_total = 0.0

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered after so long."""
        self.requests[route, str(status)] += 1
        self.seconds[bisect_left(BOUNDS_S, seconds)] += 1
        self.seconds_total += seconds

    def answers(self, topic: str, summed: Mapping[str, int]) -> None:
        """So many events of a topic had these statuses."""
        for status, count in summed.items():
            if count:
                self.events[topic, status] += count

    def ignored(self, name: str, reasons: Sequence[str]) -> None:
        """These things in a webhook made no event."""
        for reason in reasons:
            self.ignored_total[name, reason] += 1


class IntakeCollector(Collector):
    """Reads the counts when they are asked for; `levels` are gauges by the series' name."""

    def __init__(self, counts: Counts, levels: Callable[[], Mapping[str, float]]) -> None:
        self._counts = counts
        self._levels = levels

    def collect(self) -> Iterator[Metric]:
        """All series of the intake."""
        counts = self._counts
        yield family(metrics.INTAKE_EVENTS, sorted(counts.events.items()))
        yield family(metrics.INTAKE_REQUESTS, sorted(counts.requests.items()))
        yield family(metrics.INTAKE_IGNORED, sorted(counts.ignored_total.items()))
        yield histogram(metrics.INTAKE_SECONDS, BOUNDS_S, counts.seconds, counts.seconds_total)
        levels = self._levels()
        for series in metrics.INTAKE:
            if series.name in levels:
                yield family(series, [((), levels[series.name])])
