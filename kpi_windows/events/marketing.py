"""What is done to be known and chosen: lists and their messages, ads, social media, reviews."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta

from kpi_windows.events.base import Count, Event, Id, Label, Time

Channel = Literal["email", "sms"]

# ---------------------------------------------------------------------------- lists


class _OfSubscriber(Event, frozen=True, kw_only=True, gc=False):
    KEY = "subscriber_id"

    subscriber_id: Id
    channel: Channel = "email"
    list: Label = "newsletter"


class SubscriberJoined(_OfSubscriber, frozen=True, kw_only=True, gc=False, tag="subscriber_joined"):
    """Somebody joined a list; joining again changes nothing but the segment."""

    segment: Label | None = None


class SubscriberLeft(_OfSubscriber, frozen=True, kw_only=True, gc=False, tag="subscriber_left"):
    """Somebody left a list; who isn't on it can't."""

    message_id: Id | None = None
    """The message that made them leave, where that is known."""


class SubscribersCounted(Event, frozen=True, kw_only=True, gc=False, tag="subscribers_counted"):
    """Snapshot: how many are on a list at this time, as the mailing software counts them."""

    KEY = "list"

    list: Id = "newsletter"
    channel: Channel = "email"
    subscribers: Count


# ---------------------------------------------------------------------------- messages


class _OfMessage(Event, frozen=True, kw_only=True, gc=False):
    KEY = "message_id"

    message_id: Id
    """Of one message to one recipient."""


class MessageDelivered(_OfMessage, frozen=True, kw_only=True, gc=False, tag="message_delivered"):
    """A recipient's mailbox or telephone took the message."""

    channel: Channel = "email"
    campaign: Label | None = None
    list: Label | None = None


class MessageOpened(_OfMessage, frozen=True, kw_only=True, gc=False, tag="message_opened"):
    """The message was opened."""

    by_machine: bool = False
    """By software that opens everything, as mail privacy protection does."""


class MessageClicked(_OfMessage, frozen=True, kw_only=True, gc=False, tag="message_clicked"):
    """A link in the message was followed; who clicks has opened."""


# ---------------------------------------------------------------------------- ads


class _Report(Event, frozen=True, kw_only=True, gc=False):
    """Sums over a while, told at `timestamp`; a later report of the same id replaces it."""

    KEY = "report_id"

    report_id: Id
    """Names what is summed up, as `google/brand/2026-11-23`: each report stands alone, and is sent
    again with the same id when its sums have grown or were corrected."""
    counted_at: Time | None = None
    """When the sums count, best the start of the hour or day that they are of.  Absent: at
    `timestamp`."""


class AdsReported(_Report, frozen=True, kw_only=True, gc=False, tag="ads_reported"):
    """What ads have cost and brought, as the ad network says."""

    source: Label | None = None
    """As in the visits that the ads bring; so are medium and campaign."""
    medium: Label = "cpc"
    campaign: Label | None = None
    banner: Label | None = None
    impressions: Count = 0
    clicks: Count = 0
    spend: Decimal = Decimal(0)
    conversions: Count = 0
    """As the network attributes them."""
    revenue: Decimal = Decimal(0)
    """Of these conversions."""
    currency: Label | None = None


class MarketingSpent(_Report, frozen=True, kw_only=True, gc=False, tag="marketing_spent"):
    """Spend on marketing that no ad network reports: agencies, wages, events."""

    purpose: Label | None = None
    spend: Decimal
    currency: Label | None = None


class PositionReported(_Report, frozen=True, kw_only=True, gc=False, tag="position_reported"):
    """Where the shop stood among the results of a search."""

    keyword: Label
    kind: Literal["organic", "paid"] = "organic"
    impressions: Annotated[int, Meta(ge=1, le=1_000_000_000)] = 1
    position: Decimal
    """The mean over these impressions; the first result is 1."""


# ---------------------------------------------------------------------------- others who talk


class FollowersCounted(Event, frozen=True, kw_only=True, gc=False, tag="followers_counted"):
    """Snapshot: how many follow the shop in a social network at this time."""

    KEY = "network"

    network: Id
    followers: Count


class SocialReported(_Report, frozen=True, kw_only=True, gc=False, tag="social_reported"):
    """What was made of the shop's posts in a social network."""

    network: Label
    impressions: Count = 0
    reactions: Count = 0
    comments: Count = 0
    shares: Count = 0


class ProductReviewed(Event, frozen=True, kw_only=True, gc=False, tag="product_reviewed"):
    """A customer's review; a later one of the same id replaces it."""

    KEY = "review_id"

    review_id: Id
    product_id: Label
    rating: Annotated[int, Meta(ge=1, le=5)]
    """Stars."""


class AffiliateClicked(Event, frozen=True, kw_only=True, gc=False, tag="affiliate_clicked"):
    """An affiliate sent somebody here."""

    KEY = "click_id"

    click_id: Id
    affiliate: Label


class AffiliateSold(Event, frozen=True, kw_only=True, gc=False, tag="affiliate_sold"):
    """An order that an affiliate brought; a later one of the same id replaces it."""

    KEY = "sale_id"

    sale_id: Id
    affiliate: Label
    revenue: Decimal
    """0: it was cancelled, and is no order any more."""
    commission: Decimal = Decimal(0)
    currency: Label | None = None
    counted_at: Time | None = None
    """When it counts.  Absent: at `timestamp`."""


class MarketSized(Event, frozen=True, kw_only=True, gc=False, tag="market_sized"):
    """What all shops together sell (the total addressable market) in some days.

    It is spread evenly over the days; a later event of the same id replaces it.
    """

    KEY = "market_id"

    market_id: Id
    """Of one market and period, as `nl-tea-2026`."""
    starts: Time
    """The period's first instant; the days are the shop's, those whose middle is in the period."""
    ends: Time
    """The instant after its last."""
    size: Decimal
    currency: Label | None = None


MARKETING: tuple[type[Event], ...] = (
    SubscriberJoined,
    SubscriberLeft,
    SubscribersCounted,
    MessageDelivered,
    MessageOpened,
    MessageClicked,
    AdsReported,
    MarketingSpent,
    PositionReported,
    FollowersCounted,
    SocialReported,
    ProductReviewed,
    AffiliateClicked,
    AffiliateSold,
    MarketSized,
)
