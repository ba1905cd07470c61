"""What of a worker ought to move.

    an input of a partition    records of it are unread, and the state's position stays
    commits of a partition     records were taken in, and no commit ends
    partitions to be restored  nothing of any of them is read
    an assignment              it doesn't end

It must not know for how long each has stood still: see `streams.stuck`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiokafka import TopicPartition

from streams.stuck import Thing, Watch
from streams.transport import rebalance_timeout_ms
from streams.unread import Unread


def watch_of(app: Any) -> Watch:
    """What watches a `ShopApp`."""
    unread = Unread(app.shop, app.consumer_options)
    return Watch(_Things(app), unread, app.shop.stuck_after_s, unread.takes_commits)


class _Things:
    """Those of a `ShopApp`."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._taken: dict[int, tuple[int, int]] = {}

    def __call__(self) -> Iterator[Thing]:
        app, patience_s = self._app, self._app.shop.stuck_after_s
        if app.failed is not None or app.draining:
            return
        rebalance_s = rebalance_timeout_ms(app.shop) / 1_000
        if app.rebalancing:
            yield Thing(
                "partitions are being assigned", app.rebalancing_count, patience_s + rebalance_s
            )
            return
        if settling := app.store.settling():
            transaction_s = app.shop.transaction_timeout_ms / 1_000
            yield Thing(
                "partitions are being restored",
                (app.rebalancing_count, app.restorer.records, *settling),
                patience_s + rebalance_s + transaction_s,
            )
        for held in app.held():
            if held.settled:
                yield from self._of_partition(held)

    def _of_partition(self, held: Any) -> Iterator[Thing]:
        partition, patience_s = held.partition, self._app.shop.stuck_after_s
        for topic, position in list(held.positions.items()):
            tp = TopicPartition(self._app.names.inputs[topic], partition)
            end = self._app.span.end(topic, partition)
            if end is None or position < end:
                words = f"{tp.topic}-{partition} has unread records"
                yield Thing(words, (id(held), position), patience_s, tp, position, partition)
        commits, taken = self._taken.get(partition, (-1, 0))
        if commits != held.stats.commits:
            self._taken[partition] = (held.stats.commits, held.stats.events)
        elif held.stats.events > taken:
            words = f"partition {partition} has taken in records that it doesn't commit"
            yield Thing(words, (id(held), commits), patience_s, partition=partition)
