"""Loads that no shop has: what is kept of them stays within what is stated."""

from __future__ import annotations

from collections.abc import Iterable

from kpi_windows.definitions import Definitions
from kpi_windows.engine import OUTCOMES, Record, Shard
from kpi_windows.journeys.carts import MOST_CARTS
from tests.kpi_windows.test_room import NOON_MS


def taken_in(topic: str, values: Iterable[bytes], at_once: int = 2_000) -> tuple[Shard, int]:
    """The shard, and the bytes of state that it would write."""
    told = list(values)
    shard = Shard(Definitions(), 0, 1, topics=(topic,))
    kept: dict[bytes, bytes | None] = {}
    for begin in range(0, len(told), at_once):
        some = told[begin : begin + at_once]
        shard.ingest(topic, [Record(begin + n, -1, None, value) for n, value in enumerate(some)])
        cut = shard.cut()
        assert cut is not None
        kept |= dict(cut.state)
    counts = shard.counts()[topic]
    assert counts["in"] == len(told) == sum(counts[name] for name in OUTCOMES)
    return shard, sum(len(key) + len(value or b"") for key, value in kept.items())


def page(n: int, visitor: str, at_ms: int, event_id: int | None = None) -> bytes:
    return (
        b'{"type":"page_viewed","timestamp":%d,"visitor_id":"%s","page":"/%d","event_id":"e%d"}'
        % (at_ms, visitor.encode(), n % 50, n if event_id is None else event_id)
    )


def added(n: int, visitor: str) -> bytes:
    return (
        b'{"type":"product_added","timestamp":%d,"visitor_id":"%s","cart_id":"c%d",'
        b'"product_id":"p","price":"9.95","quantity":1,"event_id":"e%d"}'
        % (NOON_MS + n, visitor.encode(), n, n)
    )


def test_an_open_cart_takes_less_than_300_bytes_of_state() -> None:
    shard, state = taken_in("carts", (added(n, f"v{n}") for n in range(10_000)))
    assert shard.sizes()["visitors"] == 10_000
    assert state < 10_000 * 300, state / 10_000


def test_a_visitor_with_very_many_carts_keeps_a_hundred() -> None:
    hours = 60 * 60_000
    _, few = taken_in("carts", (added(n * hours, "v") for n in range(2 * MOST_CARTS)))
    _, many = taken_in("carts", (added(n * hours, "v") for n in range(8 * MOST_CARTS)))
    assert many < few * 1.2, (few, many)


def test_ids_are_kept_for_the_lateness_and_no_longer() -> None:
    minute = 60_000
    shard, state = taken_in(
        "clickstream", (page(n, "v", NOON_MS + n * minute) for n in range(3_000)), at_once=100
    )
    assert state < 20_000, state
    assert shard.sizes()["visitors"] == 1


def test_a_flood_of_one_id_is_one_event() -> None:
    shard, state = taken_in(
        "clickstream", (page(0, "v", NOON_MS, event_id=7) for _ in range(5_000))
    )
    assert shard.counts()["clickstream"]["duplicate"] == 4_999
    assert state < 1_000, state


def test_a_visitor_with_half_of_the_events_costs_no_more_than_their_number() -> None:
    events = 10_000
    who = ("hot" if n % 2 else f"v{n}" for n in range(events))
    values = [page(n, visitor, NOON_MS + n) for n, visitor in enumerate(who)]
    _, state = taken_in("clickstream", values)
    assert state < events * 300, state / events
