"""Days of Shopify's webhooks give the values that the same days give in our own events."""

from __future__ import annotations

import random
from collections import Counter

from streams.adapters import ADAPTERS
from streams.vendors import Shopify
from tests.adapters.days import adapted, check_same, days, kpis_of, values_of, view_of
from tests.adapters.render_shopify import SECRET, carried, rendered

SHOPIFY = ADAPTERS["shopify"]
SECTION = Shopify(secret=SECRET)
RENDERED = rendered(days())


def test_every_kpi_has_the_value_of_our_own_events() -> None:
    theirs, ignored = adapted(SHOPIFY, RENDERED, SECTION)
    assert ignored == []
    told = check_same(carried(days()), theirs)
    assert kpis_of(told) >= {
        "sales", "average_order_size", "cart_abandonment_rate", "gross_profit",
        "conversion_rate", "traffic_source", "new_vs_returning_orders", "product_affinity",
        "newsletter_subscribers", "unsubscribes", "customer_lifetime_value", "mobile_traffic",
    }, sorted(kpis_of(told))  # fmt: skip
    assert len(told) > 1_000


def test_webhooks_in_any_order_and_sent_twice_give_the_same_values() -> None:
    once, _ = adapted(SHOPIFY, RENDERED, SECTION)
    chance = random.Random(3)
    shaken = sorted(
        (one._replace(arrival_ms=one.arrival_ms + chance.randrange(240_000)) for one in RENDERED),
        key=lambda one: one.arrival_ms,
    )
    again = [one._replace(arrival_ms=one.arrival_ms + 60_000) for one in chance.sample(shaken, 300)]
    more, _ = adapted(SHOPIFY, [*shaken, *again], SECTION)
    assert values_of(view_of(once)) == values_of(view_of(more))


def test_all_signatures_of_the_rendered_days_are_right() -> None:
    for one in RENDERED:
        SHOPIFY.verify(one.body, one.headers, SECTION, one.arrival_ms)


def test_the_days_have_all_that_matters() -> None:
    kinds = Counter(one.headers["X-Shopify-Topic"] for one in RENDERED)
    assert kinds["refunds/create"] >= 3
    assert kinds["orders/cancelled"] >= 3
    assert kinds["carts/update"] >= 20
    assert kinds["customers/redact"] >= 1
