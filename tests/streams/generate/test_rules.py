"""The rules do what they say, by Prometheus' own tools; the tools' absence is told."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from kpi_windows.thresholds import DEFAULTS, Threshold
from streams.generate import files
from streams.settings import Alerting, Settings
from tests.streams.generate.monitoring import written
from tests.streams.generate.names import MADE, asked, exported

RULES = {name: yaml.safe_load(text) for name, text in MADE.items() if "/rules/" in name}
ALERTS = [
    (rule, rule["alert"])
    for told in RULES.values()
    for group in told["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
RECORDED = {
    rule["record"]
    for told in RULES.values()
    for group in told["groups"]
    for rule in group["rules"]
    if "record" in rule
}


def needs(tool: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        shutil.which(tool) is None, reason=f"{tool} is not installed (Debian: {package})"
    )


with_promtool = needs("promtool", "prometheus")
with_amtool = needs("amtool", "prometheus-alertmanager")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=120, check=False
    )


@with_promtool
def test_promtool_takes_the_configuration_and_the_rules(tmp_path: Path) -> None:
    told = run("promtool", "check", "config", written(tmp_path, MADE) / "prometheus/prometheus.yml")
    assert told.returncode == 0, told.stdout + told.stderr
    assert f"{len(RULES)} rule files found" in told.stdout


@with_promtool
@pytest.mark.parametrize("name", [name for name in MADE if "/prometheus/tests/" in name])
def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path, name: str) -> None:
    written(tmp_path, MADE)
    told = run("promtool", "test", "rules", tmp_path / name)
    assert told.returncode == 0, (told.stdout + told.stderr)[-3_000:]


@with_promtool
@pytest.mark.parametrize(
    ("right", "wrong"),
    [("csat_denominator", "csat_answers_denominator"), ("< 0.7", "< 0.6"), ("70%", "71%")],
)
def test_the_tests_find_a_rule_that_is_wrong(tmp_path: Path, right: str, wrong: str) -> None:
    few = tuple(one for one in DEFAULTS if one.name == "csat_low")
    made = files(Settings(thresholds=few))
    name = "grafana/prometheus/rules/thresholds.yml"
    assert right in made[name]
    written(tmp_path, made | {name: made[name].replace(right, wrong)})
    told = run("promtool", "test", "rules", tmp_path / "grafana/prometheus/tests/thresholds.yml")
    assert told.returncode != 0


@with_amtool
@pytest.mark.parametrize("everybody", [False, True])
def test_amtool_takes_the_configuration_of_every_receiver(tmp_path: Path, everybody: bool) -> None:
    told = Alerting(
        webhook="http://127.0.0.1:9999/alerts",
        slack_url_file="/etc/alertmanager/slack",
        slack_channel="#shop",
        email_to="owner@example.org",
        email_from="kpi@example.org",
        smarthost="mail.example.org:587",
        smtp_username="kpi",
        smtp_password_file="/etc/alertmanager/smtp",
    )
    made = files(Settings(alerting=told if everybody else Alerting()))
    file = written(tmp_path, made) / "alertmanager/alertmanager.yml"
    said = run("amtool", "check-config", file)
    assert said.returncode == 0, said.stdout + said.stderr
    receiver = yaml.safe_load(file.read_text("utf-8"))["receivers"][0]
    kinds = {"webhook_configs", "slack_configs", "email_configs"}
    assert receiver.keys() & kinds == (kinds if everybody else set())


@with_amtool
@pytest.mark.parametrize("labels", [("scope=business", "severity=warning"), ("severity=critical",)])
def test_every_alert_finds_its_receiver(tmp_path: Path, labels: tuple[str, ...]) -> None:
    file = written(tmp_path, MADE) / "alertmanager/alertmanager.yml"
    said = run("amtool", "config", "routes", "test", f"--config.file={file}", *labels)
    assert said.stdout.strip() == "shop", said.stderr


def test_no_two_alerts_have_one_name() -> None:
    assert [name for name, n in Counter(name for _, name in ALERTS).items() if n > 1] == []


@pytest.mark.parametrize(
    ("rule", "name"), ALERTS, ids=lambda one: one if isinstance(one, str) else ""
)
def test_an_alert_has_words_a_runbook_and_series_that_exist(rule: Any, name: str) -> None:
    known = exported()
    for series, labels in asked(rule["expr"]):
        assert series in known, f"{name} asks for {series}"
        assert labels <= known[series]
    assert any(one in rule["expr"] for one in (*known, *RECORDED))
    assert rule["labels"].keys() >= {"severity", "scope"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert f"## {name}\n" in MADE[page]
    assert anchor == name.lower()
    assert (
        "$value" in rule["annotations"]["summary"]
        or rule["labels"]["scope"] != "business"
        or (name.startswith("Goal"))
    )
    uid = rule["annotations"]["dashboard_url"].partition("/d/")[2].partition("?")[0]
    if uid != "kpi-goals":
        assert f"grafana/dashboards/{uid}.json" in MADE


def test_each_threshold_has_an_alert_and_a_switched_off_one_has_none() -> None:
    names = {name for _, name in ALERTS}
    assert {"ConversionLow", "CsatLow", "KpiNoEvents", "FarBelowLastWeek"} <= names
    own = (
        Threshold("slow_mobile", "visits", below=3.0, window="1h", where=(("device", "mobile"),)),
    )
    text = files(Settings(thresholds=own))["grafana/prometheus/rules/thresholds.yml"]
    assert "CsatLow" not in text
    assert 'kpi_visits_by_device{window="1h", device="mobile"}' in text


@with_promtool
def test_a_shops_own_thresholds_are_tested_like_ours(tmp_path: Path) -> None:
    own = (
        Threshold("slow_mobile", "visits", below=3.0, window="1h", where=(("device", "mobile"),)),
        Threshold("big", "sales", above=12.5, window="day", severity="critical", for_ms=0),
        Threshold("odd", "nps", above=0.0, keep_firing_for_ms=0, summary="{braces} and 100 %"),
    )
    written(tmp_path, files(Settings(thresholds=own)))
    told = run("promtool", "test", "rules", tmp_path / "grafana/prometheus/tests/thresholds.yml")
    assert told.returncode == 0, (told.stdout + told.stderr)[-3_000:]
