"""Days of Segment's calls give the values that the same days give in our own events."""

from __future__ import annotations

from streams.adapters import ADAPTERS
from streams.vendors import Segment
from tests.adapters.days import adapted, check_same, days, kpis_of, shaken, values_of, view_of
from tests.adapters.render_segment import SECRET, carried, rendered

SEGMENT = ADAPTERS["segment"]
SECTION = Segment(secret=SECRET, views_as_pages=True)
RENDERED = rendered(days())


def test_every_kpi_has_the_value_of_our_own_events() -> None:
    theirs, ignored = adapted(SEGMENT, RENDERED, SECTION)
    assert ignored == []
    told = check_same(carried(days()), theirs)
    assert kpis_of(told) >= {
        "visits", "bounce_rate", "conversion_rate", "pages_per_visit", "traffic_source", "sales",
        "cart_abandonment_rate", "ppc_traffic", "mobile_traffic", "chats_initiated", "unsubscribes",
        "new_vs_returning_visitors", "day_part_traffic", "blog_traffic",
    }, sorted(kpis_of(told))  # fmt: skip


def test_calls_in_any_order_and_sent_twice_give_the_same_values() -> None:
    once, _ = adapted(SEGMENT, RENDERED, SECTION)
    assert values_of(view_of(once)) == values_of(view_of(shaken(once, 4, again=500)))


def test_all_signatures_of_the_rendered_days_are_right() -> None:
    for one in RENDERED:
        SEGMENT.verify(one.body, one.headers, SECTION, 0)
