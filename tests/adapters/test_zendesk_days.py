"""Days of Zendesk's webhooks give the values that the same days give in our own events."""

from __future__ import annotations

from streams.adapters import ADAPTERS
from streams.vendors import Zendesk
from tests.adapters.days import adapted, check_same, days, kpis_of, shaken, values_of, view_of
from tests.adapters.render_zendesk import BOT, ESCALATED_TO, SECRET, carried, rendered

ZENDESK = ADAPTERS["zendesk"]
SECTION = Zendesk(secret=SECRET, escalation_groups=(ESCALATED_TO,), bots=(BOT,))
RENDERED = rendered(days())


def test_every_kpi_has_the_value_of_our_own_events() -> None:
    theirs, ignored = adapted(ZENDESK, RENDERED, SECTION)
    assert set(ignored) == {"ticket.comment_added: the words that opened the ticket"}
    told = check_same(carried(days()), theirs)
    assert kpis_of(told) >= {
        "active_issues", "average_resolution_time", "backlog", "concern_classification", "csat",
        "escalation_rate", "first_response_time", "service_calls", "service_emails",
    }, sorted(kpis_of(told))  # fmt: skip


def test_webhooks_in_any_order_and_sent_twice_give_the_same_values() -> None:
    once, _ = adapted(ZENDESK, RENDERED, SECTION)
    assert values_of(view_of(once)) == values_of(view_of(shaken(once, 5, again=50)))


def test_all_signatures_of_the_rendered_days_are_right() -> None:
    for one in RENDERED:
        ZENDESK.verify(one.body, one.headers, SECTION, one.arrival_ms + 60_000)
