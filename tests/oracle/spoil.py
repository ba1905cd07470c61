"""What a log looks like where things go wrong: late, from the future, and no events at all."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kpi_windows.definitions import HOUR_MS, MINUTE_MS
from tests.oracle.drive import MAIN, Sent

HOSTILE: tuple[bytes | None, ...] = (
    None,
    b"",
    b" ",
    b"null",
    b"[]",
    b"42",
    b'"page_viewed"',
    b"{}",
    b"{",
    b"\xff\xfe\x00{",
    b'\xef\xbb\xbf{"type": "clock", "timestamp": 1709600000000}',
    b'{"type": "page_viewed"}',
    b'{"type": "unheard_of", "timestamp": 1709600000000}',
    b'{"type": "page_viewed", "timestamp": "yesterday", "visitor_id": "v1"}',
    b'{"type": "page_viewed", "timestamp": 1709600000, "visitor_id": "v1"}',
    b'{"type": "page_viewed", "timestamp": 99999999999999999999, "visitor_id": "v1"}',
    b'{"type": "page_viewed", "timestamp": -1, "visitor_id": "v1"}',
    b'{"type": "page_viewed", "timestamp": 1709600000000.5, "visitor_id": "v1"}',
    b'{"type": "page_viewed", "timestamp": "2024-03-05T01:00:00", "visitor_id": "v1"}',
    b'{"type": "page_viewed", "timestamp": NaN, "visitor_id": "v1"}',
    b'{"type": "page_viewed", "timestamp": 1709600000000, "visitor_id": ""}',
    b'{"type": "page_viewed", "timestamp": 1709600000000, "visitor_id": 7}',
    b'{"type": "page_viewed", "timestamp": 1709600000000, "visitor_id": "v", "schema_version": 2}',
    b'{"type": "page_viewed", "timestamp": 1709600000000, "visitor_id": "v", "page": "\xff"}',
    b'{"type": "page_viewed", "timestamp": 1709600000000, "visitor_id": "' + b"v" * 100_000 + b'"}',
    b"[" * 20_000,
    b'{"type": "page_viewed", "more": ' + b"[" * 20_000,
    b'{"type": "product_added", "timestamp": 1709600000000, "visitor_id": "v1", "price": -1}',
    b'{"type": "product_added", "timestamp": 1709600000000, "visitor_id": "v1", "price": "NaN"}',
    b'{"type": "product_added", "timestamp": 1709600000000, "visitor_id": "v1", "price": "1e30"}',
    b'{"type": "product_added", "timestamp": 1709600000000, "visitor_id": "v1", "quantity": 0}',
    b'{"type": "order_completed", "timestamp": 1709600000000, "order_id": "o1"}',
    (
        b'{"type": "order_completed", "timestamp": 1709600000000, "order_id": "o1",'
        b' "products": [{"product_id": "p1", "price": "-0.01"}]}'
    ),
    b'{"type": "order_refunded", "timestamp": 1709600000000, "refund_id": "r1"}',
    (
        b'{"type": "ticket_rated", "timestamp": 1709600000000, "ticket_id": "t1", "survey": "csat",'
        b' "score": 6}'
    ),
    (
        b'{"type": "ticket_rated", "timestamp": 1709600000000, "ticket_id": "t1", "survey": "csat",'
        b' "score": 1, "min_score": 5, "max_score": 5}'
    ),
    b'{"type": "ticket_answered", "timestamp": 1709600000000, "ticket_id": "t1", "author": "dog"}',
)
"""Each is rejected in every topic, whatever stands beside it."""


def spoilt(sent: Sequence[Sent], seed: int, share: float = 0.1) -> list[Sent]:
    """Some records come hours late, some before their time, and some are no events."""
    chance = random.Random(seed)
    told: list[tuple[int, int, Sent]] = []
    for each in sent:
        what = chance.random()
        arrival_ms = each.arrival_ms
        if what < share:
            arrival_ms += chance.randint(10 * MINUTE_MS, 5 * HOUR_MS)
        elif what < 1.5 * share:
            arrival_ms -= chance.randint(0, 2 * HOUR_MS)
        told.append((arrival_ms, len(told), each._replace(arrival_ms=arrival_ms)))
        if chance.random() < share:
            topic, value = chance.choice(list(MAIN)), chance.choice(HOSTILE)
            bad = Sent(topic, each.key if chance.random() < 0.8 else None, value, arrival_ms)
            told.append((arrival_ms, len(told), bad))
    return [each for _, _, each in sorted(told, key=lambda one: one[:2])]


def abroad(sent: Sequence[Sent], seed: int, share: float = 0.05) -> list[Sent]:
    """Some orders and carts are in a currency that nobody knows."""
    chance = random.Random(seed)
    return [
        each._replace(value=each.value.replace(b'"USD"', b'"XAU"'))
        if each.value and chance.random() < share
        else each
        for each in sent
    ]
