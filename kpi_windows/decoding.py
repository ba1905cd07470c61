"""Bytes to events, or to the reason why they are none; never an exception.

What types alone can't say is checked here too: a time in range, sane money, a rating within its
scale.  It must not know what an event means.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from kpi_windows.events import (
    EARLIEST_MS,
    LATEST_MS,
    MONEY_LIMIT,
    SCHEMA_VERSION,
    TOPICS,
    Clock,
    Cost,
    Event,
    OrderCompleted,
    OrderRefunded,
    ProductAdded,
    ProductRemoved,
    SubscriptionRenewed,
    SubscriptionStarted,
    TicketRated,
    to_ms,
)


class Rejected(NamedTuple):
    """Bytes that are no event, and what was expected instead."""

    reason: str


def _union(types: tuple[type[Event], ...]) -> Any:
    joined: Any = Clock
    for one in types:
        joined = joined | one
    return joined


_DECODERS: dict[str, msgspec.json.Decoder[Event]] = {
    topic: msgspec.json.Decoder(_union(types)) for topic, types in TOPICS.items()
}


def decode(topic: str, values: Sequence[bytes | None]) -> list[Event | Rejected]:
    """One result a value, in the same order; never raises for what a value holds.

    The whole batch is decoded at once, and value by value only when that fails or when a value
    holds a line break, so that one bad value costs its neighbours nothing but time.
    """
    decoder = _DECODERS[topic]
    if None not in values and b"" not in values:
        joined = b"\n".join(values)  # type: ignore[arg-type]
        if joined.count(b"\n") == len(values) - 1:
            try:
                events: list[Any] = decoder.decode_lines(joined)
            except Exception:  # noqa: BLE001  # any value may be at fault; found below, one by one
                events = []
            if len(events) == len(values) and not _NEEDS_CHECK[topic]:
                return [
                    e
                    if type(t := e.timestamp) is int and EARLIEST_MS <= t <= LATEST_MS
                    else _checked(e)
                    for e in events
                ]
            if len(events) == len(values):
                return [_checked(e) for e in events]
    return [_decode_one(topic, decoder, value) for value in values]


_NEEDS_CHECK = {"clickstream": False, "carts": True, "orders": True, "tickets": True}
"""Topics whose events need more than their types and a time in range."""


def _decode_one(
    topic: str, decoder: msgspec.json.Decoder[Event], value: bytes | None
) -> Event | Rejected:
    if value is None:
        return Rejected("null value: expected a JSON object")
    if not value:
        return Rejected("empty value: expected a JSON object")
    try:
        return _checked(decoder.decode(value))
    except msgspec.ValidationError as error:
        return Rejected(_explain(topic, str(error)))
    except RecursionError:
        return Rejected("nested too deeply: expected a flat JSON object")
    except Exception as error:  # noqa: BLE001  # DecodeError, and whatever bytes may provoke
        return Rejected(f"not JSON in UTF-8: {error}")


def _explain(topic: str, message: str) -> str:
    if "$.type" in message or "`type`" in message:
        types: tuple[Any, ...] = (*TOPICS[topic], Clock)
        known = ", ".join(sorted(one.__struct_config__.tag for one in types))
        return f"{message}; topic {topic!r} takes the types {known}"
    if "$.schema_version" in message:
        return f"{message}; this version understands schema_version {SCHEMA_VERSION}"
    return message


def _checked(event: Event) -> Event | Rejected:
    """What types alone can't say: a time in range, sane money, a rating within its scale."""
    at = event.timestamp
    if type(at) is not int or not EARLIEST_MS <= at <= LATEST_MS:
        try:
            at_ms = to_ms(at)
        except OverflowError:
            at_ms = 0
        if not EARLIEST_MS <= at_ms <= LATEST_MS:
            return Rejected(
                "timestamp out of range: expected milliseconds since 1970 (or ISO 8601 text with "
                f"a zone) between 1990 and 2100, got {str(at)[:40]} - at `$.timestamp`"
            )
        event = msgspec.structs.replace(event, timestamp=at_ms)
    check = _CHECKS.get(type(event))
    try:
        reason = check(event) if check else None
    except ArithmeticError:
        reason = "expected amounts within reason"
    return Rejected(reason) if reason else event


def _bad_money(name: str, amount: Decimal | None) -> str | None:
    if amount is None or (amount.is_finite() and 0 <= amount < MONEY_LIMIT):
        return None
    return f"expected an amount of 0 or more, below {MONEY_LIMIT:,.0f} - at `$.{name}`"


def worth(event: Any) -> Decimal:
    """The most that an event of money is about, in its own currency."""
    if isinstance(event, ProductAdded | ProductRemoved):
        return event.price * event.quantity
    lines = sum((_worth_of_line(line) for line in event.products), Decimal(0))
    if isinstance(event, OrderCompleted):
        return lines + event.discount + event.tax + event.shipping
    amount: Decimal = event.amount or Decimal(0)
    return lines + amount


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


def _bad_paid_until(event: Any) -> str | None:
    if event.paid_until is None:
        return None
    try:
        fine = EARLIEST_MS <= to_ms(event.paid_until) <= LATEST_MS
    except OverflowError:
        fine = False
    return None if fine else "expected a time between 1990 and 2100 - at `$.paid_until`"


_CHECKS: dict[type[Event], Any] = {
    ProductAdded: lambda e: _bad_money("price", e.price) or _bad_worth(e),
    ProductRemoved: lambda e: _bad_money("price", e.price) or _bad_worth(e),
    OrderCompleted: _bad_order,
    OrderRefunded: _bad_refund,
    SubscriptionStarted: _bad_paid_until,
    SubscriptionRenewed: _bad_paid_until,
    TicketRated: _bad_rating,
}
