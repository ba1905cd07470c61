"""The example mappings, on the real sets: what comes out has the answers that lie beside them."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from streams.importer import ImportOptions, ImportResult, dry_run
from tests.streams import real_input as real

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(real.folder() is None, reason=real.WITHOUT),
]


def imported(name: str, mapping: str) -> tuple[real.Events, ImportResult, list[str]]:
    folder = real.folder()
    assert folder is not None
    lines: list[bytes] = []
    said: list[str] = []
    options = ImportOptions(
        folder / f"{name}.csv.gz", real.MAPPINGS / f"{mapping}.toml", progress=False
    )
    result = dry_run(options, write=lines.append, report=said.append)
    events = [json.loads(line) for line in lines]
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)
    ids = Counter((event["topic"], event["event_id"]) for event in events)
    assert max(ids.values()) == 1
    return events, result, said


def test_online_retail_gives_the_orders_customers_and_cancellations_of_its_truth() -> None:
    events, result, said = imported("online_retail", "online_retail")
    truth = real.truth("online_retail")
    total = truth["total"]
    orders, refunds = real.of(events, "order_completed"), real.of(events, "order_refunded")
    assert (said, result.bad, result.lines) == ([], 0, truth["raw"]["row_count"])
    assert len(orders) == total["orders"] == 19_959
    assert sum(map(real.worth, orders)) == Decimal("10655622.484")
    assert len(refunds) == total["cancelled_invoices"] == 3_836
    assert sum(map(real.worth, refunds)) == Decimal("896812.49")
    assert not [refund for refund in refunds if "order_id" in refund]
    months = real.orders_by_customer(orders)
    for month, told in truth["per_month"].items():
        found = months[month]
        assert found["new"] == told["new_orders"], month
        assert found["returning"] == told["returning_orders"], month
        assert found["guest"] == told["guest_orders"], month
    assert sum(months.values(), Counter()) == {"new": 4_338, "returning": 14_194, "guest": 1_427}


@pytest.fixture(scope="module")
def incidents() -> real.Events:
    return imported("incident_event_log", "incident_event_log")[0]


def test_incidents_give_the_first_responses_of_their_truth(incidents: real.Events) -> None:
    truth = real.truth("incident_event_log")["first_response_hours"]
    hours = real.spans(incidents, "ticket_opened", "ticket_answered")
    assert len(hours) == truth["n"] == 24_918
    assert min(hours) == 0
    assert sum(hours) / len(hours) == pytest.approx(truth["mean"], rel=1e-9)
    assert real.median(hours) == pytest.approx(truth["median_linear"])


def test_incidents_give_the_resolutions_of_their_truth(incidents: real.Events) -> None:
    truth = real.truth("incident_event_log")
    hours = real.spans(incidents, "ticket_opened", "ticket_resolved")
    assert len(hours) == truth["resolution_hours"]["n"] == 23_362
    assert sum(hours) / len(hours) == pytest.approx(truth["resolution_hours"]["mean"], rel=1e-9)
    assert real.median(hours) == pytest.approx(22.1)
    resolved = Counter(real.day(e["timestamp"]) for e in real.of(incidents, "ticket_resolved"))
    assert resolved == truth["resolved_per_day"]


def test_incidents_give_the_openings_and_channels_of_their_truth(incidents: real.Events) -> None:
    truth = real.truth("incident_event_log")
    opened = real.of(incidents, "ticket_opened")
    assert Counter(real.day(e["timestamp"]) for e in opened) == truth["opened_per_day"]
    channels = {name.lower(): count for name, count in truth["by_channel"].items()}
    assert Counter(e["channel"] for e in opened) == channels


def test_nothing_happens_to_a_ticket_before_it_is_opened(incidents: real.Events) -> None:
    opened = {e["ticket_id"]: e["timestamp"] for e in real.of(incidents, "ticket_opened")}
    assert all(e["timestamp"] >= opened[e["ticket_id"]] for e in incidents)


def test_incidents_until_closed_give_the_backlog_of_their_truth() -> None:
    events = imported("incident_event_log", "incident_event_log_closed")[0]
    levels = real.open_at_day_ends(events)
    assert levels == real.truth("incident_event_log")["backlog_at_day_end_until_closed"]
    assert max(levels.values()) == 6_129


def test_rees46_gives_the_visits_carts_and_orders_of_its_truth() -> None:
    events, result, said = imported("rees46_2019-10-01", "rees46")
    truth = real.truth("rees46_2019-10-01")
    told = truth["total_30min"]
    assert result.lines == truth["raw"]["rows_ok"]
    assert said == ["rees46_2019-10-01.csv.gz:17436: expected 9 columns, got 8"]
    visits = real.Visits(events)
    assert len(visits.visits) == told["sessions"] == 4_518
    assert visits.having("order_completed") == told["sessions_purchase"] == 193
    carts = visits.having("product_added")
    assert carts == told["sessions_cart"]
    left = 1 - visits.having("product_added", "order_completed") / carts
    assert left == pytest.approx(told["cart_abandonment_ratio_same_session"])
    assert visits.mean_seconds() == pytest.approx(told["mean_session_seconds"], rel=1e-9)
    orders = real.of(events, "order_completed")
    assert len(orders) == truth["orders_as_distinct_session"] == 200
    assert sum(map(real.worth, orders)) == Decimal("59442.63")
    assert len({order["customer_id"] for order in orders}) == truth["buyers"]


def test_the_mappings_name_no_place_on_this_machine() -> None:
    for path in Path(real.MAPPINGS).glob("*.toml"):
        assert "/work" not in path.read_text(encoding="utf-8")
