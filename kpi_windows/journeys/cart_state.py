"""What is known of a cart, as it is kept.

It must not know what happens to it.
"""

from __future__ import annotations

import msgspec


class Cart(msgspec.Struct, array_like=True):
    """A cart with a product and no order yet."""

    cart_id: str
    start_ms: int
    last_ms: int
    device: str
    value_micros: int = 0
    is_abandoned: bool = False
    """Stated as abandoned."""
    left_ms: int = 0
    """When it was first abandoned, if ever."""
