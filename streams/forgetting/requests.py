"""Who is to be forgotten, and the events that say so.

It must not know where they are sent.
"""

from __future__ import annotations

import hashlib
from itertools import zip_longest
from typing import Any, NamedTuple


class Person(NamedTuple):
    """The ids under which somebody is known here; one at least."""

    customers: tuple[str, ...] = ()
    visitors: tuple[str, ...] = ()
    subscribers: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(dict.fromkeys((*self.customers, *self.visitors, *self.subscribers)))


def events_of(person: Person, at_ms: int, request: str) -> list[dict[str, Any]]:
    """One `customer_forgotten` each time one has to be told; the same request makes the same ids.

    An id of an event may be kept as an example of what was counted, so that it names nobody.  Who
    is no customer is told under a name that nobody has.

    >>> [(e["customer_id"], e.get("visitor_id")) for e in events_of(Person(("c",), ("v", "w")), 0, "r")]
    [('c', 'v'), ('c', 'w')]
    >>> events_of(Person((), ("v",)), 0, "r")[0]["customer_id"]
    'nobody-fde7813bdac3547f'
    """
    customers = person.customers or (f"nobody-{_digest(request, *person.ids)[:16]}",)
    events = []
    for customer, visitor, subscriber in zip_longest(
        customers, person.visitors, person.subscribers
    ):
        named = {
            "customer_id": customer or customers[0],
            "visitor_id": visitor,
            "subscriber_id": subscriber,
        }
        event = {
            "type": "customer_forgotten",
            "event_id": f"forget:{_digest(request, *map(str, named.values()))}",
            "timestamp": at_ms,
            **{name: told for name, told in named.items() if told is not None},
        }
        events.append(event)
    return events


def _digest(*told: str) -> str:
    return hashlib.blake2b("\0".join(told).encode(), digest_size=12).hexdigest()
