"""Asks Kafka itself, by a connection of its own, what a worker has not read.

It must not know why somebody asks, nor anything of the worker's own consumer, which may be what hangs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaError
from aiokafka.protocol.coordination import FindCoordinatorRequest

from streams.topics import EngineSettings

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_PATIENCE_S = 5.0


class Unread:
    """One connection, opened when it is first needed, and anew after Kafka was away."""

    def __init__(self, settings: EngineSettings, options: Mapping[str, Any]) -> None:
        self._settings = settings
        self._options = options
        self._consumer: Any = None

    async def ends(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int] | None:
        """Up to where each can be read; None when one of their leaders doesn't answer.

        What an open transaction of somebody's holds back can't be read yet, so it isn't counted.
        """
        wanted = list(tps)
        return await self._asked(self._ends(wanted)) if wanted else {}

    async def takes_commits(self, partitions: Iterable[int]) -> bool:
        """Whether those answer whom the group and the transactions of these partitions need."""
        return await self._asked(self._coordinators(sorted(partitions))) or False

    async def _asked(self, asking: Coroutine[Any, Any, _T]) -> _T | None:
        try:
            return await asyncio.wait_for(asking, _PATIENCE_S)
        except (TimeoutError, KafkaError, OSError, AssertionError) as error:
            log.debug("Kafka can't be worked with just now: %r", error)
            await self.close()
            return None

    async def _ends(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        consumer = await self._open()
        ends: dict[TopicPartition, int] = await consumer.end_offsets(tps)
        return ends

    async def _coordinators(self, partitions: list[int]) -> bool:
        client, app_id = (await self._open())._client, self._settings.app_id
        asked = [(CoordinationType.GROUP, app_id)]
        asked += [(CoordinationType.TRANSACTION, f"{app_id}-{p}") for p in partitions]
        for kind, key in asked:
            coordinator = await client.coordinator_lookup(kind, key)
            await client.send(coordinator, FindCoordinatorRequest(key, kind))  # does it answer?
        return True

    async def _open(self) -> Any:
        if self._consumer is None:
            settings = self._settings
            self._consumer = AIOKafkaConsumer(
                client_id=f"{settings.app_id}-watch",
                bootstrap_servers=list(settings.bootstrap_servers),
                isolation_level="read_committed",
                enable_auto_commit=False,
                **self._options,
            )
            await self._consumer.start()
        return self._consumer

    async def close(self) -> None:
        """The next question opens it again."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            try:
                await asyncio.wait_for(consumer.stop(), _PATIENCE_S)
            except (TimeoutError, KafkaError, OSError) as error:
                log.debug("the watch's connection ended with %r", error)
