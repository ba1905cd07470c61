"""Removes what a replay left in Kafka: its own topics and group, and never those of another.

It must not know the command line.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiokafka.errors import for_code

from streams.replay.plan import as_app, topic_of
from streams.settings import Settings
from streams.topics import (
    Names,
    RefusedError,
    UnreachableError,
    admin_of,
    answering,
    counts,
    unreachable,
)

_PATIENCE_S = 30.0
_GONE = (0, 3)  # done, or there was no such topic


async def owned(settings: Settings, app_id: str) -> list[str]:
    """The topics of a replay, the plan's last, so that an interrupted removal can go on.

    Raises RefusedError when it isn't a replay, is the running application, or is at work.
    """
    if app_id == settings.app_id:
        raise RefusedError(f"{app_id!r} is the application of these settings; nothing was removed")
    async with answering(settings), admin_of(settings) as admin:
        there = await counts(admin, None)
        if topic_of(app_id) not in there:
            raise RefusedError(f"{app_id!r} is no replay, so nothing of it is removed")
        for group in (app_id, f"{app_id}-alerts"):
            if await _is_active(admin, group):
                raise RefusedError(
                    f"a worker or exporter of {app_id!r} runs: stop it before its topics go"
                )
    names = Names.of(as_app(settings, app_id))
    own = [names.forwarded, names.state, names.panes, names.dead_letters]
    own += [f"{app_id}-dead-letters-sent", f"{app_id}-alerts-state"]
    return [*(topic for topic in own if topic in there), topic_of(app_id)]


async def remove(settings: Settings, app_id: str, topics: list[str]) -> None:
    """Delete these topics, as `owned` told them, and the group.

    Raises RefusedError or UnreachableError.
    """
    await _remove_groups(settings, [app_id, f"{app_id}-alerts"])
    async with answering(settings), admin_of(settings) as admin:
        for topic in topics:  # one by one: the plan goes when nothing else is left
            answer = await admin.delete_topics([topic])
            for name, code, *why in answer.topic_error_codes:
                if code not in _GONE:
                    raise RefusedError(
                        f"Kafka did not delete {name}: {for_code(code).__name__} {why}"
                    )
            await _until_gone(admin, topic)


async def _is_active(admin: Any, group: str) -> bool:
    answers = await admin.describe_consumer_groups([group])
    return any(
        code == 0 and state not in ("Empty", "Dead")
        for answer in answers
        for code, _, state, *_ in answer.groups
    )


async def _until_gone(admin: Any, topic: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while topic in await counts(admin, None):
        if time.monotonic() > deadline:
            raise UnreachableError(f"{topic} is still there after {_PATIENCE_S:g} s; try again")
        await asyncio.sleep(0.1)


async def _remove_groups(settings: Settings, groups: list[str]) -> None:
    """With kafka-python: aiokafka has no words for it."""
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

    def delete() -> dict[str, str]:
        admin = KafkaAdminClient(
            bootstrap_servers=list(settings.bootstrap_servers), **settings.kafka_options
        )
        try:
            told: dict[str, str] = admin.delete_groups(groups)
            return told
        finally:
            admin.close()

    try:
        told = await asyncio.to_thread(delete)
    except KafkaError as error:
        raise await unreachable(settings, error) from error
    for group, outcome in told.items():
        if outcome not in ("OK", "GroupIdNotFoundError"):
            raise RefusedError(f"Kafka did not delete the group {group}: {outcome}")
