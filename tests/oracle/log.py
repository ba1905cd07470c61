"""Accepted events as tables, one for each kind of entity; nothing is counted here.

Times are milliseconds, money is millionths of the event's own currency, absent texts are NULL.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from kpi_windows.definitions import Definitions

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

PAGE, LINK, SHOWN, CHOSEN, CHAT, BEAT, ADD, REMOVE, CHECKOUT = range(9)
ORDER, CONTACT, FORGOTTEN, UPDATED = range(9, 13)
"""What happens to a visitor, in this order when at once."""

_VISITOR_KINDS = {
    "page_viewed": PAGE,
    "link_clicked": LINK,
    "promotion_viewed": SHOWN,
    "promotion_clicked": CHOSEN,
    "chat_opened": CHAT,
    "heartbeat": BEAT,
    "product_added": ADD,
    "product_removed": REMOVE,
    "cart_updated": UPDATED,
    "checkout_started": CHECKOUT,
}
OPENED, REASSIGNED, ANSWERED, ESCALATED, HELD, RESOLVED, REOPENED, RATED = range(8)
"""What happens to a ticket, in this order when at once."""

_TICKET_KINDS = {
    "ticket_opened": OPENED,
    "ticket_reassigned": REASSIGNED,
    "ticket_answered": ANSWERED,
    "ticket_escalated": ESCALATED,
    "ticket_held": HELD,
    "ticket_resolved": RESOLVED,
    "ticket_reopened": REOPENED,
    "ticket_rated": RATED,
}

SCHEMAS: dict[str, dict[str, str]] = {
    "visitor_events": {
        "visitor": "VARCHAR",
        "at_ms": "BIGINT",
        "kind": "INTEGER",
        "id": "VARCHAR",
        **dict.fromkeys(
            ("source", "medium", "campaign", "device", "page", "page_type", "category"), "VARCHAR"
        ),
        **dict.fromkeys(("place", "cart", "channel", "promotion"), "VARCHAR"),
        "micros": "BIGINT",
        "adds": "BOOLEAN",
    },
    "orders": {
        "order_id": "VARCHAR",
        "at_ms": "BIGINT",
        **dict.fromkeys(("customer", "visitor", "channel", "team", "employee"), "VARCHAR"),
        "gross": "HUGEINT",
        "discount": "HUGEINT",
        "value": "HUGEINT",
        "tax": "HUGEINT",
        "shipping": "HUGEINT",
        "units": "BIGINT",
        **dict.fromkeys(("production", "wages", "overhead"), "HUGEINT"),
    },
    "order_goods": {
        "order_id": "VARCHAR",
        "at_ms": "BIGINT",
        "customer": "VARCHAR",
        "product": "VARCHAR",
        "category": "VARCHAR",
        "units": "BIGINT",
        **dict.fromkeys(("gross", "discount", "production", "wages", "overhead"), "HUGEINT"),
    },
    "ticket_events": {
        "ticket": "VARCHAR",
        "at_ms": "BIGINT",
        "kind": "INTEGER",
        "id": "VARCHAR",
        **dict.fromkeys(
            (
                "channel",
                "concern",
                "priority",
                "product",
                "customer",
                "visitor",
                "author",
                "survey",
            ),
            "VARCHAR",
        ),
        "public": "BOOLEAN",
        "score": "INTEGER",
        "min_score": "INTEGER",
        "max_score": "INTEGER",
    },
}


class Accepted(NamedTuple):
    """An event that counts, in the order of arrival."""

    topic: str
    value: bytes


class Log(NamedTuple):
    """What the tables are made from, and what the stories in Python read."""

    visitor_events: list[dict[str, Any]]
    order_events: list[dict[str, Any]]
    """Completions, refunds and cancellations, of accepted orders, in order of arrival."""
    customer_events: list[dict[str, Any]]
    ticket_events: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    order_goods: list[dict[str, Any]]
    marketing_events: list[dict[str, Any]]
    operations: list[dict[str, Any]]
    """Events of inventory, production and projects."""


def read(events: Iterable[Accepted], definitions: Definitions) -> Log:
    """Sorts out which event concerns whom; a repeated id (or order) counts once."""
    log = Log(*([] for _ in Log._fields))
    ids: set[tuple[str, str, str]] = set()
    told: set[tuple[str, str | None, str | None]] = set()
    for topic, value in events:
        event = json.loads(value, parse_float=Decimal)
        if event["type"] == "clock" or event.get("is_bot") or event.get("is_test"):
            continue
        event["at_ms"] = _ms(event["timestamp"])
        key = _key(event)
        event_id = event.get("event_id")
        if event_id and (topic, key, event_id) in ids:
            continue
        ids.add((topic, key, event_id or ""))
        once = (event["type"], event.get("order_id"), event.get("refund_id"))
        if event["type"] in _ONCE:
            if once in told:
                continue
            told.add(once)
        _TAKE[topic](log, event, definitions)
    return log


_SHARED = ("subscriber_id", "message_id")
"""Keys of things that several types of event are about."""
_MARKETING_KEYS = (
    *("report_id", "review_id", "click_id", "sale_id", "market_id"),
    *("network", *_SHARED, "list"),
)

_OPERATIONS_KEYS = {
    "stock_counted": ("stock", "product_id"),
    "price_set": ("price", "product_id"),
    "competitor_price_seen": ("price", "product_id"),
    "unit_started": ("unit", "unit_id"),
    "unit_finished": ("unit", "unit_id"),
    "machine_reported": ("machine", "report_id"),
    "labour_reported": ("labour", "report_id"),
    "incident_reported": ("incident", "incident_id"),
    "hours_booked": ("hours", "booking_id"),
    "cost_booked": ("cost", "booking_id"),
    "income_booked": ("income", "booking_id"),
    "project_planned": ("plan", "project_id"),
}
"""By type: what it is about, and the field that names it."""

_ONCE = ("order_completed", "order_refunded", "order_cancelled")
"""An order, a refund of it and its cancellation count once; the first to arrive does."""


def _key(event: dict[str, Any]) -> str:
    kind = event["type"]
    if kind.startswith("ticket"):
        return str(event["ticket_id"])
    if kind.startswith(("subscription_", "customer_")):
        return str(event["customer_id"])
    if kind == "subscribers_counted":
        return f"{kind} {event.get('list', 'newsletter')}"
    if kind in _OPERATIONS_KEYS:
        journey, name = _OPERATIONS_KEYS[kind]
        return f"{journey} {event[name]}"
    for name in _MARKETING_KEYS:
        if name in event and not kind.startswith("order"):
            return f"{name} {event[name]}" if name in _SHARED else f"{kind} {event[name]}"
    if kind == "order_refunded" and event.get("order_id") is None:
        return "refund " + str(event["refund_id"])
    if kind.startswith("order"):
        return str(event["order_id"])
    return str(event["visitor_id"])


def _ms(time: int | str) -> int:
    if isinstance(time, int):
        return time
    return (datetime.fromisoformat(time) - EPOCH) // timedelta(milliseconds=1)


def counted_ms(event: dict[str, Any]) -> int:
    """When a statement counts."""
    told = event.get("counted_at")
    return int(event["at_ms"]) if told is None else _ms(told)


def last_of(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Of each id the last statement."""
    last: dict[str, dict[str, Any]] = {}
    for event in sorted(events, key=lambda e: (e["at_ms"], e.get("event_id") or "")):
        last[event[name]] = event
    return list(last.values())


