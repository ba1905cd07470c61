"""With real Kafka, Prometheus and Alertmanager: every panel has data, an incident reaches people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from kpi_windows.definitions import MINUTE_MS
from streams.metrics import DEMO_SERIES
from streams.simulator import ShopOptions
from tests.kafka.broker import KafkaBroker
from tests.streams.generate.monitoring import ask, until, with_both
from tests.streams.generate.names import MADE
from tests.streams.generate.shop import START_MS, Watched, watched
from tests.streams.test_alerting import committed

pytestmark = [pytest.mark.slow, pytest.mark.kafka, with_both]

BREAKS_MS = START_MS + 2 * MINUTE_MS
MENDED_MS = START_MS + 100 * MINUTE_MS
SHOP = ShopOptions(visits_per_hour=150, broken_ms=(BREAKS_MS, MENDED_MS))

_NO_BASELINE = "the shop is younger than the period that this goal is compared with"
WITHOUT_DATA = {
    'kpi_goal_target{goal="sales"}': _NO_BASELINE,
    'kpi_goal_target{goal="visits"}': _NO_BASELINE,
    'kpi_goal_target{goal="service_calls"}': _NO_BASELINE,
    "/ abs(max by (window) (kpi_churn_rate_previous_ratio": "nobody had left: no change from 0",
    "kpi_exporter_left_out": "everything fits under the limit of series",
    "kpi_processor_folded_total": "every value of a label has room",
    "kpi_processor_let_go_total": "there is room for every journey",
}
"""A part of a query -> why it has no data here."""
COMMITS = "sum(increase(kpi_worker_commit_seconds_count[30s])) > 0"
WINDOWS = ("24h", "1h", "day", "hour", "month", "30d")


@pytest.fixture(scope="module")
def shop(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("watched"), kafka, SHOP) as under_way:
        under_way.play(START_MS)
        yield under_way


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


def test_a_broken_checkout_is_told_in_words_and_so_is_its_end(shop: Watched) -> None:
    name, threshold = "CheckoutFails", "checkout_fails"
    assert name not in shop.firing()
    assert not shop.heard(name, "firing")

    shop.play(MENDED_MS)
    [fired, *_] = until(lambda: shop.heard(name, "firing"), "the alert at the webhook")
    assert name in shop.firing()
    assert not shop.heard(name, "resolved")
    assert fired["labels"]["severity"] == "critical"
    words = re.fullmatch(
        r"Most who start the checkout don't get to an order: do payments work\? "
        r"Conversion rate \(checkout\), window 1h: ([\d.]+)%, below the threshold of 20%\.",
        fired["annotations"]["summary"],
    )
    assert words is not None, fired["annotations"]["summary"]
    assert float(words[1]) < 20
    assert fired["annotations"]["runbook_url"].endswith("business.md#checkoutfails")

    shop.play(MENDED_MS + 100 * MINUTE_MS)
    [resolved, *_] = until(lambda: shop.heard(name, "resolved"), "its end at the webhook")
    assert resolved["labels"] == fired["labels"]
    until(lambda: name not in shop.firing(), "Alertmanager has forgotten it")

    def told() -> list[dict[str, Any]]:
        """Since the checkout broke; a quiet hour before it may have had too few orders too."""
        of_it = [one for one in committed(shop.settings) if one["threshold"] == threshold]
        return [one for one in of_it if _at_ms(one) > BREAKS_MS]

    until(lambda: len(told()) > 1, "the recovery in the topic")
    found = told()
    assert [one["event"] for one in found] == ["breach", "recovery"], found
    breach, recovery = found
    assert breach["alert"] == recovery["alert"]
    assert BREAKS_MS + 30 * MINUTE_MS < _at_ms(breach) <= MENDED_MS < _at_ms(recovery)
    assert breach["summary"].startswith("Most who start the checkout don't get to an order")
    assert breach["value"] < 0.2 < recovery["value"]


def _at_ms(told: dict[str, Any]) -> float:
    return 1_000 * datetime.fromisoformat(told["at"]).timestamp()


def test_every_query_of_every_panel_has_data(shop: Watched) -> None:
    url = shop.prometheus
    boards = [json.loads(text) for file, text in MADE.items() if file.endswith(".json")]
    assert sum(len(list(queries(board))) for board in boards) > 500
    empty, unexcused = [], []
    for board in boards:
        shop.play(shop.now_ms + MINUTE_MS)
        until(lambda: ask(url, COMMITS), "Prometheus sees the shop live")
        for panel, expr in queries(board):
            if not has_data(url, expr):
                empty.append(f"{panel}: {expr}")
                if not any(part in expr for part in WITHOUT_DATA):
                    unexcused.append(empty[-1])
    assert not unexcused, "\n".join(unexcused)
    for part in WITHOUT_DATA:
        assert any(part in one for one in empty), f"has data, so that it needs no excuse: {part}"
    [series] = ask(url, "max(kpi_exporter_series)")
    assert 0.8 * DEMO_SERIES < float(series["value"][1]) < 1.2 * DEMO_SERIES, "as is documented"
    failures = "sum(prometheus_rule_evaluation_failures_total) == 0"
    assert ask(url, failures), "every rule could be evaluated"
