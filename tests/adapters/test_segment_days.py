"""Days of Segment's calls give the values that the same days give in our own events."""

from __future__ import annotations

import random

from streams.adapters import ADAPTERS
from streams.vendors import Segment
from tests.adapters.days import adapted, as_sent, days, kpis_of, values_of, view_of
from tests.adapters.render_segment import SECRET, carried, rendered

SEGMENT = ADAPTERS["segment"]
SECTION = Segment(secret=SECRET, views_as_pages=True)
RENDERED = rendered(days())


def test_every_kpi_has_the_value_of_our_own_events() -> None:
    ours = [as_sent(one.topic, one.event, one.arrival_ms) for one in carried(days())]
    theirs, ignored = adapted(SEGMENT, RENDERED, SECTION)
    assert ignored == []
    expected, told = values_of(view_of(ours)), values_of(view_of(theirs))
    differ = {key for key in expected | told if expected.get(key) != told.get(key)}
    assert not differ, [(key, expected.get(key), told.get(key)) for key in sorted(differ)[:5]]
    assert kpis_of(told) >= {
        "visits", "bounce_rate", "conversion_rate", "pages_per_visit", "traffic_source", "sales",
        "cart_abandonment_rate", "ppc_traffic", "mobile_traffic", "chats_initiated", "unsubscribes",
        "new_vs_returning_visitors", "day_part_traffic", "blog_traffic",
    }, sorted(kpis_of(told))  # fmt: skip


def test_calls_in_any_order_and_sent_twice_give_the_same_values() -> None:
    once, _ = adapted(SEGMENT, RENDERED, SECTION)
    chance = random.Random(4)
    shaken = [
        one._replace(arrival_ms=one.arrival_ms + chance.randrange(200_000)) for one in once
    ] + chance.sample(once, 500)
    assert values_of(view_of(once)) == values_of(view_of(shaken))


def test_all_signatures_of_the_rendered_days_are_right() -> None:
    for one in RENDERED:
        SEGMENT.verify(one.body, one.headers, SECTION, 0)
