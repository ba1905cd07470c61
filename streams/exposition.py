"""What Prometheus reads: collectors that look at the state when they are scraped.

They must not keep gauges in step with anything; a series without a value is left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from kpi_windows.kpi import Kpi
from kpi_windows.view import Value, View
from streams import metrics
from streams.collectors import Sample, family
from streams.follower import Whole
from streams.metrics import Family

_MOST_PAIRS = 200
"""Values of two labels at once: the hours of a week are 168."""


class Budget:
    """How many series may still be made, and which families didn't fit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.made = 0
        self.left_out: list[str] = []

    def room(self, family: Family, series: int) -> bool:
        """Takes so many, or notes that the family doesn't fit."""
        if self.made + series > self.limit:
            self.left_out.append(family.name)
            return False
        self.made += series
        return True


One = tuple[Family, int, Metric]
"""A family that has a value, how many series it has, and as Prometheus reads it."""
Made = list[One]


class KpiCollector(Collector):
    """All KPIs, totals first, then breakdowns while the limit allows.

    What a KPI has said is said again as long as its facts and the minute are the same.
    """

    def __init__(self, whole: Whole) -> None:
        self._whole = whole
        self._exporter = whole.settings.exporter
        self._kpis = tuple(whole.settings.catalogue.values())
        self._families = {kpi.id: list(metrics.families_of(kpi)) for kpi in self._kpis}
        self._said: dict[str, tuple[object, Made, list[Sample], Made]] = {}

    def describe(self) -> list[Metric]:
        """Nothing: what there is depends on the state."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Evaluates the catalogue."""
        began = time.perf_counter()
        budget = Budget(self._exporter.max_series)
        ripe: list[Sample] = []
        told: list[Metric] = []
        if self._whole.view.watermark_ms is not None and self._whole.ready:
            said = [self._say(kpi) for kpi in self._kpis]
            for totals, its_ripe, _ in said:
                ripe += its_ripe
                told += _within(totals, budget)
            for kpi, (_, _, breakdowns) in zip(self._kpis, said, strict=True):
                told += _within(breakdowns, budget)
                if self._exporter.breakdowns:
                    told += _within(self._table(kpi), budget)
        yield from told
        yield family(metrics.RIPE, ripe)
        yield family(metrics.EXPOSED, [((), budget.made)])
        yield family(metrics.LIMIT, [((), budget.limit)])
        yield family(metrics.LEFT_OUT, (((name,), 1) for name in budget.left_out))
        yield family(metrics.SCRAPE, [((), time.perf_counter() - began)])

    def _say(self, kpi: Kpi) -> tuple[Made, list[Sample], Made]:
        """Totals, whether they are ripe, and breakdowns."""
        stand = (self._whole.view, self._whole.view.stand(kpi))
        before = self._said.get(kpi.id)
        if before is not None and before[0] == stand:
            return before[1:]
        ripe: list[Sample] = []
        totals = list(self._totals(kpi, ripe))
        breakdowns = list(self._breakdowns(kpi)) if self._exporter.breakdowns else []
        self._said[kpi.id] = stand, totals, ripe, breakdowns
        return totals, ripe, breakdowns

    def _windows(self, kpi: Kpi, definition: str) -> list[str]:
        known = kpi.reading(definition).windows
        return [window for window in self._exporter.windows if window in known]

    def _broken_down(self, kpi: Kpi, definition: str = "default") -> list[str]:
        known = kpi.reading(definition).windows
        return [window for window in self._exporter.breakdown_windows if window in known]

    def _totals(self, kpi: Kpi, ripe: list[Sample]) -> Iterator[One]:
        view = self._whole.view
        for definition in kpi.readings:
            values: dict[str, list[Value]] = {"value": [], "previous": [], "ripe": []}
            for window in self._windows(kpi, definition):
                now = view.evaluate(kpi, window, definition=definition)
                values["value"] += now
                values["previous"] += view.evaluate(
                    kpi, window, definition=definition, previous=True
                )
                if kpi.matures_after:
                    values["ripe"] += _ripe(view, kpi, window, definition)
                    if definition == "default":
                        ripe += [((kpi.id, window), float(value.ripe)) for value in now]
            for each in self._families[kpi.id]:
                if each.definition == definition and not each.labels:
                    yield from _kpi_family(each, _samples(each, values))

    def _breakdowns(self, kpi: Kpi) -> Iterator[One]:
        view, top = self._whole.view, self._exporter.top_labels
        for definition, reading in kpi.readings.items():
            pairs = kpi.crossed if definition == "default" else ()
            for labels in [*((label,) for label in reading.all_labels), *pairs]:
                most = top if len(labels) == 1 else _MOST_PAIRS
                values = [
                    value
                    for window in self._broken_down(kpi, definition)
                    for value in view.evaluate(
                        kpi, window, by=labels, definition=definition, top=most
                    )
                ]
                for each in self._families[kpi.id]:
                    if each.definition == definition and each.labels == labels:
                        yield from _kpi_family(each, _samples(each, {"value": values}))

    def _table(self, kpi: Kpi) -> Iterator[One]:
        if kpi.table is None:
            return
        names = [column.name for column in kpi.table.columns]
        tables = [
            self._whole.view.table(kpi, window, self._exporter.top_labels)
            for window in self._broken_down(kpi)
        ]
        for each in self._families[kpi.id]:
            if each.part not in names:
                continue
            places = [names.index(label) for label in each.labels]
            samples = [
                ((table.window, *(str(row[place]) for place in places)), float(cell))
                for table in tables
                for row in table.rows
                if (cell := row[names.index(each.part)]) is not None
            ]
            yield from _kpi_family(each, samples)


