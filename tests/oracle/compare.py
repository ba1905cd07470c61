"""Every number of every KPI, in every window and breakdown, against the oracle's."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.formula import number
from kpi_windows.kpi import Kpi, Reading
from kpi_windows.view import Value, View
from tests.oracle.cubes import Values
from tests.oracle.oracle import Oracle, Told
from tests.oracle.windows import Window

WITHIN = {"median": 0.01, "p90": 0.01, "mean_score": 1e-5}
"""Relative; all others are equal."""


class Difference(NamedTuple):
    """A number that isn't the oracle's."""

    kpi: str
    name: str
    window: str
    labels: dict[str, str]
    what: str
    product: object
    oracle: object


def told(view: View, oracle: Oracle, seed: int = 0) -> list[Difference]:
    """The first few differences of any kind."""
    found = list(differences(view, oracle, filters=random.Random(seed)))
    for window in ("day", "week"):
        found += table_differences(view, oracle, window)
    return found[:20]


def differences(
    view: View,
    oracle: Oracle,
    *,
    kpis: Sequence[str] = tuple(CATALOGUE),
    filters: random.Random | None = None,
) -> Iterator[Difference]:
    """All differences; `filters` chooses label values to ask for one by one, too."""
    assert view.watermark_ms == oracle.at_ms, (view.watermark_ms, oracle.at_ms)
    for kpi in (CATALOGUE[name] for name in kpis):
        for name, reading in kpi.readings.items():
            for window in reading.windows:
                if window not in oracle.windows or _is_expired(reading, oracle, window):
                    continue
                for by in breakdowns(reading):
                    yield from _one(view, oracle, kpi, name, window, by, {})
                    if by and filters is not None:
                        where = _filter(view, oracle, kpi, name, window, by, filters)
                        if where:
                            rest = tuple(label for label in by if label not in where)
                            yield from _one(view, oracle, kpi, name, window, rest, where)


def _is_expired(reading: Reading, oracle: Oracle, window: str) -> bool:
    """Days of pairs and sequences aren't kept for long; then there is no value."""
    kept_ms = oracle.definitions.pair_panes_ms
    is_daily = any(fact.daily for fact in reading.formula.facts())
    return is_daily and oracle.windows[window][0].start_ms < oracle.at_ms - kept_ms


def breakdowns(reading: Reading) -> list[tuple[str, ...]]:
    """By nothing, by each label, and by all that go together."""
    told: list[tuple[str, ...]] = [()]
    for group in (reading.by or (), *(other.by for other in reading.instead)):
        told += [(label,) for label in group]
        told.append(tuple(group))
    return list(dict.fromkeys(told))


def _filter(
    view: View,
    oracle: Oracle,
    kpi: Kpi,
    name: str,
    window: str,
    by: tuple[str, ...],
    chance: random.Random,
) -> dict[str, str]:
    label = chance.choice(by)
    told = sorted(oracle.evaluate(kpi.id, name, window, by))
    return {label: chance.choice(told)[by.index(label)]} if told else {}


def _one(
    view: View,
    oracle: Oracle,
    kpi: Kpi,
    name: str,
    window: str,
    by: tuple[str, ...],
    where: Mapping[str, str],
) -> Iterator[Difference]:
    values = view.evaluate(
        kpi, window, at_ms=oracle.asked_ms, by=by, where=dict(where), definition=name, top=10_000
    )
    product = {tuple(value.labels[label] for label in by): value for value in values}
    wanted = oracle.evaluate(kpi.id, name, window, by, where)
    assert len(product) == len(values)
    now = oracle.windows[window][0]
    for labels in sorted(product.keys() | wanted.keys()):
        said = dict(zip(by, labels, strict=True)) | {f"only {k}": v for k, v in where.items()}
        for what, got, want in _numbers(product.get(labels), wanted.get(labels), now):
            if not _equal(got, want, WITHIN.get(name.split("_")[-1], WITHIN.get(name, 0.0))):
                yield Difference(kpi.id, name, window, said, what, got, want)


