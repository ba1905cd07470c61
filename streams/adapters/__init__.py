"""What shops' software sends by itself, as our events: one pure adapter a vendor.

An adapter takes the bytes and headers of a request, or of a line in a file, and its section of the
settings.  It must not know where these come from, nor where the events go.
"""

from __future__ import annotations

from streams.adapters import segment, shopify, zendesk
from streams.adapters.contract import Adapted, Adapter, AdapterError, ForgedError, header

__all__ = ["ADAPTERS", "Adapted", "Adapter", "AdapterError", "ForgedError", "header"]

ADAPTERS: dict[str, Adapter] = {
    one.name: one for one in (shopify.ADAPTER, segment.ADAPTER, zendesk.ADAPTER)
}
"""By name, which is the name of its section in the settings too (`settings.shopify`)."""
