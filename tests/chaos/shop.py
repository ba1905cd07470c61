"""The product's own state under chaos: a simulated shop, and its panes as an undisturbed run has them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from kpi_windows.aggregators import is_empty, unpack
from kpi_windows.codec import CHECKPOINT, unpack_checkpoint
from kpi_windows.definitions import Definitions
from kpi_windows.engine import Shard
from streams.simulator import Shop, ShopOptions
from tests.chaos.harness import Run, until

START_MS = 1_583_020_800_000  # 2020-03-01
HOUR_MS = 3_600_000


def events(seed: int) -> Iterator[tuple[str, bytes, bytes]]:
    """A busy shop of the year 2020, with disorder within lateness, duplicates and some rubbish."""
    chance = random.Random(seed)
    shop = Shop(seed, ShopOptions(visits_per_hour=3000))
    for message in shop.events(START_MS, START_MS + 1000 * HOUR_MS):
        yield message.topic, message.key, message.value
        if chance.random() < 0.0005:
            yield message.topic, message.key, b"rubbish"


def settled(run: Run) -> bool:
    """Whether every input is known to be silent, so that the watermark has come to the end."""
    newest = [unpack_checkpoint(packed) for packed in checkpoints_of(run).values()]
    return len(newest) == run.settings.partitions and all(
        checkpoint.watermark_ms == max(checkpoint.heard_ms.values()) for checkpoint in newest
    )


def checkpoints_of(run: Run) -> dict[int, bytes]:
    """The last of each partition."""
    return {
        message.partition(): message.value()
        for message in run.read(f"{run.settings.app_id}-panes")
        if message.key() == CHECKPOINT
    }


def _tables(run: Run) -> dict[str, dict[Any, Any]]:
    letters = run.read(f"{run.settings.app_id}-dead-letters")
    return {
        "panes": cells_of(run.table("panes")),
        "journeys": journeys_of(run.table("state"), run.settings.partitions),
        "dead letters": {(m.partition(), m.key(), m.value()): 1 for m in letters},
    }


def cells_of(table: Mapping[tuple[int, bytes], bytes]) -> dict[tuple[int, bytes], Any]:
    """By partition and key; what was taken back again in a later commit is there, as zero."""
    cells = {key: _without_zeros(unpack(value)) for key, value in table.items()}
    return {key: cell for key, cell in cells.items() if not is_empty(cell)}


def _without_zeros(cell: list[Any]) -> list[Any]:
    return [
        {bucket: count for bucket, count in amount.items() if count}
        if isinstance(amount, dict)
        else amount
        for amount in cell
    ]


Journeys = dict[tuple[int, str, str], dict[str, Any]]


def journeys_of(table: Mapping[tuple[int, bytes], bytes], partitions: int) -> Journeys:
    """What each visitor, order, customer and ticket has come to, as a restored state has it.

    How much of the past is still kept beside it depends on when it was last looked at; and so it
    does whether the empty journey of a bot is kept at all.
    """
    shards = [Shard(Definitions(), partition, partitions) for partition in range(partitions)]
    for (partition, key), value in table.items():
        shards[partition].load("state", key, value)
    return {key: head for shard in shards for key, head in _heads_of(shard)}


def _heads_of(shard: Shard) -> Iterator[tuple[tuple[int, str, str], dict[str, Any]]]:
    for name, table in shard._tables.items():
        nothing = _facts_of(table.journals.new().head)
        for key in list(table.packed):
            head = _facts_of(table.get(key).head)
            if head != nothing:
                yield (shard.partition, name, key), head


def _facts_of(head: Any) -> dict[str, Any]:
    """Without the visitor's hash, and what only saves adding the same to a distinct count again."""
    fields = set(head.__struct_fields__) - {"hashed", "told_ms", "told"}
    return {name: msgspec.to_builtins(getattr(head, name)) for name in sorted(fields)}


def assert_exact(run: Run) -> None:
    """Panes, journeys and dead letters are those of a run that nothing disturbed."""
    until("the watermark is at the end", lambda: settled(run), 60, 1.0)
    calm = Run(run.bootstrap, f"{run.settings.app_id}-calm", run.folder, shard="shop")
    calm.topics = run.topics
    calm.settings = replace(calm.settings, topics=run.topics, create_topics=True)
    with calm:
        worker = calm.worker("calm")
        calm.settle()
        until("the watermark is at the end", lambda: settled(calm), 60, 1.0)
        assert worker.stop() == 0
        found = _tables(run)
        for name, wanted in _tables(calm).items():
            _assert_equal(name, found[name], wanted)


def _assert_equal(name: str, found: dict[Any, Any], wanted: dict[Any, Any]) -> None:
    assert wanted
    wrong = [key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)]
    some = [(key, found.get(key), wanted.get(key)) for key in wrong[:3]]
    assert not wrong, f"{len(wrong)} of {len(wanted)} {name} are wrong: {some}"
    print(f"{len(wanted)} {name} are equal")