def _text(event: dict[str, Any], *names: str) -> dict[str, str | None]:
    return {name: event.get(name) or None for name in names}


# ---------------------------------------------------------------------------- visitors


def _take_visitor(log: Log, event: dict[str, Any], definitions: Definitions) -> None:
    names = ("source", "medium", "campaign", "device", "page", "page_type", "category", "place")
    row = {
        "visitor": event["visitor_id"],
        "at_ms": event["at_ms"],
        "kind": _VISITOR_KINDS[event["type"]],
        "id": event.get("event_id") or "",
        **_text(event, *names),
        "cart": event.get("cart_id") or "",
        "promotion": event.get("promotion_id") or None,
        "micros": 0,
        "units": event.get("units"),
        "adds": event["type"] == "product_added",
    }
    if row["kind"] == LINK:
        row["place"] = event.get("place", "site") or None
    if row["kind"] in (ADD, REMOVE, UPDATED):
        amount = (
            _decimal(event.get("value"))
            if row["kind"] == UPDATED
            else _decimal(event.get("price")) * event.get("quantity", 1)
        )
        row["micros"] = in_shop(micros(amount), event.get("currency"), event["at_ms"], definitions)
    log.visitor_events.append(row)


# ---------------------------------------------------------------------------- orders


def _take_order(log: Log, event: dict[str, Any], definitions: Definitions) -> None:
    kind = event["type"]
    if kind.startswith(("subscription", "customer")):
        log.customer_events.append(event)
        if kind == "customer_forgotten" and event.get("subscriber_id"):
            log.marketing_events.append(event)
        if kind == "customer_forgotten" and event.get("visitor_id"):
            log.visitor_events.append(
                {
                    "visitor": event["visitor_id"],
                    "at_ms": event["at_ms"],
                    "kind": FORGOTTEN,
                    "id": "",
                }
            )
        return
    log.order_events.append(event)
    if kind == "order_completed":
        _take_completed(log, event, definitions)


