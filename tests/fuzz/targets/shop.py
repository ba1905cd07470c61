"""An hour of a simulated shop: what targets begin with."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from kpi_windows.definitions import HOUR_MS
from kpi_windows.events import TOPICS
from streams.simulator.options import Message, ShopOptions
from streams.simulator.shop import Shop

START_MS = 1_767_268_800_000
"""2026-01-01T12:00:00Z."""
NAMES = tuple(TOPICS)


@cache
def messages() -> tuple[Message, ...]:
    """All that the shop sends in an hour or two, in order of arrival."""
    options = ShopOptions(visits_per_hour=60, rhythm=False)
    return tuple(Shop(3, options).events(START_MS, START_MS + 2 * HOUR_MS))


@cache
def of_each_kind(most: int = 3) -> tuple[Message, ...]:
    """A few of each type of event."""
    kinds: defaultdict[bytes, list[Message]] = defaultdict(list)
    for message in messages():
        kind = message.value.partition(b'"type":"')[2].partition(b'"')[0]
        if len(kinds[kind]) < most:
            kinds[kind].append(message)
    return tuple(message for some in kinds.values() for message in some)
