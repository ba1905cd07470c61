"""What tests of subscribers and messages share: events in a few words."""

from __future__ import annotations

from typing import Any

from kpi_windows.definitions import DAY_MS, Definitions
from kpi_windows.events import (
    MessageClicked,
    MessageDelivered,
    MessageOpened,
    SubscriberJoined,
    SubscriberLeft,
)
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.message import MessageRules, left_entry
from kpi_windows.journeys.message import entry_of as message_entry
from kpi_windows.journeys.subscriber import SubscriberRules
from kpi_windows.journeys.subscriber import entry_of as subscriber_entry
from tests.kpi_windows.journeys.orders import START, Told

KEPT = 2 * DAY_MS
SHOP = Definitions(message_kept_ms=KEPT)


def joined(at: int, list_: str = "news", **fields: Any) -> Entry:
    event = SubscriberJoined(timestamp=START + at, subscriber_id="S1", list=list_, **fields)
    return subscriber_entry(event)


def left(at: int, list_: str = "news", **fields: Any) -> Entry:
    event = SubscriberLeft(timestamp=START + at, subscriber_id="S1", list=list_, **fields)
    return subscriber_entry(event)


def delivered(at: int, campaign: str | None = "spring", **fields: Any) -> Entry:
    event = MessageDelivered(timestamp=START + at, message_id="M1", campaign=campaign, **fields)
    return message_entry(event)


def opened(at: int, **fields: Any) -> Entry:
    return message_entry(MessageOpened(timestamp=START + at, message_id="M1", **fields))


def clicked(at: int, **fields: Any) -> Entry:
    return message_entry(MessageClicked(timestamp=START + at, message_id="M1", **fields))


def made_leave(at: int) -> Entry:
    return left_entry(SubscriberLeft(timestamp=START + at, subscriber_id="S1", message_id="M1"))


def of_subscriber(*entries: Entry) -> Told:
    return Told(SubscriberRules, entries, 0, SHOP)


def of_message(*entries: Entry) -> Told:
    return Told(MessageRules, entries, 0, SHOP)
