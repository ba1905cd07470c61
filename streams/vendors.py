"""What can be set of vendors whose webhooks we read: a section of the settings each.

It must not know what the adapters do with them.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams import kinds
from streams.kinds import setting


@dataclass(frozen=True)
class Shopify:
    """Webhooks of Shopify; see docs/how-to/shopify.md."""

    secret: str = setting("", kinds.SECRET, secret=True)
    """What Shopify signs with; better by its variable than in the file."""
    count_orders: str = setting("created", kinds.choice("created", "paid"))
    """When an order counts: `created` takes the topic `orders/create`, `paid` `orders/paid`."""
    visitor_attribute: str = setting("", kinds.TEXT)
    """The cart attribute in which the shop's theme puts the visitor id of your clickstream; empty:
    each cart is a visitor of its own."""


@dataclass(frozen=True)
class Segment:
    """Webhooks of Segment or RudderStack; see docs/how-to/segment.md."""

    secret: str = setting("", kinds.SECRET, secret=True)
    """The webhook's shared secret; better by its variable than in the file."""
    pepper: str = setting("", kinds.PEPPER, secret=True)
    """A secret of at least 16 characters for the hashes of ids that are e-mail addresses; without,
    whoever knows an address can find its hash. Another one makes everybody somebody else."""
    views_as_pages: bool = setting(False, kinds.FLAG)
    """Whether Product Viewed, Product List Viewed and Cart Viewed count as page views: for apps
    that don't make a page call too."""


@dataclass(frozen=True)
class Zendesk:
    """Event webhooks of Zendesk; see docs/how-to/zendesk.md."""

    secret: str = setting("", kinds.SECRET, secret=True)
    """The webhook's signing secret; better by its variable than in the file."""
    tolerance_ms: int = setting(300_000, kinds.DURATION)
    """How old a signature may be, so that a recorded request can't be sent again later."""
    concern_tags: str = setting("concern_", kinds.TEXT)
    """How tags begin that say what a ticket is about: `concern_delivery` is the concern
    `delivery`."""
    escalation_groups: tuple[str, ...] = setting((), kinds.WORDS)
    """Ids of the groups to which a ticket is passed on when it is escalated."""
    bots: tuple[str, ...] = setting((), kinds.WORDS)
    """Ids of agents that are software: their comments aren't answers."""
