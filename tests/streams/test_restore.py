"""A state comes back as it was committed, or is refused with what is lost and what to do."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaConnectionError

from kpi_windows.engine import Cut
from kpi_windows.events import TOPICS
from streams import topics
from streams.changelog import OpenEndError, read_to_end
from streams.commits import Writer
from streams.fetches import Batch
from streams.restore import Held, Restorer, SupersededError, check
from streams.span import Span
from streams.topics import Names, RefusedError
from streams.transport import Offsets
from tests.kafka.broker import KafkaBroker
from tests.streams.fake_shard import FakeShard
from tests.streams.settings import settings_for

NAMES = Names.of(settings_for(None, "app"))


# -- positions: (state, log's begin, log's end, group) -> where to go on


@pytest.mark.parametrize(
    ("state", "begin", "end", "group", "start"),
    [
        (None, 0, 0, None, 0),
        (None, 40, 90, None, 40),  # never read: from where the log begins
        (50, 0, 90, 50, 50),
        (50, 50, 50, 50, 50),
        (50, 0, 90, None, 50),  # the group's offsets expire, the state's don't
        (50, 0, 90, 20, 50),  # somebody set the group back: the state counts
    ],
)
def test_the_position_of_the_state_is_the_truth(
    state: int | None, begin: int, end: int, group: int | None, start: int
) -> None:
    positions = {} if state is None else {"carts": state}
    assert check(1, NAMES, positions, {"carts": Offsets(begin, end, group)}) == {"carts": start}


@pytest.mark.parametrize(
    ("state", "begin", "end", "lost"),
    [
        (50, 60, 90, "app-carts-1: offsets 50 to 59 are lost"),
        (50, 0, 30, "app-carts-1: offsets 30 to 49 are lost"),
    ],
    ids=["the log begins later", "the log ends before"],
)
def test_a_lost_range_is_refused_by_name(state: int, begin: int, end: int, lost: str) -> None:
    with pytest.raises(RefusedError, match=lost):
        check(1, NAMES, {"carts": state}, {"carts": Offsets(begin, end, None)})


@pytest.mark.parametrize("positions", [{}, {"carts": 49}], ids=["no state", "an older state"])
def test_a_group_that_is_ahead_of_the_state_is_never_followed(positions: dict[str, int]) -> None:
    with pytest.raises(SupersededError, match="app-carts-1 is committed to 50"):
        check(1, NAMES, positions, {"carts": Offsets(0, 90, 50)})


@pytest.mark.parametrize(
    ("state", "begin", "span", "start"),
    [(None, 0, 40, 40), (None, 60, 40, 60), (50, 0, 80, 50), (50, 0, 20, 50)],
    ids=["fresh", "the log begins later", "it has a state", "it is further"],
)
def test_a_span_says_where_a_fresh_state_begins_and_no_other(
    state: int | None, begin: int, span: int, start: int
) -> None:
    positions = {} if state is None else {"carts": state}
    found = check(
        1, NAMES, positions, {"carts": Offsets(begin, 90, state)}, Span({"carts": [0, span]})
    )
    assert found == {"carts": start}


# -- with a broker


def _cut(checkpoint: dict[str, Any], *state: tuple[bytes, bytes | None]) -> Cut:
    told = json.dumps({"positions": {}, "sequence": 1, "ticks": 0, **checkpoint}).encode()
    return Cut(list(state), [], [], [], checkpoint.get("positions", {}), told)


def _asking(ends: dict[str, Offsets]) -> Callable[..., Awaitable[Any]]:
    async def ask(tps: list[TopicPartition]) -> dict[TopicPartition, Offsets]:
        return {tp: ends.get(tp.topic.rsplit("-", 1)[1], Offsets(0, 0, None)) for tp in tps}

    return ask


def _restorer(settings: Any, ends: dict[str, Offsets]) -> Restorer:
    return Restorer(settings, Names.of(settings), FakeShard, _asking(ends), {})


def _run(settings: Any, use: Callable[[], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        await topics.ensure(settings, create=True)
        return await use()

    return asyncio.run(run())


async def _commit(settings: Any, *cuts: Cut) -> None:
    writer = Writer(settings, Names.of(settings), 0)
    await writer.open()
    for cut in cuts:
        await writer.write(cut)
    await writer.close()


async def _restored(settings: Any, ends: dict[str, Offsets]) -> Held:
    held = await _restorer(settings, ends).restore(0)
    await held.writer.close()
    return held


@pytest.mark.kafka
def test_a_state_comes_back_as_it_was_committed(kafka: KafkaBroker, app_id: str) -> None:
    settings = settings_for(kafka, app_id)

    async def use() -> Held:
        await _commit(
            settings,
            _cut({"positions": {"carts": 3}}, (b"carts/a", b"[1, 1]"), (b"carts/b", b"[9, 1]")),
            _cut({"positions": {"carts": 7}, "sequence": 2}, (b"carts/a", b"[5, 2]")),
        )
        return await _restored(settings, {"carts": Offsets(0, 20, 7)})

    held = _run(settings, use)
    assert held.shard.sums == {b"carts/a": [5, 2], b"carts/b": [9, 1]}
    assert held.positions == {**dict.fromkeys((*TOPICS, "forwarded"), 0), "carts": 7}
    assert held.committed == {"carts": 7}
    assert held.stats.restore_records == 3 + 4


@pytest.mark.kafka
def test_a_connection_that_breaks_while_a_state_comes_back_is_tried_again(
    kafka: KafkaBroker, app_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(kafka, app_id)
    monkeypatch.setattr("streams.restore._PAUSE_S", 0.0)
    broken = [KafkaConnectionError(), ConnectionResetError()]
    ask = _asking({"carts": Offsets(0, 20, 7)})

    async def breaking(tps: list[TopicPartition]) -> Any:
        if broken:
            raise broken.pop()
        return await ask(tps)

    async def use() -> Held:
        await _commit(settings, _cut({"positions": {"carts": 7}}, (b"carts/a", b"[5, 2]")))
        held = await Restorer(settings, Names.of(settings), FakeShard, breaking, {}).restore(0)
        await held.writer.close()
        return held

    held = _run(settings, use)
    assert not broken
    assert held.shard.sums == {b"carts/a": [5, 2]}
    assert held.positions["carts"] == 7


@pytest.mark.kafka
def test_a_long_restore_says_how_far_it_is(
    kafka: KafkaBroker,
    app_id: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = settings_for(kafka, app_id)
    monkeypatch.setattr("streams.restore._TELL_EVERY_S", 0.0)
    caplog.set_level("INFO", "streams.restore")

    async def use() -> Held:
        await _commit(settings, _cut({}, (b"carts/a", b"[1, 1]")))
        return await _restored(settings, {})

    _run(settings, use)
    told = [line for line in caplog.messages if line.startswith("restoring partition 0: ")]
    assert any(re.search(r" 100 %, (\d+) of \1 records, .+/s, 0s left", line) for line in told)


@pytest.mark.kafka
def test_a_first_start_begins_at_the_beginning(kafka: KafkaBroker, app_id: str) -> None:
    settings = settings_for(kafka, app_id)
    held = _run(settings, lambda: _restored(settings, {"carts": Offsets(10, 20, None)}))
    assert held.positions["carts"] == 10
    assert held.shard.sums == {}


@pytest.mark.kafka
def test_a_deleted_changelog_is_refused_when_its_inputs_are_committed(
    kafka: KafkaBroker, app_id: str
) -> None:
    settings = settings_for(kafka, app_id)
    with pytest.raises(RefusedError, match=rf"State is lost: {app_id}-carts-0 is committed to 7"):
        _run(settings, lambda: _restored(settings, {"carts": Offsets(0, 20, 7)}))


@pytest.mark.kafka
def test_a_changelog_whose_beginning_was_deleted_is_refused(
    kafka: KafkaBroker, app_id: str
) -> None:
    settings = settings_for(kafka, app_id)
    state = f"{app_id}-state"
    kafka.create_topics([state], partitions=2, config={"cleanup.policy": "compact,delete"})
    kafka.create_topics(
        [*settings.topics.values(), *(f"{app_id}-{n}" for n in ("panes", "forwarded"))],
        partitions=2,
    )

    async def use() -> Held:
        kafka.create_topics([f"{app_id}-dead-letters"], partitions=2)
        await _commit(settings, _cut({"positions": {"carts": 3}}, (b"carts/a", b"[1, 1]")))
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.delete_records({TopicPartition(state, 0): RecordsToDelete(1)})
        await admin.close()
        return await _restored(settings, {"carts": Offsets(0, 20, 3)})

    with pytest.raises(RefusedError, match=rf"{state}-0 begins at offset 1.*'compact'"):
        asyncio.run(use())


@pytest.mark.kafka
def test_changelogs_with_different_checkpoints_are_refused(kafka: KafkaBroker, app_id: str) -> None:
    settings = settings_for(kafka, app_id)

    async def use() -> Held:
        await _commit(settings, _cut({"sequence": 1}))
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=app_id)
        await producer.start()
        other = _cut({"sequence": 2}).checkpoint
        async with producer.transaction():
            await producer.send_and_wait(f"{app_id}-panes", other, key=b"checkpoint", partition=0)
        await producer.stop()
        return await _restored(settings, {})

    with pytest.raises(RefusedError, match="different checkpoints"):
        _run(settings, use)


@pytest.mark.kafka
def test_a_restore_waits_for_the_end_of_an_open_transaction(
    kafka: KafkaBroker, app_id: str
) -> None:
    kafka.create_topics([app_id], partitions=1)
    loaded: list[Batch] = []

    async def use() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=app_id)
        await producer.start()
        await producer.begin_transaction()
        await producer.send_and_wait(app_id, b"late", key=b"k", partition=0)
        tps = [TopicPartition(app_id, 0)]
        with pytest.raises(OpenEndError, match=f"{app_id}-0"):
            await read_to_end([kafka.bootstrap], {}, tps, loaded.append, patience_s=0.5)
        assert loaded == []
        reading = asyncio.ensure_future(
            read_to_end([kafka.bootstrap], {}, tps, loaded.append, patience_s=20)
        )
        done, _ = await asyncio.wait([reading], timeout=1)
        assert not done
        await producer.commit_transaction()
        await reading
        await producer.stop()

    asyncio.run(use())
    assert [record.value for batch in loaded for record in batch.records] == [b"late"]


@pytest.mark.kafka
def test_a_restore_can_be_interrupted(kafka: KafkaBroker, app_id: str) -> None:
    settings = settings_for(kafka, app_id)

    async def use() -> Held:
        restorer = _restorer(settings, {})
        for patience_s in (0.0, 0.05, 0.2):
            restoring = asyncio.ensure_future(restorer.restore(0))
            await asyncio.wait([restoring], timeout=patience_s)
            restoring.cancel()
            await asyncio.wait([restoring])
        return await _restored(settings, {})

    assert _run(settings, use).positions["carts"] == 0
