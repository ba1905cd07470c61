"""The product's own state under chaos: a simulated shop, and its panes as an undisturbed run has them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from kpi_windows.aggregators import is_empty, unpack
from kpi_windows.codec import unpack_checkpoint
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


def _settled(run: Run) -> bool:
    """Whether every input is known to be silent, so that the watermark has come to the end."""
    newest: dict[int, Any] = {}
    for message in run.read(f"{run.settings.app_id}-panes"):
        if message.key() == b"checkpoint":
            newest[message.partition()] = unpack_checkpoint(message.value())
    return len(newest) == run.settings.partitions and all(
        checkpoint.watermark_ms == max(checkpoint.heard_ms.values())
        for checkpoint in newest.values()
    )


def _tables(run: Run) -> dict[str, dict[Any, Any]]:
    # a cell whose amounts were taken back again in a later commit is there, with zeros
    cells = {key: unpack(value) for key, value in run.table("panes").items()}
    heads = {key: _head(value) for key, value in run.table("state").items()}
    letters = run.read(f"{run.settings.app_id}-dead-letters")
    return {
        "panes": {key: cell for key, cell in cells.items() if not is_empty(cell)},
        "journeys": {key: head for key, head in heads.items() if _says_something(head)},
        "dead letters": {(m.partition(), m.key(), m.value()): 1 for m in letters},
    }


def _head(packed: bytes) -> Any:
    """What a visit, cart, order or ticket has come to; not how much of its past is still kept."""
    return msgspec.msgpack.decode(packed[8:])[2]


def _says_something(head: Any) -> bool:
    """A bot's journey is empty; whether it is still kept depends on when it was last looked at."""
    return any(value not in (0, -60_000, "", False, None, [], {}) for value in head[1:])


def assert_exact(run: Run) -> None:
    """Panes, journeys and dead letters are those of a run that nothing disturbed."""
    until("the watermark is at the end", lambda: _settled(run), 60, 1.0)
    calm = Run(run.bootstrap, f"{run.settings.app_id}-calm", run.folder, shard="shop")
    calm.topics = run.topics
    calm.settings = replace(calm.settings, topics=run.topics, create_topics=True)
    with calm:
        worker = calm.worker("calm")
        calm.settle()
        until("the watermark is at the end", lambda: _settled(calm), 60, 1.0)
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
