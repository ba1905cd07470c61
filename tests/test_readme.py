"""What the README says works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.simulator import Shop, ShopOptions

ROOT = Path(__file__).resolve().parents[1]


def test_the_library_example_computes_a_kpi_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    options = ShopOptions(visits_per_hour=200)
    messages = Shop(1, options).events(1_700_000_000_000, 1_700_003_600_000)
    clicks = [m.value for m in messages if m.topic == "clickstream"]
    (tmp_path / "clickstream.jsonl").write_bytes(b"\n".join(clicks))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})  # the README's own words
    printed = capsys.readouterr().out.splitlines()
    assert any("'source': 'google'" in line for line in printed), printed
    for line in printed:
        value, numerator, denominator = map(float, line.split("}")[1].split())
        assert value == pytest.approx(numerator / denominator), line
