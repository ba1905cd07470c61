"""What all tests share: a real Kafka, repeatable random tests, and no silent skip under CI."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.kafka.broker import KafkaBroker, why_not
from tests.streams import real_input

UNDER_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}

# Tests that may be left out under CI: a node id's beginning -> why. Printed at the end of each run.
MAY_SKIP_UNDER_CI: dict[str, str] = {}
if real_input.folder() is None:  # a clone without the sets; where they are, nothing is left out
    for tests in ("tests/real/", "tests/streams/test_importer_real.py"):
        MAY_SKIP_UNDER_CI[tests] = real_input.WITHOUT

settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if UNDER_CI else "here")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the minutes of chaos to CI and to who asks for them, and say so."""
    if UNDER_CI or "chaos" in str(config.option.markexpr):
        return
    for item in items:
        if item.get_closest_marker("chaos"):
            item.add_marker(
                pytest.mark.skip(reason="runs for minutes: make test ARGS='-m chaos' (CI does)")
            )


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not UNDER_CI or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    if any(report.nodeid.startswith(allowed) for allowed in MAY_SKIP_UNDER_CI):
        return
    report.outcome = "failed"
    report.longrepr = f"Under CI nothing is skipped, but this was: {_reason(report.longrepr)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    _forbid_skip(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Close with what was left out and why, so that green never means less than it seems."""
    if UNDER_CI:
        for nodeid, reason in MAY_SKIP_UNDER_CI.items():
            terminalreporter.write_line(f"may be left out under CI: {nodeid}: {reason}")
        return
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = sorted({_reason(report.longrepr) for report in skipped})
    for reason in reasons:
        terminalreporter.write_line(f"left out here: {reason.removeprefix('Skipped: ')}")


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaBroker]:
    """The broker that all tests of a run share: keep to topics that begin with `app_id`."""
    missing = why_not()
    if missing:
        pytest.skip(missing)
    with KafkaBroker() as broker:
        yield broker


@pytest.fixture
def own_kafka() -> Iterator[KafkaBroker]:
    """A broker for this test alone, to stop, kill and restart."""
    missing = why_not()
    if missing:
        pytest.skip(missing)
    with KafkaBroker() as broker:
        yield broker


@pytest.fixture
def app_id(request: pytest.FixtureRequest) -> str:
    """A name that no other test has, for the application, its groups and its topics."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return f"{name[:40]}-{uuid.uuid4().hex[:8]}"
