"""A customer's life: orders and subscriptions in; new, returning, active, lost out.

    order        order          order + lost_ms       order
    |------------|--------------|- - - - - - - - - - -|------>
    new,         returning,     lost, no longer       active again
    active       sequence                             (new after new_again_ms)

A live subscription keeps a customer, and when the last one ends the customer is lost, whatever was
ordered before; without one the latest order decides.  Loss and the end of a paid time come of
themselves, at their own time: `told_ms` is how far they are stated, and an event before that takes
back what it makes untrue.  It must not know the order's lines beyond its products, nor the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from kpi_windows.definitions import DAY_MS, Definitions
from kpi_windows.events import (
    CustomerForgotten,
    Event,
    OrderCompleted,
    SubscriptionCancelled,
    SubscriptionRenewed,
    SubscriptionStarted,
    to_ms,
)
from kpi_windows.facts import Deltas
from kpi_windows.facts.sales import BUYER, CUSTOMER, CUSTOMER_PERIOD, SEQUENCE, SEQUENCE_START
from kpi_windows.journeys.journal import NEVER, Entry
from kpi_windows.journeys.order import value_micros, wipe
from kpi_windows.windows import CALENDAR, Grid

ORDERED, STARTED, RENEWED, CANCELLED, FORGOTTEN = range(5)
"""In this order when they happen at once: a customer who changes plans is not lost between."""

_LONGEST_PERIOD_MS = 367 * DAY_MS
"""Two orders this far apart are in different periods, of any kind and in any zone."""

_BUYER_ORDERS, _BUYER_VALUE = BUYER.slot("orders"), BUYER.slot("value_micros")
_CUSTOMERS = CUSTOMER.slot("customers")
_ACTIVE = CUSTOMER.slot("active")
_LOST = CUSTOMER.slot("lost")
_SUBSCRIBED = CUSTOMER.slot("subscribed")
_UNSUBSCRIBED = CUSTOMER.slot("unsubscribed")
_PERIOD_ACTIVE = CUSTOMER_PERIOD.slot("active")
_PERIOD_RETAINED = CUSTOMER_PERIOD.slot("retained")
_PERIOD_NEW = CUSTOMER_PERIOD.slot("new")
_PERIOD_LOST = CUSTOMER_PERIOD.slot("lost")


class CustomerState(msgspec.Struct, array_like=True):
    """What is known of a customer, as of the latest event."""

    ordered_ms: int = 0
    """The latest order."""
    heard_ms: int = 0
    """The latest order, event of a subscription, or end of one."""
    told_ms: int = 0
    """Up to when is stated what comes of itself."""
    is_active: bool = False
    products: list[str] = []
    """Of the latest order, when it takes part in sequences."""
    subscriptions: dict[str, int] = {}
    """Those that live, and the first instant that is no longer paid."""


class CustomerRules:
    """Rules of the customer's journey; see `Rules`."""

    state = CustomerState

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:
        self._new_again_ms = definitions.new_again_ms
        self._lost_after_ms = definitions.lost_ms
        self._kept_ms = 1 + max(self._new_again_ms, self._lost_after_ms, _LONGEST_PERIOD_MS)
        self._period_index = Grid(definitions.zone).period_index
        self._buyer = deltas.adder(BUYER)
        self._customer = deltas.adder(CUSTOMER)
        self._period = deltas.adder(CUSTOMER_PERIOD)
        self._sequence = deltas.adder(SEQUENCE)
        self._sequence_start = deltas.adder(SEQUENCE_START)

    def step(self, state: CustomerState, entry: Entry, sign: int) -> None:
        """Moves the customer by one event."""
        at_ms = entry[0]
        self._tell(state, at_ms, sign)
        self._let_pass(state, at_ms)
        self._STEPS[entry[1]](self, state, entry, sign)

    def settle(self, state: CustomerState, watermark_ms: int, sign: int) -> bool:
        """Paid time ends, and customers are lost."""
        if self.due_ms(state) > watermark_ms:
            return False
        self._tell(state, watermark_ms, sign)
        return True

    def due_ms(self, state: CustomerState) -> int:
        """The next end of a paid time, or the loss of the customer."""
        coming = (*state.subscriptions.values(), self._lost_ms(state))
        return min((at_ms for at_ms in coming if at_ms > state.told_ms), default=NEVER)

    def ends_ms(self, state: CustomerState) -> int:
        """When nothing is due and the customer would count as new anyway."""
        if self.due_ms(state) < NEVER or NEVER in state.subscriptions.values():
            return NEVER
        return max(state.heard_ms, *state.subscriptions.values(), 0) + self._kept_ms

    # ------------------------------------------------------------------ what comes of itself

    def _lost_ms(self, state: CustomerState) -> int:
        """When the customer is lost if nothing else happens, or `NEVER`."""
        if not state.is_active:
            return NEVER
        if state.subscriptions:
            return max(state.subscriptions.values())
        return state.ordered_ms + self._lost_after_ms

    def _tell(self, state: CustomerState, to_ms: int, sign: int) -> None:
        """States what comes of itself up to a time, or takes back what was stated beyond it."""
        since_ms, until_ms, state.told_ms = state.told_ms, to_ms, to_ms
        if until_ms < since_ms:
            since_ms, until_ms, sign = until_ms, since_ms, -sign
        for end_ms in state.subscriptions.values():
            if since_ms < end_ms <= until_ms:
                self._customer(end_ms)[_UNSUBSCRIBED] += sign
        lost_ms = self._lost_ms(state)
        if since_ms < lost_ms <= until_ms:
            self._lose(lost_ms, sign)

    def _let_pass(self, state: CustomerState, at_ms: int) -> None:
        """Moves the state to a time up to which all is told."""
        if self._lost_ms(state) <= at_ms:
            state.is_active = False
        for subscription, end_ms in list(state.subscriptions.items()):
            if end_ms <= at_ms:
                del state.subscriptions[subscription]
                state.heard_ms = max(state.heard_ms, end_ms)

    def _lose(self, at_ms: int, sign: int) -> None:
        cell = self._customer(at_ms)
        cell[_ACTIVE] -= sign
        cell[_LOST] += sign
        for name in CALENDAR:
            self._period(at_ms, name)[_PERIOD_LOST] += sign

    # ------------------------------------------------------------------ what happens

    def _step_ordered(self, state: CustomerState, entry: Entry, sign: int) -> None:
        at_ms, _, _, value, products = entry
        last_ms = state.ordered_ms
        is_new = not last_ms or at_ms - last_ms > self._new_again_ms
        buyer = self._buyer(at_ms, "new" if is_new else "returning")
        buyer[_BUYER_ORDERS] += sign
        buyer[_BUYER_VALUE] += sign * value
        self._hear(state, at_ms, sign)
        self._count_periods(last_ms, at_ms, is_new, sign)
        if not is_new:
            self._follow(state, at_ms, products, sign)
        for product in products:
            self._sequence_start(at_ms, product)[0] += sign
        state.ordered_ms, state.products = at_ms, products

    def _step_subscribed(self, state: CustomerState, entry: Entry, sign: int) -> None:
        at_ms, _, _, subscription, end_ms = entry
        self._hear(state, at_ms, sign)
        if subscription not in state.subscriptions:
            self._customer(at_ms)[_SUBSCRIBED] += sign
        state.subscriptions[subscription] = end_ms

    def _step_cancelled(self, state: CustomerState, entry: Entry, sign: int) -> None:
        at_ms, _, _, subscription = entry
        if state.subscriptions.pop(subscription, None) is None:
            return
        state.heard_ms = at_ms
        self._customer(at_ms)[_UNSUBSCRIBED] += sign
        if not state.subscriptions:
            state.is_active = False
            self._lose(at_ms, sign)

    def _step_forgotten(self, state: CustomerState, entry: Entry, sign: int) -> None:
        if state.is_active:
            cell = self._customer(entry[0])
            cell[_ACTIVE] -= sign
            cell[_UNSUBSCRIBED] += sign * len(state.subscriptions)
        wipe(state)

    _STEPS: ClassVar[dict[int, Callable[[Any, CustomerState, Entry, int], None]]] = {
        ORDERED: _step_ordered,
        STARTED: _step_subscribed,
        RENEWED: _step_subscribed,
        CANCELLED: _step_cancelled,
        FORGOTTEN: _step_forgotten,
    }

    def _hear(self, state: CustomerState, at_ms: int, sign: int) -> None:
        """An order or a paid time: whoever isn't a customer, or no longer, becomes one."""
        is_unknown = not state.heard_ms or at_ms - state.heard_ms > self._new_again_ms
        if is_unknown and not state.subscriptions:
            self._customer(at_ms)[_CUSTOMERS] += sign
            for name in CALENDAR:
                self._period(at_ms, name)[_PERIOD_NEW] += sign
        if not state.is_active:
            self._customer(at_ms)[_ACTIVE] += sign
        state.is_active, state.heard_ms = True, at_ms

    def _count_periods(self, last_ms: int, at_ms: int, is_new: bool, sign: int) -> None:
        """The first order in each calendar period, and whether the period before had one."""
        for name in CALENDAR:
            index = self._period_index(name, at_ms)
            last = self._period_index(name, last_ms) if last_ms else None
            if last != index:
                cell = self._period(at_ms, name)
                cell[_PERIOD_ACTIVE] += sign
                cell[_PERIOD_RETAINED] += sign * (last == index - 1 and not is_new)

    def _follow(self, state: CustomerState, at_ms: int, products: list[str], sign: int) -> None:
        """What this order holds, under each product of the order before, at that one's time."""
        days = (at_ms - state.ordered_ms) // DAY_MS
        followers = [f"{days}:{product}" for product in products]
        for product in state.products:
            followed = self._sequence(state.ordered_ms, product)[0]
            for follower in followers:
                followed[follower] = followed.get(follower, 0) + sign