def _ripe(view: View, kpi: Kpi, window: str, definition: str) -> list[Value]:
    at_ms = view.ripe_at_ms(kpi)
    return view.evaluate(kpi, window, at_ms=at_ms, definition=definition)


_FIELD = {"numerator": "numerator", "denominator": "denominator"}


def _samples(each: Family, values: dict[str, list[Value]]) -> list[Sample]:
    source = values.get(each.part if each.part in ("previous", "ripe") else "value", [])
    number = _FIELD.get(each.part, "value")
    return [
        ((value.window, *(value.labels[label] for label in each.labels)), amount)
        for value in source
        if (amount := getattr(value, number)) is not None
    ]


def _kpi_family(each: Family, samples: list[Sample]) -> Iterator[One]:
    if samples:
        made = _Said(each.name, each.help, ("window", *each.labels))
        for labels, value in samples:
            made.add_metric(labels, value)
        yield each, len(samples), made


def _within(made: Iterable[One], budget: Budget) -> list[Metric]:
    """Those for which there is room."""
    return [family for each, series, family in made if budget.room(each, series)]


def registry(*collectors: Collector) -> CollectorRegistry:
    """The collectors, and what Python tells of the process."""
    made = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        made.register(collector)
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    GCCollector(registry=made)
    return made


class _Said(GaugeMetricFamily):
    """A family that is written once in each format, and then as often as it is asked for."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str]) -> None:
        super().__init__(name, documentation, labels=labels)
        self.written: dict[str, bytes] = {}


class _Only:
    """A registry of one family."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        """The family."""
        return [self._metric]


_EOF = b"# EOF\n"
"""Ends a page of OpenMetrics."""


def scrape(made: CollectorRegistry, accept: str = "") -> tuple[bytes, str]:
    """The page and its content type, in the format that was asked for."""
    encoder, content_type = choose_encoder(accept)

    def written(metric: Metric) -> bytes:
        return encoder(_Only(metric)).removesuffix(_EOF)

    page = []
    for metric in made.collect():
        if isinstance(metric, _Said):
            if content_type not in metric.written:
                metric.written[content_type] = written(metric)
            page.append(metric.written[content_type])
        else:
            page.append(written(metric))
    if "openmetrics" in content_type:
        page.append(_EOF)
    return b"".join(page), content_type
