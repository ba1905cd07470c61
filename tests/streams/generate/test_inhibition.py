"""With a real Alertmanager: what makes numbers meaningless keeps their alerts back."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.streams.generate.monitoring import alertmanager, until, with_both, written
from tests.streams.generate.names import MADE

pytestmark = with_both

BUSINESS = {"alertname": "CsatLow", "scope": "business", "severity": "warning", "kpi": "csat"}
BLIND = {
    "alertname": "KpiNoEvents",
    "scope": "processor",
    "severity": "critical",
    "blinds": "business",
}
MILD = {"alertname": "KpiLateHigh", "scope": "processor", "severity": "warning"}
GRAVE = {**BUSINESS, "alertname": "CsatVeryLow", "severity": "critical"}


def shown(where: str, *alerts: dict[str, str]) -> dict[str, bool]:
    """Alert -> whether people are told, once Alertmanager knows all of these."""
    body = json.dumps([{"labels": labels} for labels in alerts]).encode()
    url = f"http://{where}/api/v2/alerts"
    post = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    urllib.request.urlopen(post, timeout=10).close()

    def known() -> list[dict[str, Any]] | None:
        with urllib.request.urlopen(url, timeout=10) as reply:
            told: list[dict[str, Any]] = json.load(reply)
        ready = [one for one in told if one["status"]["state"] != "unprocessed"]
        return ready if len(ready) == len(alerts) else None

    told = until(known, "Alertmanager has looked at all")
    return {one["labels"]["alertname"]: not one["status"]["inhibitedBy"] for one in told}


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (BLIND, {"CsatLow": False, "KpiNoEvents": True}),
        (MILD, {"CsatLow": True, "KpiLateHigh": True}),
        (GRAVE, {"CsatLow": False, "CsatVeryLow": True}),
    ],
    ids=["no events", "some late", "the same but graver"],
)
def test_an_alert_is_kept_back_only_by_what_explains_it(
    tmp_path: Path, other: dict[str, str], expected: dict[str, bool]
) -> None:
    with alertmanager(written(tmp_path, MADE)) as where:
        assert shown(where, other, BUSINESS) == expected