# ---------------------------------------------------------------------------- entries


def order_entry(event: OrderCompleted, definitions: Definitions) -> Entry:
    """An order, for its customer: its value in the shop's micros, and its different products.

    Products without an id, and those of an order with too many, take no part in sequences.
    The id is the order's: event ids are only unique within an order.
    """
    products = sorted({line.product_id for line in event.products if line.product_id})
    if len(products) > definitions.pair_products:
        products = []
    value = value_micros(event, definitions)
    return (to_ms(event.timestamp), ORDERED, "\x00order" + event.order_id, value, products)


def _paid(event: SubscriptionStarted | SubscriptionRenewed) -> tuple[str, int]:
    """The subscription, and the first instant that is no longer paid."""
    if event.paid_until is None:
        return event.subscription_id, NEVER
    return event.subscription_id, max(to_ms(event.paid_until), to_ms(event.timestamp)) + 1


_KINDS: dict[type[Event], tuple[int, Callable[[Any], tuple[Any, ...]]]] = {
    SubscriptionStarted: (STARTED, _paid),
    SubscriptionRenewed: (RENEWED, _paid),
    SubscriptionCancelled: (CANCELLED, lambda event: (event.subscription_id,)),
    CustomerForgotten: (FORGOTTEN, lambda _: ()),
}


def entry_of(event: Event) -> Entry:
    """The entry of an event whose key is the customer.

    >>> entry_of(SubscriptionCancelled(timestamp=5, customer_id="c", subscription_id="s"))
    (5, 3, '', 's')
    """
    kind, details = _KINDS[type(event)]
    return (to_ms(event.timestamp), kind, event.event_id or "", *details(event))
