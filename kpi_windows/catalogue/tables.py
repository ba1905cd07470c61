"""KPIs with rows instead of a number: pairs, sequences, pages before a contact.

It must not know windows or panes.  Rows come foremost first, and by name among equals.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from kpi_windows.facts import OVERFLOW
from kpi_windows.facts.marketing import AFFILIATE
from kpi_windows.facts.sales import LINE, ORDER, PAIR, SEQUENCE, SEQUENCE_START
from kpi_windows.facts.visits import CONTACT_PAGE
from kpi_windows.formula import Scope
from kpi_windows.kpi import Column, Row, Unit

AFFINITY = (
    Column("product"),
    Column("other"),
    Column("orders", Unit.COUNT),
    Column("support", Unit.RATIO),
    Column("confidence", Unit.RATIO),
    Column("confidence_back", Unit.RATIO),
    Column("lift", Unit.RATIO),
)
"""Confidence: of orders with the product, how many have the other; back: the other way round."""

SEQUENCE_COLUMNS = (
    Column("product"),
    Column("next"),
    Column("orders", Unit.COUNT),
    Column("probability", Unit.RATIO),
    Column("median_days", Unit.DAYS),
)

PAGES = (Column("page"), Column("contacts", Unit.COUNT), Column("share", Unit.RATIO))

AFFILIATES = (
    Column("affiliate"),
    Column("clicks", Unit.COUNT),
    Column("orders", Unit.COUNT),
    Column("conversion", Unit.RATIO),
    Column("revenue", Unit.MONEY),
    Column("commission", Unit.MONEY),
)


def affinity(scope: Scope) -> tuple[list[Row], int]:
    """Pairs of products bought in one order.

    support = orders(A and B) / orders, confidence = orders(A and B) / orders(A),
    lift = support(A and B) / (support(A) × support(B)).
    """
    total = scope.table(ORDER, "orders", ()).get((), 0)
    single = {product: n for (product,), n in scope.table(LINE, "orders", ("product",)).items()}
    rows: list[Row] = []
    overflow = 0
    for (product,), others in scope.table(PAIR, "orders_with", ("product",)).items():
        overflow += others.get(OVERFLOW, 0)
        a = single.get(product, 0)
        for other, n in others.items():
            if other != OVERFLOW:
                b = single.get(other, 0)
                rows.append(
                    (product, other, n, _ratio(n, total), _ratio(n, a), _ratio(n, b),
                     _ratio(n * total, a * b))
                )  # fmt: skip
    return _foremost(rows), overflow


def sequence(scope: Scope) -> tuple[list[Row], int]:
    """What customers of a product bought in their next order.

    probability = orders of known customers with A whose next order has B / those with A.
    """
    starts = scope.table(SEQUENCE_START, "orders", ("product",))
    rows: list[Row] = []
    overflow = 0
    for labels, followed in scope.table(SEQUENCE, "followed", ("product",)).items():
        days_by_next: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for bucket, n in followed.items():
            days, colon, following = bucket.partition(":")
            if bucket == OVERFLOW or not colon:
                overflow += n
            else:
                days_by_next[following][int(days)] += n
        for following, days_between in days_by_next.items():
            n = days_between.total()
            share = _ratio(n, starts.get(labels, 0))
            rows.append((labels[0], following, n, share, _median(days_between)))
    return _foremost(rows), overflow


def pages_before_contact(scope: Scope) -> tuple[list[Row], int]:
    """The pages seen just before a contact."""
    contacts = scope.table(CONTACT_PAGE, "contacts", ("page",))
    total = sum(contacts.values())
    rows: list[Row] = [(page, n, _ratio(n, total)) for (page,), n in contacts.items()]
    rows.sort(key=lambda row: (-int(row[1] or 0), row[0]))
    return rows, 0


def affiliates(scope: Scope) -> tuple[list[Row], int]:
    """What each affiliate brought, and what it gets for it."""
    told = {name: scope.table(AFFILIATE, name, ("affiliate",)) for name in AFFILIATE.sums}
    rows: list[Row] = []
    for key in {key for amounts in told.values() for key in amounts}:
        clicks, orders, revenue, commission = (told[n].get(key, 0) for n in AFFILIATE.sums)
        money = (revenue / 1_000_000, commission / 1_000_000)
        rows.append((key[0], clicks, orders, _ratio(orders, clicks), *money))
    rows.sort(key=lambda row: (-float(row[4] or 0), -int(row[1] or 0), str(row[0])))
    return rows, 0


def _foremost(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-int(row[2] or 0), row[0], row[1]))


def _ratio(over: int, under: int) -> float | None:
    return over / under if under else None


def _median(counts: Mapping[int, int]) -> int | None:
    """By nearest rank."""
    rank = (sum(counts.values()) + 1) // 2
    for amount in sorted(counts):
        rank -= counts[amount]
        if rank <= 0:
            return amount
    return None
