"""What a shop says: one frozen struct an event type.

It must not know what an event means for any KPI; that is the journeys' business.

Names follow Segment's e-commerce specification and GA4 where those have one (object, then the
verb in the past tense).  Every event carries `type`, `timestamp` (milliseconds since 1970 UTC as
an integer, or ISO 8601 text with a zone) and may carry `event_id` (a second event with the same
id under the same topic and key counts once), `schema_version` (1), and `is_bot` / `is_test`
(such an event is accepted, and kept out of every KPI).  Unknown fields are ignored.

Money is a decimal number or decimal text in the event's currency; at most six decimals count.
"""

from __future__ import annotations

from kpi_windows.events.base import (
    EARLIEST_MS,
    LATEST_MS,
    MONEY_LIMIT,
    SCHEMA_VERSION,
    TOP_LINES,
    Clock,
    Count,
    Event,
    Id,
    Label,
    Quantity,
    Time,
    micros,
    to_ms,
)
from kpi_windows.events.carts import (
    CARTS,
    CartUpdated,
    CheckoutStarted,
    ProductAdded,
    ProductRemoved,
)
from kpi_windows.events.clickstream import (
    CLICKSTREAM,
    ChatOpened,
    Heartbeat,
    LinkClicked,
    PageViewed,
    PromotionClicked,
    PromotionViewed,
)
from kpi_windows.events.inventory import (
    INVENTORY,
    CompetitorPriceSeen,
    PriceSet,
    StockCounted,
)
from kpi_windows.events.marketing import (
    MARKETING,
    AdsReported,
    AffiliateClicked,
    AffiliateSold,
    FollowersCounted,
    MarketingSpent,
    MarketSized,
    MessageClicked,
    MessageDelivered,
    MessageOpened,
    PositionReported,
    ProductReviewed,
    SocialReported,
    SubscriberJoined,
    SubscriberLeft,
    SubscribersCounted,
)
from kpi_windows.events.orders import (
    ORDERS,
    Cost,
    CustomerForgotten,
    Line,
    OrderCancelled,
    OrderCompleted,
    OrderRefunded,
    ReturnedLine,
    SubscriptionCancelled,
    SubscriptionRenewed,
    SubscriptionStarted,
)
from kpi_windows.events.production import (
    PRODUCTION,
    IncidentReported,
    LabourReported,
    MachineReported,
    UnitFinished,
    UnitStarted,
)
from kpi_windows.events.projects import (
    PROJECTS,
    CostBooked,
    HoursBooked,
    IncomeBooked,
    ProjectPlanned,
)
from kpi_windows.events.tickets import (
    TICKETS,
    TicketAnswered,
    TicketEscalated,
    TicketHeld,
    TicketOpened,
    TicketRated,
    TicketReassigned,
    TicketReopened,
    TicketResolved,
)

__all__ = [
    "EARLIEST_MS",
    "LATEST_MS",
    "MONEY_LIMIT",
    "SCHEMA_VERSION",
    "TOPICS",
    "TOP_LINES",
    "AdsReported",
    "AffiliateClicked",
    "AffiliateSold",
    "CartUpdated",
    "ChatOpened",
    "CheckoutStarted",
    "Clock",
    "CompetitorPriceSeen",
    "Cost",
    "CostBooked",
    "Count",
    "CustomerForgotten",
    "Event",
    "FollowersCounted",
    "Heartbeat",
    "HoursBooked",
    "Id",
    "IncidentReported",
    "IncomeBooked",
    "Label",
    "LabourReported",
    "Line",
    "LinkClicked",
    "MachineReported",
    "MarketSized",
    "MarketingSpent",
    "MessageClicked",
    "MessageDelivered",
    "MessageOpened",
    "OrderCancelled",
    "OrderCompleted",
    "OrderRefunded",
    "PageViewed",
    "PositionReported",
    "PriceSet",
    "ProductAdded",
    "ProductRemoved",
    "ProductReviewed",
    "ProjectPlanned",
    "PromotionClicked",
    "PromotionViewed",
    "Quantity",
    "ReturnedLine",
    "SocialReported",
    "StockCounted",
    "SubscriberJoined",
    "SubscriberLeft",
    "SubscribersCounted",
    "SubscriptionCancelled",
    "SubscriptionRenewed",
    "SubscriptionStarted",
    "TicketAnswered",
    "TicketEscalated",
    "TicketHeld",
    "TicketOpened",
    "TicketRated",
    "TicketReassigned",
    "TicketReopened",
    "TicketResolved",
    "Time",
    "UnitFinished",
    "UnitStarted",
    "key_of",
    "micros",
    "to_ms",
]

TOPICS: dict[str, tuple[type[Event], ...]] = {
    "clickstream": CLICKSTREAM,
    "carts": CARTS,
    "orders": ORDERS,
    "tickets": TICKETS,
    "marketing": MARKETING,
    "inventory": INVENTORY,
    "production": PRODUCTION,
    "projects": PROJECTS,
}
"""The events of each input topic; every topic takes a `clock` too."""


def key_of(event: Event) -> str:
    """The key under which the event's journey lives."""
    key: str | None = getattr(event, event.KEY)
    return key if key is not None else event.refund_id  # type: ignore[attr-defined]
