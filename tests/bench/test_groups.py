"""What `make bench` tells of groups accounts for all of the time, and for every group."""

from __future__ import annotations

import pytest

from kpi_windows.catalogue import GROUPS
from kpi_windows.rollup import Panes
from tests.bench import groups, report


def test_topics_and_the_cut_are_all_of_the_time_and_every_group_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Panes, "cut", Panes.cut)  # what is measured is put back
    told = groups.measure(4_000)

    assert sum(topic["events"] for topic in told["topics"].values()) == told["events"] == 4_000
    panes = told["panes"]["share"]
    topics = sum(topic["share"] for topic in told["topics"].values())
    assert topics + told["cut"]["share"] + panes == pytest.approx(1)
    assert told["kpi_groups"].keys() == GROUPS.keys()
    for group in told["kpi_groups"].values():
        assert 0 <= group["share"] <= panes
        assert group["scrape_cpu_ms"] > 0
    table = report.groups_table(told)
    assert all(f"\n{name} " in table for name in (*told["topics"], *GROUPS))
