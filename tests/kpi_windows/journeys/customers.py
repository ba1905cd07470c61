"""What customer tests share: orders and subscriptions in a few words."""

from __future__ import annotations

from typing import Any

from kpi_windows.definitions import Definitions
from kpi_windows.events import (
    CustomerForgotten,
    Event,
    SubscriptionCancelled,
    SubscriptionRenewed,
    SubscriptionStarted,
)
from kpi_windows.journeys.customer import CustomerRules, entry_of, order_entry
from kpi_windows.journeys.journal import Entry
from tests.kpi_windows.journeys.orders import SHOP, START, Told, completed, line

PERIODS = ("hour", "day", "week", "month", "quarter", "year")


def order(at: int, *products: str, **fields: Any) -> Entry:
    lines = fields.pop("lines", [line(product) for product in products])
    return order_entry(completed(at, *lines, **{"order_id": f"O{at}"} | fields), SHOP)


def started(at: int, until: int | None = None, name: str = "S") -> Entry:
    paid_until = None if until is None else START + until
    return _entry(SubscriptionStarted, at, subscription_id=name, paid_until=paid_until)


def renewed(at: int, until: int | None = None, name: str = "S") -> Entry:
    paid_until = None if until is None else START + until
    return _entry(SubscriptionRenewed, at, subscription_id=name, paid_until=paid_until)


def ended(at: int, name: str = "S") -> Entry:
    return _entry(SubscriptionCancelled, at, subscription_id=name)


def forgotten(at: int) -> Entry:
    return _entry(CustomerForgotten, at)


def _entry(kind: Any, at: int, **fields: Any) -> Entry:
    event: Event = kind(timestamp=START + at, customer_id="C1", **fields)
    return entry_of(event)


def told(*entries: Entry, until: int = 0, definitions: Definitions = SHOP) -> Told:
    return Told(CustomerRules, entries, until, definitions)
