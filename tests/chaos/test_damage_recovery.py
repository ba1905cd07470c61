"""From a lost state back to the same values, by the commands that the refusal names."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from streams.config import load
from streams.replay.compare import compare, side_of
from streams.replay.plan import as_app
from streams.settings import Settings
from streams.snapshot import snapshot
from streams.worker import EXIT_REFUSED
from tests.chaos.kept import Kept
from tests.kafka.broker import KafkaBroker

pytestmark = [pytest.mark.kafka, pytest.mark.chaos, pytest.mark.slow]


def _settings(kept: Kept, folder: Path) -> Settings:
    topics = ", ".join(f'{topic} = "{name}"' for topic, name in kept.settings.topics.items())
    (folder / "shop.toml").write_text(
        f'[shop]\nidle = "1s"\n[worker]\nport = 0\n'
        f'[kafka]\nbootstrap_servers = ["{kept.broker.bootstrap}"]\n'
        f'app_id = "{kept.settings.app_id}"\npartitions = 1\n'
        f"topics = {{ {topics} }}\n"
    )
    return load(folder / "shop.toml", environ={})


def _kpi(folder: Path, *arguments: str) -> tuple[int, str]:
    """Its exit code, and what it says."""
    command, rest = arguments[0], arguments[1:]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "streams.cli", command),
            *("--config", str(folder / "shop.toml"), *rest),
        ],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_lost_state_is_made_anew_by_the_command_that_the_worker_names(
    kafka: KafkaBroker, app_id: str, tmp_path: Path
) -> None:
    kept = Kept(kafka, app_id)
    settings = _settings(kept, tmp_path)
    asyncio.run(kept.write())
    before = asyncio.run(snapshot(settings))
    asyncio.run(kept.make_anew(kept.names.state, kept.names.panes))

    code, said = _kpi(tmp_path, "worker")
    assert code == EXIT_REFUSED
    assert "Traceback" not in said
    assert len(re.findall("State is lost", said)) == 1
    command = re.search(r"`kpi (replay --app-id (\S+) --from earliest)`", said)
    assert command
    code, said = _kpi(tmp_path, "doctor")
    assert code == 1
    assert re.search(rf"state is lost.*{kept.names.state}", said)
    assert command[0] in " ".join(said.split())

    code, said = _kpi(tmp_path, *command[1].split())
    assert code == 0, said
    after = asyncio.run(snapshot(as_app(settings, command[2])))
    sides = [side_of("", view, settings.catalogue) for view in (before, after)]
    found = compare(*sides, settings.catalogue, settings.definitions, from_ms=None, days=31)
    assert found is not None
    assert found.values > 100
    assert not found.differences
    assert sides[0].events == sides[1].events


def test_an_exporter_shows_nothing_of_panes_that_somebody_else_has_written_into(
    kafka: KafkaBroker, app_id: str, tmp_path: Path
) -> None:
    kept = Kept(kafka, app_id)
    _settings(kept, tmp_path)
    asyncio.run(kept.write())
    _, key, value = kept.newest(kept.names.panes)
    asyncio.run(kept.produce(kept.names.panes, [(key, value)]))
    told = rf"{kept.names.panes}-0, offset \d+: somebody else than a worker has written"
    for command, code in (("exporter", EXIT_REFUSED), ("doctor", 1)):
        found, said = _kpi(tmp_path, command, *(("--port", "0") if command == "exporter" else ()))
        assert found == code
        assert re.search(told, " ".join(said.split()))
        assert "Traceback" not in said
