"""What a shop may decide about its numbers: zone, currency, gaps, targets, limits.

Values of this kind change what the numbers mean, so state carries their fingerprint.
It must not know where they were read from.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import dataclass, field, fields
from fractions import Fraction

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

VERSION = 2
"""Counts up when kept state or a definition comes to mean something else than in the version before.

It is part of the fingerprint, so older state is refused then, never misread.  What tells that it is
due is `tests/upgrade`: state as it was first written down must come to the same values, or be refused.
"""


@dataclass(frozen=True)
class Rate:
    """Value of one unit of a currency in the shop's currency, from a time on."""

    valid_from_ms: int
    rate: Fraction


@dataclass(frozen=True)
class Targets:
    """How soon a ticket of a priority should be answered and resolved."""

    first_response_ms: int = 4 * HOUR_MS
    resolution_ms: int = 2 * DAY_MS


@dataclass(frozen=True)
class Measure:
    """A number of the shop's own: events of some types, counted, summed up or told apart."""

    name: str
    events: tuple[str, ...]
    """Types of events."""
    kind: str = "count"
    """`count`, `sum` or `distinct`."""
    of: str = ""
    """The field that is summed up or told apart; for a sum, fields with `*` between them."""
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Field -> the values, as text, that count."""
    labels: tuple[tuple[str, str], ...] = ()
    """Label -> the field that gives its value."""
    title: str = ""


@dataclass(frozen=True)
class Definitions:
    """All decisions of a shop, with sane defaults.

    >>> Definitions().visit_gap_ms
    1800000
    """

    currency: str = "EUR"
    rates: dict[str, tuple[Rate, ...]] = field(default_factory=dict)
    """Other currencies, each with its rates in order of time."""
    zone: str = "UTC"

    visit_gap_ms: int = 30 * MINUTE_MS
    """A longer silence starts another visit; exactly this long doesn't."""
    engaged_ms: int = 10_000
    """GA4: a visit of this length is engaged."""
    cart_idle_ms: int = HOUR_MS
    """A cart is abandoned when nothing happened to it for this long."""
    cart_kept_ms: int = 30 * DAY_MS
    """A cart untouched for longer stays abandoned; the next product starts another."""
    new_again_ms: int = 400 * DAY_MS
    """A visitor or customer not seen for longer counts as new."""
    lost_ms: int = 365 * DAY_MS
    """A customer without an order for this long is lost."""
    order_kept_ms: int = 400 * DAY_MS
    """A refund or cancellation that comes later doesn't find its order."""
    ticket_kept_ms: int = 400 * DAY_MS
    """A resolved ticket is kept for this long, in case that it is reopened or rated."""
    report_kept_ms: int = 400 * DAY_MS
    """A report, booking or review can be corrected for this long."""
    message_kept_ms: int = 60 * DAY_MS
    """A message counts as opened or clicked for this long after its delivery, or before it."""
    attribution_ms: int = 30 * DAY_MS
    """An order is put down to the last visit that wasn't direct, if that was this recent."""
    contact_page_ms: int = 30 * MINUTE_MS
    """A page seen at most this long before a contact was seen just before it."""

    targets: dict[str, Targets] = field(default_factory=dict)
    """By priority; others have `default_targets`."""
    default_targets: Targets = Targets()
    ticket_ages_ms: tuple[int, ...] = (DAY_MS, 3 * DAY_MS, 7 * DAY_MS, 30 * DAY_MS)
    """Bounds of the age classes of open tickets."""
    business_hours: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("09:00-17:30",))
    )
    holidays: tuple[str, ...] = ()

    lateness_ms: dict[str, int] = field(default_factory=dict)
    """By topic; others have `default_lateness_ms`."""
    default_lateness_ms: int = 10 * MINUTE_MS
    future_skew_ms: int = 5 * MINUTE_MS
    """An event may be this far ahead of its record's timestamp."""
    idle_ms: int = 10_000
    """Wall time of silence at the log's end after which an input no longer holds time back."""

    pair_keys: int = 1_000
    """Partners of a product kept exactly, per day and partition; beyond it the table says so."""
    pane_cells: int = 100_000
    """Combinations of a fact's labels kept in each minute, hour and day of a partition; new values
    beyond it are counted under `__other__`."""
    most_journeys: int = 1_000_000
    """Visitors, orders, tickets and so on, of each kind and partition, that are kept; beyond it
    those that were untouched for longest are let go, as if their time were over."""
    pair_products: int = 100
    """Orders of more products give support, not pairs."""
    minute_panes_ms: int = 3 * DAY_MS
    hour_panes_ms: int = 100 * DAY_MS
    day_panes_ms: int = 800 * DAY_MS
    pair_panes_ms: int = 100 * DAY_MS
    """Days of product pairs and sequences."""

    measures: tuple[Measure, ...] = ()
    """The shop's own; a new or changed one has values from then on, and needs no replay."""

    def lateness_of(self, topic: str) -> int:
        """How far behind the watermark an event of this topic may be."""
        return self.lateness_ms.get(topic, self.default_lateness_ms)

    @property
    def longest_lateness_ms(self) -> int:
        """The largest lateness of any topic."""
        return max((self.default_lateness_ms, *self.lateness_ms.values()))

    def targets_of(self, priority: str) -> Targets:
        """Targets of a priority."""
        return self.targets.get(priority, self.default_targets)

    def rate_at(self, currency: str | None, at_ms: int) -> Fraction | None:
        """The rate into the shop's currency at a time; None when it isn't known.

        >>> Definitions().rate_at("EUR", 0)
        Fraction(1, 1)
        """
        if currency is None or currency == self.currency:
            return Fraction(1)
        rates = self.rates.get(currency, ())
        found = bisect_right(rates, at_ms, key=lambda rate: rate.valid_from_ms)
        return rates[found - 1].rate if found else None

    def fingerprint(self) -> str:
        """Of all that changes what kept state means; targets of time to wait are not part of it."""
        told = [f"version={VERSION}"]
        told += [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.name in _MEANING]
        return hashlib.blake2b("\n".join(told).encode(), digest_size=8).hexdigest()


_MEANING = frozenset(
    "currency zone visit_gap_ms engaged_ms cart_idle_ms cart_kept_ms new_again_ms lost_ms "
    "targets default_targets ticket_ages_ms business_hours holidays contact_page_ms "
    "order_kept_ms ticket_kept_ms report_kept_ms message_kept_ms attribution_ms pair_products "
    "pair_keys".split()
)