def _take_completed(log: Log, event: dict[str, Any], definitions: Definitions) -> None:
    def shop(amount: Decimal) -> int:
        return in_shop(micros(amount), event.get("currency"), event["at_ms"], definitions)

    goods: dict[str, dict[str, Any]] = {}
    whose = _text(event, "customer_id", "visitor_id")
    for line in event["products"]:
        product = line["product_id"]
        of = goods.setdefault(
            product,
            {
                "category": line.get("category") or None,
                "units": 0,
                **dict.fromkeys(
                    ("gross", "discount", "production", "wages", "overhead"), Decimal(0)
                ),
            },
        )
        quantity = line.get("quantity", 1)
        of["units"] += quantity
        of["gross"] += _decimal(line.get("price")) * quantity
        of["discount"] += _decimal(line.get("discount"))
        for name, each in (line.get("cost") or {}).items():
            if name in of:
                of[name] += _decimal(each) * quantity
    rows = [
        {
            "order_id": event["order_id"],
            "at_ms": event["at_ms"],
            "customer": whose["customer_id"],
            "product": product or None,
            **{n: shop(v) if isinstance(v, Decimal) else v for n, v in of.items()},
        }
        for product, of in goods.items()
    ]
    log.order_goods.extend(rows)
    total = {
        name: sum(row[name] for row in rows)
        for name in ("units", "gross", "discount", "production", "wages", "overhead")
    }
    total["discount"] += shop(_decimal(event.get("discount")))
    row = {
        "order_id": event["order_id"],
        "at_ms": event["at_ms"],
        "customer": whose["customer_id"],
        "visitor": whose["visitor_id"],
        **_text(event, "channel", "team", "employee"),
        "channel": event.get("channel") or ("online" if whose["visitor_id"] else None),
        "tax": shop(_decimal(event.get("tax"))),
        "shipping": shop(_decimal(event.get("shipping"))),
        **total,
        "value": total["gross"] - total["discount"],
    }
    log.orders.append(row)
    if row["visitor"]:
        log.visitor_events.append(
            {
                "visitor": row["visitor"],
                "at_ms": event["at_ms"],
                "kind": ORDER,
                "id": event["order_id"],
                "cart": event.get("cart_id") or "",
                "micros": row["value"],
            }
        )


# ---------------------------------------------------------------------------- tickets


def _take_ticket(log: Log, event: dict[str, Any], definitions: Definitions) -> None:
    row = {
        "ticket": event["ticket_id"],
        "at_ms": event["at_ms"],
        "kind": _TICKET_KINDS[event["type"]],
        "id": event.get("event_id") or "",
        **_text(event, "channel", "concern", "priority", "survey"),
        "product": event.get("product_id") or None,
        "customer": event.get("customer_id") or None,
        "visitor": event.get("visitor_id") or None,
        "author": event.get("author", "person"),
        "public": event.get("public", True),
        "score": event.get("score"),
        "min_score": event.get("min_score", 1),
        "max_score": event.get("max_score", 5),
    }
    log.ticket_events.append(row)
    if row["kind"] == OPENED and event.get("visitor_id"):
        log.visitor_events.append(
            {
                "visitor": event["visitor_id"],
                "at_ms": event["at_ms"],
                "kind": CONTACT,
                "id": event["ticket_id"],
                "channel": row["channel"],
            }
        )


_TAKE = {
    "clickstream": _take_visitor,
    "carts": _take_visitor,
    "orders": _take_order,
    "tickets": _take_ticket,
    "marketing": lambda log, event, _: log.marketing_events.append(event),
    **dict.fromkeys(
        ("inventory", "production", "projects"),
        lambda log, event, _: log.operations.append(event),
    ),
}

# ---------------------------------------------------------------------------- money


def _decimal(amount: Any) -> Decimal:
    return Decimal(0) if amount is None else Decimal(amount)


def micros(amount: Decimal) -> int:
    """Millionths, half to even."""
    return int((amount * 1_000_000).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def rate(currency: str | None, at_ms: int, definitions: Definitions) -> Fraction:
    """What a unit of the currency is worth at a time."""
    if currency in (None, definitions.currency):
        return Fraction(1)
    valid = [r for r in definitions.rates[str(currency)] if r.valid_from_ms <= at_ms]
    return max(valid, key=lambda r: r.valid_from_ms).rate


def in_shop(amount: int, currency: str | None, at_ms: int, definitions: Definitions) -> int:
    """Millionths of a currency as millionths of the shop's, half to even."""
    return round(amount * rate(currency, at_ms, definitions))


# ---------------------------------------------------------------------------- tables


def insert(
    db: duckdb.DuckDBPyConnection, name: str, schema: dict[str, str], rows: Sequence[dict[str, Any]]
) -> None:
    """A table with these rows."""
    columns = ", ".join(f'"{column}" {kind}' for column, kind in schema.items())
    db.execute(f"CREATE TABLE {name} ({columns})")
    if not rows:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        with path.open("w") as file:
            for row in rows:
                file.write(json.dumps(row) + "\n")
        given = {
            column: "VARCHAR" if kind == "HUGEINT" else kind for column, kind in schema.items()
        }
        told = ", ".join(f"'{column}': '{kind}'" for column, kind in given.items())
        cast = ", ".join(f'"{column}"::{kind}' for column, kind in schema.items())
        db.execute(
            f"INSERT INTO {name} SELECT {cast} FROM read_json('{path}', "
            f"columns={{{told}}}, format='newline_delimited')"
        )
