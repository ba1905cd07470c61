"""A visitor's carts: filled, left, abandoned when the deadline passes, taken back by an order.

    add    add      deadline               order
    |------|- idle -|....... abandoned ....|  ordered, recovered
    counted here: all of a cart is counted at its first product

A cart is abandoned at a watermark when it has no order and nothing happened to it for the idle
time; it is recovered when an order ends a silence that was longer.  It must not know of visits.
"""

from __future__ import annotations

from kpi_windows.definitions import Definitions
from kpi_windows.facts import Deltas
from kpi_windows.facts.visits import CART
from kpi_windows.journeys.cart_state import Cart
from kpi_windows.journeys.journal import NEVER

_CARTS = CART.slot("carts")
_ABANDONED = CART.slot("abandoned")
_ORDERED = CART.slot("ordered")
_RECOVERED = CART.slot("recovered")
_ABANDONED_MICROS = CART.slot("abandoned_micros")
_RECOVERED_MICROS = CART.slot("recovered_micros")
_RECOVERED_MS = CART.slot("recovered_ms")


_MOST = 10**18
"""A cart that is worth more millionths isn't told apart."""


MOST_CARTS = 100
"""Of one visitor at a time: when another one begins, the longest untouched is abandoned for good."""


class Carts:
    """What happens to the carts of one visitor at a time."""

    def __init__(self, definitions: Definitions, deltas: Deltas) -> None:
        self._idle_ms = definitions.cart_idle_ms
        self._kept_ms = definitions.cart_kept_ms
        self._cell = deltas.adder(CART)

    def touch(
        self,
        carts: list[Cart],
        cart_id: str,
        at_ms: int,
        device: str,
        change_micros: int,
        adds: bool,
        sign: int,
    ) -> list[Cart]:
        """A cart was changed or looked at; only a product makes one."""
        carts = self._drop_old(carts, at_ms, sign)
        for cart in carts:
            if cart.cart_id == cart_id:
                self._return_to(cart, at_ms, sign)
                cart.last_ms = at_ms
                value_micros = cart.value_micros + change_micros
                cart.value_micros = max(-_MOST, min(value_micros, _MOST))
                return carts
        if adds:
            if len(carts) >= MOST_CARTS:
                carts = self._without_oldest(carts, sign)
            carts = [*carts, Cart(cart_id, at_ms, at_ms, device, change_micros)]
            self._cell(at_ms, device)[_CARTS] += sign
        return carts

    def value_micros(self, carts: list[Cart], cart_id: str, at_ms: int) -> int | None:
        """What a cart at hand is worth; None for one that isn't (any more)."""
        found = (
            cart.value_micros
            for cart in carts
            if cart.cart_id == cart_id and at_ms - cart.last_ms <= self._kept_ms
        )
        return next(found, None)

    def order(
        self, carts: list[Cart], cart_id: str, at_ms: int, value_micros: int, sign: int
    ) -> list[Cart]:
        """An order ends the cart that it names, else the one without a name.

        One that names none ends the latest when all have names.
        """
        if not carts:
            return carts
        carts = self._drop_old(carts, at_ms, sign)
        named = [cart for cart in carts if cart.cart_id == cart_id]
        named = named or [cart for cart in carts if not cart.cart_id]
        if not named and cart_id == "" and carts:
            named = [max(carts, key=lambda cart: (cart.last_ms, cart.cart_id))]
        if not named:
            return carts
        cart = named[0]
        self._return_to(cart, at_ms, sign)
        cell = self._cell(cart.start_ms, cart.device)
        cell[_ORDERED] += sign
        if cart.left_ms:
            cell[_RECOVERED] += sign
            cell[_RECOVERED_MICROS] += sign * value_micros
            cell[_RECOVERED_MS] += sign * (at_ms - cart.left_ms)
        return [other for other in carts if other is not cart]

    def settle(self, carts: list[Cart], watermark_ms: int, sign: int) -> bool:
        """Abandons the carts whose deadline has passed; True when there were any."""
        stated = False
        for cart in carts:
            if not cart.is_abandoned and cart.last_ms + self._idle_ms <= watermark_ms:
                self._abandon(cart, sign)
                stated = True
        return stated

    def due_ms(self, carts: list[Cart]) -> int:
        """The next deadline."""
        return min(
            (cart.last_ms + self._idle_ms for cart in carts if not cart.is_abandoned),
            default=NEVER,
        )

    def _abandon(self, cart: Cart, sign: int) -> None:
        cart.is_abandoned = True
        cell = self._cell(cart.start_ms, cart.device)
        cell[_ABANDONED] += sign
        cell[_ABANDONED_MICROS] += sign * cart.value_micros

    def _return_to(self, cart: Cart, at_ms: int, sign: int) -> None:
        """Takes the abandonment back, and remembers it."""
        if at_ms - cart.last_ms > self._idle_ms and not cart.left_ms:
            cart.left_ms = cart.last_ms + self._idle_ms
        if cart.is_abandoned:
            self._abandon(cart, -sign)
            cart.is_abandoned = False

    def _without_oldest(self, carts: list[Cart], sign: int) -> list[Cart]:
        oldest = min(carts, key=lambda cart: (cart.last_ms, cart.cart_id))
        if not oldest.is_abandoned:
            self._abandon(oldest, sign)
        return [cart for cart in carts if cart is not oldest]

    def _drop_old(self, carts: list[Cart], at_ms: int, sign: int) -> list[Cart]:
        """Carts that nobody touched for too long stay abandoned for good."""
        old = [cart for cart in carts if at_ms - cart.last_ms > self._kept_ms]
        for cart in old:
            if not cart.is_abandoned:
                self._abandon(cart, sign)
        return [cart for cart in carts if cart not in old] if old else carts
