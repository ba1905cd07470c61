"""A commit is one transaction: everything of a cut, its offsets, and the checkpoint at the end."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from kpi_windows.engine import Cut, DeadLetter
from kpi_windows.forwarding import Forward
from streams import topics
from streams.changelog import Committed, follow
from streams.commits import Writer
from streams.topics import Names
from tests.chaos.harness import Run
from tests.kafka.broker import KafkaBroker
from tests.streams.settings import settings_for

pytestmark = pytest.mark.kafka

CUT = Cut(
    state=[(b"a", b"1"), (b"gone", None)],
    panes=[(b"p", b"2")],
    forwards=[Forward(0, b"here", b"f0"), Forward(1, b"there", b"f1")],
    dead_letters=[DeadLetter("carts", 7, "rejected", "no JSON", b"k", b"\xff{", 1_700_000_000_000)],
    positions={"carts": 8, "forwarded": 3},
    checkpoint=b"one",
)
EMPTY = Cut([], [], [], [], {}, b"")


def _with_topics(
    kafka: KafkaBroker, app_id: str, use: Callable[[Any, Names], Awaitable[Any]]
) -> Any:
    settings = settings_for(kafka, app_id)

    async def run() -> Any:
        await topics.ensure(settings, create=True)
        return await use(settings, Names.of(settings))

    return asyncio.run(run())


def _read(kafka: KafkaBroker, app_id: str, topic: str) -> list[tuple[int, bytes, bytes]]:
    settings = settings_for(kafka, app_id)
    run = Run.__new__(Run)
    run.bootstrap, run.settings = kafka.bootstrap, settings
    return [(m.partition(), m.key(), m.value()) for m in run.read(f"{app_id}-{topic}")]


async def _write(settings: Any, names: Names, *cuts: Cut) -> None:
    writer = Writer(settings, names, 0)
    await writer.open()
    for cut in cuts:
        await writer.write(cut)
    await writer.close()


def test_a_commit_writes_all_of_the_cut_and_the_offsets(kafka: KafkaBroker, app_id: str) -> None:
    _with_topics(kafka, app_id, lambda settings, names: _write(settings, names, CUT))
    assert _read(kafka, app_id, "state") == [
        (0, b"a", b"1"),
        (0, b"gone", None),
        (0, b"checkpoint", b"one"),
    ]
    assert _read(kafka, app_id, "panes") == [(0, b"p", b"2"), (0, b"checkpoint", b"one")]
    forwards = sorted(_read(kafka, app_id, "forwarded"))
    assert forwards == [(0, b"here", b"f0"), (1, b"there", b"f1")]
    ((partition, key, letter),) = _read(kafka, app_id, "dead-letters")
    assert (partition, key) == (0, b"k")
    assert json.loads(letter) == {
        "topic": "carts",
        "partition": 0,
        "offset": 7,
        "outcome": "rejected",
        "reason": "no JSON",
        "timestamp_ms": 1_700_000_000_000,
        "key_base64": base64.b64encode(b"k").decode(),
        "key_text": "k",
        "value_base64": base64.b64encode(b"\xff{").decode(),
    }

    async def offsets() -> dict[str, int]:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        found = await admin.list_consumer_group_offsets(app_id)
        await admin.close()
        return {tp.topic: offset.offset for tp, offset in found.items()}

    assert asyncio.run(offsets()) == {f"{app_id}-carts": 8, f"{app_id}-forwarded": 3}


def test_a_cut_without_positions_commits_too(kafka: KafkaBroker, app_id: str) -> None:
    timer = EMPTY._replace(panes=[(b"p", b"1")], checkpoint=b"t")
    _with_topics(kafka, app_id, lambda settings, names: _write(settings, names, timer))
    assert _read(kafka, app_id, "panes") == [(0, b"p", b"1"), (0, b"checkpoint", b"t")]


def test_whoever_is_fenced_writes_nothing(kafka: KafkaBroker, app_id: str) -> None:
    async def fence(settings: Any, names: Names) -> None:
        old, new = Writer(settings, names, 0), Writer(settings, names, 0)
        await old.open()
        await old.write(CUT)
        await new.open()
        with pytest.raises(KafkaError):
            await old.write(CUT._replace(state=[(b"a", b"zombie")], checkpoint=b"zombie"))
        await new.write(CUT._replace(state=[(b"a", b"new")], checkpoint=b"two"))
        await new.close()

    _with_topics(kafka, app_id, fence)
    state = _read(kafka, app_id, "state")
    assert [value for _, key, value in state if key == b"checkpoint"] == [b"one", b"two"]
    assert all(b"zombie" not in (value or b"") for _, _, value in state)


def test_opening_a_writer_ends_the_transaction_that_a_dead_one_left_open(
    kafka: KafkaBroker, app_id: str
) -> None:
    async def leave_open(settings: Any, names: Names) -> float:
        dead, heir = Writer(settings, names, 0), Writer(settings, names, 0)
        await dead.open()
        await dead._producer.begin_transaction()
        batch = dead._producer.create_batch()
        batch.append(timestamp=1, key=b"a", value=b"never committed")
        await (await dead._producer.send_batch(batch, names.state, partition=0))
        began = time.monotonic()
        await heir.open()
        took = time.monotonic() - began
        await heir.write(CUT)
        await heir.close()
        return took

    assert _with_topics(kafka, app_id, leave_open) < 8  # not by waiting for its timeout of 10 s
    assert _read(kafka, app_id, "state")[0] == (0, b"a", b"1")


def test_a_cut_of_100_000_records_is_written_whole(kafka: KafkaBroker, app_id: str) -> None:
    many = [(b"key-%06d" % n, b"v" * 60) for n in range(100_000)]
    cut = EMPTY._replace(state=many, checkpoint=b"big")
    began = time.monotonic()
    _with_topics(kafka, app_id, lambda settings, names: _write(settings, names, cut))
    print(f"100,000 records in {time.monotonic() - began:.2f} s, topics included")
    state = _read(kafka, app_id, "state")
    assert len(state) == 100_001
    assert state[-1] == (0, b"checkpoint", b"big")


def test_followers_get_whole_transactions_of_all_partitions(
    kafka: KafkaBroker, app_id: str
) -> None:
    async def write_and_follow(settings: Any, names: Names) -> list[Committed]:
        await _write(settings, names, CUT, CUT._replace(panes=[(b"q", None)], checkpoint=b"two"))
        found: list[Committed] = []
        async for committed in follow(settings.bootstrap_servers, {}, names.panes, range(2)):
            if committed is not None:
                found.append(committed)
            if len(found) == 2:
                break
        return found

    first, second = _with_topics(kafka, app_id, write_and_follow)
    assert (first.partition, first.records, first.checkpoint) == (0, [(b"p", b"2")], b"one")
    assert (second.records, second.checkpoint) == ([(b"q", None)], b"two")
    assert second.caught_up
    assert not first.caught_up
