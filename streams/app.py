"""The only place where the parts meet: a Faust app with our transport, table, restore and commits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import faust
from aiokafka import TopicPartition

from streams.agents import add_agents
from streams.commits import CommitHook, Commits
from streams.restore import Held, PartitionStats, Restorer, ShardFactory
from streams.span import ALL, Span
from streams.stuck import Watch
from streams.tables import ShardStore, ShardTable, ShardTables
from streams.topics import EngineSettings, Names, RefusedError, check_counts
from streams.transport import Offsets, Transport
from streams.worked import watch_of

log = logging.getLogger(__name__)

_QUEUED_BATCHES = 2  # a topic; a batch is up to 1 MB of the log


class ShopApp(faust.App):
    """Faust's app, with what the engine adds: `shop` is its configuration."""

    shop: EngineSettings
    names: Names
    table: ShardTable
    restorer: Restorer
    commits: Commits
    watch: Watch

    span: Span = ALL
    failed: BaseException | None = None
    draining = False  # takes nothing in, and commits once more
    leaving = False  # whatever stops working now may
    mundane_level = "debug"

    def __init__(self, settings: EngineSettings, *, embedded: bool, **options: Any) -> None:
        self.shop = settings
        # The markers that end transactions in the embedded broker's log have no checksum.
        self.consumer_options = {**settings.kafka_options, "check_crcs": not embedded}
        self.names = Names.of(settings)
        super().__init__(settings.app_id, **options)
        self.ended = asyncio.Event()

    @property
    def store(self) -> ShardStore:
        return self.table.data

    @property
    def stats(self) -> dict[int, PartitionStats]:
        """What each held partition did, for the metrics."""
        return {held.partition: held.stats for held in self.store.held.values()}

    def held(self) -> list[Held]:
        return list(self.store.held.values())

    def queued(self) -> int:
        """Batches that were handed out and not yet taken by an agent."""
        return sum(channel.queue.qsize() for channel in self.topics)

    async def offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, Offsets]:
        """What the broker knows of source partitions."""
        thread = self.consumer.thread
        return await thread.run(thread.offsets(tps))

    def topics_fit(self) -> bool:
        """False once a topic has other partitions than at the start: nothing more is committed."""
        known = self.consumer.thread.counts(self.names.inputs.values())
        try:
            for counts in (known, *(held.writer.counts() for held in self.held())):
                check_counts(counts, self.names, self.shop.partitions)
        except RefusedError as error:
            self.fail(error)
            return False
        return True

    def fail(self, error: BaseException) -> None:
        """No more commits from this step on; the process is to end and start anew."""
        if self.failed is None and not self.leaving:
            self.failed = error
            self.loop.call_soon_threadsafe(self.ended.set)

    def finish(self) -> None:
        """There is nothing left to do: one last commit, and the worker ends in order."""
        self.ended.set()

    async def drain(self) -> None:
        """An orderly stop: take nothing more in, commit, leave the group."""
        self.draining = True
        await self.commits.last()
        if self.failed is not None:
            raise self.failed
        self.leaving = True
        thread = self.consumer.thread
        await thread.run(thread._ensure_consumer().stop())

    def _crash(self, reason: BaseException) -> None:
        """A service of Faust's crashed, whichever and in whatever thread."""
        super()._crash(reason)
        self.fail(reason)

    def _create_directories(self) -> None:
        """None: all state is in Kafka."""

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self)


def build_app(
    settings: EngineSettings,
    shard_factory: ShardFactory,
    on_commit: Sequence[CommitHook] = (),
    *,
    embedded: bool = False,
    span: Span = ALL,
) -> ShopApp:
    """A worker's app, not yet started; call it inside the loop that will run it."""
    app = ShopApp(
        settings,
        embedded=embedded,
        broker=[f"kafka://{server}" for server in settings.bootstrap_servers],
        broker_commit_interval=settings.commit_interval_s,
        consumer_group_instance_id=settings.instance_id,
        stream_buffer_maxsize=_QUEUED_BATCHES,
        stream_wait_empty=True,  # asks our consumer to wait for commits in flight
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=bool(settings.web_port),
        web_port=settings.web_port or 6066,
        TableManager=ShardTables,
        autodiscover=False,
    )
    app.table = app.tables.add(ShardTable(app, name="shards"))
    app.commits = Commits(app, tuple(on_commit))
    app.span = span
    app.restorer = Restorer(
        settings, app.names, shard_factory, app.offsets, app.consumer_options, span
    )
    app.watch = watch_of(app)
    add_agents(app)
    return app
