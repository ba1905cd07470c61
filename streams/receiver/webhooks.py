"""What a shop's software sends by itself: an adapter turns it into events, which go the same way.

    POST /v1/webhooks/{name}    signed as the adapter's vendor documents; no token is asked

It must not know any vendor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from streams.adapters import Adapted, Adapter, AdapterError, ForgedError
from streams.config import nearest
from streams.receiver import bodies
from streams.receiver.reception import Answer, summed
from streams.receiver.refusals import RefusedRequest
from streams.receiver.room import EVENT_BYTES
from streams.receiver.service import Service

log = logging.getLogger(__name__)


async def receive(
    service: Service, adapters: Mapping[str, Adapter], request: web.Request
) -> tuple[list[Answer], list[str]]:
    """Takes one payload: an answer for each event in it, and what in it makes none.

    Raises RefusedRequest.
    """
    service.check_open()
    name = request.match_info["name"]
    adapter = adapters.get(name)
    if adapter is None:
        raise RefusedRequest(404, f"there is no adapter {name!r}", nearest(name, tuple(adapters)))
    with service.strangers.share() as share:
        payload = await bodies.of_request(request, bodies.JSON, service.limits, share.take)
        adapted = _adapted(service, adapter, payload, _text(request.headers))
        share.take(len(adapted.events) * EVENT_BYTES)
        answers, switched_off = await _take(service, adapted)
    ignored = [*adapted.ignored, *switched_off]
    service.counts.ignored(name, ignored)
    if any(answer.status == "rejected" for answer in answers):
        log.warning(
            "webhook of %s: an event of ours that isn't one: %s",
            name,
            next(answer.reason for answer in answers if answer.status == "rejected"),
        )
    return answers, ignored


def _text(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as text: bytes that are no UTF-8 are replaced, so that nothing fails over them."""
    return {
        name: value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        for name, value in headers.items()
    }


def _adapted(
    service: Service, adapter: Adapter, payload: bytes, headers: Mapping[str, str]
) -> Adapted:
    section: Any = getattr(service.settings, adapter.name)
    try:
        adapter.verify(payload, headers, section, service.now_ms())
    except ForgedError as error:
        log.warning("webhook of %s: not let in: %s", adapter.name, error)
        raise RefusedRequest(
            401, str(error), f"set the same secret there and in [{adapter.name}]"
        ) from None
    try:
        return adapter.events_of(payload, headers, section)
    except AdapterError as error:
        log.warning("webhook of %s: can't be read: %s", adapter.name, error)
        raise RefusedRequest(
            422, str(error), "it isn't what is documented; nothing of it was written"
        ) from None


async def _take(service: Service, adapted: Adapted) -> tuple[list[Answer], list[str]]:
    """The answers in the payload's order, and why the events of some topics aren't wanted."""
    by_topic: dict[str, list[tuple[int, bytes]]] = {}  # place in the payload, and event
    for place, (topic, event) in enumerate(adapted.events):
        by_topic.setdefault(topic, []).append((place, msgspec.json.encode(event)))
    wanted = {topic: of for topic, of in by_topic.items() if topic in service.topics}
    taken = await asyncio.gather(
        *(service.reception.take(topic, [value for _, value in of]) for topic, of in wanted.items())
    )
    answers: list[Answer] = []
    for (topic, of), some in zip(wanted.items(), taken, strict=True):
        service.counts.answers(topic, summed(some))
        answers += [
            msgspec.structs.replace(answer, index=place)
            for (place, _), answer in zip(of, some, strict=True)
        ]
    switched_off = [f"topic {topic} is switched off" for topic in by_topic if topic not in wanted]
    return sorted(answers, key=lambda answer: answer.index), switched_off
