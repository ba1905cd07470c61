"""One Faust agent an input topic: it gives each batch to the table of shards, piece by piece.

Between the pieces everything else in the loop has its turn: commits first of all, whose
transactions time out when events cost so much that a batch takes seconds.
"""

from __future__ import annotations

import time
from typing import Any

from streams.transport import BatchSchema

_PIECE_S = 0.03


def add_agents(app: Any) -> None:
    for topic, name in app.names.inputs.items():
        channel = app.topic(name, schema=BatchSchema(), acks=False, internal=False)
        app.agent(channel, name=f"ingest-{topic}")(_ingesting(app, topic))


def _ingesting(app: Any, topic: str) -> Any:
    async def ingest(stream: Any) -> None:
        most = 500
        async for batch in stream:
            rest = batch
            while rest is not None:
                piece, rest = rest.split(most)
                began = time.perf_counter()
                if not app.store.ingest(topic, piece, more=rest is not None):
                    break  # the position guard has it fetched again
                most = _next_size(most, len(piece.records), time.perf_counter() - began)
                await app.commits.make_room()

    return ingest


def _next_size(most: int, taken: int, took_s: float) -> int:
    """How many records the next piece may have, to take about 0.03 s.

    >>> _next_size(500, 500, 0.4), _next_size(500, 500, 0.001), _next_size(500, 3, 0.0)
    (37, 1000, 500)
    """
    if took_s > _PIECE_S:
        return max(1, int(taken * _PIECE_S / took_s))
    return min(2 * most, 1_000_000) if taken == most and took_s < _PIECE_S / 2 else most
