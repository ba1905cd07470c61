"""An order's life: placed, refunded, cancelled; signed facts out, each at its own time.

    completed       refunded          cancelled
    |---------------|-----------------|- - - - - - - - - - -|
    gross, costs,   money; cost if    what was not yet      no longer
    pairs           restocked         refunded, restocked   found

An order, a refund id and a cancellation count once.  A refund before its order (or without one)
states itself; a cancellation before its order counts at its own time and undoes the order at the
order's.  A refund after an order was undone gives no money back again, and goods only if these were
not back.  Each amount of a product, and each of the order as a whole, is converted and rounded once,
half to even; totals are sums of these.  It must not know where an event came from, nor the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, ClassVar

import msgspec

from kpi_windows.definitions import Definitions
from kpi_windows.events import (
    Cost,
    Event,
    OrderCancelled,
    OrderCompleted,
    OrderRefunded,
    micros,
    to_ms,
)
from kpi_windows.facts import NONE, Deltas
from kpi_windows.journeys.journal import NEVER, Entry
from kpi_windows.journeys.takings import (
    NO_COSTS,
    Goods,
    Takings,
    costs_in_shop,
    in_shop,
    plus,
    sold_in_shop,
)

COMPLETED, REFUNDED, CANCELLED = range(3)

_NOT_RESTOCKED, _RESTOCKED = 1, 2


class OrderState(msgspec.Struct, array_like=True):
    """What is known of an order."""

    last_ms: int = 0
    placed_ms: int = 0
    cancelled: int = 0
    """0: no; else `_RESTOCKED` or `_NOT_RESTOCKED`."""
    is_identified: bool = False
    """By a customer that is known, not by a guest."""
    currency: str = ""
    labels: tuple[str, str, str] = (NONE, NONE, NONE)
    left_micros: int = 0
    """As in `Goods`, of the whole order."""
    goods: dict[str, Goods] = {}
    refund_ids: list[str] = []

    @property
    def placed(self) -> bool:
        """A second completion of a placed order is a duplicate."""
        return self.placed_ms > 0


class OrderRules:
    """Rules of the order's journey; see `Rules`."""

    state = OrderState

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:
        self._definitions = definitions
        self._kept_ms = definitions.order_kept_ms
        self._takings = Takings(definitions, deltas)

    def step(self, state: OrderState, entry: Entry, sign: int) -> None:
        """Moves the order by one event."""
        if state.last_ms and entry[0] >= self.ends_ms(state):
            wipe(state)
        if not self.repeats(state, entry):
            state.last_ms = entry[0]
            self._STEPS[entry[1]](self, state, entry, sign)

    def settle(self, state: OrderState, watermark_ms: int, sign: int) -> bool:  # noqa: ARG002 # as all rules
        """Nothing comes of itself."""
        return False

    def due_ms(self, state: OrderState) -> int:  # noqa: ARG002 # as all rules
        """Never."""
        return NEVER

    def ends_ms(self, state: OrderState) -> int:
        """A refund or cancellation from then on doesn't find the order."""
        return state.last_ms + self._kept_ms + 1

    def repeats(self, state: OrderState, entry: Entry) -> bool:
        """True when the state holds this order, this refund id or a cancellation already."""
        return self._REPEATS[entry[1]](state, entry)

    _REPEATS: ClassVar[dict[int, Callable[[OrderState, Entry], bool]]] = {
        COMPLETED: lambda state, _: state.placed,
        REFUNDED: lambda state, entry: entry[3] in state.refund_ids,
        CANCELLED: lambda state, _: state.cancelled > 0,
    }

    # ------------------------------------------------------------------ what happens to it

    def _step_completed(self, state: OrderState, entry: Entry, sign: int) -> None:
        at_ms, _, _, currency, labels, is_identified, amounts, lines = entry
        rate = _rate(self._definitions, currency, at_ms)
        sums, sold = [in_shop(amount, rate) for amount in amounts], sold_in_shop(lines, rate)
        state.placed_ms, state.currency = at_ms, currency
        state.labels, state.is_identified = tuple(labels), bool(is_identified)
        for line in sold:
            before = state.goods.get(line.product)
            left = line.gross - line.discount + (before.left_micros if before else 0)
            state.goods[line.product] = Goods(line.category, left, line.units, line.costs)
        value = self._takings.sell(at_ms, labels, sold, sums, state.is_identified, sign)
        self._takings.pair(at_ms, [line[0] for line in lines if line[0] != NONE], sign)
        state.left_micros += value
        if state.cancelled:
            self._undo(state, at_ms, sign)

    def _step_refunded(self, state: OrderState, entry: Entry, sign: int) -> None:
        at_ms, _, _, refund_id, currency, own, is_identified, restocked, amount, lines = entry
        state.refund_ids.append(refund_id)
        rate = self._rate_of_refund(state, currency, at_ms)
        undone = state.placed and state.cancelled > 0
        restocked = restocked and not (undone and state.cancelled == _RESTOCKED)
        total, costs = 0, NO_COSTS
        for product, category, units, price, own_costs in lines:
            goods = state.goods.setdefault(product, Goods())
            told = 0 if undone else in_shop(price, rate)
            goods.left_micros -= told
            back = goods.take_back(units) if restocked else NO_COSTS
            if restocked and own_costs:
                back = costs_in_shop(own_costs, rate)
            self._takings.give_back_line(
                at_ms, product, category or goods.category, told, back, sign
            )
            total, costs = total + told, plus(costs, back)
        if amount >= 0:
            told, total = total, 0 if undone else in_shop(amount, rate)
            self._takings.give_back_rest(at_ms, total - told, sign)
        state.left_micros -= total
        labels = [label or known for label, known in zip(own, state.labels, strict=True)]
        is_known = bool(is_identified) or state.is_identified
        self._takings.give_back(at_ms, labels, total, costs, is_known, sign)

    def _step_cancelled(self, state: OrderState, entry: Entry, sign: int) -> None:
        at_ms, _, _, restocked = entry
        state.cancelled = _RESTOCKED if restocked else _NOT_RESTOCKED
        self._takings.cancel(at_ms, state.labels, sign)
        if state.placed:
            self._undo(state, at_ms, sign)

    _STEPS: ClassVar[dict[int, Callable[[Any, OrderState, Entry, int], None]]] = {
        COMPLETED: _step_completed,
        REFUNDED: _step_refunded,
        CANCELLED: _step_cancelled,
    }

    def _undo(self, state: OrderState, at_ms: int, sign: int) -> None:
        """Refunds what is left: each product nets to nothing, the rest is of no product."""
        total = rest = max(state.left_micros, 0)
        costs = NO_COSTS
        for product, goods in state.goods.items():
            told, goods.left_micros = goods.left_micros, 0
            back = goods.take_back(goods.units) if state.cancelled == _RESTOCKED else NO_COSTS
            self._takings.give_back_line(at_ms, product, goods.category, told, back, sign)
            rest, costs = rest - told, plus(costs, back)
        self._takings.give_back_rest(at_ms, rest, sign)
        state.left_micros -= total
        self._takings.give_back(at_ms, state.labels, total, costs, state.is_identified, sign)

    def _rate_of_refund(self, state: OrderState, currency: str, at_ms: int) -> Fraction:
        """At the order's time, in the order's currency unless the refund has its own."""
        if state.placed:
            at_order = self._definitions.rate_at(
                currency or state.currency or None, state.placed_ms
            )
            if at_order is not None:
                return at_order
        return _rate(self._definitions, currency, at_ms)


