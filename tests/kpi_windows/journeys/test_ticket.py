"""Transcripts of tickets: what happened, until when it is known, and what it adds up to."""

from __future__ import annotations

import pytest

from kpi_windows import facts
from kpi_windows.definitions import DAY_MS as D
from kpi_windows.definitions import HOUR_MS as H
from kpi_windows.definitions import MINUTE_MS as M
from kpi_windows.events import Event
from kpi_windows.journeys.backlog import age_names
from kpi_windows.journeys.journal import NEVER, Journals
from kpi_windows.journeys.ticket import TicketRules, TicketState, entry_of
from kpi_windows.sketches import Distinct, bucket_of
from tests.kpi_windows.journeys.laws import facts_of
from tests.kpi_windows.journeys.tickets import (
    MONDAY_9H,
    SHOP,
    Told,
    answered,
    csat,
    escalated,
    held,
    opened,
    reassigned,
    reopened,
    resolved,
)

NEW = ("new", "low", "<1d", "no")
OPEN = ("open", "low", "<1d", "no")
HOLD = ("hold", "low", "<1d", "no")


def test_an_opening_is_a_ticket_a_message_and_a_contact() -> None:
    told = Told(opened(0, product_id="lamp", customer_id="c"))
    assert told["ticket"] == {(0, "email", "delivery", "low"): {"opened": 1, "messages": 1}}
    assert told["ticket_flow"] == {(0,): {"opened": 1}}
    assert told.standing(M) == {NEW: 1}
    [(key, cell)] = [item for item in told.cells.items() if item[0][0] == "contact"]
    assert key[2] == ("lamp",) and cell[0].value() == 1


def test_what_is_missing_is_labelled_so() -> None:
    told = Told(opened(0, channel="", concern=None, priority=None))
    assert list(told["ticket"]) == [(0, facts.NONE, facts.NONE, facts.NONE)]
    assert [key[2] for key in told.cells if key[0] == "contact"] == [(facts.NONE,)]


@pytest.mark.parametrize(
    ("one", "other", "customers"),
    [
        ({"customer_id": "c", "visitor_id": "v"}, {"customer_id": "c"}, 1),
        ({"visitor_id": "v"}, {"visitor_id": "v"}, 1),
        ({"customer_id": "c"}, {"customer_id": "d"}, 2),
        ({}, {}, 2),
    ],
)
def test_a_contact_is_told_apart_by_customer_else_visitor_else_ticket(
    one: dict[str, str], other: dict[str, str], customers: int
) -> None:
    seen = Distinct()
    for ticket_id, fields in (("T1", one), ("T2", other)):
        told = Told(opened(0, ticket_id=ticket_id, **fields))
        seen.merge(told.cells["contact", MONDAY_9H, (facts.NONE,)][0])
    assert seen.value() == customers


def test_the_first_public_answer_by_a_person_is_the_response() -> None:
    told = Told(
        opened(0, priority="high"),
        answered(1 * M, author="bot"),
        answered(2 * M, author="customer"),
        answered(3 * M, public=False),
        answered(4 * M),
        answered(5 * M),
    )
    wait = {"answered": 1, "response_ms": 4 * M, "business_ms": 4 * M, "within_target": 1}
    assert told["response"] == {(4 * M, "email", "high"): wait}
    assert told.histogram("response", "response") == {bucket_of(4 * M): 1}
    assert told.histogram("response", "business") == {bucket_of(4 * M): 1}


@pytest.mark.parametrize(("wait", "within"), [(H, 1), (H + 1, None)])
def test_a_response_at_its_target_is_within_it(wait: int, within: int | None) -> None:
    told = Told(opened(0, priority="high"), answered(wait))
    assert told["response"][H, "email", "high"].get("within_target") == within


def test_a_response_counts_under_the_priority_of_then() -> None:
    told = Told(
        opened(0), reassigned(M, priority="high"), answered(2 * M), reassigned(3 * M, priority="x")
    )
    assert list(told["response"]) == [(2 * M, "email", "high")]


def test_business_hours_leave_the_night_out() -> None:
    told = Told(opened(0), answered(D + 30 * M), resolved(D + H))
    assert told["response"][D + 30 * M, "email", "low"]["business_ms"] == 9 * H
    assert told["resolution"][D + H, "email", "low"]["business_ms"] == 9 * H + 30 * M


def test_customers_words_count_at_their_own_time_under_the_labels_of_then() -> None:
    told = Told(
        opened(0),
        answered(M, author="customer"),
        reassigned(2 * M, concern="return"),
        answered(3 * M, author="customer", public=False),
    )
    assert told["ticket"] == {
        (0, "email", "return", "low"): {"opened": 1, "messages": 1},
        (M, "email", "delivery", "low"): {"messages": 1},
        (3 * M, "email", "return", "low"): {"messages": 1},
    }