def _numbers(
    value: Value | None, told: Told | None, now: tuple[int, int]
) -> Iterator[tuple[str, float | None, float | None]]:
    if value is None or told is None:
        got = None if value is None else value.value
        want = None if told is None else number(told.value)
        if value is not None and not any((value.value, value.numerator, value.denominator)):
            return  # a group with nothing in it
        yield "presence", -1.0 if value is None else got, -1.0 if told is None else want
        return
    yield "value", value.value, number(told.value)
    if told.under is not None:
        yield "numerator", value.numerator, number(told.over)
        yield "denominator", value.denominator, number(told.under)
    yield "start", value.start_ms, now[0]
    yield "end", value.end_ms, now[1]


def _equal(got: float | None, want: float | None, within: float) -> bool:
    if got is None or want is None:
        return got is want
    return got == want or abs(got - want) <= within * abs(want)


def table_differences(view: View, oracle: Oracle, window: str) -> Iterator[Difference]:
    """The rows of the KPIs that are tables."""
    for name, rows in _tables(oracle, window).items():
        told = view.table(CATALOGUE[name], window, 10_000, at_ms=oracle.asked_ms)
        got = {
            tuple(row[:2]) if CATALOGUE[name].table.columns[1].unit is None else (row[0],): row
            for row in told.rows
        }
        for key in sorted(got.keys() | rows.keys(), key=str):
            if not _same_row(got.get(key), rows.get(key)):
                yield Difference(name, "table", window, {}, str(key), got.get(key), rows.get(key))


def _same_row(got: Sequence[object] | None, want: Sequence[object] | None) -> bool:
    if got is None or want is None:
        return False
    return all(
        a == b or (isinstance(a, float) and isinstance(b, float) and abs(a - b) < 1e-12)
        for a, b in zip(got, want, strict=True)
    )


def _tables(oracle: Oracle, window: str) -> dict[str, dict[Values, tuple[object, ...]]]:
    now = oracle.windows[window][0]
    days = oracle.in_days(now)

    def cells(cube: str, amount: str, *by: str, at: Window = days) -> dict[Values, int]:
        found = oracle.sums.cells(cube, at, by)
        return {values: cell[amount] for values, cell in found.items() if cell[amount]}

    total = cells("order", "orders").get((), 0)
    single = cells("line", "orders", "product")
    affinity: dict[Values, tuple[object, ...]] = {}
    for (a, b), n in cells("pair", "orders", "product", "other").items():
        of_a, of_b = single[a,], single[b,]
        affinity[a, b] = (a, b, n, n / total, n / of_a, n / of_b, n * total / (of_a * of_b))
    starts = cells("start", "orders", "product")
    median = cells("follow", "days", "product", "next")
    follows: dict[Values, tuple[object, ...]] = {}
    for (a, b), n in cells("follow", "orders", "product", "next").items():
        follows[a, b] = (a, b, n, n / starts[a,], median.get((a, b), 0))
    contacts = cells("contact_page", "contacts", "page", at=now)
    pages: dict[Values, tuple[object, ...]] = {
        (page,): (page, n, n / sum(contacts.values())) for (page,), n in contacts.items()
    }
    brought = oracle.sums.cells("affiliate", now, ("affiliate",))
    affiliates: dict[Values, tuple[object, ...]] = {
        key: (
            *(*key, cell["clicks"], cell["orders"]),
            cell["orders"] / cell["clicks"] if cell["clicks"] else None,
            *(cell["revenue"] / 1_000_000, cell["commission"] / 1_000_000),
        )
        for key, cell in brought.items()
        if any(cell.values())
    }
    return {
        "affiliate_performance": affiliates,
        "product_affinity": affinity,
        "product_sequence": follows,
        "pages_before_contact": pages,
    }
