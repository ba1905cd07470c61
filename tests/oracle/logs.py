"""Logs of shops where everything happens that may: ties, gaps of exactly half an hour, orders
before carts, refunds of nothing, several currencies, many lives in few hands.

A log is made of a seed, so that a failure can be run again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS, Definitions, Rate, Targets
from tests.oracle.ads_logs import advertising
from tests.oracle.drive import Sent

HALF_HOUR_MS = 30 * MINUTE_MS
BEGIN_MS = {
    "UTC": 1_709_596_800_000,  # 2024-03-05
    "Europe/Amsterdam": 1_711_753_200_000,  # 2024-03-30, the day before the clock goes forward
    "Asia/Kolkata": 1_704_047_400_000,  # 2024-01-01 local
    "Australia/Lord_Howe": 1_712_329_200_000,  # 2024-04-06; on the 7th the clock goes half back
    "America/St_Johns": 1_730_601_000_000,  # 2024-11-03; the clock goes back that night
}


_GAPS_MS = (
    *(0, 0, 5_000, 10_000, MINUTE_MS, 10 * MINUTE_MS, 37 * MINUTE_MS),
    *(HALF_HOUR_MS, HALF_HOUR_MS, HALF_HOUR_MS + 1, HALF_HOUR_MS - 1),
    *(HOUR_MS, HOUR_MS, HOUR_MS + 1, 3 * HOUR_MS, 20 * HOUR_MS, DAY_MS, 30 * HOUR_MS),
)
"""What decides about visits, carts, targets and customers, and a little beside it."""


@dataclass(frozen=True)
class Style:
    """How a log is made."""

    zone: str = "UTC"
    days: float = 2.0
    visitors: int = 6
    customers: int = 4
    tickets: int = 6
    orders: int = 12
    subscribers: int = 3
    messages: int = 6
    refunds: int = 10
    events: int = 300
    grain_ms: int = MINUTE_MS
    """Times are multiples of this, so that many are the same."""
    lateness_ms: int = 10 * MINUTE_MS
    late: float = 0.4
    duplicates: float = 0.1
    without_id: float = 0.15
    tests: float = 0.03
    only: tuple[str, ...] = ()
    """What it is about, by the names of the maker's methods; empty: everything."""


def shop(zone: str, *, quick: bool = False, lateness_ms: int = 10 * MINUTE_MS) -> Definitions:
    """Definitions under which much happens; `quick`: lives are over within hours."""
    told: dict[str, Any] = {}
    if quick:
        told = {
            "new_again_ms": 30 * HOUR_MS,
            "lost_ms": 20 * HOUR_MS,
            "cart_kept_ms": 5 * HOUR_MS,
            "attribution_ms": 3 * HOUR_MS,
            "message_kept_ms": 3 * HOUR_MS,
            "ticket_ages_ms": (HOUR_MS, 6 * HOUR_MS),
            "default_targets": Targets(10 * MINUTE_MS, 3 * HOUR_MS),
        }
    return Definitions(
        zone=zone,
        default_lateness_ms=lateness_ms,
        rates={
            "USD": (Rate(0, Fraction(9, 10)), Rate(BEGIN_MS[zone] + DAY_MS, Fraction(7, 11))),
            "JPY": (Rate(0, Fraction(1, 160)),),
        },
        targets={"high": Targets(30 * MINUTE_MS, 2 * HOUR_MS), "low": Targets(DAY_MS, 5 * DAY_MS)},
        holidays=("2024-03-06", "2024-04-08"),
        business_hours={
            **dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("08:30-12:00", "13:00-17:45")),
            "sat": ("10:00-14:00",),
            "sun": ("00:00-24:00",),
        },
        **told,
    )


