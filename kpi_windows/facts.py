"""What an event means: the facts that journeys state, each with its labels and its amounts.

A fact is additive and signed: a journey adds amounts to the fact's cell at (minute, labels), and
takes them back the same way.  All KPIs are formulas over these amounts; a KPI that can't be
written as one needs another fact or amount here, never a change in the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from kpi_windows.aggregators import Cell, Kind, zero
from kpi_windows.definitions import MINUTE_MS


@dataclass(frozen=True)
class Fact:
    """A kind of fact: `labels` name its dimensions, `amounts` what is added up."""

    name: str
    labels: tuple[str, ...]
    sums: tuple[str, ...] = ()
    histograms: tuple[str, ...] = ()
    distincts: tuple[str, ...] = ()
    level: bool = False
    """Sums are changes of a level: its height at t is all that was added before t."""
    daily: bool = False
    """Kept by the day only."""
    limited: bool = False
    """A histogram of a cell keeps `Definitions.pair_keys` buckets exactly; what comes when it is
    full is counted in the bucket `OVERFLOW`."""

    @cached_property
    def amounts(self) -> tuple[str, ...]:
        """All slots, in the order of the cell."""
        return self.sums + self.histograms + self.distincts

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """The kind of each slot."""
        return (
            (Kind.SUM,) * len(self.sums)
            + (Kind.HISTOGRAM,) * len(self.histograms)
            + (Kind.DISTINCT,) * len(self.distincts)
        )

    def slot(self, amount: str) -> int:
        """The index of an amount in the cell."""
        return self.amounts.index(amount)


VISIT = Fact(
    "visit",
    ("source", "medium", "campaign", "device", "visitor"),
    sums=(
        "visits",
        "bounces",
        "not_engaged",
        "page_views",
        "duration_ms",
        "converted",
        "with_cart",
        "cart_without_order",
        "saw_blog",
        "with_chat",
    ),
    histograms=("duration",),
)
"""Of a visit, all counted at its start; `visitor` is new or returning."""

VISITOR = Fact("visitor", ("device", "medium"), distincts=("seen", "buyers"))
"""Different visitors by what their own events say, at the event's time."""

DAY_PART = Fact("day_part", ("weekday", "hour"), sums=("visits",))
"""Visits by shop time; weekday 1 is Monday."""

PAGE_TIME = Fact("page_time", ("page_type",), sums=("views", "next_event_ms", "next_page_ms"))
"""Of a page view, at its own time: until the visit's next event, and until its next page (the last
page: until the visit's last event)."""

PAGE = Fact("page", ("page",), sums=("visits", "clicked", "converted"))
"""Of a visit and a page that it saw, at the visit's start."""

CATEGORY = Fact("category", ("category",), sums=("visits", "converted"))
"""Of a visit and a category that it saw, at the visit's start."""

CLICK = Fact("click", ("place",), sums=("clicks",))
CHAT = Fact("chat", ("page_type",), sums=("chats",))

CART = Fact(
    "cart",
    ("device",),
    sums=(
        "carts",
        "abandoned",
        "ordered",
        "recovered",
        "abandoned_micros",
        "recovered_micros",
        "recovered_ms",
    ),
)
"""Of a cart with a product, at its first product."""

CONTACT_PAGE = Fact("contact_page", ("page", "channel"), sums=("contacts",))
"""The page seen just before a contact, at the contact."""

ORDER = Fact(
    "order",
    ("channel", "team", "employee"),
    sums=(
        "orders",
        "units",
        "gross_micros",
        "discount_micros",
        "tax_micros",
        "shipping_micros",
        "refunds",
        "cancellations",
        "refund_micros",
        "cost_production_micros",
        "cost_wages_micros",
        "cost_overhead_micros",
    ),
)
"""Orders, refunds and cancellations, each at its own time.  Costs are net of what went back to
stock."""

CUSTOMER_VALUE = Fact("customer_value", (), sums=("profit_micros",), level=True)
"""Net sales − cost of orders of identified customers, and of their refunds, to date."""

LINE = Fact(
    "line",
    ("product", "category"),
    sums=("orders", "units", "gross_micros", "discount_micros", "refund_micros", "cost_micros"),
)
"""The same by product; what no product bears (discount on the order, refund of an amount) is under
`(none)`, so that the products sum to the total."""

BUYER = Fact("buyer", ("customer",), sums=("orders", "value_micros"))
"""Orders by customers that are new, returning or guest; value is gross − discount."""

