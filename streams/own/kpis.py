"""A shop's own KPIs, from tables `[kpis.NAME]`, and its measures as KPIs.

It must not know files or panes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from kpi_windows.definitions import Measure
from kpi_windows.facts import FACTS
from kpi_windows.facts.fact import OWN
from kpi_windows.formula import Node
from kpi_windows.kpi import Better, Kpi, Unit
from kpi_windows.kpis import Catalogue
from kpi_windows.measures import MONEY, TYPES, factors_of, kind_of, node_of
from kpi_windows.narrowing import labels_of, nearest
from kpi_windows.parsing import Vocabulary, parse
from kpi_windows.tokens import FormulaError
from kpi_windows.windows import WINDOWS
from streams import kinds, metrics
from streams.own.table import OwnError, Table

_UNITS = {"count": Unit.COUNT} | {unit.value: unit for unit in Unit if unit.value}
_BETTER = {better.value: better for better in Better}
KEYS = {
    "formula": "Measures and KPIs by name, [amounts](amounts.md) as `fact.amount`, + − × / and "
    "functions.",
    "title": "What it is called.",
    "aliases": "Other names to find it by.",
    "unit": "`count`, `ratio`, `money`, `seconds`, `days` or `points`: the end of its metric's name.",
    "better": "`higher`, `lower` or `neither`.",
    "by": "Labels to break it down by; by default all that each of its parts has.",
    "windows": "By default all that fit the formula.",
    "note": "What people get wrong.",
}
"""Key -> what it says."""
_LARGEST = 500


class _Terms(dict[str, Node]):
    """Measures and KPIs by name; the shop's own KPIs are read when they are first asked for."""

    def __init__(self, catalogue: Catalogue, tables: Mapping[str, Table]) -> None:
        for kpi in catalogue.values():
            for name, reading in kpi.readings.items():
                self[kpi.id if name == "default" else f"{kpi.id}.{name}"] = reading.formula
        self._tables = tables
        self._open: list[str] = []

    def __missing__(self, name: str) -> Node:
        table = self._tables.get(name)
        if table is None:
            raise KeyError(name)
        if name in self._open:
            circle = " -> ".join([*self._open[self._open.index(name) :], name])
            table.wrong("formula", f"it needs itself: {circle}")
        self._open.append(name)
        try:
            node = parse(table.needed("formula", kinds.TEXT), Vocabulary(FACTS, self))
        except FormulaError as error:
            table.wrong("formula", str(error))
        finally:
            self._open.pop()
        if sum(1 for _ in islice(node.facts(), _LARGEST + 1)) > _LARGEST:
            table.wrong("formula", f"it has more than {_LARGEST} amounts, with the KPIs in it")
        self[name] = node
        return node

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(super().__iter__()), **dict.fromkeys(self._tables)})


def with_kpis(catalogue: Catalogue, measures: tuple[Measure, ...], told: Any) -> Catalogue:
    tables = {name: Table("kpis", name, values, tuple(KEYS)) for name, values in told.items()}
    terms = _Terms(catalogue, tables)
    own: dict[str, Kpi] = {}
    for measure in measures:
        terms[measure.name] = terms[f"{OWN}.{measure.name}"] = node = node_of(measure)
        own[measure.name] = _kpi_of(measure, node)
    for name, table in tables.items():
        if name in own:
            table.wrong("", f"the measure {name} is a KPI already; rename one of them")
        own[name] = _kpi(table, terms[name])
    known = catalogue
    for count, kpi in enumerate(own.values(), 1):
        _check_names("measures" if count <= len(measures) else "kpis", kpi, known)
        known = catalogue.extended({OWN: tuple(own.values())[:count]})
    _check_series(known, own, frozenset(measure.name for measure in measures))
    return known


def _kpi_of(measure: Measure, node: Node) -> Kpi:
    """A measure as a KPI, so that it can be asked for."""
    paths = factors_of(measure.of) if measure.kind == "sum" else ()
    is_money = any(kind_of(TYPES[name], path) == MONEY for name in measure.events for path in paths)
    return Kpi(
        id=measure.name,
        title=measure.title or measure.name.replace("_", " ").capitalize(),
        aliases=(),
        group=OWN,
        unit=Unit.MONEY if is_money else Unit.COUNT,
        better=Better.NEITHER,
        formula=node,
        by=labels_of(node),
        note=f"The shop's own, of {', '.join(measure.events)}; each counts at its own time.",
    )


def _kpi(table: Table, formula: Node) -> Kpi:
    fitting = tuple(window for window in WINDOWS if formula.fits(window))
    by = table.read("by", kinds.WORDS, labels_of(formula))
    for label in by:
        if label not in labels_of(formula):
            known = (
                nearest(label, labels_of(formula)) if labels_of(formula) else "its parts share none"
            )
            table.wrong("by", f"the formula has no label {label!r}; {known}")
    windows = table.read("windows", kinds.WORDS, fitting)
    for window in windows:
        if window not in fitting:
            table.wrong("windows", f"no such window: {window}; {nearest(window, fitting)}")
    if not windows:
        table.wrong("windows" if "windows" in table.values else "formula", "it fits no window")
    return Kpi(
        id=table.name,
        title=table.read("title", kinds.TEXT, table.name.replace("_", " ").capitalize()),
        aliases=table.read("aliases", kinds.WORDS, ()),
        group=OWN,
        unit=_UNITS[table.read("unit", kinds.choice(*_UNITS), "count")],
        better=_BETTER[table.read("better", kinds.choice(*_BETTER), "neither")],
        formula=formula,
        by=by,
        windows=windows,
        note=table.read("note", kinds.TEXT, ""),
    )


def _check_series(catalogue: Catalogue, own: Mapping[str, Kpi], measures: frozenset[str]) -> None:
    """No two families of series may have one name."""
    taken = {
        family.name: kpi.id
        for kpi in catalogue.values()
        if kpi.id not in own
        for family in metrics.families_of(kpi)
    }
    for kpi in own.values():
        for family in metrics.families_of(kpi):
            other = taken.setdefault(family.name, kpi.id)
            if other != kpi.id:
                section = "measures" if kpi.id in measures else "kpis"
                told = f"its series {family.name} is one of {other} already; rename it"
                raise OwnError(section, kpi.id, "", told)


def _check_names(section: str, kpi: Kpi, known: Catalogue) -> None:
    """None of its names may be another KPI's."""
    named = [("", kpi.id), ("title", kpi.title), *(("aliases", name) for name in kpi.aliases)]
    for key, name in named:
        other = known.called(name)
        if other is not None:
            told = f"there is a KPI {name} already ({other.id}, {other.title}); rename it"
            raise OwnError(section, kpi.id, key, told)
