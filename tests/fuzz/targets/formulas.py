"""Formulas as text: parsed, or refused with what was expected."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.facts import FACTS
from kpi_windows.formula import Node
from kpi_windows.parsing import Vocabulary, parse
from kpi_windows.tokens import FormulaError
from tests.fuzz.target import Target


@cache
def _vocabulary() -> Vocabulary:
    terms: dict[str, Node] = {kpi.id: kpi.formula for kpi in CATALOGUE.values()}
    return Vocabulary(FACTS, terms)


def attempt(told: bytes) -> None:
    """What is parsed can be shown, and says which windows it fits."""
    text = told.decode("utf-8", "replace")
    try:
        node = parse(text, _vocabulary())
    except FormulaError as error:
        words = str(error)
        assert words
        return
    assert node.text()
    node.fits("day")


def seeds() -> Iterable[bytes]:
    """Those of the catalogue, and one for each function."""
    for kpi in CATALOGUE.values():
        yield kpi.formula.text().encode()
    for text in (
        'where(conversion_rate, device="mobile")',
        "level(customer.customers, start) + quantile(0.9, visit.duration)",
        "conversion_rate - previous(visits, whole) / mean_before(sales, 4)",
        'visit.visits{source=google or "bing", device=mobile} * -1.5',
        "days(end() − latest(incident.at_ms)) + per_year(line.units) × per_day(sales)",
        "level_of_told(project.hours_ms, plan.estimates) / all(visit.visits, source, medium)",
        "count_above(project.cost_micros, plan.budget_micros, plan.budgets)",
        "((((((((visits))))))))",
    ):
        yield text.encode()


TARGET = Target(seeds, attempt)
