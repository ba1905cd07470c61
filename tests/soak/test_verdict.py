"""What a soak says of its samples: flat unless it grows on and on."""

from __future__ import annotations

import random

from tests.soak.samples import Sample
from tests.soak.verdict import judge, markdown

CHANCE = random.Random(1)


def _samples(grows_mb: float = 0.0, descriptors: float = 0.0) -> list[Sample]:
    """Half an hour; memory trembles, and has an outlier now and then."""
    return [
        {
            "at_s": 10.0 * number,
            "worker.rss_mb": 500.0
            + grows_mb * number / 180
            + CHANCE.uniform(-2, 2)
            + (300 if number % 40 == 0 else 0),
            "worker.descriptors": 40 + int(descriptors * number / 180),
            "broker.rss_mb": 10.0 * number,
            "lag": CHANCE.uniform(0, 2_000),
        }
        for number in range(1, 181)
    ]


def _flat(samples: list[Sample]) -> dict[str, bool]:
    return {each.name: each.flat for each in judge(samples)}


def test_what_trembles_and_jumps_is_flat_and_the_broker_isnt_judged() -> None:
    assert _flat(_samples()) == {"worker.rss_mb": True, "worker.descriptors": True, "lag": True}


def test_what_grows_on_isnt_flat() -> None:
    assert not _flat(_samples(grows_mb=100.0))["worker.rss_mb"]
    assert not _flat(_samples(descriptors=6.0))["worker.descriptors"]


def test_the_table_names_what_isnt_flat() -> None:
    told = {
        "minutes": 30.0,
        "fill": 62.0,
        "rate": 10_000,
        "maximum": 20_000.0,
        "cores": 2,
        "load": 0.5,
        "events": 18_000_000,
        "cores_used": {"worker": 0.5, "exporter": 0.1},
    }
    table = markdown(judge(_samples(grows_mb=100.0)), told)
    assert "| worker: memory, MB |" in table
    assert table.count("**not flat**") == 1
    assert table.endswith("Cores used: worker 0.50, exporter 0.10.")