PAIR = Fact("pair", ("product",), histograms=("orders_with",), daily=True, limited=True)
"""Two products in one order, product < other: under the product, the histogram counts orders by
the other product's id."""

CUSTOMER = Fact(
    "customer",
    (),
    sums=("customers", "active", "lost", "subscribed", "unsubscribed"),
    level=True,
)
"""Customers ever, active now (ordered within `lost_ms`, not lost), lost, and subscriptions."""

CUSTOMER_PERIOD = Fact("customer_period", ("period",), sums=("active", "retained", "new", "lost"))
"""Of a customer and a calendar period (hour … year), at the first order in it; retained: there
was an order in the period before it.  New and lost: when somebody becomes a customer, by an order
or a subscription, and when one is lost."""

SEQUENCE = Fact("sequence", ("product",), histograms=("followed",), daily=True, limited=True)
"""What the customer's next order after one with `product` holds, at the first order: the histogram
counts by `"<whole days between>:<next product>"`."""

SEQUENCE_START = Fact("sequence_start", ("product",), sums=("orders",), daily=True)
"""Orders of known customers with a product."""

TICKET = Fact(
    "ticket", ("channel", "concern", "priority"), sums=("opened", "escalated", "messages")
)
"""Tickets, at their opening; messages are the opening and each further word of the customer, at
its own time."""

RESPONSE = Fact(
    "response",
    ("channel", "priority"),
    sums=("answered", "response_ms", "business_ms", "within_target"),
    histograms=("response", "business"),
)
"""First public answers by a person, at the answer."""

RESOLUTION = Fact(
    "resolution",
    ("channel", "priority"),
    sums=(
        "resolved",
        "resolution_ms",
        "business_ms",
        "within_target",
        "first_resolved",
        "first_resolution_ms",
    ),
    histograms=("resolution", "business", "first_resolution"),
)
"""Resolutions that last, at the last one; first resolutions at the first."""

OPEN_TICKET = Fact(
    "open_ticket", ("status", "priority", "age", "overdue"), sums=("open",), level=True
)
"""Tickets open, by what they are at a time; status is new, open or hold, age a class, overdue
yes or no."""

TICKET_FLOW = Fact(
    "ticket_flow",
    (),
    sums=("opened", "resolved", "reopened", "escalations"),
    histograms=("open_by_minute", "overdue_by_minute"),
)
"""What happened to tickets, at its own time; the histograms hold the change of the number of open
and overdue tickets by minute (since 1970), from which peaks are read."""

CONTACT = Fact("contact", ("product",), distincts=("customers",))
"""Different customers who contacted service about a product."""

RATING = Fact(
    "rating",
    ("channel",),
    sums=(
        "csat_answers",
        "csat_satisfied",
        "csat_score",
        "nps_promoters",
        "nps_passives",
        "nps_detractors",
    ),
)
"""Ratings that stand, at their own time."""

FACTS: dict[str, Fact] = {
    fact.name: fact for fact in list(globals().values()) if isinstance(fact, Fact)
}

OVERFLOW = "(overflow)"
NONE = "(none)"
"""The label of what has none."""


class Cells(dict[tuple[int, tuple[str, ...]], Cell]):
    """(minute, labels) -> cell; one that isn't there yet is empty."""

    def __init__(self, fact: Fact) -> None:
        super().__init__()
        self._kinds = fact.kinds

    def __missing__(self, key: tuple[int, tuple[str, ...]]) -> Cell:
        made = self[key] = zero(self._kinds)
        return made


class Deltas:
    """What was added since the last cut: fact -> (minute, labels) -> cell."""

    __slots__ = ("cells",)

    def __init__(self) -> None:
        self.cells: dict[str, Cells] = {name: Cells(fact) for name, fact in FACTS.items()}

    def adder(self, fact: Fact) -> Callable[..., Cell]:
        """A function (at_ms, *labels) -> the cell to add to; made once, called per event."""
        cells = self.cells[fact.name]

        def cell(at_ms: int, *labels: str) -> Cell:
            return cells[at_ms - at_ms % MINUTE_MS, labels]

        def cell_of_one(at_ms: int, label: str) -> Cell:  # most have one; this is faster
            return cells[at_ms - at_ms % MINUTE_MS, (label,)]

        return cell_of_one if len(fact.labels) == 1 else cell
