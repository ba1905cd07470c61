"""What `make bench` tells of the intake is measured, whole, and set beside the bare producer."""

from __future__ import annotations

from pathlib import Path

from streams.broker import EmbeddedBroker
from tests.bench import posts, report


def test_the_intake_is_told_in_ratio_to_its_bare_producer(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        told = posts.measure(broker.bootstrap, tmp_path / "intake", 300)
    assert told["one"]["posts"] == told["one"]["events"] == told["bare"]["events"] == 300
    assert (told["hundred"]["posts"], told["hundred"]["events"]) == (3, 300)
    assert told["one_ratio"] > 0
    table = report.intake_table(told)
    assert table.count("\n") == 5
    assert f"{told['hundred_ratio']:.1%}" in table
