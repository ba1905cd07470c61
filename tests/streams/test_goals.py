"""Goals where people see them: on /metrics, in the API, and on the command line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from kpi_windows.definitions import DAY_MS, HOUR_MS
from streams.cli import main
from streams.config import load
from streams.exposition import registry
from streams.follower import Whole
from streams.goals import GoalCollector
from streams.settings import Settings
from streams.written import scrape
from tests.streams.visible import NOON_MS, order, page, served, whole_of, write_lines

TEXT = """
[goals.more_visits]
title = "More visits this week"
kpi = "visits"
window = "week"
target = "+10%"
deadline = "2026-01-04"
supporting = ["visits", "conversion_rate", "customer_retention_rate"]

[goals.better]
kpi = "conversion_rate"
window = "week"
target = 0.5
baseline = 0.1
deadline = "2026-01-04"

[goals.dearer]
kpi = "sales"
window = "month"
target = "+5%"
baseline = "2025-10"
deadline = "2026-03"
"""


OWN = """
[measures.gift_orders]
event = "order_completed"
where = { "properties.gift" = true }
count = true

[kpis.gift_share]
formula = "gift_orders / order.orders"
unit = "ratio"
better = "higher"

[goals.gifts]
kpi = "gift_orders"
window = "week"
target = 3
better = "higher"
deadline = "2026-01-04"

[goals.gift_share]
kpi = "gift_share"
window = "week"
target = 0.6
deadline = "2026-01-04"
"""


def two_weeks() -> list[dict[str, Any]]:
    """Two visits at eleven from 21 December on, the second with an order; it is noon."""
    events: list[dict[str, Any]] = []
    for back in range(11, -1, -1):
        at_ms = NOON_MS - HOUR_MS - back * DAY_MS
        events += [page(f"a{back}", at_ms), page(f"b{back}", at_ms + 1)]
        events.append(order(back, at_ms + 2, visitor_id=f"b{back}"))
    return [*events, order(99, NOON_MS)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    file = tmp_path_factory.mktemp("goals") / "shop.toml"
    file.write_text(TEXT)
    return load(file, {})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Whole:
    told = whole_of(tmp_path_factory.mktemp("events"), two_weeks())[0]
    told.settings = replace(told.settings, goals=settings.goals)
    return told


@pytest.fixture(scope="module")
def url(whole: Whole) -> Iterator[str]:
    with served(whole) as address:
        yield address


def samples(whole: Whole) -> dict[tuple[str, ...], float]:
    page_of, _ = scrape(registry(GoalCollector(whole)))
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in text_string_to_metric_families(page_of.decode())
        for sample in metric.samples
        if sample.name.startswith("kpi_goal")
    }


def test_a_goal_is_a_set_of_series(whole: Whole) -> None:
    """Monday to Thursday noon are in: 8 visits; 2 a day make 14 by Sunday, as last week."""
    told = samples(whole)
    of = {name[0]: value for name, value in told.items() if name[1] == "more_visits"}
    del of["kpi_goal_state"]
    assert of == {
        "kpi_goal_value": 8,
        "kpi_goal_baseline": 14,
        "kpi_goal_target": pytest.approx(15.4),
        "kpi_goal_progress_ratio": 0,
        "kpi_goal_landing": 14,
        "kpi_goal_pace": 2,
        "kpi_goal_pace_needed": pytest.approx((15.4 - 8) / (3 + (12 * 60 - 1) / 1440)),
        "kpi_goal_deadline_seconds": 1_767_571_200,
    }
    states = {name[2]: value for name, value in told.items() if name[:2] == (
        "kpi_goal_state", "more_visits")}  # fmt: skip
    assert states == {"reached": 0, "on_track": 0, "at_risk": 1, "missed": 0, "unknown": 0}
    assert told["kpi_goal_state", "better", "on_track"] == 1
    assert told["kpi_goal_state", "dearer", "unknown"] == 1
    assert ("kpi_goal_target", "dearer") not in told, "what isn't known is left out"


def test_nothing_is_exported_before_it_is_complete(whole: Whole, settings: Settings) -> None:
    assert samples(Whole(settings)) == {}
    assert samples(Whole(replace(settings, goals=()))) == {}


def asked(*arguments: str) -> str:
    result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_query_for_goals_is_answered_live(url: str) -> None:
    goals = json.loads(asked("query", "--goals", "--url", url, "--format", "json"))
    more, better, dearer = goals
    assert (more["state"], more["value"], more["landing"]) == ("at_risk", 8, 14)
    assert (more["start"], more["last_day"]) == ("2025-12-29T00:00:00+00:00", "2026-01-04")
    assert [each["kpi"] for each in more["supporting"]] == [
        "visits", "conversion_rate", "customer_retention_rate",
    ]  # fmt: skip
    assert (more["supporting"][0]["value"], more["supporting"][0]["previous"]) == (2, 2)
    assert (better["state"], better["value"], better["unit"]) == ("on_track", 0.5, "ratio")
    assert (dearer["state"], dearer["target"]) == ("unknown", None)
    table = asked("query", "--goals", "--url", url).splitlines()
    assert table[0].split()[:4] == ["goal", "kpi", "state", "value"]
    assert table[-1] == "dearer: there are no data of the baseline's period: tell it as a number"
    told = list(csv.DictReader(io.StringIO(asked("query", "--goals", "--url", url,
                                                 "--format", "csv"))))  # fmt: skip
    assert [each["goal"] for each in told] == ["more_visits", "better", "dearer"]
    assert told[2]["target"] == ""


def test_offline_the_same_is_computed(tmp_path: Path, url: str) -> None:
    events = write_lines(tmp_path / "events.jsonl", two_weeks())
    config = tmp_path / "shop.toml"
    config.write_text(TEXT)
    offline = asked("compute", str(events), "--goals", "--format", "json", "--config", str(config))
    live = asked("query", "--goals", "--url", url, "--format", "json")
    assert json.loads(offline) == json.loads(live)


def test_a_goal_may_be_on_a_kpi_of_ones_own(tmp_path: Path) -> None:
    """One order a day, every second a gift; Friday to Sunday were one of two weeks each."""
    events = [
        order(n, NOON_MS + (n - 14) * DAY_MS, properties={"gift": n % 2 == 0}) for n in range(15)
    ]
    config = tmp_path / "shop.toml"
    config.write_text(OWN)
    file = write_lines(tmp_path / "events.jsonl", events)
    told = asked("compute", str(file), "--goals", "--format", "json", "--config", str(config))
    gifts, share = json.loads(told)
    assert (gifts["state"], gifts["baseline"], gifts["value"], gifts["landing"]) == (
        "on_track", 4, 2, 3.5,
    )  # fmt: skip
    assert (share["state"], share["value"], share["target"]) == ("at_risk", 0.5, 0.6)


def test_without_goals_the_commands_say_how_to_make_one(tmp_path: Path) -> None:
    events = write_lines(tmp_path / "events.jsonl", two_weeks())
    assert "[goals.NAME]" in asked("compute", str(events), "--goals")


@pytest.mark.parametrize(
    "arguments", [("query",), ("query", "visits", "--goals"), ("compute", "-"),
                  ("compute", "-", "--goals", "--kpi", "visits")],
)  # fmt: skip
def test_a_kpi_or_the_goals_are_asked_for(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 2
    assert "or --goals" in result.output
    assert ("not both" in result.output) == ("--goals" in arguments)


def test_a_goal_has_its_own_window() -> None:
    result = CliRunner().invoke(main, ["query", "--goals", "--window", "week"])
    assert result.exit_code == 2
    assert "--goals goes without --window" in result.output
