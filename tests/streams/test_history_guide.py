"""The guide on history holds what it shows."""

from __future__ import annotations

from pathlib import Path

from streams.generate.processor_alerts import EXPORTER
from streams.generate.services import TARGET

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "history.md").read_text(encoding="utf-8")


def test_the_labels_in_the_guide_are_those_of_the_series() -> None:
    assert f'job="{EXPORTER}"' in GUIDE
    assert f'instance="{TARGET}"' in GUIDE
