"""What every adapter promises: a vendor's payload in, our events out, and how it refuses.

It must not know any vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Headers = Mapping[str, str]
Told = tuple[str, dict[str, Any]]
"""A topic and an event, as `kpi_windows.decoding` takes it once it is JSON."""


class AdapterError(ValueError):
    """A payload is not what its vendor documents; the text says what was expected, and where."""


class ForgedError(AdapterError):
    """A payload's signature is missing, stale or wrong: nobody knows who sent it."""


class Adapted(NamedTuple):
    """What became of a payload."""

    events: list[Told]
    ignored: list[str]
    """One reason for each thing in the payload that makes no event: few different texts, to be
    counted.  It isn't an error, so the sender is told that all is well."""


class Adapter(NamedTuple):
    """One vendor.

    `section` is its part of the settings (`settings.shopify`, …), which holds its secret.
    `verify(payload, headers, section, now_ms)` raises ForgedError.  `events_of(payload, headers,
    section)` raises AdapterError; the same payload gives the same events, so that one that is sent
    twice counts once.  Names of headers are found in any case.
    """

    name: str
    verify: Callable[[bytes, Headers, Any, int], None]
    events_of: Callable[[bytes, Headers, Any], Adapted]


def header(headers: Headers, name: str) -> str | None:
    """A header's value, whatever the case of its name; None when it is absent or empty.

    >>> header({"x-shopify-topic": "orders/create"}, "X-Shopify-Topic")
    'orders/create'
    """
    found = headers.get(name)
    if found is None:
        wanted = name.lower()
        found = next((value for key, value in headers.items() if key.lower() == wanted), None)
    return found or None
