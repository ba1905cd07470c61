"""What must hold of an event beyond the types of its fields: sane money, times in range.

A check answers with what was expected, or None.  It must not know how events are decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from kpi_windows.definitions import DAY_MS
from kpi_windows.events import (
    EARLIEST_MS,
    LATEST_MS,
    MONEY_LIMIT,
    TOPICS,
    AdsReported,
    AffiliateSold,
    CartUpdated,
    CompetitorPriceSeen,
    Cost,
    CostBooked,
    Event,
    HoursBooked,
    IncomeBooked,
    LabourReported,
    MachineReported,
    MarketingSpent,
    MarketSized,
    OrderCompleted,
    OrderRefunded,
    PositionReported,
    PriceSet,
    ProductAdded,
    ProductRemoved,
    ProjectPlanned,
    SubscriptionRenewed,
    SubscriptionStarted,
    TicketRated,
    to_ms,
)

Check = Callable[[Any], str | None]

_LONGEST_SECONDS = 10**12
"""More time in one report is taken for a mistake."""


def _bad_money(name: str, amount: Decimal | None, limit: Decimal = MONEY_LIMIT) -> str | None:
    if amount is None or (amount.is_finite() and 0 <= amount < limit):
        return None
    return f"expected an amount of 0 or more, below {limit:,.0f} - at `$.{name}`"


MARKET_LIMIT = 10_000 * MONEY_LIMIT
"""A market may be larger than what any one event is about."""


def limit_of(event: Event) -> Decimal:
    """What an event's money must be below, in any currency."""
    return MARKET_LIMIT if isinstance(event, MarketSized) else MONEY_LIMIT


def worth(event: Any) -> Decimal:
    """The most that an event of money is about, in its own currency."""
    if isinstance(event, ProductAdded | ProductRemoved):
        return event.price * event.quantity
    if isinstance(event, OrderCompleted | OrderRefunded):
        lines = sum((_worth_of_line(line) for line in event.products), Decimal(0))
        if isinstance(event, OrderCompleted):
            return lines + event.discount + event.tax + event.shipping
        return lines + (event.amount or Decimal(0))
    return max(
        (getattr(event, name) or Decimal(0) for name in _MONEY[type(event)]), default=Decimal(0)
    )


def _worth_of_line(line: Any) -> Decimal:
    cost = line.cost
    costs = cost.production + cost.wages + cost.overhead if cost is not None else Decimal(0)
    worth_of_units: Decimal = max(line.price, costs) * line.quantity
    return worth_of_units + getattr(line, "discount", 0)


def _bad_worth(event: Any) -> str | None:
    """Quantities times prices must stay within reason too."""
    return _bad_money("products", worth(event))


def _bad_cost(name: str, cost: Cost | None) -> str | None:
    if cost is None:
        return None
    return (
        _bad_money(f"{name}.production", cost.production)
        or _bad_money(f"{name}.wages", cost.wages)
        or _bad_money(f"{name}.overhead", cost.overhead)
    )


def _bad_order(event: OrderCompleted) -> str | None:
    reason = (
        _bad_money("discount", event.discount)
        or _bad_money("tax", event.tax)
        or _bad_money("shipping", event.shipping)
    )
    for number, line in enumerate(event.products):
        where = f"products[{number}]"
        reason = (
            reason
            or _bad_money(f"{where}.price", line.price)
            or _bad_money(f"{where}.discount", line.discount)
            or _bad_cost(f"{where}.cost", line.cost)
        )
    return reason or _bad_worth(event)


def _bad_refund(event: OrderRefunded) -> str | None:
    reason = _bad_money("amount", event.amount)
    for number, line in enumerate(event.products):
        where = f"products[{number}]"
        reason = (
            reason
            or _bad_money(f"{where}.price", line.price)
            or _bad_cost(f"{where}.cost", line.cost)
        )
    if reason is None and event.amount is None and not event.products:
        reason = "expected `amount`, or `products` with a price each"
    return reason or _bad_worth(event)


def _bad_rating(event: TicketRated) -> str | None:
    low, high = (0, 10) if event.survey == "nps" else (event.min_score, event.max_score)
    if low >= high:
        return f"expected min_score < max_score, got {low} and {high} - at `$.min_score`"
    if not low <= event.score <= high:
        return f"expected a score of {low}..{high}, got {event.score} - at `$.score`"
    return None


