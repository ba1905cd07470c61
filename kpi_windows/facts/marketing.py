"""Facts of lists, messages, ads, social media, reviews and markets."""

from __future__ import annotations

from kpi_windows.facts.fact import Fact

ADS = Fact(
    "ads",
    ("source", "medium", "campaign", "banner"),
    sums=("impressions", "clicks", "spend_micros", "conversions", "revenue_micros"),
)
"""As the ad networks report them."""

SPENT = Fact("spent", ("purpose",), sums=("spend_micros",))
"""Spend on marketing that no ad network reports."""

POSITION = Fact("position", ("kind", "keyword"), sums=("impressions", "position_micros"))
"""Positions in the results of a search: the sum of position × impressions, in millionths."""

SOCIAL = Fact("social", ("network",), sums=("impressions", "reactions", "comments", "shares"))
"""What was made of posts."""

FOLLOWERS = Fact("followers", ("network",), sums=("followers",), level=True)
"""Who follows the shop, by the last count."""

SUBSCRIBER = Fact(
    "subscriber",
    ("channel", "list", "segment"),
    sums=("subscribers", "joined", "left"),
    level=True,
)
"""Who is on a list, and who joined and left it, each at its own time; a change of segment is a
change of `subscribers` in both, and nothing else."""

MESSAGE = Fact(
    "message",
    ("channel", "list", "campaign"),
    sums=("delivered", "opened", "opened_by_person", "clicked", "left"),
)
"""Messages delivered, each to one recipient, and what the recipient did: all at the delivery.
Who clicked has opened; left: left a list because of the message."""

COUNTED_SUBSCRIBERS = Fact(
    "counted_subscribers", ("channel", "list"), sums=("subscribers",), level=True
)
"""Who is on a list, by the mailing software's last count."""

REVIEW = Fact("review", ("product",), sums=("reviews", "stars", "low"))
"""Reviews that stand, at the time of the latest version; low: one or two stars."""

AFFILIATE = Fact(
    "affiliate", ("affiliate",), sums=("clicks", "orders", "revenue_micros", "commission_micros")
)
"""What affiliates brought, and what they get for it."""

MARKET = Fact("market", ("market",), sums=("size_micros",))
"""What all shops together sell, spread evenly over the days of the period, each at its first
minute."""
