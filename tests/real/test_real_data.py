"""The real sets, through the product's own commands and a real Kafka, against their answers.

The answers were computed apart, with SQL and plain Python.  Where a set's answers don't say what a
KPI says (a median by year, retention by month), plain loops over the imported events do here.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from tests.kafka.broker import KafkaBroker
from tests.real.product import TOPICS, Product
from tests.streams import real_input as real

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.skipif(real.folder() is None, reason=real.WITHOUT),
]

MONTHS = ("--window", "month", "--from", "2010-12-01", "--to", "2011-12-31")


def dry_run(product: Product, name: str, mapping: str) -> tuple[Path, real.Events]:
    """The events that an import of the set sends, as a file and as objects."""
    file = product.folder / f"{mapping}.jsonl"
    csv = product.folder / f"{name}.csv.gz"
    rules = real.MAPPINGS / f"{mapping}.toml"
    product.kpi("import", csv, "--mapping", rules, "--dry-run", out=file)
    with file.open(encoding="utf-8") as lines:
        return file, [json.loads(line) for line in lines]


def all_accepted(product: Product, events: int) -> None:
    """Nothing late, nothing twice, nothing refused; beside the events there are clock records."""
    sent = sum(count for ends in product.sent().values() for count in ends.values())
    assert sent >= events + len(TOPICS) * product.partitions
    others = dict.fromkeys(("duplicate", "late", "future", "rejected"), 0)
    assert product.outcomes() == {"accepted": sent, **others}


def report(product: Product, name: str) -> None:
    took = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in product.took_s.items())
    sys.stderr.write(f"\n{name}: {took}\n")


def quantile(values: list[float], q: float) -> float:
    """By the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -int(-q * len(ordered) // 1) - 1)]


# ---------------------------------------------------------------------------- online retail


@pytest.fixture(scope="module")
def retail(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("retail")
    with Product(folder, kafka, "retail", partitions=4, workers=2) as product:
        said = product.take_in("online_retail", "online_retail")
        assert "541,909 lines: 19,959 order_completed, 3,836 order_refunded" in said
        report(product, "online_retail")
        yield product


@pytest.fixture(scope="module")
def retail_events(retail: Product) -> tuple[Path, real.Events]:
    return dry_run(retail, "online_retail", "online_retail")


def test_every_invoice_is_accepted_in_time_and_once(retail: Product) -> None:
    all_accepted(retail, 19_959 + 3_836)


def test_the_shops_orders_and_sales_are_those_of_its_truth_by_month(retail: Product) -> None:
    truth = real.truth("online_retail")["per_month"]
    value = retail.values("average_order_value", *MONTHS)
    orders = retail.values("transactions", *MONTHS)
    gross = retail.values("sales", *MONTHS, "--definition", "gross")
    assert len(value) == len(truth) == 13
    for month, told in truth.items():
        at = f"{month}-01T00:00"
        assert orders[at]["value"] == told["orders"], month
        assert gross[at]["value"] == pytest.approx(told["revenue"], abs=1e-6), month
        assert value[at]["value"] == pytest.approx(told["aov"], rel=1e-12), month
        assert value[at]["denominator"] == told["orders"], month


def test_refunds_and_net_sales_are_those_of_its_truth_by_month(retail: Product) -> None:
    truth = real.truth("online_retail")["per_month"]
    count = retail.values("transactions", *MONTHS, "--definition", "refunds")
    value = retail.values("sales", *MONTHS, "--definition", "refunds")
    net = retail.values("sales", *MONTHS)
    for month, told in truth.items():
        at = f"{month}-01T00:00"
        assert count[at]["value"] == told["cancelled_invoices"], month
        assert value[at]["value"] == pytest.approx(told["cancelled_value"], abs=1e-6), month
        left = told["revenue"] - told["cancelled_value"]
        assert net[at]["value"] == pytest.approx(left, abs=1e-6), month


def test_new_returning_and_guest_orders_are_those_of_its_truth_by_month(retail: Product) -> None:
    truth = real.truth("online_retail")["per_month"]
    found: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0])
    for place, more in enumerate(([], ["--definition", "value"])):
        for told in retail.query("new_vs_returning_orders", *MONTHS, "--by", "customer", *more):
            found[told["start"][:7], told["labels"]["customer"]][place] = told["value"]
    for month, told in truth.items():
        assert found[month, "new"][0] == told["new_orders"], month
        assert found[month, "returning"][0] == told["returning_orders"], month
        assert found[month, "guest"][0] == told["guest_orders"], month
        assert found[month, "new"][1] == pytest.approx(told["new_revenue"], abs=1e-6), month
        returning = pytest.approx(told["returning_revenue"], abs=1e-6)
        assert found[month, "returning"][1] == returning, month


