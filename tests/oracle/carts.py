"""Carts, told visitor by visitor: which one an order ends depends on what is at hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import duckdb

from kpi_windows.definitions import Definitions
from tests.oracle.log import ADD, CHECKOUT, FORGOTTEN, ORDER, REMOVE, UPDATED, Log, insert

_AMOUNTS = (
    "carts",
    "abandoned",
    "ordered",
    "recovered",
    "abandoned_micros",
    "recovered_micros",
    "recovered_ms",
)


def make(
    db: duckdb.DuckDBPyConnection,
    log: Log,
    definitions: Definitions,
    until: Callable[[str], int],
) -> None:
    """The table of carts; `until` says how far time has come where a visitor lives."""
    by_visitor: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in log.visitor_events:
        by_visitor[row["visitor"]].append(row)
    rows: list[dict[str, Any]] = []
    for visitor, events in by_visitor.items():
        events.sort(key=lambda row: (row["at_ms"], row["kind"], row["id"]))
        rows += _carts(events, definitions, until(visitor))
    schema = {"at_ms": "BIGINT", "device": "VARCHAR", **dict.fromkeys(_AMOUNTS, "BIGINT")}
    insert(db, "carts", schema, rows)


def _carts(
    events: list[dict[str, Any]], definitions: Definitions, until_ms: int
) -> list[dict[str, Any]]:
    story = _Story(definitions)
    for event in events:
        if event["kind"] == FORGOTTEN:
            story.forget(event["at_ms"])
        elif event["kind"] in (ADD, REMOVE, CHECKOUT, ORDER, UPDATED):
            story.drop_old(event["at_ms"])
            story.order(event) if event["kind"] == ORDER else story.touch(event)
    return [_row(cart, definitions.cart_idle_ms, until_ms) for cart in story.carts]


class _Story:
    """The carts of one visitor."""

    def __init__(self, definitions: Definitions) -> None:
        self.idle_ms = definitions.cart_idle_ms
        self.kept_ms = definitions.cart_kept_ms
        self.carts: list[dict[str, Any]] = []
        self.at_hand: dict[str, dict[str, Any]] = {}

    def forget(self, at: int) -> None:
        """Nothing is at hand any more; what was abandoned by then stays so."""
        for cart in self.at_hand.values():
            cart["gone"] = at
        self.at_hand.clear()

    def drop_old(self, at: int) -> None:
        """What nobody touched for very long is abandoned for good."""
        for name in list(self.at_hand):
            if at - self.at_hand[name]["last"] > self.kept_ms:
                self.at_hand.pop(name)["gone"] = at

    def touch(self, event: dict[str, Any]) -> None:
        """A product makes a cart; others only touch one.

        A snapshot adds when it has units, and is worth more than what is at hand.
        """
        name, at = event["cart"], event["at_ms"]
        if event["kind"] == UPDATED:
            known = self.at_hand.get(name)
            event["adds"] = event["units"] > 0 and (
                known is None or event["micros"] > known["value"]
            )
        if event["adds"] and name not in self.at_hand:
            cart = {"at_ms": at, "device": event["device"], "last": at, "value": 0}
            self.at_hand[name] = cart | {"left": None, "order": None, "gone": None}
            self.carts.append(self.at_hand[name])
        if name in self.at_hand:
            self._return_to(self.at_hand[name], at)
            if event["kind"] == UPDATED:
                self.at_hand[name]["value"] = 0
            sign = {ADD: 1, REMOVE: -1, CHECKOUT: 0, UPDATED: 1}[event["kind"]]
            self.at_hand[name]["value"] += sign * event["micros"]

    def order(self, event: dict[str, Any]) -> None:
        """It ends the cart that it names, else the one without a name, else, without a name
        itself, the latest."""
        name = event["cart"] if event["cart"] in self.at_hand else ""
        if name not in self.at_hand:
            if event["cart"] or not self.at_hand:
                return
            name = max(self.at_hand, key=lambda n: (self.at_hand[n]["last"], n))
        cart = self.at_hand.pop(name)
        self._return_to(cart, event["at_ms"])
        cart["order"] = event

    def _return_to(self, cart: dict[str, Any], at: int) -> None:
        if at - cart["last"] > self.idle_ms and cart["left"] is None:
            cart["left"] = cart["last"] + self.idle_ms
        cart["last"] = at


def _row(cart: dict[str, Any], idle_ms: int, until_ms: int) -> dict[str, Any]:
    row: dict[str, Any] = {"at_ms": cart["at_ms"], "device": cart["device"] or "(none)", "carts": 1}
    row |= dict.fromkeys(_AMOUNTS[1:], 0)
    order = cart["order"]
    if order is not None:
        row["ordered"] = 1
        if cart["left"] is not None:
            row["recovered"] = 1
            row["recovered_micros"] = order["micros"]
            row["recovered_ms"] = order["at_ms"] - cart["left"]
    else:
        end_ms = until_ms if cart["gone"] is None else cart["gone"]
        if cart["last"] + idle_ms <= end_ms:
            row["abandoned"] = 1
            row["abandoned_micros"] = cart["value"]
    return row
