"""Alerts and the state after them, written as one transaction; opening it fences who wrote before.

It must not know when to alert, nor who is elected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer, TopicPartition

from kpi_windows.alerting import State, pack_state, unpack_state
from streams import commits
from streams.alerting.topics import PARTITION, AlertTopics
from streams.changelog import read_to_end
from streams.fetches import Batch
from streams.settings import Settings

_KEY = b"state"
_REQUEST_TIMEOUT_MS = 30_000


class AlertLog:
    """The only writer of a shop's alerts.

    There is one transactional id a shop, `{app}-alerts`: whoever opens the log ends what an older
    writer had not committed, and the older one can never commit again (`ProducerFenced`).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics = AlertTopics.of(settings)
        self._producer = AIOKafkaProducer(
            bootstrap_servers=list(settings.bootstrap_servers),
            client_id=f"{settings.app_id}-alerts",
            transactional_id=f"{settings.app_id}-alerts",
            transaction_timeout_ms=settings.transaction_timeout_ms,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
            **settings.kafka_options,
        )

    async def open(self) -> State:
        """Fences older writers, and returns the state that they left."""
        await self._producer.start()
        if not self._producer._txn_manager.has_pid():
            raise RuntimeError("alerts: no producer id, older writers are not fenced")
        found = [pack_state(State())]

        def load(batch: Batch) -> None:
            found.extend(record.value or b"" for record in batch.records if record.key == _KEY)

        settings = self._settings
        state = TopicPartition(self._topics.state, PARTITION)
        await read_to_end(settings.bootstrap_servers, settings.kafka_options, [state], load)
        return unpack_state(found[-1])

    async def write(self, state: State, alerts: Sequence[tuple[bytes, bytes]]) -> None:
        """Alerts (key, message) and the state after them, or nothing; raises when in doubt."""
        records = [(self._topics.alerts, *alert) for alert in alerts]
        records.append((self._topics.state, _KEY, pack_state(state)))
        producer = self._producer
        await producer.begin_transaction()
        sent = [
            await producer.send(topic, value, key=key, partition=PARTITION)
            for topic, key, value in records
        ]
        for outcome in await asyncio.gather(*sent, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        commits.reached("alerts are written", PARTITION)
        await producer.commit_transaction()
        commits.reached("alerts are committed", PARTITION)

    async def close(self) -> None:
        """Ends the connection."""
        await self._producer.stop()
