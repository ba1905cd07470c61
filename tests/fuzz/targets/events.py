"""The decoder of every topic: bytes are an event or the reason why they are none."""

from __future__ import annotations

from collections.abc import Iterable

from kpi_windows.decoding import Rejected, decode
from kpi_windows.events import EARLIEST_MS, LATEST_MS
from tests.fuzz.target import Target
from tests.fuzz.targets.shop import NAMES, START_MS, of_each_kind

_GOOD = b'{"type":"clock","timestamp":%d}' % START_MS


def attempt(told: bytes) -> None:
    """The same alone as in company, which it does no harm."""
    topic = NAMES[told[0] % len(NAMES)] if told else NAMES[0]
    value = told[1:]
    (alone,) = decode(topic, [value])
    one, good = decode(topic, [value, _GOOD])
    assert not isinstance(good, Rejected), "a neighbour was harmed"
    assert type(one) is type(alone)
    if isinstance(alone, Rejected):
        assert alone.reason
        assert len(alone.reason) < 2_000, len(alone.reason)
        alone.reason.encode("utf-8", "strict")
    else:
        assert type(alone.timestamp) is int
        assert EARLIEST_MS <= alone.timestamp <= LATEST_MS


def seeds() -> Iterable[bytes]:
    """A few events of each type."""
    for message in of_each_kind():
        yield bytes([NAMES.index(message.topic)]) + message.value


TARGET = Target(seeds, attempt, is_json=True)
