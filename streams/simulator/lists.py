"""Who is on the shop's lists, what is sent to them, and what they make of it.

It must not know what a visit is: a visit from an e-mail takes an opened message and clicks in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streams.simulator.chance import one_of, wait_ms
from streams.simulator.options import HOUR_MS, MINUTE_MS
from streams.simulator.rhythm import gap_ms
from streams.simulator.stage import Moment, Stage, Story, until

_LISTS = {"email": "newsletter", "sms": "offers"}
_CAMPAIGNS = {"email": "weekly", "sms": "flash-sale"}
_SEGMENTS = ("customers", "prospects", "garden")
_SMS_SHARE = 0.12
_MEMBERS_A_VISIT = 4
_MOST_MEMBERS = 2_000
_MESSAGES_A_DAY = 2
_COUNT_MS = 6 * HOUR_MS
_REMINDED_MS = 5 * MINUTE_MS


def members(stage: Stage, start_ms: int) -> Story:
    """Those who are on the lists when the shop begins, and those who join afterwards."""
    aside, options = stage.aside, stage.options
    first = int(options.hourly_visits * _MEMBERS_A_VISIT)
    for number in range(max(12, min(first, _MOST_MEMBERS))):
        yield from _joined(stage, "sms" if number % 8 == 3 else "email", start_ms + number)
    at: float = start_ms + 2 * _MOST_MEMBERS
    while True:
        at += gap_ms(aside(), options.hourly_visits / 100, at, options)
        yield until(int(at))
        yield from _joined(stage, "sms" if aside() < _SMS_SHARE else "email", int(at))


def _joined(stage: Stage, channel: str, at_ms: int) -> Iterator[Moment]:
    subscriber_id = f"u-{stage.number()}"
    stage.books.members[channel].append(subscriber_id)
    event: dict[str, Any] = {
        "type": "subscriber_joined",
        "timestamp": at_ms,
        "subscriber_id": subscriber_id,
        "channel": channel,
        "list": _LISTS[channel],
        "segment": one_of(stage.aside, _SEGMENTS),
    }
    yield (at_ms, "marketing", subscriber_id.encode(), event)
    stage.truth.count(f"{channel}_subscribers_joined", at_ms)


def _left(stage: Stage, channel: str, message_id: str, at_ms: int) -> Iterator[Moment]:
    """Somebody, because of a message."""
    yield until(at_ms)
    on_list = stage.books.members[channel]
    if len(on_list) < 2:
        return
    chosen = int(stage.aside() * len(on_list))
    on_list[chosen], on_list[-1] = on_list[-1], on_list[chosen]
    subscriber_id = on_list.pop()
    event: dict[str, Any] = {
        "type": "subscriber_left",
        "timestamp": at_ms,
        "subscriber_id": subscriber_id,
        "channel": channel,
        "list": _LISTS[channel],
        "message_id": message_id,
    }
    yield (at_ms, "marketing", subscriber_id.encode(), event)
    stage.truth.count(f"{channel}_subscribers_left", at_ms)


def counts(stage: Stage, start_ms: int) -> Story:
    """How many are on each list, as the mailing software says, every few hours."""
    at_ms = start_ms + MINUTE_MS
    while True:
        yield until(at_ms)
        for channel, name in _LISTS.items():
            event = {
                "type": "subscribers_counted",
                "timestamp": at_ms,
                "list": name,
                "channel": channel,
                "subscribers": len(stage.books.members[channel]),
            }
            yield (at_ms, "marketing", name.encode(), event)
        at_ms += _COUNT_MS


def campaigns(stage: Stage, start_ms: int) -> Story:
    """Messages to the lists, each when its recipient is likely to read it."""
    aside, options, on_lists = stage.aside, stage.options, stage.books.members
    at: float = start_ms + 2 * MINUTE_MS
    yield until(int(at))
    while True:
        count = len(on_lists["email"]) + len(on_lists["sms"])
        at += gap_ms(aside(), count * _MESSAGES_A_DAY / 24, at, options)
        yield until(int(at))
        channel = "sms" if aside() * count < len(on_lists["sms"]) else "email"
        stage.begin(_message(stage, channel, int(at)))


def _message(stage: Stage, channel: str, at_ms: int) -> Story:
    aside = stage.aside
    message_id = f"m-{stage.number()}"
    yield from _delivered(stage, message_id, channel, _CAMPAIGNS[channel], _LISTS[channel], at_ms)
    if channel == "sms":
        if aside() < 0.01:
            yield from _left(stage, channel, message_id, at_ms + wait_ms(aside, HOUR_MS, HOUR_MS))
        return
    if aside() < 0.15:
        at_ms += wait_ms(aside, 5_000, MINUTE_MS)
        yield from opened(stage, message_id, at_ms, by_machine=True)
    if aside() < 0.45:
        mean_ms = 3 * MINUTE_MS if aside() < 0.3 else 3 * HOUR_MS
        at_ms += wait_ms(aside, mean_ms, 30 * HOUR_MS)
        yield from opened(stage, message_id, at_ms)
        stage.books.is_opened(message_id)
        if aside() < 0.03:
            yield from _left(stage, channel, message_id, at_ms + wait_ms(aside, 20_000, HOUR_MS))


def _delivered(
    stage: Stage, message_id: str, channel: str, campaign: str, name: str | None, at_ms: int
) -> Iterator[Moment]:
    event: dict[str, Any] = {
        "type": "message_delivered",
        "timestamp": at_ms,
        "message_id": message_id,
        "channel": channel,
        "campaign": campaign,
    }
    if name is not None:
        event["list"] = name
    yield (at_ms, "marketing", message_id.encode(), event)
    stage.truth.count(f"{channel}_messages_delivered", at_ms)


def opened(
    stage: Stage, message_id: str, at_ms: int, *, by_machine: bool = False
) -> Iterator[Moment]:
    """A message is opened, by somebody or by software."""
    event: dict[str, Any] = {
        "type": "message_opened",
        "timestamp": at_ms,
        "message_id": message_id,
    }
    if by_machine:
        event["by_machine"] = True
    yield (at_ms, "marketing", message_id.encode(), event)
    stage.truth.count("messages_opened_by_machine" if by_machine else "messages_opened", at_ms)


def clicked(stage: Stage, message_id: str, at_ms: int) -> Iterator[Moment]:
    """A link in a message is followed."""
    event = {"type": "message_clicked", "timestamp": at_ms, "message_id": message_id}
    yield (at_ms, "marketing", message_id.encode(), event)
    stage.truth.count("messages_clicked", at_ms)


def came(stage: Stage, at_ms: int) -> Iterator[Moment]:
    """A visit from the newsletter: by an opened message, if one is left, else by hearsay."""
    messages = stage.books.opened
    if messages:
        chosen = int(stage.aside() * len(messages))
        messages[chosen], messages[-1] = messages[-1], messages[chosen]
        yield from clicked(stage, messages.pop(), at_ms)


def reminded(stage: Stage, at_ms: int, back_ms: int | None) -> Story:
    """The reminder of an abandoned cart; who comes back by it has opened it and clicked."""
    message_id = f"m-{stage.number()}"
    at_ms += _REMINDED_MS
    yield from _delivered(stage, message_id, "email", "cart-reminder", None, at_ms)
    if back_ms is not None:
        yield from opened(stage, message_id, back_ms - 20_000)
        yield from clicked(stage, message_id, back_ms)
    elif stage.aside() < 0.35:
        yield from opened(stage, message_id, at_ms + wait_ms(stage.aside, HOUR_MS, 20 * HOUR_MS))
