"""State that was deleted, cut off or written into by others is refused in words, never counted on."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kpi_windows.codec import CHECKPOINT, FORMAT
from kpi_windows.definitions import Definitions
from streams.config import load
from streams.follower import Follower, Whole
from streams.settings import Settings
from streams.snapshot import snapshot
from streams.topics import RefusedError
from streams.worker import EXIT_REFUSED
from tests.chaos.harness import Run
from tests.chaos.kept import Kept, cuts
from tests.kafka.broker import KafkaBroker

pytestmark = [pytest.mark.kafka]

Damage = Callable[[Kept], Coroutine[Any, Any, None]]


@pytest.fixture
def kept(kafka: KafkaBroker, app_id: str) -> Kept:
    return Kept(kafka, app_id)


def refused(kept: Kept, definitions: Definitions | None = None) -> str:
    """What a worker that starts now says."""
    with pytest.raises(RefusedError) as told:
        asyncio.run(kept.restored(definitions))
    return str(told.value)


def reading(kept: Kept, **changed: str) -> Settings:
    """Of who reads the panes."""
    told = {
        "bootstrap_servers": ",".join(kept.settings.bootstrap_servers),
        "app_id": kept.settings.app_id,
        "partitions": "1",
        **changed,
    }
    return load(environ={f"KPI_{name.upper()}": value for name, value in told.items()})


def followed(kept: Kept, **changed: str) -> str:
    """What an exporter says that starts now."""
    settings = reading(kept, **changed)
    with pytest.raises(RefusedError) as told:
        asyncio.run(asyncio.wait_for(Follower(settings, Whole(settings)).run(), 60))
    return str(told.value)


def compared(kept: Kept) -> str:
    """What who compares two applications is told."""
    with pytest.raises(RefusedError) as told:
        asyncio.run(snapshot(reading(kept)))
    return str(told.value)


def test_what_nobody_damaged_comes_back(kept: Kept) -> None:
    asyncio.run(kept.write())
    held = asyncio.run(kept.restored())
    assert held.positions["clickstream"] > 0
    assert held.shard.sizes()["visitors"] > 10  # type: ignore[attr-defined]


# ---------------------------------------------------------------------------- lost


async def _state_made_anew(kept: Kept) -> None:
    await kept.make_anew(kept.names.state)


async def _both_made_anew(kept: Kept) -> None:
    await kept.make_anew(kept.names.state, kept.names.panes)


async def _beginning_deleted(kept: Kept) -> None:
    await kept.delete_records(kept.names.panes, 100)


async def _all_deleted(kept: Kept) -> None:
    await kept.delete_records(kept.names.state, -1)
    await kept.delete_records(kept.names.panes, -1)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_state_made_anew, r"-state-0 and .*-panes-0 end with different checkpoints"),
        (_both_made_anew, r"State is lost: .*-0 is committed to \d+, the state holds 0"),
        (_beginning_deleted, r"State is lost: .*-panes-0 begins at offset 100"),
        (_all_deleted, r"State is lost: .*-0 begins at offset \d+"),
    ],
)
def test_lost_state_is_refused_and_can_be_made_anew_from_whole_inputs(
    kept: Kept, damage: Damage, told: str
) -> None:
    async def use() -> None:
        await kept.write()
        await damage(kept)

    asyncio.run(use())
    said = refused(kept)
    assert re.search(told, said)
    app_id = kept.settings.app_id
    assert "The inputs still hold everything" in said
    assert re.search(rf"`kpi replay --app-id {app_id[:-8]}\S+ --from earliest`", said)


def test_a_changelog_that_was_made_anew_while_a_worker_went_on_is_found_to_be_incomplete(
    kept: Kept,
) -> None:
    """Its last checkpoint is right, and only what changed since stands before it."""
    asyncio.run(kept.write(between=lambda: kept.make_anew(kept.names.state)))
    assert re.search(r"State is lost: partition 0 has \d+ visitors of \d+", refused(kept))


def test_without_the_inputs_beginning_it_is_told_what_is_lost(kept: Kept) -> None:
    async def use() -> None:
        await kept.write()
        await kept.delete_records(kept.names.inputs["clickstream"], 5)
        await _state_made_anew(kept)

    asyncio.run(use())
    said = refused(kept)
    assert "inputs no longer hold everything" in said
    assert f"{kept.names.inputs['clickstream']}-0 begins at offset 5" in said


# ---------------------------------------------------------------------------- written into


@pytest.mark.parametrize(
    ("table", "record"),
    [
        ("state", (b"hello", b"world")),
        ("state", (b"vsomebody", None)),
        ("panes", (CHECKPOINT, b"\x80")),
    ],
    ids=["rubbish", "a deletion", "a checkpoint"],
)
def test_what_no_worker_wrote_is_refused_by_its_offset(
    kept: Kept, table: str, record: tuple[bytes, bytes | None]
) -> None:
    topic = getattr(kept.names, table)
    asyncio.run(kept.write())
    offset = kept.newest(topic)[0]
    asyncio.run(kept.produce(topic, [record]))
    said = refused(kept)
    words = rf"{topic}-0, offset (\d+): somebody else than a worker has written"
    found = re.search(words, said)
    assert found and int(found[1]) > offset
    assert table == "state" or re.search(words, compared(kept))
    assert "kpi replay" in said


def _half(key: bytes, value: bytes) -> tuple[bytes, bytes]:
    return key, value[: len(value) // 2]


def _foreign_kind(_key: bytes, value: bytes) -> tuple[bytes, bytes]:
    return b"~" + b"somebody", value


def _foreign_key(_key: bytes, value: bytes) -> tuple[bytes, bytes]:
    return b"\xff\xff", value


def _other_shape(key: bytes, _value: bytes) -> tuple[bytes, bytes]:
    return key, b"\x91\xa3abc"


@pytest.mark.parametrize(
    ("table", "poison"),
    [("state", _half), ("state", _foreign_kind), ("panes", _foreign_key), ("panes", _other_shape)],
)
def test_bytes_that_are_not_ours_are_refused_even_from_a_transaction(
    kept: Kept, table: str, poison: Callable[[bytes, bytes], tuple[bytes, bytes]]
) -> None:
    topic = getattr(kept.names, table)
    asyncio.run(kept.write())
    offset, key, value = kept.newest(topic)
    app_id = kept.settings.app_id
    asyncio.run(kept.produce(topic, [poison(key, value)], f"{app_id}-other"))
    found = re.search(rf"{topic}-0, offset (\d+): it isn't what a worker writes", refused(kept))
    assert found and int(found[1]) > offset


def _hour_unknown(key: bytes, value: bytes) -> tuple[bytes, bytes]:
    fact, level, _, *labels = msgspec.msgpack.decode(key)
    return msgspec.msgpack.encode((fact, level, 1 << 62, *labels)), value


@pytest.mark.parametrize("poison", [_foreign_key, _other_shape, _hour_unknown])
def test_an_exporter_refuses_them_too(
    kept: Kept, poison: Callable[[bytes, bytes], tuple[bytes, bytes]]
) -> None:
    topic = kept.names.panes
    asyncio.run(kept.write())
    offset, key, value = kept.newest(topic)
    *_, (cut, _) = cuts()
    records = [poison(key, value), (CHECKPOINT, cut.checkpoint)]
    asyncio.run(kept.produce(topic, records, f"{kept.settings.app_id}-other"))
    said = followed(kept)
    found = re.search(rf"{topic}-0, the commit that ends at offset (\d+): it isn't what", said)
    assert found and int(found[1]) > offset
    assert compared(kept) == said


def test_a_journey_too_many_is_found_by_the_counts(kept: Kept) -> None:
    asyncio.run(kept.write())
    _, _, value = kept.newest(kept.names.state, lambda key: key.startswith(b"v"))
    asyncio.run(kept.produce(kept.names.state, [(b"vnobody", value)], "somebody"))
    found = re.search(r"partition 0 has ([\d,]+) visitors of ([\d,]+)", refused(kept))
    assert found and int(found[1]) == int(found[2]) + 1


def test_a_byte_that_changed_on_the_disk_is_found_by_its_checksum(
    own_kafka: KafkaBroker, app_id: str, tmp_path: Path
) -> None:
    """In a changelog by a restore, in an input by a worker that comes to it."""
    one, other = Kept(own_kafka, f"{app_id}-one"), Kept(own_kafka, f"{app_id}-other")
    state, orders = one.names.state, other.names.inputs["orders"]
    for kept in (one, other):
        asyncio.run(kept.write())
    asyncio.run(other.produce(orders, [(b"o", b"an order that nobody has read yet")]))
    offset, *_ = one.newest(state)
    unread, *_ = other.newest(orders)
    own_kafka.stop()
    _change_a_byte(own_kafka, state, offset)
    _change_a_byte(own_kafka, orders, unread)
    own_kafka.start()
    found = re.search(rf"{state}-0 is damaged at offset (\d+)", refused(one))
    assert found and int(found[1]) <= offset  # of the batch
    with Run(own_kafka.bootstrap, f"{app_id}-other", tmp_path, shard="shop") as run:
        worker = run.worker("one", partitions=1)
        assert worker._supervisor is not None
        assert worker._supervisor.wait(60) == EXIT_REFUSED
        assert f"{orders}-0 is damaged at offset" in worker.said()


def _change_a_byte(broker: KafkaBroker, topic: str, offset: int) -> None:
    """In the middle of the batch that holds a record, in the log of a broker that is down."""
    (log,) = broker.folder.glob(f"data/{topic}-0/*.log")
    raw = bytearray(log.read_bytes())
    begin = 0
    while True:
        first, length = struct.unpack_from(">qi", raw, begin)
        (last_delta,) = struct.unpack_from(">i", raw, begin + 23)
        end = begin + 12 + length
        if offset <= first + last_delta:
            break
        begin = end
    raw[(begin + 61 + end) // 2] ^= 1  # the first 61 bytes tell of the batch itself
    log.write_bytes(raw)


# ---------------------------------------------------------------------------- of another meaning


def test_more_partitions_than_the_state_was_made_with_are_refused(kept: Kept) -> None:
    asyncio.run(kept.write())
    object.__setattr__(kept.settings, "partitions", 2)
    said = refused(kept)
    assert "made with 1 partitions, now there are 2" in said


def test_a_downgrade_is_refused_by_the_format_whatever_else_a_newer_version_writes(
    kept: Kept,
) -> None:
    """By a worker that restores, and by an exporter or a comparison that meets it."""
    newer = msgspec.msgpack.encode({"format": FORMAT + 1, "counts": "elsewhere"})
    asyncio.run(kept.write())
    for topic in (kept.names.state, kept.names.panes):
        records = [(b"~of another kind", b"\xc1"), (CHECKPOINT, newer)]
        asyncio.run(kept.produce(topic, records, f"{kept.settings.app_id}-newer"))
    words = f"has format {FORMAT + 1}, this version writes {FORMAT}"
    assert words in refused(kept)
    said = followed(kept)
    assert words in said
    assert said.startswith(f"{kept.names.panes}-0, the commit that ends at offset ")
    assert compared(kept) == said


@pytest.mark.parametrize(
    "changed",
    [{"shop_zone": "Asia/Kolkata"}, {"shop_currency": "USD"}, {"shop_visit_gap": "1m"}],
    ids=lambda changed: next(iter(changed)),
)
def test_an_exporter_never_reads_values_under_other_definitions(
    kept: Kept, changed: dict[str, str]
) -> None:
    """Old days in a new zone, or euros that are called dollars."""
    asyncio.run(kept.write())
    assert "was made under other definitions" in followed(kept, **changed)
