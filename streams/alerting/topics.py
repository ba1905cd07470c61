"""The two topics of alerts: what others read, and the state that belongs to it.

It must not know what is written to them.
"""

from __future__ import annotations

from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.reach import refusal
from streams.settings import Settings
from streams.topics import (
    CHANGELOG,
    DAY_MS,
    EMBEDDED,
    RefusedError,
    UnreachableError,
    check_compaction,
    counts,
    create_topics,
    no_answer,
)

PARTITION = 0
"""The one that is written; alerts need an order more than they need room."""
_ALERTS = {"cleanup.policy": "delete", "retention.ms": str(90 * DAY_MS)}


class AlertTopics(NamedTuple):
    """Their names in Kafka."""

    alerts: str
    """Breaches and recoveries, JSON, for whoever wants to act on them."""
    state: str
    """Which alerts fire and which minute was judged last, compacted: the evaluator's own."""

    @classmethod
    def of(cls, settings: Settings) -> AlertTopics:
        """By the settings."""
        return cls(settings.alerting.topic, f"{settings.app_id}-alerts-state")


async def ensure(settings: Settings, *, create: bool = False) -> list[str]:
    """Have both topics; returns those that had to be created, each with one partition.

    Without `create` a missing one is refused, except on the embedded broker, where topics appear
    on first use.  Raises RefusedError or UnreachableError.
    """
    names = AlertTopics.of(settings)
    admin = AIOKafkaAdminClient(
        bootstrap_servers=list(settings.bootstrap_servers),
        client_id=f"{settings.app_id}-alerts",
        **settings.kafka_options,
    )
    try:
        await admin.start()
        there = await counts(admin, None)
        cluster = await admin.describe_cluster()
        missing = [topic for topic in names if topic not in there]
        if cluster["cluster_id"].startswith(EMBEDDED):
            if missing:
                await admin.describe_topics(missing)  # it makes what it is asked about
            return missing
        if missing and not create:
            raise RefusedError(f"Missing in Kafka: {', '.join(missing)}. `kpi topics` creates them")
        if missing:
            configs = {names.alerts: _ALERTS, names.state: CHANGELOG}
            wanted = {topic: configs[topic] for topic in missing}
            await create_topics(admin, wanted, 1, min(3, len(cluster["brokers"])))
        await check_compaction(admin, [names.state])
    except (TimeoutError, KafkaError, OSError) as error:
        why = await refusal(settings.bootstrap_servers, settings.kafka_options)
        raise UnreachableError(no_answer(settings.bootstrap_servers, error, why)) from error
    finally:
        await admin.close()
    return missing
