"""A replay through a real Kafka: equal to the first run to the last digit, whatever interrupts it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from streams.checkpoints import last_checkpoints
from streams.cli import main
from streams.config import load
from streams.replay.plan import as_app, find, make
from streams.settings import Settings
from streams.simulator import Shop as Simulated
from streams.simulator import ShopOptions
from tests.chaos import shop as chaos
from tests.chaos.harness import Run, until
from tests.kafka.broker import KafkaBroker
from tests.real.product import Product

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PARTITIONS = 2
HOUR_MS = 3_600_000
START_MS = 1_583_020_800_000  # 2020-03-01
END_MS = START_MS + 25 * HOUR_MS
MORE_MS = END_MS + 2 * HOUR_MS

# Takes in so many records, commits them, and dies as `kill -9` does.
DIES = """
import os, signal, sys
from streams import commits
from streams.cli import main
from streams.tables import ShardStore

ingest, taken = ShardStore.ingest, 0

def some(self, topic, batch, *, more=False):
    global taken
    if taken > 600:
        return False
    taken += len(batch.records)
    return ingest(self, topic, batch, more=more)

def reached(point, partition):
    if point == "after the transaction's end" and taken > 600:
        os.kill(os.getpid(), signal.SIGKILL)

ShardStore.ingest, commits.reached = some, reached
main(sys.argv[1:])
"""


OFF = ("marketing", "inventory", "production", "projects")
SHOP = 'idle = "3s"\n[topics]\n' + "".join(f"{topic} = false\n" for topic in OFF)


class Shop(Product):
    """A simulated shop whose events came when they happened, and its replays."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.topics = {t: name for t, name in self.topics.items() if t not in OFF}
        self.messages = Simulated(7, ShopOptions(visits_per_hour=40)).events(START_MS, MORE_MS)
        self.waiting = next(self.messages)
        self.sent_so_far = 0

    def settings(self, app_id: str | None = None) -> Settings:
        told = load(self.folder / "shop.toml", environ={})
        return told if app_id is None else as_app(told, app_id)

    def send_until(self, end_ms: int) -> None:
        """What arrived until then, in its order, with the time of its arrival."""
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "partitioner": "murmur2_random", "linger.ms": 50}
        )
        while self.waiting is not None and self.waiting.arrival_ms < end_ms:
            told, self.waiting = self.waiting, next(self.messages, None)
            if told.topic in OFF:
                continue
            topic = self.topics[told.topic]
            producer.produce(topic, key=told.key, value=told.value, timestamp=told.arrival_ms)
            producer.poll(0)
            self.sent_so_far += 1
            if self.sent_so_far % 1_000 == 0:
                producer.produce(topic, key=told.key, value=b"x", timestamp=told.arrival_ms)
        assert producer.flush(60) == 0

    def first(self) -> dict[str, dict[Any, Any]]:
        """What the application itself made, once all is read and time has come to its end."""
        self.until_processed()
        until("the watermark is at the end", lambda: chaos.settled(self.run()), 60, 0.5)
        return chaos._tables(self.run())

    def tables(self, app_id: str) -> dict[str, dict[Any, Any]]:
        """Panes, journeys and dead letters as they are."""
        return chaos._tables(self.run(app_id))

    def run(self, app_id: str | None = None) -> Run:
        run = Run(self.bootstrap, app_id or self.app_id, self.folder)
        run.topics = self.topics
        run.settings = replace(run.settings, partitions=PARTITIONS, topics=self.topics)
        return run

    def replay(self, *args: str, code: int = 0, env: dict[str, str] | None = None) -> Result:
        """A command that starts no worker, in this process."""
        config = ["--config", str(self.folder / "shop.toml")]
        told = CliRunner().invoke(main, ["replay", *args, *config], env=env)
        assert told.exit_code == code, told.output
        return told

    def start(self, *args: str) -> subprocess.Popen[str]:
        """The command as a user starts it."""
        with (self.folder / "replay.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "replay", *args],
                cwd=self.folder,
                env=self._variables,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def said(self) -> str:
        return (self.folder / "replay.log").read_text()

    def has_read(self, app_id: str) -> bool:
        found = self.positions(app_id)
        return all(
            found.get(partition, {}).get(topic, 0) >= end
            for topic, ends in self.sent().items()
            for partition, end in ends.items()
        )

    def positions(self, app_id: str) -> dict[int, dict[str, int]]:
        stood = asyncio.run(last_checkpoints(self.settings(app_id)))
        return {p: dict(each.checkpoint.positions) for p, each in stood.items()}


@pytest.fixture(scope="module")
def shop(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("replay")
    with Shop(folder, kafka, "replay", partitions=PARTITIONS, workers=1, shop=SHOP) as shop:
        shop.send_until(END_MS)
        yield shop


def _equal(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name, told in wanted.items():
        chaos._assert_equal(name, found[name], told)


def test_a_replay_is_equal_to_the_first_run_whatever_interrupts_it(shop: Shop) -> None:
    first = shop.first()
    name = f"{shop.app_id}-again"
    plan = asyncio.run(make(shop.settings(), name, None, None))
    assert plan.records == shop_records(shop)

    killed = subprocess.run(
        [sys.executable, "-c", DIES, "replay", "--app-id", name, "--inside"],
        cwd=shop.folder,
        env=shop._variables,
        timeout=120,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    part = sum(
        at for each in shop.positions(name).values() for topic, at in each.items()
        if topic != "forwarded"
    )  # fmt: skip
    assert 0 < part < plan.records

    process = shop.start("--app-id", name)
    until("it is at the end", lambda: "waiting for time to come to rest" in shop.said(), 60)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in shop.said()

    process = shop.start("--app-id", name)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, shop.said()
    assert f"--app-id {name} --compare {shop.app_id}" in said
    _equal(shop.tables(name), first)
    told = shop.replay("--app-id", name, "--compare", shop.app_id, "--days", "2")
    assert "all are equal" in told.stdout
    assert (
        "all are equal"
        in shop.replay("--app-id", name, "--compare", shop.url, "--days", "1").stdout
    )
    against = ("--app-id", name, "--compare", shop.app_id, "--days", "1")
    for told, times in (
        (shop.replay(*against), 0),
        (shop.replay(*against, env={"KPI_SHOP_CURRENCY": "USD"}), 2),
    ):
        assert told.output.count("was made under other definitions") == times
    assert "done before" in shop.replay("--app-id", name).stdout


def shop_records(shop: Shop) -> int:
    return sum(sum(ends.values()) for ends in shop.sent().values())


def test_a_replay_up_to_a_time_is_what_the_first_run_was_then_and_reads_nothing_later(
    shop: Shop,
) -> None:
    first = shop.first()
    shop.send_until(MORE_MS + HOUR_MS)
    name = f"{shop.app_id}-then"
    process = shop.start("--app-id", name, "--from", "earliest", "--to", str(END_MS - 600_000))
    process.communicate(timeout=120)
    assert process.returncode == 0, shop.said()
    plan = asyncio.run(find(shop.settings(), name))
    assert plan is not None
    assert plan.records < shop_records(shop)
    for partition, positions in shop.positions(name).items():
        del positions["forwarded"]
        assert positions == {topic: ends[partition] for topic, ends in plan.ends.items()}
    _equal(shop.tables(name), first)


def test_from_a_time_on_it_begins_a_margin_before(shop: Shop) -> None:
    name, from_ms = f"{shop.app_id}-from", START_MS + 12 * HOUR_MS
    plan = asyncio.run(make(shop.settings(), name, from_ms, from_ms + HOUR_MS))
    lateness_ms = shop.settings().definitions.longest_lateness_ms
    assert 0 < plan.records < shop_records(shop) / 2
    for topic, begins in plan.begins.items():
        for message in shop.run().read(shop.topics[topic]):
            at_ms, partition, offset = message.timestamp()[1], message.partition(), message.offset()
            assert (at_ms >= from_ms - lateness_ms) == (offset >= begins[partition])
            assert (at_ms >= from_ms + HOUR_MS + lateness_ms) == (
                offset >= plan.ends[topic][partition]
            )


def test_whoever_goes_on_with_a_replay_comes_to_the_same_until_it_is_removed(shop: Shop) -> None:
    name = f"{shop.app_id}-again"
    for wrong, words in ((shop.app_id, "is the application"), ("nobody", "is no replay")):
        assert words in shop.replay("--app-id", wrong, "--delete", "--yes", code=1).output
    worker = shop._start("worker", "--app-id", name, "--port", "0")
    run = shop.run(name)
    until("the inputs are read", lambda: shop.has_read(name), 120, 0.5)
    until("all is read", lambda: run.unread() == 0, 120, 0.5)
    until("the watermark is at the end", lambda: chaos.settled(run), 60, 0.5)
    _equal(shop.tables(name), shop.first())
    assert "stop it" in shop.replay("--app-id", name, "--delete", "--yes", code=1).output
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    shop._running.remove(worker)

    admin = AdminClient({"bootstrap.servers": shop.bootstrap, "log_level": 0})
    before = set(admin.list_topics(timeout=10).topics)
    command = ["replay", "--app-id", name, "--delete", "--config", str(shop.folder / "shop.toml")]
    assert CliRunner().invoke(main, command, input="n\n").exit_code == 1
    assert set(admin.list_topics(timeout=10).topics) == before
    shop.replay("--app-id", name, "--delete", "--yes")
    gone = before - set(admin.list_topics(timeout=10).topics)
    parts = ("forwarded", "state", "panes", "dead-letters", "replay")
    assert gone == {f"{name}-{part}" for part in parts}
    groups = {group.group_id for group in admin.list_consumer_groups().result(10).valid}
    assert name not in groups
    assert shop.app_id in groups


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--app-id", "{running}", "--from", "earliest"], "is the running application"),
        (["--app-id", "new"], "--from earliest, or a time"),
        (["--app-id", "new", "--from", "soon"], "expected a time as"),
        (["--app-id", "{running}-then", "--from", "earliest"], "is a replay already"),
        (["--app-id", "new", "--compare", "{running}"], "new-panes isn't there"),
        (["--app-id", "new", "--delete", "--from", "earliest"], "one at a time"),
    ],
)
def test_what_can_not_be_replayed_is_told(shop: Shop, args: list[str], words: str) -> None:
    told = [arg.replace("{running}", shop.app_id) for arg in args]
    config = ["--config", str(shop.folder / "shop.toml")]
    result = CliRunner().invoke(main, ["replay", *told, *config])
    assert result.exit_code in (1, 2)
    assert words in result.output
