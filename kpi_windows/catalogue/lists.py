"""The guide's marketing KPIs of mailing lists: who is on them, and what becomes of messages.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from kpi_windows.amounts import Level, count, where_of
from kpi_windows.facts.marketing import COUNTED_SUBSCRIBERS, MESSAGE, SUBSCRIBER
from kpi_windows.formula import Node
from kpi_windows.kpi import Better, Kpi, Reading, Unit

LISTS = ("channel", "list", "segment")
"""Labels of what somebody is on."""

_ON_LIST = (
    "Who joins a list that they are on counts once, though perhaps in another segment from then "
    "on; who leaves one that they aren't on counts nothing. "
)


def _subscribers(channel: str | None, at: str = "end") -> Level:
    where = where_of({"channel": channel} if channel else {})
    return Level(SUBSCRIBER, "subscribers", "subscribers", where, at)


def _reported(channel: str | None, at: str = "end") -> Level:
    where = where_of({"channel": channel} if channel else {})
    return Level(COUNTED_SUBSCRIBERS, "subscribers", "subscribers as last counted", where, at)


def _beside(channel: str) -> dict[str, Reading]:
    return {
        "joined": Reading(
            count(SUBSCRIBER, "joined", "those who joined a list", channel=channel), Unit.COUNT
        ),
        "left": Reading(
            count(SUBSCRIBER, "left", "those who left a list", channel=channel), Unit.COUNT
        ),
    }


def _as_reported(channel: str) -> dict[str, Reading]:
    return {
        "reported": Reading(
            _reported(channel),
            Unit.COUNT,
            note="As the mailing software counts them (`subscribers_counted`): the last count of "
            "each list.",
        )
    }


NEWSLETTER_SUBSCRIBERS = Kpi(
    id="newsletter_subscribers",
    title="Newsletter subscribers",
    aliases=("Nieuwsbriefabonnees",),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=_subscribers("email"),
    by=("list", "segment"),
    definitions=_as_reported("email"),
    beside=_beside("email"),
    note=_ON_LIST + "Somebody on two lists counts in both. Subscribers from before the first event "
    "have to be told, as joining, or `reported` knows them.",
)

SMS_SUBSCRIBERS = Kpi(
    id="sms_subscribers",
    title="SMS subscribers",
    aliases=("SMS-abonnees",),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=_subscribers("sms"),
    by=("list", "segment"),
    definitions=_as_reported("sms"),
    beside=_beside("sms"),
    note="As `newsletter_subscribers`, of the channel `sms`.",
)

joined = count(SUBSCRIBER, "joined", "those who joined")
left = count(SUBSCRIBER, "left", "those who left")

SUBSCRIBER_GROWTH_RATE = Kpi(
    id="subscriber_growth_rate",
    title="Subscriber growth rate",
    aliases=("Abonnee-groei", "Abonnee-groeipercentage"),
    group="marketing",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=(joined - left) / _subscribers(None, "start"),
    by=("channel", "list"),
    definitions={
        "reported": Reading(
            count(COUNTED_SUBSCRIBERS, "subscribers", "change of subscribers as counted")
            / _reported(None, "start"),
            Unit.RATIO,
            note="By the mailing software's counts. A list that is counted for the first time "
            "counts as growth of all lists together, and has no rate of its own.",
        ),
    },
    note="Of the subscribers at the window's start; growth from none has no value. Below 0 when "
    "more left than joined.",
)


# ---------------------------------------------------------------------------- messages


def _emails(amount: str, said: str) -> Node:
    return count(MESSAGE, amount, said, channel="email")


delivered = _emails("delivered", "e-mails delivered")
opened = _emails("opened", "recipients who opened")
opened_by_person = _emails("opened_by_person", "recipients who opened themselves")
clicked = _emails("clicked", "recipients who clicked")
made_leave = count(MESSAGE, "left", "recipients whom a message made leave")

_AT_DELIVERY = (
    "Each recipient counts once, at the delivery: the rate of a young mailing still rises. What "
    "comes more than 60 days (`message_kept_ms`) after the delivery doesn't count, nor what has "
    "no delivery. "
)

EMAIL_OPEN_RATE = Kpi(
    id="email_open_rate",
    title="E-mail open rate",
    aliases=("E-mail open ratio",),
    group="marketing",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=opened / delivered,
    by=("list", "campaign"),
    definitions={
        "by_person": Reading(
            opened_by_person / delivered,
            Unit.RATIO,
            note="Without those for whom only software opened (`by_machine`), as mail privacy "
            "protection does.",
        ),
    },
    beside={
        "delivered": Reading(delivered, Unit.COUNT),
        "opened": Reading(opened, Unit.COUNT),
        "machine_share": Reading(
            (opened - opened_by_person) / opened,
            Unit.RATIO,
            note="Of the recipients who opened, those for whom only software did.",
        ),
    },
    note=_AT_DELIVERY + "Who clicked has opened, also where pictures are blocked and no opening "
    "was seen.",
)

EMAIL_CLICK_THROUGH_RATE = Kpi(
    id="email_click_through_rate",
    title="E-mail click-through rate",
    aliases=("E-mail CTR", "E-mail click-through rate (CTR)", "Click-to-open rate"),
    group="marketing",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=clicked / opened,
    by=("list", "campaign"),
    definitions={
        "of_delivered": Reading(
            clicked / delivered,
            Unit.RATIO,
            note="Of all to whom it was delivered, as most mailing software has it.",
        ),
        "of_opened_by_person": Reading(
            clicked / opened_by_person,
            Unit.RATIO,
            note="Without those for whom only software opened.",
        ),
    },
    beside={"clicked": Reading(clicked, Unit.COUNT)},
    note=_AT_DELIVERY + "Recipients, not clicks.",
)

UNSUBSCRIBES = Kpi(
    id="unsubscribes",
    title="Unsubscribes",
    aliases=("Afmeldingen",),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.LOWER,
    formula=left,
    by=LISTS,
    definitions={
        "rate": Reading(
            left / _subscribers(None, "start"),
            Unit.RATIO,
            note="Of the subscribers at the window's start; above 1 when more than these left, "
            "having joined since.",
        ),
        "of_delivered": Reading(
            made_leave / count(MESSAGE, "delivered", "messages delivered"),
            Unit.RATIO,
            ("channel", "list", "campaign"),
            note="Recipients who left because of a message (`message_id`) / messages delivered, "
            "at the delivery.",
        ),
    },
    note="Who leaves two lists counts twice; who leaves one that they aren't on, not at all.",
)
