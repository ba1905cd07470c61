"""Lists and messages as transcripts: what a shop sends, until when it is known, and the value."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import DAY_MS, Definitions
from tests.kpi_windows.shops import at
from tests.oracle.drive import Drive, Sent

ZONE = "Europe/Amsterdam"
MONDAY, TUESDAY, NOON, EVENING = (
    f"2024-03-{when}" for when in ("04 10:00", "05 10:00", "05 12:00", "05 18:00")
)


class Shop:
    """A shop of two partitions, whose messages a recipient and a list may be apart."""

    def __init__(self) -> None:
        self.drive = Drive(Definitions(zone=ZONE, default_lateness_ms=2 * DAY_MS), 2)

    def says(self, kind: str, when: str, **fields: Any) -> None:
        """Sends an event; its key is the first field."""
        at_ms = at(when, ZONE)
        value = msgspec.json.encode({"type": kind, "timestamp": at_ms, **fields})
        key = str(next(iter(fields.values()))).encode()
        self.drive.send([Sent("marketing", key, value, at_ms)])

    def joins(self, when: str, *who: str, **fields: Any) -> None:
        for each in who:
            self.says("subscriber_joined", when, subscriber_id=each, **fields)

    def leaves(self, when: str, *who: str, **fields: Any) -> None:
        for each in who:
            self.says("subscriber_left", when, subscriber_id=each, **fields)

    def delivers(self, when: str, *messages: str, **fields: Any) -> None:
        for each in messages:
            self.says("message_delivered", when, message_id=each, **fields)

    def opens(self, when: str, *messages: str, **fields: Any) -> None:
        for each in messages:
            self.says("message_opened", when, message_id=each, **fields)

    def clicks(self, when: str, *messages: str) -> None:
        for each in messages:
            self.says("message_clicked", when, message_id=each)

    def value(
        self, kpi: str, name: str = "default", *, until: str = EVENING, **where: str
    ) -> float | None:
        """Of the day, when time has come so far."""
        self.drive.send_clocks(at(until, ZONE))
        self.drive.run()
        [told] = self.drive.view.evaluate(CATALOGUE[kpi], "day", definition=name, where=where)
        return told.value


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_subscribers_are_those_who_joined_and_havent_left(shop: Shop) -> None:
    shop.joins(MONDAY, "ann", "bob", "cor", segment="new")
    shop.joins(TUESDAY, "bob", segment="regular")  # was on it, and only moves
    shop.joins(TUESDAY, "dee")
    shop.joins(TUESDAY, "dee", list="tips")
    shop.joins(TUESDAY, "dee", channel="sms")
    shop.leaves(NOON, "cor", "eve")  # eve was never on it
    assert shop.value("newsletter_subscribers") == 4
    assert shop.value("newsletter_subscribers", list="newsletter") == 3
    assert shop.value("newsletter_subscribers", segment="new") == 1
    assert shop.value("newsletter_subscribers", "joined") == 2
    assert shop.value("newsletter_subscribers", "left") == 1
    assert shop.value("sms_subscribers") == 1
    assert shop.value("unsubscribes") == 1
    assert shop.value("unsubscribes", "rate") == 1 / 3
    assert shop.value("subscriber_growth_rate") == (3 - 1) / 3
    assert shop.value("subscriber_growth_rate", list="newsletter", channel="email") == 0


def test_growth_from_nobody_has_no_value(shop: Shop) -> None:
    shop.joins(TUESDAY, "ann", "bob")
    assert shop.value("subscriber_growth_rate") is None
    assert shop.value("unsubscribes", "rate") is None
    assert shop.value("subscriber_growth_rate", until="2024-03-06 09:00") == 0


def test_who_leaves_and_comes_back_counts_as_both(shop: Shop) -> None:
    shop.joins(MONDAY, "ann", "bob")
    shop.leaves(TUESDAY, "ann")
    shop.joins(NOON, "ann")
    assert shop.value("newsletter_subscribers") == 2
    assert shop.value("newsletter_subscribers", "joined") == 1
    assert shop.value("unsubscribes") == 1
    assert shop.value("subscriber_growth_rate") == 0


def test_the_order_in_which_events_arrive_doesnt_matter(shop: Shop) -> None:
    shop.leaves(NOON, "ann")
    shop.joins(TUESDAY, "ann")
    assert shop.value("newsletter_subscribers") == 0
    assert shop.value("newsletter_subscribers", "joined") == 1
    assert shop.value("unsubscribes") == 1


def test_subscribers_as_the_mailing_software_counts_them(shop: Shop) -> None:
    shop.says("subscribers_counted", MONDAY, list="newsletter", subscribers=1_000)
    shop.says("subscribers_counted", NOON, list="newsletter", subscribers=1_040)
    shop.says("subscribers_counted", TUESDAY, list="newsletter", subscribers=990)
    shop.says("subscribers_counted", TUESDAY, list="alerts", channel="sms", subscribers=7)
    assert shop.value("newsletter_subscribers", "reported") == 1_040
    assert shop.value("sms_subscribers", "reported") == 7
    assert shop.value("subscriber_growth_rate", "reported", list="newsletter") == 0.04
    assert shop.value("subscriber_growth_rate", "reported", list="alerts") is None
    assert shop.value("newsletter_subscribers") == 0  # nobody was told of by name


def test_recipients_who_opened_and_clicked(shop: Shop) -> None:
    shop.delivers(TUESDAY, *"abcdefgh", campaign="spring")
    shop.delivers(TUESDAY, "sms", channel="sms", campaign="spring")
    shop.opens(NOON, "a", "b", "a")
    shop.opens(NOON, "b", "c", "d", by_machine=True)
    shop.clicks(NOON, "a", "e", "sms")  # e's pictures are blocked: no opening was seen
    assert shop.value("email_open_rate") == 5 / 8
    assert shop.value("email_open_rate", campaign="spring") == 5 / 8
    assert shop.value("email_open_rate", "by_person") == 3 / 8
    assert shop.value("email_open_rate", "machine_share") == 2 / 5
    assert shop.value("email_open_rate", "delivered") == 8
    assert shop.value("email_click_through_rate") == 2 / 5
    assert shop.value("email_click_through_rate", "of_delivered") == 2 / 8
    assert shop.value("email_click_through_rate", "of_opened_by_person") == 2 / 3
    assert shop.value("email_click_through_rate", "clicked") == 2


def test_what_is_opened_later_counts_on_the_day_of_the_delivery(shop: Shop) -> None:
    shop.delivers(MONDAY, "a", "b")
    shop.delivers(TUESDAY, "c")
    shop.opens(NOON, "a")
    assert shop.value("email_open_rate") == 0
    monday = shop.drive.view.evaluate(CATALOGUE["email_open_rate"], "day", previous=True)
    assert [told.value for told in monday] == [0.5]


def test_an_opening_waits_for_its_delivery(shop: Shop) -> None:
    shop.opens(TUESDAY, "a", "lost")
    assert shop.value("email_open_rate") is None
    shop.delivers(NOON, "a")
    assert shop.value("email_open_rate", until="2024-03-05 19:00") == 1


def test_recipients_whom_a_message_made_leave(shop: Shop) -> None:
    shop.joins(MONDAY, "ann", "bob")
    shop.delivers(TUESDAY, *"abcd", list="newsletter", campaign="spring")
    shop.leaves(NOON, "ann", message_id="a")
    shop.leaves(EVENING, "ann", message_id="a")
    shop.leaves(NOON, "zoe", message_id="b")  # joined before anybody told us
    assert shop.value("unsubscribes") == 1
    assert shop.value("unsubscribes", "rate") == 1 / 2
    assert shop.value("unsubscribes", "of_delivered") == 2 / 4
    assert shop.value("unsubscribes", "of_delivered", campaign="spring") == 2 / 4
