"""Settings for tests of the engine, without a file."""

from __future__ import annotations

from typing import Any

from kpi_windows.events import TOPICS
from tests.chaos.child import ChaosSettings
from tests.kafka.broker import KafkaBroker


def settings_for(kafka: KafkaBroker | None, app_id: str, **changes: Any) -> ChaosSettings:
    return ChaosSettings(
        **{
            "app_id": app_id,
            "bootstrap_servers": [kafka.bootstrap if kafka else "127.0.0.1:1"],
            "partitions": 2,
            "topics": {topic: f"{app_id}-{topic}" for topic in TOPICS},
            **changes,
        }
    )
