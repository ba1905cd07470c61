"""A product's price here and at its competitors: snapshots in, the comparison out.

A product counts while it has a price here and at least one elsewhere.  It must not know stock or
orders.
"""

from __future__ import annotations

from fractions import Fraction

import msgspec

from kpi_windows.aggregators import Cell
from kpi_windows.definitions import Definitions
from kpi_windows.events import CompetitorPriceSeen, Event, PriceSet, to_ms
from kpi_windows.facts import Deltas
from kpi_windows.facts.operations import PRICE
from kpi_windows.journeys.journal import NEVER, Entry
from kpi_windows.journeys.reports import money

OWN, COMPETITOR = range(2)
_NO_PRICE = -1


class PriceState(msgspec.Struct, array_like=True):
    """The prices that stand, in millionths."""

    last_ms: int = 0
    own: int = _NO_PRICE
    competitors: dict[str, int] = {}


def compared(own: int, competitors: list[int]) -> list[int]:
    """The amounts of `PRICE`, in their order.

    >>> compared(10, [8, 9])
    [10, 8, 1, 1]
    >>> compared(10, [])
    [0, 0, 0, 0]
    """
    if own == _NO_PRICE or not competitors:
        return [0] * len(PRICE.sums)
    mean = Fraction(sum(competitors), len(competitors))
    return [own, round(mean), 1, int(own > mean)]


class PriceRules:
    """Rules of a product's prices; see `Rules`."""

    state = PriceState

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:  # noqa: ARG002
        self._price = deltas.adder(PRICE)

    def step(self, state: PriceState, entry: Entry, sign: int) -> None:
        """Puts a price in the place of the earlier one."""
        at_ms, kind, _, product, competitor, price = entry
        state.last_ms = at_ms
        cell = self._price(at_ms, product)
        self._add(cell, state, -sign)
        if kind == OWN:
            state.own = price
        else:
            rest = {name: it for name, it in state.competitors.items() if name != competitor}
            state.competitors = rest if price == _NO_PRICE else {**rest, competitor: price}
        self._add(cell, state, sign)

    def settle(self, state: PriceState, watermark_ms: int, sign: int) -> bool:  # noqa: ARG002
        """Time states nothing."""
        return False

    def due_ms(self, state: PriceState) -> int:  # noqa: ARG002
        """Never."""
        return NEVER

    def ends_ms(self, state: PriceState) -> int:  # noqa: ARG002
        """Never: a price stands until there is another."""
        return NEVER

    def _add(self, cell: Cell, state: PriceState, sign: int) -> None:
        for slot, amount in enumerate(compared(state.own, list(state.competitors.values()))):
            cell[slot] += sign * amount


def entry_of(event: Event, definitions: Definitions) -> Entry:
    """(at_ms, kind, event id, product, competitor, price in millionths of the shop's currency)."""
    assert isinstance(event, PriceSet | CompetitorPriceSeen)
    at_ms, event_id = to_ms(event.timestamp), event.event_id or ""
    price = _NO_PRICE
    if event.price is not None:
        price = money(event.price, event.currency, at_ms, definitions)
    if isinstance(event, PriceSet):
        return (at_ms, OWN, event_id, event.product_id, "", price)
    return (at_ms, COMPETITOR, event_id, event.product_id, event.competitor, price)