def test_a_reassignment_relabels_what_was_counted_at_the_opening() -> None:
    told = Told(opened(0), escalated(M), reassigned(2 * M, priority="high"), escalated(3 * M))
    whole = {"opened": 1, "messages": 1, "escalated": 1}
    assert told["ticket"] == {(0, "email", "delivery", "high"): whole}
    assert told["ticket_flow"][3 * M,] == {"escalations": 1}
    assert told.standing(4 * M) == {("open", "high", "<1d", "no"): 1}


def test_a_reassignment_without_labels_only_begins_the_work() -> None:
    told = Told(opened(0), reassigned(M, team="second line"))
    assert told.standing(M) == {NEW: 1} and told.standing(2 * M) == {OPEN: 1}


@pytest.mark.parametrize(
    "event", [answered(M, author="bot"), answered(M, author="customer"), escalated(M), reopened(M)]
)
def test_a_ticket_stays_new_until_a_person_takes_it_up(event: Event) -> None:
    assert Told(opened(0), event).standing(2 * M) == {NEW: 1}


@pytest.mark.parametrize(
    "event",
    [
        answered(2 * M, author="customer"),
        answered(2 * M, author="bot"),
        answered(2 * M, public=False),
        escalated(2 * M),
        reassigned(2 * M),
        reopened(2 * M),
        csat(2 * M, 5),
    ],
)
def test_anything_ends_a_hold(event: Event) -> None:
    told = Told(opened(0), held(M), event)
    assert told.standing(2 * M) == {HOLD: 1} and told.standing(3 * M) == {OPEN: 1}


def test_held_again_is_on_hold_and_a_second_opening_is_nothing() -> None:
    told = Told(opened(0), held(M), held(2 * M), opened(3 * M, priority="high", concern="x"))
    assert told.standing(4 * M) == {HOLD: 1}
    assert told["ticket"] == {(0, "email", "delivery", "low"): {"opened": 1, "messages": 1}}
    assert told["ticket_flow"] == {(0,): {"opened": 1}}


def test_a_resolution_ends_the_ticket() -> None:
    told = Told(opened(0, priority="high"), resolved(6 * H), until=40 * D)
    lasting = {"resolved": 1, "resolution_ms": 6 * H, "business_ms": 6 * H, "within_target": 1}
    first = {"first_resolved": 1, "first_resolution_ms": 6 * H}
    assert told["resolution"] == {(6 * H, "email", "high"): lasting | first}
    assert told.histogram("resolution", "resolution") == {bucket_of(6 * H): 1}
    assert told["ticket_flow"][6 * H,] == {"resolved": 1}
    assert told.standing(40 * D) == {}
    assert told.by_minute("open_by_minute") == {0: 1, 6 * H: -1}


def test_resolved_again_the_last_time_counts_at_its_own_priority() -> None:
    told = Told(opened(0), resolved(H), reassigned(2 * H, priority="high"), resolved(3 * H))
    assert told["resolution"] == {
        (H, "email", "low"): {"first_resolved": 1, "first_resolution_ms": H},
        (3 * H, "email", "high"): {
            "resolved": 1, "resolution_ms": 3 * H, "business_ms": 3 * H, "within_target": 1,
        },
    }  # fmt: skip
    assert (3 * H,) not in told["ticket_flow"]
    assert told.standing(H + M) == told.standing(4 * H) == {}


def test_reopening_takes_the_resolution_back_but_not_the_first() -> None:
    told = Told(opened(0), answered(M), resolved(H), answered(H + M), reopened(2 * H), until=3 * H)
    first = {"first_resolved": 1, "first_resolution_ms": H}
    assert told["resolution"] == {(H, "email", "low"): first}
    assert told.histogram("resolution", "resolution") == {}
    assert told.standing(H + 2 * M) == {}  # an answer doesn't reopen
    assert told.standing(2 * H + M) == {OPEN: 1}
    assert told["ticket_flow"][2 * H,] == {"reopened": 1}


def test_an_answer_after_the_resolution_may_still_be_the_first() -> None:
    told = Told(opened(0), resolved(H), answered(2 * H))
    assert told["response"][2 * H, "email", "low"]["answered"] == 1


