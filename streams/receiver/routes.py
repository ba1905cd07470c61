"""The intake's routes; every answer is JSON, but for `/metrics`.

    POST /v1/events/{topic}     one event, an array, or one a line
    POST /v1/webhooks/{name}    what a shop's software sends by itself; see `webhooks`
    GET  /metrics  /healthz  /readyz

It must not know how an event is judged or written.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from streams.adapters import Adapter
from streams.exposition import registry
from streams.guard import add_headers
from streams.probes import add_probes
from streams.receiver import bodies
from streams.receiver.counts import IntakeCollector
from streams.receiver.reception import Answer, summed
from streams.receiver.refusals import RefusedRequest, refusal, reply
from streams.receiver.room import EVENT_BYTES
from streams.receiver.service import Service
from streams.receiver.webhooks import receive

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Ready = Callable[[], Awaitable[str | None]]

SERVICE: web.AppKey[Service] = web.AppKey("service", Service)
READY: web.AppKey[Ready] = web.AppKey("ready")
ADAPTERS: web.AppKey[Mapping[str, Adapter]] = web.AppKey("adapters")

_NOT_HTTP = logging.getLogger("streams.receiver.not_http")
_NOT_HTTP.setLevel(logging.CRITICAL)  # a traceback for every stranger would fill the disk

HTTP: dict[str, Any] = {
    "auto_decompress": False,  # `bodies` does, within bounds
    "keepalive_timeout": 75.0,  # for the next request on a connection, and the head of the first
    "lingering_time": 2.0,  # for the rest of a body that is refused
    "logger": _NOT_HTTP,
}
"""How aiohttp is to treat connections."""

_LONGEST_KEY = 150
_RETRY_AFTER_S = 1


@web.middleware
async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever happens, the answer is JSON that says what to do, and is counted."""
    started_s = time.perf_counter()
    response: web.StreamResponse
    try:
        response = await handler(request)
    except RefusedRequest as error:
        response = refusal(error)
    except web.HTTPException as error:
        response = _plain(request, error)
    except Exception:
        log.exception("a request to %s failed", request.path)
        response = refusal(
            RefusedRequest(
                500,
                "something went wrong here; perhaps nothing was written",
                "send the same again; the log of the intake says more",
                retry_after_s=_RETRY_AFTER_S,
            )
        )
    service = request.app[SERVICE]
    route = request.match_info.route.resource
    kind = route.canonical.split("/")[2] if route and route.canonical.startswith("/v1/") else ""
    if kind:
        service.counts.request(kind, response.status, time.perf_counter() - started_s)
    if service.stops:
        response.force_close()
    return response


def _plain(request: web.Request, error: web.HTTPException) -> web.Response:
    """What aiohttp refuses by itself."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        told = RefusedRequest(405, f"{request.method} isn't done here", f"use {allowed}")
        response = refusal(told)
        response.headers["Allow"] = allowed
        return response
    if error.status == 404:
        hint = "POST /v1/events/{topic} takes events; docs/how-to/intake.md says how"
        return refusal(RefusedRequest(404, f"there is nothing at {request.path}", hint))
    return refusal(RefusedRequest(error.status, error.reason, "look at the request"))


async def events(request: web.Request) -> web.Response:
    """Takes one event or many."""
    service = request.app[SERVICE]
    bucket = service.tokens.bucket(request.headers.get("Authorization"))
    service.check_open()
    topic = request.match_info["topic"]
    service.check_topic(topic)
    request_key = _request_key(request)
    bucket.take()
    with service.room.share() as share:
        types = (*bodies.JSON, *bodies.LINES)
        body = await bodies.of_request(request, types, service.limits, share.take)
        values = bodies.values_of(body, request.content_type, service.limits)
        bucket.take_more(len(values) - 1)
        share.take(len(values) * EVENT_BYTES)
        answers = await service.reception.take(topic, values, request_key)
    service.counts.answers(topic, summed(answers))
    return report(answers)


async def webhooks(request: web.Request) -> web.Response:
    """Takes what a shop's software sends."""
    service = request.app[SERVICE]
    answers, ignored = await receive(service, request.app[ADAPTERS], request)
    return report(answers, ignored)


def _request_key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None or (1 <= len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        return key
    raise RefusedRequest(
        400,
        "Idempotency-Key isn't one",
        f"send 1 to {_LONGEST_KEY} ASCII characters, the same when the request is sent again",
    )


def report(answers: Sequence[Answer], ignored: Sequence[str] | None = None) -> web.Response:
    """What became of each event; of a webhook also what makes none.

    200: Kafka has all of them. 207: some are rejected. 422: all are. 503: of some it isn't known,
    and the same is to be sent again.
    """
    counts = summed(answers)
    told: dict[str, Any] = {**counts, "events": list(answers)}
    if ignored is not None:
        told["ignored"] = list(ignored)
    if counts["not_written"]:
        return reply(told, 503, retry_after_s=_RETRY_AFTER_S)
    if counts["rejected"]:
        return reply(told, 422 if counts["rejected"] == len(answers) else 207)
    return reply(told)


async def readyz(request: web.Request) -> web.Response:
    """Whether events would be taken now."""
    service = request.app[SERVICE]
    reason = "it ends" if service.stops else await request.app[READY]()
    told = {"ready": reason is None, **({"reason": reason} if reason else {})}
    return reply(told, 200 if reason is None else 503)


def intake_app(service: Service, ready: Ready, adapters: Mapping[str, Adapter]) -> web.Application:
    """The web application; `ready` says why no event would be taken now, or None."""
    app = web.Application(middlewares=[answered])
    add_headers(app)
    app[SERVICE] = service
    app[READY] = ready
    app[ADAPTERS] = adapters
    add_probes(app, registry(IntakeCollector(service.counts, service.levels)))
    app.router.add_post("/v1/events/{topic}", events)
    app.router.add_post("/v1/webhooks/{name}", webhooks)
    app.router.add_get("/readyz", readyz)
    return app
