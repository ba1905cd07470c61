"""Dead letters through a real Kafka and a real worker: mended ones count exactly once, whatever
happens to the command that sends them."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from kpi_windows.keys import partition_of
from streams.cli import main
from streams.config import load
from streams.replay.plan import Plan
from streams.replay.run import span_of
from tests.chaos.harness import Run
from tests.kafka.broker import KafkaBroker
from tests.real.product import Product

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

AT = 1_767_268_800_000
PARTITIONS = 2
BAD_ORDERS = 40

RULES = """
[[mend]]                                   # an old version of the shop
topic = "orders"
reason = "order_id"
rename = { order = "order_id" }
times = { timestamp = 1000 }

[[mend]]
where = { type = "order_completed" }
to = "orders"
"""

DIES = """
import os, signal, sys
from aiokafka import AIOKafkaProducer
from streams.cli import main
from streams.config import load
from streams.replay.plan import Plan
from streams.replay.run import span_of
from streams.dead_letters import sending

sending._AT_ONCE = 10
commit, count = AIOKafkaProducer.commit_transaction, 0

async def dies(self):
    global count
    count += 1
    if count == int(os.environ["DIES_AT"]):
        await self.flush()  # all of it is in Kafka, and not committed
        os.kill(os.getpid(), signal.SIGKILL)
    await commit(self)

