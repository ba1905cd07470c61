"""A Kafka that wants TLS and a password: who isn't let in is told why, and no secret is told.

That all commands work with it is in docs/how-to/kafka-security.md, which tests/docs follows.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.broker import why_not
from tests.kafka.secured import PASSWORD, certificate, secured

pytestmark = pytest.mark.kafka
WRONG = "wr0ng-coffee"


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    if missing := why_not():
        pytest.skip(missing)
    with secured(tmp_path_factory.mktemp("kafka")) as (_, variables):
        yield variables


def kpi(variables: dict[str, str], folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KPI_")}
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", *args],
        cwd=folder,
        env={**kept, **variables, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        ("topics", "--check"),
        ("doctor", "--debug"),
        ("worker", "--once", "--port", "0"),
        ("feed", "clicks.jsonl", "--topic", "clickstream"),
        ("dead-letters", "list"),
    ],
    ids=lambda words: words[0],
)
def test_with_a_wrong_password_each_command_says_so_and_never_which(
    variables: dict[str, str], tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "clicks.jsonl").write_text("{}\n")
    told = kpi({**variables, "KPI_SASL_PASSWORD": WRONG}, tmp_path, *command)
    said = told.stdout + told.stderr
    assert told.returncode == 1, said
    assert "refuses the user 'kpi' by SCRAM-SHA-512: check sasl_username, KPI_SASL_PASS" in said
    assert WRONG not in said
    assert "Traceback" not in said


def test_a_certificate_of_another_authority_isnt_trusted(
    variables: dict[str, str], tmp_path: Path
) -> None:
    other = certificate(tmp_path, "other")
    told = kpi({**variables, "KPI_CAFILE": str(other)}, tmp_path, "topics", "--check")
    assert told.returncode == 1
    assert "isn't trusted (self-signed certificate): set cafile" in told.stderr
    assert PASSWORD not in told.stdout + told.stderr


def test_a_certificate_for_another_name_isnt_trusted_unless_names_dont_matter(
    tmp_path: Path,
) -> None:
    from streams.config import load

    settings = load(environ={"KPI_SECURITY_PROTOCOL": "SSL", "KPI_CHECK_HOSTNAME": "false"})
    assert not settings.kafka_options["ssl_context"].check_hostname
    assert (
        load(environ={"KPI_SECURITY_PROTOCOL": "SSL"}).kafka_options["ssl_context"].check_hostname
    )