def test_totals_over_both_years_are_those_of_its_truth(retail: Product) -> None:
    truth = real.truth("online_retail")["total"]
    years = ("--window", "year", "--from", "2010-01-01", "--to", "2011-12-31")

    def total(kpi: str, *more: str, part: str = "value") -> float:
        told = retail.query(kpi, *years, *more)
        assert [each["start"][:4] for each in told] == ["2010", "2011"]
        return sum(each[part] for each in told)

    gross = total("average_order_value", part="numerator")
    orders = total("average_order_value", part="denominator")
    assert orders == truth["orders"] == 19_959
    assert gross == pytest.approx(truth["revenue"], abs=1e-5)
    assert gross / orders == pytest.approx(truth["aov"], rel=1e-12)
    assert total("sales") == pytest.approx(truth["net_revenue"], abs=1e-5)
    assert total("sales", "--definition", "refunds") == pytest.approx(896_812.49, abs=1e-5)
    assert total("transactions", "--definition", "refunds") == truth["cancelled_invoices"]
    # Everybody who ever bought under a number, at the end of it all.
    ever = retail.query("customer_lifetime_value", "--window", "year")[0]
    assert ever["denominator"] == truth["customers"] == 4_338


def test_retention_is_what_a_plain_loop_over_the_orders_finds(
    retail: Product, retail_events: tuple[Path, real.Events]
) -> None:
    truth = real.truth("online_retail")["per_month"]
    buyers: dict[str, set[str]] = defaultdict(set)
    for order in real.of(retail_events[1], "order_completed"):
        if "customer_id" in order:
            buyers[real.day(order["timestamp"])[:7]].add(order["customer_id"])
    assert {month: len(each) for month, each in buyers.items()} == {
        month: told["buyers"] for month, told in truth.items()
    }
    found = retail.values("customer_retention_rate", *MONTHS)
    months = sorted(buyers)
    for before, month in pairwise(months):
        told = found[f"{month}-01T00:00"]
        assert told["denominator"] == len(buyers[before]), month
        assert told["numerator"] == len(buyers[before] & buyers[month]), month


def test_the_pairs_bought_most_are_what_a_plain_loop_finds(
    retail: Product, retail_events: tuple[Path, real.Events]
) -> None:
    pairs: Counter[tuple[str, str]] = Counter()
    for order in real.of(retail_events[1], "order_completed"):
        products = sorted({line["product_id"] for line in order["products"]})
        if real.day(order["timestamp"])[:7] == "2011-11" and len(products) <= 100:
            pairs.update((a, b) for i, a in enumerate(products) for b in products[i + 1 :])
    november = ("--window", "month", "--from", "2011-11-01", "--to", "2011-12-01")
    rows = retail.query("product_affinity", *november, "--table", "--top", "20")
    assert len(rows) == 20
    for row in rows:
        pair = sorted((row["labels"]["product"], row["labels"]["other"]))
        assert row["orders"] == pairs[pair[0], pair[1]], row
    assert [row["orders"] for row in rows] == [n for _, n in pairs.most_common(20)]


# ---------------------------------------------------------------------------- incidents

YEARS = ("--window", "year", "--from", "2016-01-01", "--to", "2017-12-31")
DAYS = ("--window", "day", "--from", "2016-02-29", "--to", "2017-02-19")
INCIDENTS = "incident_event_log"


