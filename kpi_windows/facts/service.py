"""Facts of tickets and ratings."""

from __future__ import annotations

from kpi_windows.facts.fact import Fact

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