def test_an_open_ticket_ages_and_is_overdue_from_its_target_on() -> None:
    told = Told(opened(0), until=31 * D)
    assert told.standing(D) == {NEW: 1}
    assert told.standing(D + M) == {("new", "low", "1d-3d", "no"): 1}
    assert told.standing(2 * D) == {("new", "low", "1d-3d", "no"): 1}
    assert told.standing(2 * D + M) == {("new", "low", "1d-3d", "yes"): 1}
    assert told.standing(3 * D + M) == {("new", "low", "3d-7d", "yes"): 1}
    assert told.standing(31 * D) == {("new", "low", ">30d", "yes"): 1}
    assert told.by_minute("overdue_by_minute") == {2 * D: 1}


def test_time_that_is_not_told_ages_nothing() -> None:
    assert Told(opened(0), until=2 * D - 1).by_minute("overdue_by_minute") == {}
    assert Told(opened(0), until=2 * D).by_minute("overdue_by_minute") == {2 * D: 1}


def test_another_priority_moves_the_target_both_ways() -> None:
    told = Told(
        opened(0), reassigned(7 * H, priority="high"), reassigned(8 * H, priority="low"), until=D
    )
    assert told.standing(7 * H + M) == {("open", "high", "<1d", "yes"): 1}
    assert told.standing(8 * H + M) == {OPEN: 1}
    assert told.by_minute("overdue_by_minute") == {7 * H: 1, 8 * H: -1}


def test_reopened_past_its_target_a_ticket_is_overdue_at_once() -> None:
    told = Told(opened(0, priority="high"), resolved(H), reopened(2 * D), until=2 * D)
    assert told.by_minute("overdue_by_minute") == {2 * D: 1}
    assert told.standing(2 * D + M) == {("open", "high", "1d-3d", "yes"): 1}


def test_resolved_at_its_target_a_ticket_was_never_overdue_for_a_minute() -> None:
    told = Told(opened(0, priority="high"), resolved(6 * H), until=D)
    assert told.by_minute("overdue_by_minute") == {}


def test_before_its_opening_nothing_but_a_rating_happens_to_a_ticket() -> None:
    early = [reassigned(0, priority="x"), answered(0), escalated(0), held(0), resolved(0)]
    assert Told(*early, reopened(0), until=40 * D).cells == {}
    late = [opened(M), answered(2 * M)]
    assert Told(*early, *late, until=40 * D).cells == Told(*late, until=40 * D).cells
    assert list(Told(csat(0, 5), opened(M))["rating"]) == [(0, facts.NONE)]


def test_events_of_one_millisecond_happen_in_the_order_of_a_ticket() -> None:
    at_once = [reopened(0), resolved(0), held(0), escalated(0), answered(0), opened(0)]
    told = Told(*at_once, reassigned(0, priority="high"), csat(0, 5))
    assert told["response"][0, "email", "high"]["answered"] == 1
    assert told["ticket"][0, "email", "delivery", "high"]["escalated"] == 1
    assert told["resolution"] == {(0, "email", "high"): {"first_resolved": 1}}
    assert told.standing(M) == {("open", "high", "<1d", "no"): 1}
    assert list(told["rating"]) == [(0, "email")]


def test_a_late_event_takes_back_the_ageing_that_time_had_stated() -> None:
    deltas = facts.Deltas()
    journals = Journals(TicketRules(SHOP, deltas))
    journal = journals.new()
    journals.add(journal, entry_of(opened(0)))
    journals.trim(journal, MONDAY_9H + D)
    journals.settle(journal, MONDAY_9H + 2 * D + M)  # overdue
    journals.add(journal, entry_of(resolved(2 * D - M)))
    in_time = Told(opened(0), resolved(2 * D - M), until=3 * D)
    assert facts_of(deltas) == in_time.cells


def test_only_a_ticket_that_is_not_open_is_ever_dropped() -> None:
    rules, state = TicketRules(SHOP, facts.Deltas()), TicketState()
    rules.step(state, entry_of(opened(0)), 1)
    assert rules.ends_ms(state) == NEVER and rules.due_ms(state) == MONDAY_9H + D
    rules.step(state, entry_of(resolved(H)), 1)
    rules.step(state, entry_of(csat(2 * H, 5)), 1)
    assert rules.ends_ms(state) == MONDAY_9H + 2 * H + SHOP.ticket_kept_ms
    assert rules.due_ms(state) == NEVER
    unopened = TicketState()
    rules.step(unopened, entry_of(answered(0)), 1)
    assert rules.ends_ms(unopened) == MONDAY_9H + SHOP.ticket_kept_ms


def test_age_classes_are_named_by_their_bounds() -> None:
    assert age_names(SHOP.ticket_ages_ms) == ("<1d", "1d-3d", "3d-7d", "7d-30d", ">30d")
    assert age_names((90 * M,)) == ("<90m", ">90m")
    assert age_names(()) == ("any",)
