"""One Faust agent an input topic: it gives each batch to the table of shards."""

from __future__ import annotations

from typing import Any

from streams.transport import BatchSchema


def add_agents(app: Any) -> None:
    for topic, name in app.names.inputs.items():
        channel = app.topic(name, schema=BatchSchema(), acks=False, internal=False)
        app.agent(channel, name=f"ingest-{topic}")(_ingesting(app, topic))


def _ingesting(app: Any, topic: str) -> Any:
    async def ingest(stream: Any) -> None:
        async for batch in stream:
            app.store.ingest(topic, batch)

    return ingest
