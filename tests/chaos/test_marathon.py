"""A short run of faults on the whole product and three brokers; `make chaos` plays long ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import marathon
from tests.kafka.broker import why_not

SEED = 2367
"""The same in every run, so that CI finds what changed and not what luck brings."""
FAULTS = 12


@pytest.mark.kafka
@pytest.mark.chaos
@pytest.mark.slow
def test_nothing_is_lost_or_told_twice_through_a_dozen_faults(tmp_path: Path) -> None:
    if missing := why_not():
        pytest.skip(missing)
    told = marathon.play(SEED, FAULTS, 3, tmp_path, each=FAULTS, rate=300)
    print(marathon.table(told))
    assert told["difference"] is None
