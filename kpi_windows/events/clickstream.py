"""What visitors see and do on the site."""

from __future__ import annotations

from kpi_windows.events.base import Event, Id, Label


class OfVisitor(Event, frozen=True, kw_only=True, gc=False):
    """Where a visitor is and came from; a visit takes all of these from its first event."""

    KEY = "visitor_id"

    visitor_id: Id
    source: Label | None = None
    """`google`, `newsletter`, …; absent means that the visitor typed the address: `direct`."""
    medium: Label | None = None
    """`organic`, `cpc`, `email`, `social`, `referral`, `affiliate`, …; see `medium_of`."""
    campaign: Label | None = None
    device: Label | None = None
    """`mobile`, `desktop`, `tablet`, …"""


class PageViewed(OfVisitor, frozen=True, kw_only=True, gc=False, tag="page_viewed"):
    """A page was shown."""

    page: Label | None = None
    """The page's path without parameters, as `/blog/spring`."""
    page_type: Label | None = None
    """`home`, `landing`, `category`, `product`, `cart`, `checkout`, `blog`, `search`, `help`, …"""
    product_id: Label | None = None
    category: Label | None = None


class LinkClicked(OfVisitor, frozen=True, kw_only=True, gc=False, tag="link_clicked"):
    """A link was followed, on the shop's own page or where the shop is shown."""

    page: Label | None = None
    """The page that holds the link, by the same path as in `page_viewed`."""
    place: Label = "site"
    """`site`, `social`, `email`, `display`, `ppc`, …"""
    target: Label | None = None


class _OfPromotion(OfVisitor, frozen=True, kw_only=True, gc=False):
    promotion_id: Label
    page: Label | None = None


class PromotionViewed(_OfPromotion, frozen=True, kw_only=True, gc=False, tag="promotion_viewed"):
    """A promotion on the shop's own site came into view; that alone ends no bounce."""


class PromotionClicked(_OfPromotion, frozen=True, kw_only=True, gc=False, tag="promotion_clicked"):
    """It was followed."""


class ChatOpened(OfVisitor, frozen=True, kw_only=True, gc=False, tag="chat_opened"):
    """The visitor opened the chat window; a contact follows only when a ticket is opened."""

    page: Label | None = None
    page_type: Label | None = None


class Heartbeat(OfVisitor, frozen=True, kw_only=True, gc=False, tag="heartbeat"):
    """The page is still looked at; makes the time on a visit's last page measurable."""

    page: Label | None = None


CLICKSTREAM: tuple[type[Event], ...] = (
    PageViewed,
    LinkClicked,
    PromotionViewed,
    PromotionClicked,
    ChatOpened,
    Heartbeat,
)
