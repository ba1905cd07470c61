"""The intake over HTTP: any body, under any of its headers, is answered in JSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from aiohttp import web

from streams.receiver.routes import intake_app
from streams.receiver.service import Service
from streams.settings import Intake, Settings
from tests.fuzz.target import Target
from tests.fuzz.targets.served import asked, loop
from tests.fuzz.targets.shop import NAMES, START_MS, of_each_kind
from tests.streams.receiver.desk import TOKEN, Shelf

_TYPES = (
    b"application/json", b"application/x-ndjson", b"application/json; charset=utf-8",
    b"application/jsonl", b"text/plain", b"application/json;charset=\xff", b"", b";;;=",
)  # fmt: skip


@cache
def _opened() -> tuple[web.Application, Service, Shelf]:
    loop()
    shelf = Shelf()
    limits = Intake(tokens=(TOKEN,), max_body=200_000, max_events=200, rate=10**9, burst=10**9)
    service = Service(
        replace(Settings(), intake=limits), shelf, now_ms=lambda: START_MS, now_s=lambda: 0.0
    )

    async def ready() -> None:
        return None

    app = intake_app(service, ready, {})
    app.freeze()
    return app, service, shelf


def attempt(told: bytes) -> None:
    """The first byte chooses topic, type and encoding of the body that follows."""
    choice = told[0] if told else 0
    topic = NAMES[choice % 8]
    head = b"POST /v1/events/%s HTTP/1.1\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n" % (
        topic.encode(), TOKEN.encode(), _TYPES[choice // 8 % 8],
    )  # fmt: skip
    if choice >= 192:
        head += b"Content-Encoding: gzip\r\n"
    elif choice >= 128:
        head += b"Idempotency-Key: again\r\n"
    app, service, shelf = _opened()
    answer = asked(app, head, told[1:])
    if answer is None:
        return
    assert answer.status in (200, 207, 400, 413, 415, 422), answer.status
    assert isinstance(json.loads(answer.body or b""), dict)
    assert service.room.used == 0
    shelf.messages.clear()


def seeds() -> Iterable[bytes]:
    """One event, an array, lines, and the same packed."""
    for message in of_each_kind(1):
        topic = NAMES.index(message.topic)
        yield bytes([topic]) + message.value
        yield bytes([topic]) + b"[" + message.value + b"," + message.value + b"]"
        yield bytes([topic + 8]) + message.value + b"\n" + message.value
        yield bytes([topic + 192]) + gzip.compress(message.value)


TARGET = Target(seeds, attempt, is_json=True)
