"""The dashboards can be loaded, and ask only for what there is."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from kpi_windows.definitions import Definitions
from streams.generate import files
from streams.settings import Settings
from tests.streams.generate import names
from tests.streams.generate.names import SHOP, asked, exported

MADE = {name: json.loads(text) for name, text in names.MADE.items() if name.endswith(".json")}
BUILT_IN = {"__rate_interval", "__url_time_range", "__field", "__interval", "__range"}


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels, with those of closed rows."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels") or ()


def queries(board: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for panel in panels(board):
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def test_there_is_one_for_each_group_and_for_the_processor() -> None:
    uids = {board["uid"] for board in MADE.values()}
    assert uids >= {
        "kpi-overview",
        "kpi-processor",
        *(f"kpi-{group}" for group in SHOP.catalogue.groups),
    }
    assert len(uids) == len(MADE)
    assert all(name == f"grafana/dashboards/{board['uid']}.json" for name, board in MADE.items())


@pytest.mark.parametrize("name", MADE)
def test_it_is_of_the_schema(name: str) -> None:
    again = json.loads(json.dumps(Dashboard.from_json(MADE[name]), cls=JSONEncoder))
    assert again["uid"] == MADE[name]["uid"]
    assert len(again["panels"]) == len(MADE[name]["panels"])


@pytest.mark.parametrize("name", MADE)
def test_no_panel_has_the_id_of_another(name: str) -> None:
    twice = [one for one, n in Counter(p["id"] for p in panels(MADE[name])).items() if n > 1]
    assert not twice


@pytest.mark.parametrize("name", MADE)
def test_no_panel_lies_over_another_or_beside_the_sheet(name: str) -> None:
    for sheet in [MADE[name]["panels"], *(p.get("panels") or [] for p in MADE[name]["panels"])]:
        taken: set[tuple[int, int]] = set()
        for panel in sheet:
            at = panel["gridPos"]
            assert at.get("x", 0) + at["w"] <= 24
            cells = {
                (x, y)
                for x in range(at.get("x", 0), at.get("x", 0) + at["w"])
                for y in range(at.get("y", 0), at.get("y", 0) + at["h"])
            }
            assert not cells & taken, panel["title"]
            taken |= cells


@pytest.mark.parametrize("name", MADE)
def test_it_asks_only_for_series_and_labels_that_are_exported(name: str) -> None:
    known = exported()
    wrong = []
    for title, expr in queries(MADE[name]):
        found = list(asked(expr))
        assert found, f"{title} asks for nothing: {expr}"
        for series, labels in found:
            if series not in known or not labels <= known[series] | {"window"}:
                wrong.append(f"{title}: {series} {sorted(labels)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", MADE)
def test_every_variable_that_is_used_is_there(name: str) -> None:
    board = MADE[name]
    text = json.dumps(board["panels"])
    used = {a or b for a, b in re.findall(r"\$(?:\{(\w+)|([a-z_]\w*))", text)}
    offered = {one["name"] for one in board["templating"]["list"]}
    assert used - BUILT_IN <= offered
    for one in board["templating"]["list"]:
        for series, labels in asked(str(one.get("query", ""))):
            assert series in exported(), one["name"]
            assert labels <= exported()[series]


@pytest.mark.parametrize("name", MADE)
def test_every_panel_says_what_it_shows_and_in_which_unit(name: str) -> None:
    for panel in panels(MADE[name]):
        if panel["type"] in ("row", "text"):
            continue
        assert len(panel["description"]) > 10, panel["title"]
        if panel["type"] != "table":
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_every_link_to_a_panel_leads_to_one() -> None:
    ids = {board["uid"]: {panel["id"] for panel in panels(board)} for board in MADE.values()}
    links = re.findall(r"/d/([\w-]+)\?(?:viewPanel=(\d+))?", json.dumps(MADE))
    assert len(links) > len(SHOP.catalogue)
    for uid, panel in links:
        assert uid in ids
        assert not panel or int(panel) in ids[uid]


@pytest.mark.parametrize("kpi", SHOP.catalogue.values(), ids=lambda kpi: kpi.id)
def test_a_kpi_is_shown_with_its_breakdowns(kpi: Any) -> None:
    told = list(queries(MADE[f"grafana/dashboards/kpi-{kpi.group}.json"]))
    series = {name for _, expr in told for name, _ in asked(expr)}
    assert {kpi.metric(name) for name in kpi.readings} <= series
    for label in kpi.reading().all_labels:
        assert any(f"by ({label})" in expr for _, expr in told)


def test_a_goal_on_a_kpi_is_beside_its_number() -> None:
    assert SHOP.goals
    text = json.dumps(MADE["grafana/dashboards/kpi-sales.json"])
    for goal in SHOP.goals:
        if goal.kpi.group == "sales" and not goal.where:
            assert f'kpi_goal_target{{goal=\\"{goal.name}\\"}}' in text


def test_the_parts_of_the_day_are_a_heat_map() -> None:
    [panel] = [
        panel
        for panel in panels(MADE["grafana/dashboards/kpi-marketing.json"])
        for target in panel.get("targets", ())
        if "kpi_day_part_traffic_by_weekday_hour" in target["expr"]
    ]
    ids = [one["id"] for one in panel["transformations"]]
    assert ids[-1] == "groupingToMatrix"


def test_money_is_in_the_currency_of_the_shop() -> None:
    text = json.dumps(files(Settings(definitions=Definitions(currency="TRY"))))
    assert "currency:TRY" in text
    assert "currencyEUR" not in text
