"""How the processor itself does, for Prometheus: read from checkpoints, and from a worker's counts.

It must not know KPIs; a series without a value is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from kpi_windows.engine import FORWARDED
from streams import metrics
from streams.follower import DELAY_BOUNDS_S, Whole
from streams.metrics import Series

_KINDS: dict[str, Any] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
    "summary": SummaryMetricFamily,
    "histogram": HistogramMetricFamily,
}
Sample = tuple[tuple[str, ...], float]


def family(series: Series, samples: Iterable[Sample]) -> Metric:
    """One of the processor's own families."""
    made: Any = _KINDS[series.kind](series.name, series.meaning, labels=series.labels)
    for labels, value in samples:
        made.add_metric(list(labels), value)
    return made


def histogram(
    series: Series, bounds: Iterable[float], counts: Iterable[float], total: float
) -> Metric:
    """A family of one histogram: how many there are up to each bound, and beyond the last."""
    made = HistogramMetricFamily(series.name, series.meaning)
    names = [*map(str, bounds), "+Inf"]
    heights = map(float, accumulate(counts))
    made.add_metric([], list(zip(names, heights, strict=True)), total)
    return made


class ProcessorCollector(Collector):
    """How the processor itself does, as far as checkpoints tell."""

    def __init__(self, whole: Whole) -> None:
        self._whole = whole

    def collect(self) -> Iterator[Metric]:
        """Reads the last checkpoint of each partition."""
        whole = self._whole
        yield from _outcomes(whole)
        yield from _partitions(whole)
        yield family(metrics.LAGGING, [((), len(whole.behind()))])
        yield _delays(whole)
        yield family(metrics.READY, [((), float(whole.ready))])
        if whole.ready_ms is not None:
            seconds = (whole.ready_ms - whole.started_ms) / 1_000
            yield family(metrics.RESTORE, [((), seconds)])


def _outcomes(whole: Whole) -> Iterator[Metric]:
    laws = whole.view.laws()
    yield family(
        metrics.EVENTS,
        (((law.topic, outcome), n) for law in laws for outcome, n in law.outcomes.items()),
    )
    yield family(metrics.TAKEN_IN, (((law.topic,), law.taken_in) for law in laws))
    yield family(
        metrics.UNACCOUNTED,
        (((law.topic,), law.taken_in - sum(law.outcomes.values())) for law in laws),
    )
    for series, of in ((metrics.FOLDED, "folded"), (metrics.LET_GO, "let_go")):
        yield family(series, (((what,), n) for what, n in sorted(_summed(whole, of).items())))
    facts: dict[str, int] = {}
    for seen in whole.seen.values():
        for what, count in seen.checkpoint.counts.get(FORWARDED, {}).items():
            facts[what] = facts.get(what, 0) + count
    yield family(metrics.FORWARDED, (((what,), n) for what, n in facts.items()))
    left = facts.get("sent", 0) + facts.get("misrouted", 0)
    come = facts.get("applied", 0) + facts.get("arrived", 0)
    yield family(metrics.IN_FLIGHT, [((), left - come)])


def _summed(whole: Whole, field: str) -> Counter[str]:
    """Of a field of the checkpoints, over all partitions."""
    summed: Counter[str] = Counter()
    for seen in whole.seen.values():
        summed.update(getattr(seen.checkpoint, field))
    return summed


def _partitions(whole: Whole) -> Iterator[Metric]:
    seen = {str(p): s for p, s in sorted(whole.seen.items())}
    marks = {p: s.checkpoint.watermark_ms for p, s in seen.items()}
    known = {p: ms for p, ms in marks.items() if ms is not None}
    first_ms = max(known.values(), default=0)
    yield family(metrics.WATERMARK, (((p,), ms / 1_000) for p, ms in known.items()))
    yield family(metrics.BEHIND, (((p,), (first_ms - ms) / 1_000) for p, ms in known.items()))
    arrivals = {p: s.checkpoint.newest_arrival_ms / 1_000 for p, s in seen.items()}
    yield family(metrics.ARRIVAL, (((p,), at) for p, at in arrivals.items() if at > 0))
    yield family(metrics.APPLIED, (((p,), s.applied_ms / 1_000) for p, s in seen.items()))
    yield family(metrics.COMMITS, (((p,), s.checkpoint.sequence) for p, s in seen.items()))
    yield family(
        metrics.POSITION,
        (
            ((topic, p), offset)
            for p, s in seen.items()
            for topic, offset in s.checkpoint.positions.items()
        ),
    )


def _delays(whole: Whole) -> Metric:
    delays = whole.delays
    return histogram(metrics.DELAY, DELAY_BOUNDS_S, delays.counts, delays.total_s)


class WorkerCollector(Collector):
    """How a worker does; `app` is a `ShopApp`."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        """Reads the engine's own counts of each partition that is held."""
        held = {str(each.partition): each for each in self._app.held()}
        stats = {p: each.stats for p, each in held.items()}
        for series, name in (
            (metrics.BATCHES, "batches"),
            (metrics.TAKEN, "events"),
            (metrics.REWINDS, "rewinds"),
            (metrics.LAST_COMMIT, "commit_seconds"),
            (metrics.COMMITTED, "committed_at"),
            (metrics.WRITTEN, "records_written"),
            (metrics.DEAD, "dead_letters"),
            (metrics.RESTORED, "restore_seconds"),
            (metrics.RESTORED_RECORDS, "restore_records"),
        ):
            yield family(series, (((p,), getattr(s, name)) for p, s in stats.items()))
        commits = SummaryMetricFamily(
            metrics.COMMIT.name, metrics.COMMIT.meaning, labels=("partition",)
        )
        for p, s in stats.items():
            commits.add_metric([p], count_value=s.commits, sum_value=s.commit_seconds_total)
        yield commits
        yield family(
            metrics.LAG,
            (((topic, p), lag) for p, s in stats.items() for topic, lag in s.lag.items()),
        )
        yield family(
            metrics.KEPT,
            (
                ((p, what), count)
                for p, each in held.items()
                for what, count in each.shard.sizes().items()
            ),
        )