AIOKafkaProducer.commit_transaction = dies
main(sys.argv[1:])
"""


def order(number: int, **more: Any) -> dict[str, Any]:
    lines = [{"product_id": "tea", "price": "1.25", "quantity": 2}]
    told = {"type": "order_completed", "order_id": f"o{number}", "timestamp": AT + number}
    return {**told, "products": lines, **more}


def old_order(number: int) -> dict[str, Any]:
    told = order(number, timestamp=AT // 1_000 + number)
    return {"order": told.pop("order_id"), **told}


def view(number: int, source: str) -> dict[str, Any]:
    told = {"type": "page_viewed", "visitor_id": f"v{number}", "timestamp": AT + number}
    return {**told, "source": source}


class Shop(Product):
    """What was sent, beside the product."""

    def send(self, topic: str, value: bytes, key: bytes = b"k") -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap})
        partition = partition_of(key, PARTITIONS)
        producer.produce(self.topics[topic], key=key, value=value, partition=partition)
        assert producer.flush(30) == 0

    def dies(self, at: int, *args: str) -> None:
        """Run a command that is killed when its so many-th transaction is about to be committed."""
        done = subprocess.run(
            [sys.executable, "-c", DIES, *args],
            cwd=self.folder,
            env={**self._variables, "DIES_AT": str(at)},
            timeout=120,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL

    def letters(self, *args: str) -> tuple[str, str]:
        """What `kpi dead-letters` said on standard output and error, in this process."""
        config = ["--config", str(self.folder / "shop.toml")]
        told = CliRunner().invoke(main, ["dead-letters", *args, *config])
        assert told.exit_code == 0, told.output
        return told.stdout, told.stderr

    def accepted(self) -> dict[str, int]:
        return {t: told["accepted"] for t, told in self.status()["events"].items()}


@pytest.fixture(scope="module")
def shop(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("letters")
    (folder / "rules.toml").write_text(RULES)
    with Shop(folder, kafka, "letters", partitions=PARTITIONS, workers=1) as shop:
        yield shop


def test_mended_letters_count_once_whatever_happens_to_the_command(shop: Shop) -> None:
    rules = str(shop.folder / "rules.toml")
    for number in range(3):
        shop.send("orders", json.dumps(order(number)).encode(), f"o{number}".encode())
    for number in range(10, 10 + BAD_ORDERS):
        shop.send("orders", json.dumps(old_order(number)).encode(), b"%d" % (number % 7))
    for number in range(4):
        latin = json.dumps(view(number, "café"), ensure_ascii=False).encode("latin-1")
        shop.send("clickstream", latin, b"%d" % number)
    shop.send("clickstream", json.dumps(order(100)).encode())
    shop.send("tickets", b"\x00<html>")
    shop.until_processed()
    letters = BAD_ORDERS + 4 + 1 + 1
    _, said = shop.letters("list", "--limit", "1")
    assert f"and {letters - 1} older ones" in said

    before, said = shop.letters("mend", rules, "--dry-run")
    assert f"{BAD_ORDERS + 1} of {letters} dead letters would be sent" in said
    assert '"order_id":"o1' in before
    assert shop.accepted()["orders"] == 3

    # Nine orders are in, with the notes of them; ten more were written, and never committed.
    shop.dies(2, "dead-letters", "mend", rules, "--no-progress")
    _, said = shop.letters("mend", rules)
    assert "10 had been sent before" in said
    assert f"{BAD_ORDERS + 1 - 10} of {letters - 10} dead letters sent" in said
    shop.dies(1, "dead-letters", "mend", "--charset", "latin-1", "--no-progress")
    _, said = shop.letters("mend", "--charset", "latin-1")
    assert "4 of 5 dead letters sent" in said

    # Another run, or other rules for the same letters, send nothing more.
    other = str(shop.folder / "other.toml")
    Path(other).write_text(RULES.replace("times =", "set.tax = 1\ntimes ="))
    for again in (["mend", rules], ["mend", other], ["send"]):
        _, said = shop.letters(*again)
        assert "0 of 1 dead letters sent" in said

    accepted = {"orders": 3 + BAD_ORDERS + 1, "clickstream": 4}
    shop.until("all are counted", lambda: accepted.items() <= shop.accepted().items())
    shop.until("silent inputs hold nothing back", lambda: shop.status()["watermark_ms"])
    at = ["--window", "day", "--at", "2026-01-01T12:00"]
    (orders,) = shop.query("transactions", *at)
    assert orders["value"] == 3 + BAD_ORDERS + 1
    (sales,) = shop.query("sales", *at)
    assert sales["value"] == 2.5 * (3 + BAD_ORDERS + 1)
    visits = shop.query("visits", *at, "--by", "source")
    assert {told["labels"]["source"]: told["value"] for told in visits} == {"café": 4}


def test_the_topics_hold_each_mended_event_once_under_its_own_key(shop: Shop) -> None:
    run = Run(shop.bootstrap, shop.app_id, shop.folder)
    run.settings = replace(run.settings, partitions=PARTITIONS)
    found = Counter[str]()
    for message in run.read(shop.topics["orders"]):
        told = json.loads(message.value())
        if "order_id" in told:
            found[told["order_id"]] += 1
            assert message.key() == told["order_id"].encode()
            assert message.partition() == partition_of(message.key(), PARTITIONS)
    wanted = [*range(3), *range(10, 10 + BAD_ORDERS), 100]
    assert found == Counter({f"o{number}": 1 for number in wanted})


def test_a_replay_reads_what_was_sent_again_with_the_id_of_its_copy(shop: Shop) -> None:
    settings = load(shop.folder / "shop.toml", environ={})
    span = asyncio.run(span_of(settings, Plan(of=shop.app_id, begins={}, ends={})))
    assert sum(map(len, span.given_ids.values())) == BAD_ORDERS + 5
    run = Run(shop.bootstrap, shop.app_id, shop.folder)
    run.settings = replace(run.settings, partitions=PARTITIONS)
    first, copies = {}, {}
    for message in run.read(shop.topics["orders"]):
        told = json.loads(message.value())
        given = span.given_ids.get(("orders", message.partition()), {}).get(message.offset())
        if given is not None:
            first[given] = told["order"]
        elif "event_id" in told:
            copies[told["event_id"]] = told["order_id"]
    assert len(first) == BAD_ORDERS
    assert first.items() <= copies.items()


def test_sent_letters_are_left_out_unless_asked_for(shop: Shop) -> None:
    said, _ = shop.letters("groups")
    assert said.split()[:3] == ["1", "tickets,", "rejected:"]
    said, _ = shop.letters("groups", "--all", "--format", "json")
    counts = [(told["count"], told["topic"]) for told in map(json.loads, said.splitlines())]
    assert counts[0] == (BAD_ORDERS, "orders")
    assert sum(count for count, _ in counts) == BAD_ORDERS + 6
    said, _ = shop.kpi("doctor", "--url", shop.url)
    assert "1 dead letters; most often (1) tickets, rejected" in said


def test_what_is_too_late_is_sent_only_when_told_and_is_buried_again(shop: Shop) -> None:
    late = json.dumps(order(7, timestamp=AT - 86_400_000)).encode()
    shop.send("orders", late)
    shop.until("it is buried", lambda: shop.status()["events"]["orders"]["late"] == 1)
    _, said = shop.letters("send", "--reason", "late")
    assert "1 would be too late" in said
    rules = shop.folder / "late.toml"
    rules.write_text("[[mend]]\nset.tax = 1\n")
    _, said = shop.letters("mend", str(rules), "--reason", "late", "--late")
    assert "1 of 1 dead letters sent" in said
    shop.until("it is buried again", lambda: shop.status()["events"]["orders"]["late"] == 2)
    _, said = shop.letters("send", "--reason", "late", "--dry-run")
    assert "0 of 1 dead letters would be sent" in said, "the new letter is one of its own"
    assert "1 had been sent before" in said


def test_a_topic_that_is_not_there_is_told_and_not_created(shop: Shop) -> None:
    config = ["--config", str(shop.folder / "shop.toml"), "--app-id", "nobody"]
    told = CliRunner().invoke(main, ["dead-letters", "list", *config])
    assert told.exit_code == 1
    assert "nobody-dead-letters isn't there" in told.stderr
