"""With real Prometheus and Alertmanager: every panel has data, and an incident reaches people."""

from __future__ import annotations

import dataclasses
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kpi_windows.definitions import HOUR_MS, MINUTE_MS
from kpi_windows.thresholds import DEFAULTS, with_own
from streams.generate import files
from streams.settings import Alerting, Exporter, Settings
from tests.streams.generate.monitoring import (
    alertmanager,
    ask,
    prometheus,
    until,
    webhook,
    with_both,
    written,
)
from tests.streams.generate.names import MADE, ROOT
from tests.streams.test_demo import Demo
from tests.streams.visible import NOON_MS, order, page, served, whole_of

pytestmark = [pytest.mark.slow, with_both]

WITHOUT_DATA = {
    'ALERTS{alertstate="firing"}': "nothing has to be wrong",
    " != 0)": "the change, where it was 0 before; its two numbers are asked for too",
    "kpi_backlog_by_": "the demo's tickets are hardly older than their target",
    "kpi_exporter_left_out": "everything fits under the limit of series",
    "max(kpi_goal_target{": "the demo's shop is too young for a baseline",
    "kpi_churn_rate_previous_ratio": "the demo's shop is too young for churn",
    "kpi_customer_lifetime_value_predicted": "the demo's shop is too young to predict",
}
"""A part of a query -> why it may have no data in the demo."""
WINDOWS = ("24h", "1h", "day", "hour", "month", "30d")


def queries(board: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(panel, query with all filters open)"""
    offered = {one["name"] for one in board["templating"]["list"]}
    panels = [one for panel in board["panels"] for one in (panel, *(panel.get("panels") or ()))]
    for panel in panels:
        for target in panel.get("targets", ()):
            expr = target["expr"].replace("$__rate_interval", "1m")
            for name in offered - {"window", "span", "datasource"}:
                expr = expr.replace(f'"${name}"', '".*"')
            yield f"{board['uid']}: {panel['title']}", expr


def has_data(url: str, expr: str) -> bool:
    windows = WINDOWS if "$window" in expr or "$span" in expr else ("",)
    asked = (expr.replace("$window", one).replace("$span", one) for one in windows)
    return any(ask(url, one) for one in asked)


def test_every_query_of_every_panel_has_data_in_the_demo(tmp_path: Path) -> None:
    shop = ["--config", str(ROOT / "examples/shop.toml")]
    demo = Demo(tmp_path, *shop, "--port", "0", "--hours", "52", "--visits", "60")
    try:
        exporter = demo.address("metrics").removeprefix("http://").removesuffix("/metrics")
        with prometheus(written(tmp_path, MADE), exporter, "10s") as url:
            until(lambda: [line for line in demo.said if line.endswith("it is live")], "the past")
            since = time.time()
            own = '{job="kpi-exporter"}'
            fresh = f"timestamp(kpi_exporter_series{own}) > {since}"
            grown = f"sum(increase(kpi_processor_taken_in_total{own}[1h])) > 0"
            twice = f"count_over_time(kpi_exporter_series{own}[50s]) > 1"
            until(lambda: all(ask(url, one) for one in (fresh, grown, twice)), "new scrapes")
            boards = [json.loads(text) for name, text in MADE.items() if name.endswith(".json")]
            told = [one for board in boards for one in queries(board)]
            assert len(told) > 500
            empty = [
                f"{panel}: {expr}"
                for panel, expr in told
                if not any(part in expr for part in WITHOUT_DATA) and not has_data(url, expr)
            ]
            left_out = ask(url, "kpi_exporter_left_out")
            rules = ask(url, "sum(prometheus_rule_evaluation_failures_total) == 0")
    finally:
        if demo.process.poll() is None:
            demo.process.send_signal(signal.SIGINT)
            demo.end()
    assert not empty, "\n".join(empty)
    assert not left_out, "all breakdowns fit under the limit of series"
    assert rules, "every rule could be evaluated"


def visits(orders: int) -> list[dict[str, Any]]:
    """So many visits that the conversion says something, and orders of some of them."""
    began = NOON_MS - 6 * HOUR_MS
    events = [page(f"v{n}", began + n * 1_000) for n in range(250)]
    bought = [order(n, began + n * 1_000 + MINUTE_MS, visitor_id=f"v{n}") for n in range(orders)]
    return [*events, *bought, page("later", NOON_MS)]  # the visits have ripened


def test_a_broken_checkout_is_told_in_words_and_so_is_its_end(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "mended").mkdir()
    few = Exporter(windows=("1h", "24h"), breakdowns=False)
    whole, _ = whole_of(tmp_path / "broken", visits(0), few)
    mended, _ = whole_of(tmp_path / "mended", visits(50), few)
    [usual] = [one for one in DEFAULTS if one.name == "conversion_low"]
    quick = dataclasses.replace(usual, for_ms=1_000, keep_firing_for_ms=0)
    with webhook() as (address, told):
        made = files(
            Settings(
                thresholds=with_own({"conversion_low": quick}), alerting=Alerting(webhook=address)
            )
        )
        folder = written(tmp_path, made)

        def heard(status: str) -> list[dict[str, Any]]:
            names = [one for one in told if one["labels"]["alertname"] == "ConversionLow"]
            return [one for one in names if one["status"] == status]

        with (
            served(whole) as url,
            alertmanager(folder) as target,
            prometheus(folder, url.removeprefix("http://"), "2s", target),
        ):
            [fired, *_] = until(lambda: heard("firing"), "the alert at the webhook")
            assert not heard("resolved")
            whole.view, whole.seen = mended.view, mended.seen
            [resolved, *_] = until(lambda: heard("resolved"), "its end at the webhook")
    words = fired["annotations"]["summary"]
    assert words.startswith("Hardly any visit ends with an order: is the checkout working?")
    assert words.endswith("window 24h: 0%, below the threshold of 0.5%.")
    assert fired["labels"]["severity"] == "warning"
    assert resolved["labels"] == fired["labels"]