def _bad_amounts(event: Any) -> str | None:
    """Money, and other decimals that can't be negative or endless."""
    for name in _MONEY[type(event)]:
        reason = _bad_money(name, getattr(event, name), limit_of(event))
        if reason:
            return reason
    return None


def _bad_quantities(event: Any) -> str | None:
    for name in _QUANTITIES[type(event)]:
        amount = getattr(event, name)
        if not (amount is None or (amount.is_finite() and 0 <= amount < MONEY_LIMIT)):
            return f"expected a number of 0 or more, below {MONEY_LIMIT:,.0f} - at `$.{name}`"
    return None


def _bad_time(name: str, at: Any) -> str | None:
    try:
        fine = at is None or EARLIEST_MS <= to_ms(at) <= LATEST_MS
    except OverflowError:
        fine = False
    return None if fine else f"expected a time between 1990 and 2100 - at `$.{name}`"


def _bad_counted_at(event: Any) -> str | None:
    reason = _bad_time("counted_at", event.counted_at)
    if reason or event.counted_at is None or to_ms(event.counted_at) <= event.timestamp + DAY_MS:
        return reason
    return "expected a time up to a day after the timestamp - at `$.counted_at`"


def _bad_parts(event: MachineReported | LabourReported) -> str | None:
    if event.good > event.produced:
        return f"expected at most `produced`, {event.produced}, got {event.good} - at `$.good`"
    return None


def _bad_machine(event: MachineReported) -> str | None:
    if event.ideal_cycle_seconds * event.produced >= _LONGEST_SECONDS:
        return (
            f"expected ideal_cycle_seconds × produced below {_LONGEST_SECONDS:,} s - at "
            "`$.ideal_cycle_seconds`"
        )
    return _bad_parts(event)


def _bad_market(event: MarketSized) -> str | None:
    reason = _bad_time("starts", event.starts) or _bad_time("ends", event.ends)
    if reason:
        return reason
    days = (to_ms(event.ends) - to_ms(event.starts)) / DAY_MS
    return None if 0 < days <= 1_100 else "expected a period of up to three years - at `$.ends`"


def _bad_position(event: PositionReported) -> str | None:
    fine = event.position.is_finite() and 1 <= event.position <= 10_000
    return None if fine else "expected a position of 1 to 10,000 - at `$.position`"


_MONEY: dict[type[Event], tuple[str, ...]] = {
    AdsReported: ("spend", "revenue"),
    MarketingSpent: ("spend",),
    AffiliateSold: ("revenue", "commission"),
    MarketSized: ("size",),
    CartUpdated: ("value",),
    PriceSet: ("price",),
    CompetitorPriceSeen: ("price",),
    CostBooked: ("amount",),
    IncomeBooked: ("amount",),
    ProjectPlanned: ("budget", "planned_cost", "earned_value"),
}
_QUANTITIES: dict[type[Event], tuple[str, ...]] = {
    MachineReported: ("planned_seconds", "run_seconds", "ideal_cycle_seconds"),
    LabourReported: ("planned_hours", "worked_hours", "standard_output"),
    HoursBooked: ("hours",),
    ProjectPlanned: ("estimated_hours",),
}


_OWN: dict[type[Event], Check] = {
    ProductAdded: lambda e: _bad_money("price", e.price) or _bad_worth(e),
    ProductRemoved: lambda e: _bad_money("price", e.price) or _bad_worth(e),
    OrderCompleted: _bad_order,
    OrderRefunded: _bad_refund,
    SubscriptionStarted: lambda e: _bad_time("paid_until", e.paid_until),
    SubscriptionRenewed: lambda e: _bad_time("paid_until", e.paid_until),
    TicketRated: _bad_rating,
    PositionReported: _bad_position,
    MarketSized: _bad_market,
    MachineReported: _bad_machine,
    LabourReported: _bad_parts,
}


def _checks_of(cls: type[Event]) -> Iterator[Check]:
    if cls in _MONEY:
        yield _bad_amounts
    if cls in _QUANTITIES:
        yield _bad_quantities
    if "counted_at" in cls.__struct_fields__:
        yield _bad_counted_at
    if cls in _OWN:
        yield _OWN[cls]


def _all_of(checks: Sequence[Check]) -> Check:
    return lambda event: next((reason for one in checks if (reason := one(event))), None)


CHECKS: dict[type[Event], Check] = {
    cls: checks[0] if len(checks) == 1 else _all_of(checks)
    for types in TOPICS.values()
    for cls in types
    if (checks := tuple(_checks_of(cls)))
}
"""What must hold of an event of a type, beyond its fields' types."""
