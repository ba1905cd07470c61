"""What orders bring and give back: the cells that an order, a refund or a cancellation adds to.

It must not know when or why; amounts come in the shop's currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec

from kpi_windows.aggregators import Cell
from kpi_windows.definitions import Definitions
from kpi_windows.facts import NONE, Deltas
from kpi_windows.facts.sales import BUYER, CUSTOMER_VALUE, LINE, ORDER, PAIR

Costs = tuple[int, int, int]
"""Production, wages, overhead."""
Labels = Sequence[str]
"""Channel, team, employee."""

NO_COSTS: Costs = (0, 0, 0)

_ORDERS = ORDER.slot("orders")
_UNITS = ORDER.slot("units")
_GROSS = ORDER.slot("gross_micros")
_DISCOUNT = ORDER.slot("discount_micros")
_TAX = ORDER.slot("tax_micros")
_SHIPPING = ORDER.slot("shipping_micros")
_REFUNDS = ORDER.slot("refunds")
_CANCELLATIONS = ORDER.slot("cancellations")
_REFUND = ORDER.slot("refund_micros")
_COSTS = [ORDER.slot(f"cost_{kind}_micros") for kind in ("production", "wages", "overhead")]

_LINE_ORDERS = LINE.slot("orders")
_LINE_UNITS = LINE.slot("units")
_LINE_GROSS = LINE.slot("gross_micros")
_LINE_DISCOUNT = LINE.slot("discount_micros")
_LINE_REFUND = LINE.slot("refund_micros")
_LINE_COST = LINE.slot("cost_micros")

_BUYER_ORDERS = BUYER.slot("orders")
_BUYER_VALUE = BUYER.slot("value_micros")


class Sold(NamedTuple):
    """One product of an order."""

    product: str
    category: str
    units: int
    gross: int
    discount: int
    costs: Costs


class Goods(msgspec.Struct, array_like=True):
    """What is left of one product of an order, in the shop's currency."""

    category: str = NONE
    left_micros: int = 0
    """Gross − discount − refunded; below 0 when more was refunded, or before the order."""
    units: int = 0
    """Not back in stock; `costs` are theirs."""
    costs: Costs = NO_COSTS

    def take_back(self, units: int) -> Costs:
        """Moves units back to stock, no more than there are, and answers with their costs."""
        units = min(units, self.units)
        if units <= 0:
            return NO_COSTS
        share = Fraction(units, self.units)
        production, wages, overhead = self.costs
        back = round(production * share), round(wages * share), round(overhead * share)
        self.units -= units
        self.costs = (production - back[0], wages - back[1], overhead - back[2])
        return back


def in_shop(amount: int, rate: Fraction) -> int:
    """An amount in the shop's currency; half a millionth goes to the even neighbour.

    >>> in_shop(5, Fraction(1, 2)), in_shop(7, Fraction(1, 2))
    (2, 4)
    """
    return amount if rate == 1 else round(amount * rate)


def costs_in_shop(costs: Sequence[int], rate: Fraction) -> Costs:
    """The three costs in the shop's currency."""
    production, wages, overhead = costs
    return in_shop(production, rate), in_shop(wages, rate), in_shop(overhead, rate)


def sold_in_shop(lines: Sequence[Sequence[Any]], rate: Fraction) -> list[Sold]:
    """Lines (product, category, units, gross, discount, three costs) in the shop's currency."""
    return [
        Sold(
            product,
            category,
            units,
            in_shop(gross, rate),
            in_shop(discount, rate),
            costs_in_shop(costs, rate),
        )
        for product, category, units, gross, discount, *costs in lines
    ]


def plus(one: Costs, other: Costs) -> Costs:
    """The sum by kind."""
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