@pytest.fixture(scope="module")
def incidents(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("incidents")
    with Product(folder, kafka, "incidents", partitions=3, workers=1) as product:
        said = product.take_in(INCIDENTS, INCIDENTS)
        assert "141,712 lines: 24,918 ticket_opened, 24,918 ticket_answered" in said
        report(product, INCIDENTS)
        yield product


@pytest.fixture(scope="module")
def incident_events(incidents: Product) -> real.Events:
    return dry_run(incidents, INCIDENTS, INCIDENTS)[1]


def test_every_update_of_a_ticket_is_accepted_in_time_and_once(
    incidents: Product, incident_events: real.Events
) -> None:
    all_accepted(incidents, len(incident_events))


@pytest.mark.parametrize(
    ("kpi", "about", "closing"),
    [
        ("first_response_time", "first_response_hours", "ticket_answered"),
        ("average_resolution_time", "resolution_hours", "ticket_resolved"),
    ],
)
def test_how_long_tickets_took_is_what_their_truth_says(
    incidents: Product, incident_events: real.Events, kpi: str, about: str, closing: str
) -> None:
    truth = real.truth(INCIDENTS)[about]
    told = incidents.query(kpi, *YEARS)
    count = sum(each["denominator"] for each in told)
    assert count == truth["n"]
    mean_s = sum(each["numerator"] for each in told) / count
    assert mean_s / 3_600 == pytest.approx(truth["mean"], rel=1e-9)

    # Exact times by the year in which they ended; together they have the truth's median and p90.
    opened = {e["ticket_id"]: e["timestamp"] for e in real.of(incident_events, "ticket_opened")}
    by_year: dict[str, list[float]] = defaultdict(list)
    ended: set[str] = set()
    for event in real.of(incident_events, closing):
        if event["ticket_id"] not in ended:
            ended.add(event["ticket_id"])
            took_s = (event["timestamp"] - opened[event["ticket_id"]]) / 1_000
            by_year[real.day(event["timestamp"])[:4]].append(took_s)
    every = [took_s for times in by_year.values() for took_s in times]
    assert quantile(every, 0.5) / 3_600 == pytest.approx(truth["median_nearest_rank"])
    assert quantile(every, 0.9) / 3_600 == pytest.approx(truth["p90_nearest_rank"])
    for definition, q in (("median", 0.5), ("p90", 0.9)):
        for each in incidents.query(kpi, *YEARS, "--definition", definition):
            exact_s = quantile(by_year[each["start"][:4]], q)
            assert each["value"] == pytest.approx(exact_s, rel=0.01), (definition, each)


def test_tickets_opened_and_resolved_a_day_are_those_of_their_truth(incidents: Product) -> None:
    truth = real.truth(INCIDENTS)
    for definition, about in (("opened", "opened_per_day"), ("resolved", "resolved_per_day")):
        told = incidents.query("backlog", *DAYS, "--definition", definition)
        found = {each["start"][:10]: each["value"] for each in told if each["value"]}
        assert found == {day: count for day, count in truth[about].items() if count}, definition
    resolved = incidents.query("average_resolution_time", *DAYS, "--definition", "resolved")
    found = {each["start"][:10]: each["value"] for each in resolved if each["value"]}
    assert found == {day: count for day, count in truth["resolved_per_day"].items() if count}


def test_tickets_by_channel_are_those_of_their_truth(incidents: Product) -> None:
    truth = {name.lower(): count for name, count in real.truth(INCIDENTS)["by_channel"].items()}
    found: Counter[str] = Counter()
    for told in incidents.query("concern_classification", *YEARS, "--by", "channel"):
        found[told["labels"]["channel"]] += told["value"]
    assert found == truth
    calls = sum(told["value"] for told in incidents.query("service_calls", *YEARS))
    assert calls == truth["phone"] == 24_688


def test_open_tickets_at_each_days_end_are_those_of_the_truth_until_closed(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    truth = real.truth(INCIDENTS)["backlog_at_day_end_until_closed"]
    with Product(tmp_path, kafka, "closed", partitions=2, workers=2) as product:
        product.take_in(INCIDENTS, f"{INCIDENTS}_closed")
        report(product, f"{INCIDENTS}_closed")
        told = product.query("active_issues", *DAYS)
        found = {each["start"][:10]: each["value"] for each in told}
        assert found == truth
        assert max(found.values()) == 6_129
        assert found["2016-03-23"] == 6_129


# ---------------------------------------------------------------------------- REES46

REES46 = "rees46_2019-10-01"
HOURS = ("--from", "2019-10-01T00:00", "--to", "2019-10-01T03:00")


@pytest.fixture(scope="module")
def rees46(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("rees46")
    with Product(folder, kafka, "rees46", partitions=4, workers=2) as product:
        said = product.take_in(REES46, "rees46")
        assert f"{REES46}.csv.gz:17436: expected 9 columns, got 8" in said
        assert "1 bad lines" in said
        report(product, REES46)
        yield product


def test_every_click_is_accepted_in_time_and_once(rees46: Product) -> None:
    all_accepted(rees46, 17_055 + 165 + 200 + 14)


def test_visits_and_what_became_of_them_are_those_of_the_truth(rees46: Product) -> None:
    truth = real.truth(REES46)["total_30min"]
    converted = rees46.query("conversion_rate")[0]
    assert converted["denominator"] == truth["sessions"] == 4_518
    assert converted["numerator"] == truth["sessions_purchase"] == 193
    assert converted["value"] == pytest.approx(truth["conversion_ratio"], abs=1e-12)
    left = rees46.query("cart_abandonment_rate", "--definition", "same_visit")[0]
    assert left["denominator"] == truth["sessions_cart"] == 111
    assert left["denominator"] - left["numerator"] == truth["sessions_cart_and_purchase"]
    assert left["value"] == pytest.approx(truth["cart_abandonment_ratio_same_session"], abs=1e-12)
    # Each visit with a single event is a single view here: a bounce.
    assert rees46.query("bounce_rate")[0]["numerator"] == truth["single_event_sessions"] == 1_664
    length = rees46.query("average_visit_duration")[0]
    assert length["value"] == pytest.approx(truth["mean_session_seconds"], rel=1e-12)


def test_orders_buyers_and_visitors_are_those_of_the_truth(rees46: Product) -> None:
    truth = real.truth(REES46)
    assert rees46.query("transactions")[0]["value"] == truth["orders_as_distinct_session"] == 200
    value = rees46.query("average_order_value")[0]
    assert value["numerator"] == pytest.approx(truth["revenue"], abs=1e-6)
    assert value["value"] == pytest.approx(truth["aov_per_session_order"], rel=1e-12)
    buyers = rees46.query("conversion_rate", "--definition", "buyers")[0]
    assert buyers["numerator"] == truth["buyers"] == 193
    # Distinct counts are exact up to 2,048 only.
    assert buyers["denominator"] == pytest.approx(truth["raw"]["users"], rel=0.01)
    assert buyers["value"] == pytest.approx(truth["conversion_unique_users"], rel=0.01)


def test_visits_by_ten_minutes_are_those_of_the_truth(rees46: Product) -> None:
    truth = real.truth(REES46)["per_10min_30min"]
    found: dict[str, Counter[str]] = defaultdict(Counter)
    asked = (
        ("sessions", "denominator", "conversion_rate", "default"),
        ("sessions_purchase", "numerator", "conversion_rate", "default"),
        ("sessions_cart", "denominator", "cart_abandonment_rate", "same_visit"),
        ("left", "numerator", "cart_abandonment_rate", "same_visit"),
        ("single_event_sessions", "numerator", "bounce_rate", "default"),
        ("seconds", "numerator", "average_visit_duration", "default"),
    )
    for name, part, kpi, definition in asked:
        for told in rees46.query(kpi, "--window", "5m", *HOURS, "--definition", definition):
            minute = told["start"][:15] + "0"  # of five minutes, into ten
            found[minute][name] += told[part] or 0
    assert set(found) == set(truth)
    for minute, told in truth.items():
        here = found[minute]
        for name in ("sessions", "sessions_purchase", "sessions_cart", "single_event_sessions"):
            assert here[name] == told[name], (minute, name)
        both = here["sessions_cart"] - here["left"]
        assert both == told["sessions_cart_and_purchase"], minute
        mean = here["seconds"] / here["sessions"]
        assert mean == pytest.approx(told["mean_session_seconds"], rel=1e-9, abs=1e-9), minute


def test_offline_the_same_code_gives_the_same_numbers(rees46: Product) -> None:
    file, events = dry_run(rees46, REES46, "rees46")
    kpis = ("visits", "conversion_rate", "average_visit_duration", "sales", "bounce_rate")
    asked = [option for kpi in kpis for option in ("--kpi", kpi)]
    windows = (["--window", "day"], ["--window", "hour", *HOURS], ["--window", "5m", *HOURS])
    for window in windows:
        offline = rees46.compute(file, *asked, *window)
        assert offline == [told for kpi in kpis for told in rees46.query(kpi, *window)]
    gross = sum(map(real.worth, real.of(events, "order_completed")))
    assert gross == Decimal("59442.63")
