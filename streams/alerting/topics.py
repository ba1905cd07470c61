"""The two topics of alerts: what others read, and the state that belongs to it.

It must not know what is written to them.
"""

from __future__ import annotations

from typing import NamedTuple

from streams.reach import hidden
from streams.settings import Settings
from streams.topics import CHANGELOG, DAY_MS, admin_of, answering, check_compaction, have

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
    async with answering(settings), admin_of(settings) as admin:
        configs = {names.alerts: _ALERTS, names.state: CHANGELOG}
        hint = hidden(settings.kafka_options)
        cluster = await have(admin, configs, 1, create=create, hint=hint)
        if not cluster.embedded:
            await check_compaction(admin, [names.state])
    return cluster.created
