"""The guide on history holds what it shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streams.generate.processor_alerts import EXPORTER
from streams.generate.services import TARGET

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "history.md").read_text(encoding="utf-8")


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing (Debian: apt install prometheus)"
)
def test_every_command_of_the_guide_works(tmp_path: Path) -> None:
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL))
    assert lines.count("kpi ") >= 3
    (tmp_path / "shop.toml").write_text('[exporter]\nwindows = ["day"]\nbreakdown_windows = []\n')
    script = f'set -eu\nkpi() {{ "{sys.executable}" -m streams.cli "$@"; }}\n{lines}'
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert list((tmp_path / "history").glob("01*/meta.json"))
    assert list((tmp_path / "texts").glob("*.om"))


def test_the_labels_in_the_guide_are_those_of_the_series() -> None:
    assert f'job="{EXPORTER}"' in GUIDE
    assert f'instance="{TARGET}"' in GUIDE
