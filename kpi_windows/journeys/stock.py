"""A product's stock: snapshots by location in; units, how long they have lain, and stock-outs out.

    counted    10        15                4          first in, first out
    |----------|---------|-----------------|------->
    batches    10        10 + 5            4 of the 5

An increase was received when it was counted, a decrease takes the units that came first.  What
moves from one location to another is new there.  It must not know prices or orders.
"""

from __future__ import annotations

import msgspec

from kpi_windows.definitions import Definitions
from kpi_windows.events import Event, StockCounted, to_ms
from kpi_windows.facts import NONE, Deltas
from kpi_windows.facts.operations import ASSORTMENT, STOCK
from kpi_windows.journeys.journal import NEVER, Entry

MOST_BATCHES = 64
"""With more at a location, the oldest two are taken for one, of their mean time (rounded down)."""

_UNKNOWN = -1

_UNITS, _RECEIVED = STOCK.slot("units"), STOCK.slot("received_ms")
_PRODUCTS, _OUT = ASSORTMENT.slot("products"), ASSORTMENT.slot("out")
_STOCK_OUTS = ASSORTMENT.slot("stock_outs")

Batches = list[list[int]]
"""[received_ms, units], the oldest first."""


class StockState(msgspec.Struct, array_like=True):
    """What lies where, and since when."""

    last_ms: int = 0
    units_before: int = _UNKNOWN
    """In all, before the last instant at which something was counted."""
    batches: dict[str, Batches] = {}
    """By location; empty where all is gone."""


def counted(batches: Batches, units: int, at_ms: int) -> Batches:
    """The batches after a count.

    >>> counted([[1, 10], [2, 5]], 4, at_ms=3)
    [[2, 4]]
    >>> counted([[2, 4]], 6, at_ms=5)
    [[2, 4], [5, 2]]
    """
    left = [list(batch) for batch in batches]
    more = units - _units(left)
    if more > 0:
        left.append([at_ms, more])
    while more < 0:
        gone = min(left[0][1], -more)
        left[0][1] -= gone
        more += gone
        if not left[0][1]:
            del left[0]
    if len(left) > MOST_BATCHES:
        (first_ms, first), (second_ms, second) = left[:2]
        both = first + second
        left[:2] = [[(first_ms * first + second_ms * second) // both, both]]
    return left


class StockRules:
    """Rules of a product's stock; see `Rules`."""

    state = StockState

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:  # noqa: ARG002
        self._stock = deltas.adder(STOCK)
        self._assortment = deltas.adder(ASSORTMENT)

    def step(self, state: StockState, entry: Entry, sign: int) -> None:
        """Brings a location to what was counted there.

        What is counted at one instant counts together: a product that is out here and arrives
        there isn't out.
        """
        at_ms, _, _, product, location, units = entry
        total = _total(state)
        if at_ms == state.last_ms:
            self._add_assortment(at_ms, product, state.units_before, total, -sign)
        else:
            state.last_ms, state.units_before = at_ms, total
        before = state.batches.get(location, [])
        after = counted(before, units, at_ms)
        cell = self._stock(at_ms, product, location)
        cell[_UNITS] += sign * (units - _units(before))
        cell[_RECEIVED] += sign * (_received(after) - _received(before))
        state.batches = {**state.batches, location: after}
        self._add_assortment(at_ms, product, state.units_before, _total(state), sign)

    def settle(self, state: StockState, watermark_ms: int, sign: int) -> bool:  # noqa: ARG002
        """Time states nothing."""
        return False

    def due_ms(self, state: StockState) -> int:  # noqa: ARG002
        """Never."""
        return NEVER

    def ends_ms(self, state: StockState) -> int:  # noqa: ARG002
        """Never: what lies there lies there until it is counted again."""
        return NEVER

    def _add_assortment(self, at_ms: int, product: str, before: int, after: int, sign: int) -> None:
        cell = self._assortment(at_ms, product)
        cell[_PRODUCTS] += sign * (before == _UNKNOWN)
        cell[_OUT] += sign * ((after == 0) - (before == 0))
        cell[_STOCK_OUTS] += sign * (before > 0 and after == 0)


def _units(batches: Batches) -> int:
    return sum(units for _, units in batches)


def _received(batches: Batches) -> int:
    return sum(at_ms * units for at_ms, units in batches)


def _total(state: StockState) -> int:
    return sum(map(_units, state.batches.values())) if state.batches else _UNKNOWN


def entry_of(event: Event) -> Entry:
    """(at_ms, 0, event id, product, location, units).

    >>> entry_of(StockCounted(timestamp=5, product_id="pot", units=3))
    (5, 0, '', 'pot', '(none)', 3)
    """
    assert isinstance(event, StockCounted)
    at_ms, event_id = to_ms(event.timestamp), event.event_id or ""
    return (at_ms, 0, event_id, event.product_id, event.location or NONE, event.units)