def wipe(state: msgspec.Struct) -> None:
    """Makes the state one of which nothing is known."""
    blank = type(state)()
    for name in state.__struct_fields__:
        setattr(state, name, getattr(blank, name))


def value_micros(event: OrderCompleted, definitions: Definitions) -> int:
    """Gross − discount in the shop's currency, exactly as the facts of the order have it."""
    at_ms, _, _, currency, _, _, amounts, lines = entry_of(event)
    rate = _rate(definitions, currency, at_ms)
    sold = sold_in_shop(lines, rate)
    return sum(line.gross - line.discount for line in sold) - in_shop(amounts[0], rate)


def _rate(definitions: Definitions, currency: str, at_ms: int) -> Fraction:
    rate = definitions.rate_at(currency or None, at_ms)
    if rate is None:
        raise LookupError(f"no rate for currency {currency!r} at {at_ms}, which an order needs")
    return rate


# ---------------------------------------------------------------------------- entries


def _costs_of(cost: Cost | None, units: int) -> list[int]:
    if cost is None:
        return []
    return [units * micros(kind) for kind in (cost.production, cost.wages, cost.overhead)]


def _details_of_completed(event: OrderCompleted) -> tuple[Any, ...]:
    lines: dict[str, list[Any]] = {}
    for line in event.products:
        product, units = line.product_id or NONE, line.quantity
        told = lines.setdefault(product, [product, "", 0, 0, 0, 0, 0, 0])
        told[1] = told[1] or line.category or ""
        told[2] += units
        told[3] += units * micros(line.price)
        told[4] += micros(line.discount)
        for slot, cost in enumerate(_costs_of(line.cost, units), start=5):
            told[slot] += cost
    for told in lines.values():
        told[1] = told[1] or NONE
    channel = event.channel or ("online" if event.visitor_id else NONE)
    return (
        event.currency or "",
        [channel, event.team or NONE, event.employee or NONE],
        int(event.customer_id is not None),
        [micros(event.discount), micros(event.tax), micros(event.shipping)],
        sorted(lines.values()),
    )


def _details_of_refunded(event: OrderRefunded) -> tuple[Any, ...]:
    lines = [
        [
            line.product_id or NONE,
            line.category or "",
            line.quantity,
            line.quantity * micros(line.price),
            _costs_of(line.cost, line.quantity),
        ]
        for line in event.products
    ]
    return (
        event.refund_id,
        event.currency or "",
        [event.channel or "", event.team or "", event.employee or ""],
        int(event.customer_id is not None),
        int(event.restocked),
        -1 if event.amount is None else micros(event.amount),
        sorted(lines),
    )


_KINDS: dict[type[Event], tuple[int, Callable[[Any], tuple[Any, ...]]]] = {
    OrderCompleted: (COMPLETED, _details_of_completed),
    OrderRefunded: (REFUNDED, _details_of_refunded),
    OrderCancelled: (CANCELLED, lambda event: (int(event.restocked),)),
}


def entry_of(event: Event) -> Entry:
    """The entry of an event whose key is the order, or a refund without one.

    Amounts are in micros of the event's own currency; of the customer it holds nothing.

    >>> entry_of(OrderCancelled(timestamp=5, order_id="o"))
    (5, 2, '', 1)
    """
    kind, details = _KINDS[type(event)]
    return (to_ms(event.timestamp), kind, event.event_id or "", *details(event))
