"""A customer of a simulated shop is forgotten, on a real Kafka: no trace in the changelogs, and not
one value of the past is another."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kpi_windows.aggregators import unpack
from kpi_windows.catalogue import CATALOGUE
from kpi_windows.codec import CHECKPOINT, parse_pane_key
from kpi_windows.definitions import DAY_MS
from kpi_windows.windows import Level
from streams.changelog import read_to_end
from streams.cli import main
from tests.kafka.broker import KafkaBroker
from tests.real.product import Product

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

BEGIN, LATER, NEARLY, LAST = "now-4d", "now-2d", "now-30m", "now"
DAYS_BEFORE_MS = 3 * DAY_MS
"""Cells of days that began so long ago are of the simulated events alone."""
PERSON_NOBODY_ELSE = "subscriber-of-the-test"


class Shop(Product):
    """What was asked of it, and what is in its topics."""

    def forget(self, *args: str) -> Result:
        return CliRunner().invoke(
            main, ["forget", *args, "--config", str(self.folder / "shop.toml")]
        )

    def feed(self, events: list[dict[str, Any]], end_at: str) -> None:
        file = self.folder / f"until-{end_at.replace(':', '')}.jsonl"
        file.write_text("".join(json.dumps(event) + "\n" for event in events))
        self.kpi("feed", file, "--end-at", end_at)
        self.until_processed()

    def latest(self, table: str) -> dict[tuple[int, bytes], bytes]:
        """What compaction leaves in the end: of each key the last record, and no tombstones."""
        from asyncio import run

        from aiokafka import TopicPartition

        found: dict[tuple[int, bytes], bytes | None] = {}

        def load(batch: Any) -> None:
            found.update({(batch.partition, r.key): r.value for r in batch.records})

        tps = [TopicPartition(f"{self.app_id}-{table}", p) for p in range(self.partitions)]
        run(read_to_end([self.bootstrap], {}, tps, load))
        return {key: value for key, value in found.items() if value is not None}

    def values(self, at_ms: int) -> dict[str, Any]:
        """Of every KPI, as the exporter tells them of the day of that time, which is over."""
        day_ms = at_ms - at_ms % DAY_MS
        told = {}
        for kpi in CATALOGUE:
            asked = urllib.parse.urlencode(
                {"kpi": kpi, "window": "day", "from": day_ms, "to": day_ms + DAY_MS}
            )
            with urllib.request.urlopen(f"{self.url}/api/v1/query?{asked}", timeout=60) as reply:
                told[kpi] = json.load(reply)
        return told


def simulated() -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "streams.cli", "simulate", "--start", BEGIN]
    done = subprocess.run(
        [*command, "--hours", "1", "--seed", "3"], capture_output=True, check=True, timeout=120
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def shop(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder: Path = tmp_path_factory.mktemp("forget")
    with Shop(folder, kafka, "forget", partitions=2, workers=1) as shop:
        yield shop


def test_nothing_in_the_changelogs_names_who_is_forgotten_and_every_value_is_as_before(
    shop: Shop,
) -> None:
    events = simulated()
    order = next(e for e in events if e.get("customer_id") and e.get("visitor_id"))
    customer, visitor = order["customer_id"], order["visitor_id"]
    at = {"timestamp": order["timestamp"]}
    joined = {"type": "subscriber_joined", "subscriber_id": PERSON_NOBODY_ELSE, **at}
    started = {"type": "subscription_started", "subscription_id": "s1", "customer_id": customer}
    place = events.index(order)
    events[place:place] = [{"topic": "marketing", **joined}, {"topic": "orders", **started, **at}]
    shop.feed(events, LATER)
    names = [each.encode() for each in (customer, visitor, PERSON_NOBODY_ELSE)]

    def mentions(table: str) -> int:
        rows = shop.latest(table)
        return sum(name in key[1] + value for key, value in rows.items() for name in names)

    shop.until("all three are known", lambda: mentions("state") >= 3)
    shop.until(
        "time has come there", lambda: shop.status()["watermark_ms"] > order["timestamp"] + DAY_MS
    )
    values, panes = shop.values(order["timestamp"]), shop.latest("panes")
    who = [customer, "--visitor", visitor, "--subscriber", PERSON_NOBODY_ELSE]
    checked = shop.forget(*who, "--check")
    assert checked.exit_code == 1, checked.output
    assert f"{shop.app_id}-state" in checked.output

    duplicates = shop.status()["events"]["orders"]["duplicate"]
    told = shop.forget(*who, "--request", "R-17")
    assert told.exit_code == 0, told.output
    assert "sent     1 customer_forgotten" in told.output
    again = shop.forget(*who, "--request", "R-17")
    assert again.exit_code == 0, again.output
    shop.until_processed()
    assert shop.status()["events"]["orders"]["duplicate"] == duplicates + 1
    shop.feed([], NEARLY)  # time has come on, and then all partitions know that of each other
    shop.feed([], LAST)
    shop.until("workers drop it", lambda: not mentions("state"))

    assert mentions("state") == mentions("panes") == 0
    after = shop.values(order["timestamp"])
    assert {kpi: after[kpi] for kpi in after if after[kpi] != values[kpi]} == {}
    later = shop.latest("panes")
    days = [key for key in panes if key[1] != CHECKPOINT and _is_past(key[1])]
    assert len(days) > 100
    differing = {key: (_cell(panes[key]), _cell(later.get(key))) for key in days}
    assert {key: (old, new) for key, (old, new) in differing.items() if old != new} == {}
    checked = shop.forget(*who, "--check")
    assert checked.exit_code == 0, checked.output
    state = next(line for line in checked.output.splitlines() if "-state" in line)
    assert state.split()[1:4] == ["0,", "and", state.split()[3]], state
    assert "gone by" in state
    orders = next(
        line for line in checked.output.splitlines() if line.startswith(shop.topics["orders"])
    )
    assert int(orders.split()[1].rstrip(",")) >= 4, "the inputs are as the shop wrote them"


def _cell(packed: bytes | None) -> list[Any] | None:
    """A cell; what was counted and taken back again may be there as zero."""
    return packed and [
        {bucket: count for bucket, count in amount.items() if count}
        if isinstance(amount, dict)
        else amount
        for amount in unpack(packed)
    ]


def _is_past(key: bytes) -> bool:
    """A cell of a day of the simulated events."""
    _, level, start_ms, _ = parse_pane_key(key)
    return level == Level.DAY and start_ms < time.time_ns() // 1_000_000 - DAYS_BEFORE_MS
