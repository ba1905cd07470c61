"""What `make bench` tells of scrapes is of the shop that it plays."""

from __future__ import annotations

from streams.demo import DemoOptions
from tests.bench import scrapes


def test_cold_and_warm_scrapes_of_a_shop_that_goes_on_are_told() -> None:
    told = scrapes.measure(DemoOptions(hours=1, visits_per_hour=60), minutes=3)
    assert told["events"] > 500
    assert told["series"] > 5_000
    for name in ("cold_cpu_s", "warm_cpu_s"):
        assert 0 < told[name]["min"] <= told[name]["median"] <= told[name]["max"]