class Takings:
    """Adds sign × amounts to the facts of orders."""

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:
        self._pair_products = definitions.pair_products
        self._order = deltas.adder(ORDER)
        self._line = deltas.adder(LINE)
        self._pair = deltas.adder(PAIR)
        self._buyer = deltas.adder(BUYER)
        self._value = deltas.adder(CUSTOMER_VALUE)

    def sell(
        self,
        at_ms: int,
        labels: Labels,
        lines: list[Sold],
        sums: Sequence[int],
        is_identified: bool,
        sign: int,
    ) -> int:
        """An order with its lines; `sums` are the discount on the order, tax and shipping.

        Answers with the order's value, gross − discount.
        """
        cell = self._order(at_ms, *labels)
        discount, tax, shipping = sums
        self._line_of_rest(at_ms, _LINE_DISCOUNT, discount, sign)
        gross, costs = 0, NO_COSTS
        for line in lines:
            self._sell_line(at_ms, line, sign)
            gross += line.gross
            discount += line.discount
            costs = plus(costs, line.costs)
            cell[_UNITS] += sign * line.units
        cell[_ORDERS] += sign
        cell[_GROSS] += sign * gross
        cell[_DISCOUNT] += sign * discount
        cell[_TAX] += sign * tax
        cell[_SHIPPING] += sign * shipping
        _add_costs(cell, costs, sign)
        value = gross - discount
        if is_identified:
            self._value(at_ms)[0] += sign * (value - sum(costs))
        else:
            buyer = self._buyer(at_ms, "guest")
            buyer[_BUYER_ORDERS] += sign
            buyer[_BUYER_VALUE] += sign * value
        return value

    def pair(self, at_ms: int, products: list[str], sign: int) -> None:
        """All pairs of an order's different products, which come sorted."""
        if 2 <= len(products) <= self._pair_products:
            for following, product in enumerate(products[:-1], start=1):
                orders_with = self._pair(at_ms, product)[0]
                for other in products[following:]:
                    orders_with[other] = orders_with.get(other, 0) + sign

    def give_back(
        self,
        at_ms: int,
        labels: Labels,
        micros: int,
        costs: Costs,
        is_identified: bool,
        sign: int,
    ) -> None:
        """A refund as a whole; `costs` are those of what went back to stock."""
        cell = self._order(at_ms, *labels)
        cell[_REFUNDS] += sign
        cell[_REFUND] += sign * micros
        _add_costs(cell, costs, -sign)
        if is_identified:
            self._value(at_ms)[0] += sign * (sum(costs) - micros)

    def give_back_line(
        self, at_ms: int, product: str, category: str, micros: int, costs: Costs, sign: int
    ) -> None:
        """What one product bears of a refund."""
        if not micros and costs == NO_COSTS:
            return
        cell = self._line(at_ms, product, category)
        cell[_LINE_REFUND] += sign * micros
        cell[_LINE_COST] -= sign * sum(costs)

    def give_back_rest(self, at_ms: int, micros: int, sign: int) -> None:
        """What no product bears of a refund."""
        self._line_of_rest(at_ms, _LINE_REFUND, micros, sign)

    def cancel(self, at_ms: int, labels: Labels, sign: int) -> None:
        """The number of cancellations; their money is given back as of any refund."""
        self._order(at_ms, *labels)[_CANCELLATIONS] += sign

    def _sell_line(self, at_ms: int, line: Sold, sign: int) -> None:
        cell = self._line(at_ms, line.product, line.category)
        cell[_LINE_ORDERS] += sign
        cell[_LINE_UNITS] += sign * line.units
        cell[_LINE_GROSS] += sign * line.gross
        cell[_LINE_DISCOUNT] += sign * line.discount
        cell[_LINE_COST] += sign * sum(line.costs)

    def _line_of_rest(self, at_ms: int, slot: int, micros: int, sign: int) -> None:
        if micros:
            self._line(at_ms, NONE, NONE)[slot] += sign * micros


def _add_costs(cell: Cell, costs: Costs, sign: int) -> None:
    for slot, micros in zip(_COSTS, costs, strict=True):
        cell[slot] += sign * micros
