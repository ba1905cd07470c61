"""The catalogue: no row of the guide is missing, and every number has a value everywhere."""

from __future__ import annotations

import math
import random
import re
from functools import cache
from pathlib import Path

import pytest

from kpi_windows.catalogue import CATALOGUE, GROUPS, find
from kpi_windows.definitions import DAY_MS, Definitions
from kpi_windows.documentation import kpi_reference
from kpi_windows.formula import ratio_of
from kpi_windows.kpi import Kpi, Unit, UnknownNameError
from kpi_windows.view import View
from kpi_windows.windows import CALENDAR, WINDOWS
from tests.kpi_windows.shops import Shop, at, some_of_everything

ROWS = {
    "sales": """
        sales average_order_size gross_profit average_margin average_order_value
        customer_retention_rate transactions conversion_rate cart_abandonment_rate
        new_vs_returning_orders cost_of_goods_sold market_share product_affinity product_sequence
        inventory competitor_price_index customer_lifetime_value revenue_per_visitor churn_rate
        customer_acquisition_cost""",
    "marketing": """
        visits new_vs_returning_visitors time_on_site bounce_rate pages_per_visit
        average_visit_duration traffic_source mobile_traffic day_part_traffic
        newsletter_subscribers sms_subscribers subscriber_growth_rate
        email_open_rate email_click_through_rate unsubscribes
        chats_initiated
        social_followers return_on_ad_spend blended_roas cost_per_click social_engagement_rate
        clicks average_click_through_rate average_position ppc_traffic blog_traffic product_reviews
        display_click_through_rate affiliate_performance promotional_click_through_rate
        social_shares digital_ad_visitors""",
    "service": """
        csat nps hit_rate service_emails service_calls service_chats service_social
        first_response_time average_resolution_time active_issues backlog concern_classification
        escalation_rate pages_before_contact""",
    "production": "cycle_time oee ole yield first_time_yield incidents",
    "projects": """
        hours_worked budget return_on_investment cost_variance cost_performance_index""",
}
"""The guide's rows that clickstream, carts, orders and tickets can give, in its order; contacts on
social media are the fourth of three rows."""

CALENDAR_ONLY = {
    "customer_retention_rate",
    "churn_rate",
    "product_affinity",
    "market_share",
    "product_sequence",
}
RESERVED = ("_total", "_count", "_sum", "_bucket", "_info", "_created")
"""Suffixes that mean something else to Prometheus."""

READINGS = [(kpi, name) for kpi in CATALOGUE.values() for name in kpi.readings]


def test_every_row_is_there_in_the_guides_order() -> None:
    assert {group: [kpi.id for kpi in kpis] for group, kpis in GROUPS.items()} == {
        group: ids.split() for group, ids in ROWS.items()
    }
    assert all(kpi.group == group for group, kpis in GROUPS.items() for kpi in kpis)


def test_only_what_needs_whole_periods_lacks_the_rolling_windows() -> None:
    for kpi in CATALOGUE.values():
        assert kpi.windows == WINDOWS or kpi.id in CALENDAR_ONLY
        assert set(kpi.windows) <= set(CALENDAR) or kpi.windows == WINDOWS


@pytest.mark.parametrize("kpi", CATALOGUE.values(), ids=lambda kpi: kpi.id)
def test_a_kpi_is_found_by_each_of_its_names_in_any_case(kpi: Kpi) -> None:
    for name in (kpi.id, kpi.title, *kpi.aliases):
        assert find(f" {name.upper()} ").id == kpi.id


def test_a_name_that_is_nearly_one_gets_it_suggested() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'churn_rate'"):
        find("churn_rat")
    with pytest.raises(UnknownNameError, match="there are sales, average_order_size") as told:
        find("xyzzy")
    assert len(str(told.value)) < 300, "so many as one reads"
    assert f"lists all {len(CATALOGUE)}" in str(told.value)


def test_metric_names_are_unique_and_by_prometheus_conventions() -> None:
    names = [kpi.metric(name) for kpi, name in READINGS]
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"kpi_[a-z][a-z0-9_]*[a-z0-9]", name)
        assert not name.endswith(RESERVED)


def test_a_ratio_is_told_with_both_its_sides() -> None:
    for kpi, name in READINGS:
        reading = kpi.reading(name)
        if reading.unit is Unit.RATIO and name not in {"trend"}:
            assert ratio_of(reading.formula) is not None


def test_what_ripens_names_a_time_of_the_definitions() -> None:
    told = {kpi.matures_after for kpi in CATALOGUE.values() if kpi.matures_after}
    assert told == {"visit_gap_ms", "cart_idle_ms"}
    assert all(getattr(Definitions(), name) > 0 for name in told)


NOW = at("2024-03-31 16:30")


@cache
def full_view() -> View:
    shop, chance = Shop(partitions=2), random.Random(11)
    some_of_everything(shop, chance, NOW - 50 * DAY_MS, NOW - DAY_MS, each=30)
    some_of_everything(shop, chance, NOW - DAY_MS, NOW, each=60)
    return shop.commit(NOW)


@cache
def empty_view() -> View:
    return Shop().commit(NOW)


@pytest.mark.parametrize("kpi", CATALOGUE.values(), ids=lambda kpi: kpi.id)
def test_every_number_in_every_window_by_every_label(kpi: Kpi) -> None:
    for view in (empty_view(), full_view()):
        for name, reading in kpi.readings.items():
            for window in reading.windows:
                for previous in (False, True):
                    asked = {"definition": name, "previous": previous}
                    values = view.evaluate(kpi, window, **asked)  # type: ignore[arg-type]
                    assert len(values) == 1
                    for label in reading.all_labels:
                        values += view.evaluate(kpi, window, by=(label,), top=2, **asked)  # type: ignore[arg-type]
                    assert all(
                        value.value is None or math.isfinite(value.value) for value in values
                    )
                    assert all(value.end_ms - value.start_ms >= 0 for value in values)


@pytest.mark.parametrize("kpi", CATALOGUE.values(), ids=lambda kpi: kpi.id)
def test_without_any_event_there_are_no_ratios_and_sums_are_0(kpi: Kpi) -> None:
    for name, reading in kpi.readings.items():
        for window in reading.windows:
            (value,) = empty_view().evaluate(kpi, window, definition=name)
            if reading.formula.is_additive():
                assert value.value == 0
            else:
                assert not value.value


@pytest.mark.parametrize("kpi", CATALOGUE.values(), ids=lambda kpi: kpi.id)
def test_a_value_now_is_the_same_as_in_a_query_of_the_past(kpi: Kpi) -> None:
    view = full_view()
    for name, reading in kpi.readings.items():
        for window in reading.windows:
            if window in CALENDAR:
                (now,) = view.evaluate(kpi, window, definition=name)
                *_, then = view.query(kpi, window, NOW - 2 * DAY_MS, NOW + 1, definition=name)
                assert then == now._replace(ripe=then.ripe)


def test_the_page_of_all_kpis_is_as_generated() -> None:
    written = Path(__file__).parents[3] / "docs" / "kpis.md"
    assert written.read_text(encoding="utf-8") == kpi_reference(), "`kpi reference` writes it anew"


@pytest.mark.parametrize(("kpi", "name"), READINGS, ids=lambda told: getattr(told, "id", told))
def test_the_page_names_every_number(kpi: Kpi, name: str) -> None:
    page = kpi_reference()
    reading = kpi.reading(name)
    assert kpi.title in page and f"`{kpi.metric(name)}`" in page
    assert f"`{reading.formula.text()}`" in page
    assert all(alias in page for alias in kpi.aliases)
