"""A seeded shop: its stories in order of time, made untidy on the way out.

It must not know Kafka or the wall clock: a span of time in, messages in order of arrival out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush, heapreplace
from random import Random
from typing import Any

import msgspec

from streams.simulator import ads, factory, lists, market, projects, social, stock
from streams.simulator.clicks import clicks
from streams.simulator.options import HOUR_MS, Message, ShopOptions
from streams.simulator.orders import counter
from streams.simulator.rhythm import gap_ms
from streams.simulator.stage import Moment, Person, Stage, Story
from streams.simulator.tickets import ticket
from streams.simulator.truth import Truth
from streams.simulator.visit import DEVICES, bot_visit, visit

_FOR_EVER_MS = 1 << 62
_COUNTER_SHARE = 0.03
_MAIL_SHARE = 0.012
"""Orders without a visit, and tickets without one, for each visit."""


class Shop:
    """A shop whose events follow from a seed and a span of time alone."""

    def __init__(self, seed: int = 1, options: ShopOptions | None = None) -> None:
        self.seed = seed
        self.options = options or ShopOptions()
        self.truth = Truth()

    def events(self, start_ms: int, end_ms: int | None = None) -> Iterator[Message]:
        """Messages in order of arrival; of all events before `end_ms`, or for ever.

        `truth` is of the last span asked for, up to the message that was taken last.
        """
        options = self.options
        run = options.run or _run(self.seed, start_ms)
        stage = Stage(self.seed, options, run)
        self.truth = stage.truth
        last_ms = _FOR_EVER_MS if end_ms is None else end_ms
        if options.clickstream_only:
            moments = clicks(stage, start_ms, last_ms)
        else:
            moments = _played(stage, [story(stage, start_ms) for story in _STORIES], last_ms)
            if options.topics is not None:
                moments = _of_topics(moments, frozenset(options.topics))
        chance = Random(f"{self.seed}/disorder").random
        return _untidy(moments, options, f"{run}.", chance, stage.truth)


def _run(seed: int, start_ms: int) -> str:
    """A short name of a run."""
    digits, number = "", start_ms // 1000
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return f"{seed:x}{digits}"


def _played(stage: Stage, stories: Iterable[Story], end_ms: int) -> Iterator[Moment]:
    """All stories side by side, in order of time; each goes on after its event was taken.

    Each story waits in the heap with its next moment only, so that memory grows with the visits
    that are under way and not with the events that they will bring.
    """
    heap: list[tuple[int, int, Moment, Story]] = []
    stage.begun.extend(stories)
    begun, count = stage.begun, 0
    while True:
        while begun:
            story = begun.pop()
            first = next(story, None)
            if first is not None:
                count += 1
                heappush(heap, (first[0], count, first, story))
        if not heap or heap[0][0] >= end_ms:
            return
        _, number, moment, story = heap[0]
        if moment[1]:
            yield moment
        following = next(story, None)
        if following is None:
            heappop(heap)
        else:
            heapreplace(heap, (following[0], number, following, story))


def _door(stage: Stage, at_ms: int) -> Story:
    """People come in, by the hour's rate."""
    draw, options = stage.draw, stage.options
    at: float = at_ms
    while True:
        at += gap_ms(draw(), options.hourly_visits, at, options)
        now = int(at)
        yield (now, "", b"", {})
        if draw() < options.bots:
            stage.begin(bot_visit(stage, now))
            continue
        person = stage.comes_again(now) if draw() < 0.42 else None
        if person is None:
            person = Person(stage.number(), DEVICES.of(draw))
        stage.begin(visit(stage, person, now))


def _counter(stage: Stage, at_ms: int) -> Story:
    """Orders in the store and by phone, and mail from people of whom nothing else is known."""
    draw, options = stage.draw, stage.options
    at: float = at_ms
    an_hour = options.hourly_visits * (_COUNTER_SHARE + _MAIL_SHARE)
    while True:
        at += gap_ms(draw(), an_hour, at, options)
        now = int(at)
        yield (now, "", b"", {})
        if draw() < _COUNTER_SHARE / (_COUNTER_SHARE + _MAIL_SHARE):
            stage.begin(counter(stage, now))
        else:
            channel = "email" if draw() < 0.6 else "social" if draw() < 0.5 else "phone"
            stage.begin(ticket(stage, now, channel, None, None, known=False))


_STORIES: tuple[Callable[[Stage, int], Story], ...] = (
    _door,
    _counter,
    ads.ads,
    ads.spending,
    ads.positions,
    social.followers,
    social.social,
    market.market,
    factory.shifts,
    factory.incidents,
    projects.plans,
    projects.bookings,
    market.prices,
    stock.shelves,
    lists.members,
    lists.counts,
    lists.campaigns,
)
"""What begins with the shop, and never ends."""


def _of_topics(moments: Iterator[Moment], topics: frozenset[str]) -> Iterator[Moment]:
    return (moment for moment in moments if moment[1] in topics)


def _untidy(
    moments: Iterator[Moment], options: ShopOptions, ids: str, chance: Any, truth: Truth
) -> Iterator[Message]:
    """Give ids, encode, and hold some messages up or send them twice.

    Benchmarks are fed from here, so the common case is kept short: one draw decides that a
    message is like most.
    """
    encode = msgspec.json.Encoder().encode
    held: list[tuple[int, int, Message]] = []
    late, too_late = options.late, options.late + options.too_late
    odd = too_late + options.duplicates
    sent = 0
    for at_ms, topic, key, event in moments:
        while held and held[0][0] <= at_ms:
            yield heappop(held)[2]
        sent += 1
        event["event_id"] = f"{ids}{sent}"
        value = encode(event)
        drawn = chance()
        if drawn >= odd:
            yield Message(topic, key, value, at_ms, at_ms)
            continue
        if drawn < late:
            arrival_ms = at_ms + 1 + int(chance() * options.late_by_ms)
            truth.count("messages_late", at_ms)
        elif drawn < too_late:
            arrival_ms = at_ms + options.too_late_from_ms + int(chance() * HOUR_MS)
            truth.count("messages_too_late", at_ms)
        else:
            arrival_ms = at_ms + int(chance() * options.late_by_ms)
            truth.count("messages_duplicate", at_ms)
            yield Message(topic, key, value, at_ms, at_ms)
        heappush(held, (arrival_ms, sent, Message(topic, key, value, at_ms, arrival_ms)))
    while held:
        yield heappop(held)[2]