class Maker:
    """One log."""

    def __init__(self, seed: int, style: Style) -> None:
        self.chance = random.Random(seed)
        self.style = style
        self.begin_ms = BEGIN_MS[style.zone]
        self.end_ms = self.begin_ms + int(style.days * DAY_MS)
        self._number = 0
        self._busy: dict[str, list[int]] = {}
        self._taken: set[tuple[str, int]] = set()

    def sent(self) -> list[Sent]:
        """All records in order of arrival."""
        chance, style = self.chance, self.style
        told: list[tuple[int, int, Sent]] = []
        shares = self.shares()
        if style.only:
            shares = {make: share for make, share in shares.items() if make.__name__ in style.only}
        for _ in range(style.events):
            make = chance.choices(tuple(shares), tuple(shares.values()))[0]
            topic, key, event = make()
            self._mark(topic, key, event)
            value = json.dumps(event).encode()
            at_ms = event["timestamp"]
            late = chance.random() < style.late
            arrival_ms = at_ms + (chance.randint(0, style.lateness_ms) if late else 0)
            told.append((arrival_ms, len(told), Sent(topic, key.encode(), value, arrival_ms)))
            counts = not (event.get("is_bot") or event.get("is_test"))
            if event.get("event_id") and counts and chance.random() < style.duplicates:
                again_ms = arrival_ms + chance.randint(0, 2 * style.lateness_ms)
                told.append((again_ms, len(told), Sent(topic, key.encode(), value, again_ms)))
        return [sent for _, _, sent in sorted(told, key=lambda each: each[:2])]

    def shares(self) -> dict[Callable[[], tuple[str, str, dict[str, Any]]], float]:
        """What is made how often."""
        return {
            self.click: 8.0,
            self.cart: 4.0,
            self.order: 3.0,
            self.subscription: 0.5,
            self.ticket: 5.0,
            self.on_list: 2.0,
            self.message: 3.0,
            self.advertising: 3.0,
        }

    def _mark(self, topic: str, key: str, event: dict[str, Any]) -> None:
        chance = self.chance
        self._number += 1
        if chance.random() >= self.style.without_id:
            event["event_id"] = f"{chance.randrange(10)}-{self._number}"
        elif (topic + key, event["timestamp"]) in self._taken:
            event["event_id"] = f"e{self._number}"  # without one, content would decide the order
        self._taken.add((topic + key, event["timestamp"]))
        if chance.random() < self.style.tests:
            event[chance.choice(("is_bot", "is_test"))] = True

    def time(self, whose: str) -> int:
        """Some time; often a telling distance from what the same one did before."""
        chance, style = self.chance, self.style
        before = self._busy.setdefault(whose, [])
        at_ms = chance.randrange(self.begin_ms, self.end_ms)
        if before and chance.random() < 0.8:
            gap_ms = chance.choice(_GAPS_MS)
            at_ms = chance.choice(before) + gap_ms * chance.choice((1, 1, 1, -1))
        elif chance.random() < 0.7:
            at_ms -= at_ms % style.grain_ms
        at_ms = min(max(at_ms, self.begin_ms), self.end_ms)
        before.append(at_ms)
        return at_ms

    def maybe(self, *values: Any, share: float = 0.7) -> Any:
        """One of them, or None."""
        return self.chance.choice(values) if self.chance.random() < share else None

    def event(self, kind: str, at_ms: int, **fields: Any) -> dict[str, Any]:
        """Without what is None."""
        told = {name: value for name, value in fields.items() if value is not None}
        return {"type": kind, "timestamp": at_ms, **told}

    def visitor(self) -> str:
        """Somebody."""
        return f"v{self.chance.randrange(self.style.visitors)}"

    def money(self, most: int = 100) -> str | float | int:
        """A price, in one of the ways that it may be written."""
        cents = self.chance.randrange(most * 100)
        told = (f"{cents / 100:.2f}", cents / 100, cents // 100, f"{cents // 100}.123457")
        return self.chance.choice(told)

    def currency(self) -> str | None:
        """Mostly the shop's."""
        return self.chance.choice((None, None, "EUR", "USD", "JPY"))

    def context(self) -> dict[str, Any]:
        """Where a visitor comes from."""
        return {
            "source": self.maybe("google", "newsletter", "bing", ""),
            "medium": self.maybe("CPC", "cpc", "organic", "email", "display", "podcast", ""),
            "campaign": self.maybe("spring", "sale", share=0.3),
            "device": self.maybe("mobile", "desktop", "tablet"),
        }

    def advertising(self) -> tuple[str, str, dict[str, Any]]:
        """A report, a count, a review or a sale that somebody else tells."""
        return advertising(self)

    # ------------------------------------------------------------------ topics

    def click(self) -> tuple[str, str, dict[str, Any]]:
        """Something on the site."""
        visitor = self.visitor()
        at_ms = self.time(visitor)
        page = self.maybe("/", "/a", "/b", "/blog/x", share=0.9)
        page_type = self.maybe("home", "product", "blog", "checkout", share=0.8)
        kind = self.chance.choices(
            (
                *("page_viewed", "link_clicked", "chat_opened", "heartbeat"),
                *("promotion_viewed", "promotion_clicked"),
            ),
            (6, 2, 1, 2, 1, 1),
        )[0]
        fields: dict[str, Any] = {"visitor_id": visitor, **self.context(), "page": page}
        if kind == "page_viewed":
            fields |= {"page_type": page_type, "category": self.maybe("tea", "cups", share=0.4)}
        if kind == "chat_opened":
            fields["page_type"] = page_type
        if kind.startswith("promotion"):
            fields["promotion_id"] = self.chance.choice(("sale", "new", ""))
        if kind == "link_clicked":
            fields["place"] = self.maybe("site", "email", "display")
        return "clickstream", visitor, self.event(kind, at_ms, **fields)

    def cart(self) -> tuple[str, str, dict[str, Any]]:
        """Something in a cart."""
        visitor = self.visitor()
        at_ms = self.time(visitor)
        kind = self.chance.choices(
            ("product_added", "product_removed", "checkout_started", "cart_updated"), (4, 2, 2, 4)
        )[0]
        fields: dict[str, Any] = {"visitor_id": visitor, **self.context()}
        fields["cart_id"] = self.maybe("k1", "k2", share=0.5)
        if kind == "cart_updated":
            fields |= {"units": self.chance.randint(0, 3), "value": self.money()}
            fields["currency"] = self.currency()
        elif kind != "checkout_started":
            fields |= {"price": self.money(), "quantity": self.chance.randint(1, 3)}
            fields |= {"product_id": "p1", "currency": self.currency()}
        return "carts", visitor, self.event(kind, at_ms, **fields)

    def order(self) -> tuple[str, str, dict[str, Any]]:
        """An order, a refund or a cancellation, in any order."""
        order_id = f"o{self.chance.randrange(self.style.orders)}"
        kind = self.chance.choices(("completed", "refunded", "cancelled"), (5, 3, 1.5))[0]
        if kind == "completed":
            return "orders", order_id, self._completed(order_id)
        at_ms = self.time(order_id)
        if kind == "cancelled":
            restocked = self.maybe(True, False)
            return (
                "orders",
                order_id,
                self.event("order_cancelled", at_ms, order_id=order_id, restocked=restocked),
            )
        event = self._refunded(at_ms)
        if self.chance.random() < 0.2:
            return "orders", event["refund_id"], event
        return "orders", order_id, event | {"order_id": order_id}

    def _completed(self, order_id: str) -> dict[str, Any]:
        visitor = self.maybe(self.visitor())
        at_ms = self.time(visitor or order_id)
        self._busy.setdefault(order_id, []).append(at_ms)
        return self.event(
            "order_completed",
            at_ms,
            order_id=order_id,
            visitor_id=visitor,
            customer_id=self.maybe(self.customer()),
            cart_id=self.maybe("k1", "k2", "k3", share=0.5),
            products=[self._line() for _ in range(self.chance.randrange(5))],
            discount=self.maybe(self.money(5)),
            tax=self.maybe(self.money(20)),
            shipping=self.maybe(self.money(10)),
            currency=self.currency(),
            channel=self.maybe("online", "store"),
            team=self.maybe("web", "north"),
            employee=self.maybe("ann", "bob"),
        )

    def customer(self) -> str:
        """Somebody who buys."""
        return f"c{self.chance.randrange(self.style.customers)}"

    def _line(self) -> dict[str, Any]:
        product = self.chance.choice(("p1", "p2", "p3", "p4", ""))
        cost = {name: self.money(20) for name in ("production", "wages", "overhead")}
        fields = {
            "product_id": product,
            "quantity": self.chance.randint(1, 4),
            "price": self.money(),
            "category": {"p1": "tea", "p2": "tea", "p3": "cups"}.get(product),
            "discount": self.maybe(self.money(3)),
            "cost": self.maybe(cost),
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _refunded(self, at_ms: int) -> dict[str, Any]:
        lines = []
        for _ in range(self.chance.randrange(3)):
            line = self._line()
            line.pop("discount", None)
            lines.append(line)
        amount = self.maybe(self.money(50)) if lines else self.money(50)
        return self.event(
            "order_refunded",
            at_ms,
            refund_id=f"r{self.chance.randrange(self.style.refunds)}",
            customer_id=self.maybe(self.customer(), share=0.2),
            amount=amount,
            products=lines,
            restocked=self.maybe(True, False),
            currency=self.maybe("EUR", "USD", share=0.3),
            channel=self.maybe("store", share=0.3),
            team=self.maybe("north", share=0.2),
        )

    def subscription(self) -> tuple[str, str, dict[str, Any]]:
        """A subscription, or the end of all that is known of a customer."""
        customer = self.customer()
        at_ms = self.time("s" + customer)
        kinds = ("started", "renewed", "cancelled")
        kind = f"subscription_{self.chance.choices(kinds, (4, 3, 3))[0]}"
        if self.chance.random() < 0.1:
            kind = "customer_forgotten"
        fields: dict[str, Any] = {"customer_id": customer}
        if kind == "customer_forgotten":
            fields["visitor_id"] = self.maybe(self.visitor())
            number = self.chance.randrange(self.style.subscribers)
            fields["subscriber_id"] = self.maybe(f"s{number}")
        else:
            fields["subscription_id"] = self.chance.choice(("s1", "s2"))
        if kind in ("subscription_started", "subscription_renewed"):
            fields["paid_until"] = self.maybe(at_ms + self.chance.choice((0, HOUR_MS, DAY_MS)))
        return "orders", customer, self.event(kind, at_ms, **fields)

    def ticket(self) -> tuple[str, str, dict[str, Any]]:
        """Something about a ticket."""
        ticket = f"t{self.chance.randrange(self.style.tickets)}"
        kind = self.chance.choices(
            (
                "opened",
                "answered",
                "escalated",
                "reassigned",
                "held",
                "resolved",
                "reopened",
                "rated",
            ),
            (4, 4, 1, 2, 1, 3, 1.5, 2),
        )[0]
        visitor = self.visitor()
        at_ms = self.time(visitor if kind == "opened" and self.chance.random() < 0.5 else ticket)
        return (
            "tickets",
            ticket,
            self.event(f"ticket_{kind}", at_ms, ticket_id=ticket, **self._of_ticket(kind, visitor)),
        )

    def _of_ticket(self, kind: str, visitor: str) -> dict[str, Any]:
        priority, concern = self.maybe("high", "low"), self.maybe("delivery", "return")
        if kind == "opened":
            return {
                "channel": self.maybe("email", "phone", "chat", "social", share=0.9),
                "concern": concern,
                "priority": priority,
                "product_id": self.maybe("p1", "p2"),
                "customer_id": self.maybe(self.customer(), share=0.5),
                "visitor_id": self.maybe(visitor),
            }
        if kind == "answered":
            author = self.chance.choice(("person", "customer", "bot"))
            return {"author": author, "public": self.maybe(True, False)}
        if kind == "reassigned":
            return {"priority": priority, "concern": concern, "team": "x"}
        if kind == "rated":
            survey = self.chance.choice(("csat", "nps"))
            low, high = (
                (0, 10) if survey == "nps" else self.chance.choice(((1, 5), (0, 3), (1, 10)))
            )
            scale = {} if survey == "nps" else {"min_score": low, "max_score": high}
            score = self.chance.randint(low, high)
            return {"survey": survey, "score": score, "channel": self.maybe("email"), **scale}
        return {}

    def on_list(self) -> tuple[str, str, dict[str, Any]]:
        """Somebody joins or leaves a list, or its subscribers are counted."""
        channel, list_ = self.maybe("email", "sms", share=0.5), self.maybe("tips", "", share=0.3)
        kind = self.chance.choices(("joined", "left", "counted"), (5, 4, 2))[0]
        fields: dict[str, Any] = {"channel": channel}
        if kind == "counted":
            name = list_ or "newsletter"
            fields |= {"list": list_ or None, "subscribers": self.chance.randrange(5)}
            return "marketing", name, self.event("subscribers_counted", self.time(name), **fields)
        subscriber = f"s{self.chance.randrange(self.style.subscribers)}"
        message = f"m{self.chance.randrange(self.style.messages)}"
        at_ms = self.time(message if kind == "left" and self.chance.random() < 0.5 else subscriber)
        fields |= {"subscriber_id": subscriber, "list": list_}
        if kind == "joined":
            fields["segment"] = self.maybe("vip", "lost", "", share=0.5)
        else:
            fields["message_id"] = self.maybe(message)
        return "marketing", subscriber, self.event(f"subscriber_{kind}", at_ms, **fields)

    def message(self) -> tuple[str, str, dict[str, Any]]:
        """Something about a message."""
        message = f"m{self.chance.randrange(self.style.messages)}"
        at_ms = self.time(message)
        kind = self.chance.choices(("delivered", "opened", "clicked"), (5, 4, 2))[0]
        fields: dict[str, Any] = {"message_id": message}
        if kind == "delivered":
            fields["channel"] = self.maybe("email", "email", "sms")
            fields["campaign"] = self.maybe("spring", "sale", "")
            fields["list"] = self.maybe("newsletter", "tips", share=0.5)
        elif kind == "opened":
            fields["by_machine"] = self.maybe(True, False)
        return "marketing", message, self.event(f"message_{kind}", at_ms, **fields)
