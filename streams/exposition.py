"""What Prometheus reads: collectors that look at the state when they are scraped.

They must not keep gauges in step with anything; a series without a value is left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence, Set
from operator import itemgetter

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from kpi_windows.kpi import Kpi
from kpi_windows.view import Value, View
from streams import metrics
from streams.collectors import Sample, family
from streams.follower import Whole
from streams.metrics import Family
from streams.written import Registry, Written, label_texts

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


One = tuple[Family, int, Written]
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

    def collect(self) -> Iterator[Metric]:
        """Evaluates the catalogue."""
        return self._collect(self._kpis)

    def collect_named(self, names: Set[str]) -> Iterator[Metric]:
        """Evaluates those KPIs only that have a family of these names."""
        families = self._families
        return self._collect(
            [kpi for kpi in self._kpis if any(each.name in names for each in families[kpi.id])]
        )

    def _collect(self, kpis: Sequence[Kpi]) -> Iterator[Metric]:
        began = time.perf_counter()
        budget = Budget(self._exporter.max_series)
        ripe: list[Sample] = []
        told: list[Metric] = []
        if self._whole.view.watermark_ms is not None and self._whole.ready:
            said = [self._say(kpi) for kpi in kpis]
            for totals, its_ripe, _ in said:
                ripe += its_ripe
                told += _within(totals, budget)
            for kpi, (_, _, breakdowns) in zip(kpis, said, strict=True):
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
                    source = values.get(each.part, values["value"])
                    yield from _kpi_family(each, source, _texts((), source))

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
                texts = _texts(labels, values)
                for each in self._families[kpi.id]:
                    is_asked = each.definition == definition and each.labels == labels
                    if is_asked and each.part in ("value", *_PARTS):  # not a table's column
                        yield from _kpi_family(each, values, texts)

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
            column = names.index(each.part)
            rows = [
                ((table.window, *(str(row[place]) for place in places)), float(cell))
                for table in tables
                for row in table.rows
                if (cell := row[column]) is not None
            ]
            texts = label_texts(("window", *each.labels), [labels for labels, _ in rows])
            yield from _family_of(each, texts, [value for _, value in rows])


def _ripe(view: View, kpi: Kpi, window: str, definition: str) -> list[Value]:
    at_ms = view.ripe_at_ms(kpi)
    return view.evaluate(kpi, window, at_ms=at_ms, definition=definition)


_FIELDS = {name: place for place, name in enumerate(Value._fields)}
_PARTS = ("numerator", "denominator")
"""Families of these have that field of values, all others the value."""


def _texts(labels: Sequence[str], values: Iterable[Value]) -> list[str]:
    told = [(value.window, *[value.labels[label] for label in labels]) for value in values]
    return label_texts(("window", *labels), told)


def _kpi_family(each: Family, values: Iterable[Value], texts: Sequence[str]) -> Iterator[One]:
    field = _FIELDS[each.part if each.part in _PARTS else "value"]
    amounts: Iterable[float | None] = map(itemgetter(field), values)
    return _family_of(each, texts, amounts)


def _family_of(
    each: Family, texts: Sequence[str], amounts: Iterable[float | None]
) -> Iterator[One]:
    """A family of the samples that have an amount, when there are any."""
    name = each.name
    lines = [
        f"{name}{text} {amount!r}\n"
        for text, amount in zip(texts, amounts, strict=True)
        if amount is not None
    ]
    if lines:
        yield each, len(lines), Written(name, each.help, lines)


def _within(made: Iterable[One], budget: Budget) -> list[Metric]:
    """Those for which there is room."""
    return [family for each, series, family in made if budget.room(each, series)]


def registry(*collectors: Collector) -> Registry:
    """The collectors, and what Python tells of the process."""
    made = Registry()
    for collector in collectors:
        made.register(collector)
    ProcessCollector(registry=made)
    PlatformCollector(registry=made)
    GCCollector(registry=made)
    return made
