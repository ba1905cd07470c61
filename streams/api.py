"""The JSON API: routes, parameters and errors.

It must not know how values are made; it asks `questions`, as `kpi compute` does.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from kpi_windows.kpi import UnknownNameError
from streams.config import nearest
from streams.explain import described
from streams.follower import Whole
from streams.goals import told_of
from streams.questions import Question, QuestionError, answer, parse_where
from streams.reasons import explain_answer, why_answer
from streams.units import show_time

WHOLE: web.AppKey[Whole] = web.AppKey("whole", Whole)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PARAMETERS = (
    "kpi", "window", "from", "to", "at", "by", "where", "definition", "top", "table",
)  # fmt: skip
_OF_EXPLAIN = ("kpi", "window", "at", "definition")
_OF_WHY = ("kpi", "window", "at", "by", "definition", "top")
_MOST = 10_000


class ApiError(Exception):
    """Something that is answered with a status and a message."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.hint = hint


def reply(told: Any, status: int = 200) -> web.Response:
    """JSON, never cached."""
    text = json.dumps(told, ensure_ascii=False)
    return web.json_response(text=text + "\n", status=status, headers={"Cache-Control": "no-store"})


def _error(status: int, message: str, hint: str) -> web.Response:
    return reply({"error": message, **({"hint": hint} if hint else {})}, status)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error is JSON that says what to do."""
    try:
        return await handler(request)
    except ApiError as error:
        return _error(error.status, str(error), error.hint)
    except (UnknownNameError, QuestionError) as error:
        return _error(400, str(error), "GET /api/v1/kpis lists the KPIs and what each takes")
    except web.HTTPMethodNotAllowed as error:
        allowed = sorted(error.allowed_methods)
        response = _error(405, f"{request.method} isn't done here", f"use {', '.join(allowed)}")
        response.headers["Allow"] = ", ".join(allowed)
        return response
    except web.HTTPNotFound:
        return _error(404, f"there is nothing at {request.path}", "GET / lists what there is")


def _whole(request: web.Request) -> Whole:
    return request.app[WHOLE]


def _ready(request: web.Request) -> Whole:
    whole = _whole(request)
    if not whole.ready:
        raise ApiError(503, why_not_ready(whole), "try again in a few seconds")
    return whole


async def kpis(request: web.Request) -> web.Response:
    """Every KPI."""
    catalogue = _whole(request).settings.catalogue
    return reply({"kpis": [described(kpi) for kpi in catalogue.values()]})


async def kpi(request: web.Request) -> web.Response:
    """One KPI, by id or any of its names."""
    name = request.match_info["id"]
    try:
        return reply(described(_whole(request).settings.catalogue.find(name)))
    except UnknownNameError as error:
        raise ApiError(404, str(error), "GET /api/v1/kpis lists them") from None


async def query(request: web.Request) -> web.Response:
    """A question, as `kpi query` asks it."""
    question = question_of(request)
    whole = _ready(request)
    return reply(answer(whole.view, question, whole.settings.catalogue))


async def explain(request: web.Request) -> web.Response:
    """A KPI's value in one window, and what is behind it."""
    question = question_of(request, _OF_EXPLAIN)
    whole = _ready(request)
    return reply(explain_answer(whole.view, question, whole.settings.catalogue))


async def why(request: web.Request) -> web.Response:
    """Why a KPI moved since the window before, by the segments of a label."""
    question = question_of(request, _OF_WHY)
    whole = _ready(request)
    return reply(why_answer(whole.view, question, whole.settings.catalogue))


async def goals(request: web.Request) -> web.Response:
    """Every goal, and where it stands."""
    whole = _ready(request)
    return reply({"goals": told_of(whole.settings.goals, whole.view)})


def question_of(request: web.Request, takes: tuple[str, ...] = _PARAMETERS) -> Question:
    """The question in a request's parameters."""
    told = request.query
    for name in told:
        if name not in takes:
            raise ApiError(400, f"no parameter {name!r}; {nearest(name, takes)}")
    if not told.get("kpi"):
        raise ApiError(400, "which KPI? expected kpi=…", "GET /api/v1/kpis lists them")
    by = [label for part in told.getall("by", []) for label in part.split(",") if label]
    return Question(
        kpi=told["kpi"],
        window=told.get("window", "day"),
        from_time=told.get("from"),
        to_time=told.get("to"),
        at_time=told.get("at"),
        by=tuple(by),
        where=parse_where(told.getall("where", [])),
        definition=told.get("definition", "default"),
        top=_top(told.get("top", "50")),
        table=told.get("table", "0").lower() in ("1", "true", "yes"),
    )


def _top(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise ApiError(400, f"top: expected a whole number, 1..{_MOST}, got {text!r}")
    return int(text)


def why_not_ready(whole: Whole) -> str:
    """What is waited for."""
    if whole.trouble:
        return f"not ready: {whole.trouble}"
    waiting = ", ".join(map(str, whole.waiting()))
    return f"not ready: partitions {waiting} are not read to their end yet"


async def status(request: web.Request) -> web.Response:
    """Where everything stands."""
    return reply(status_of(_whole(request)))


def status_of(whole: Whole) -> dict[str, Any]:
    """Where everything stands, as an object."""
    zone = whole.settings.definitions.zone
    watermark_ms = whole.view.watermark_ms
    return {
        "shop": whole.settings.shop_name,
        "currency": whole.settings.definitions.currency,
        "zone": zone,
        "ready": whole.ready,
        "reason": None if whole.ready else why_not_ready(whole),
        "trouble": whole.trouble or None,
        "watermark": None if watermark_ms is None else show_time(watermark_ms, zone),
        "watermark_ms": watermark_ms,
        "partitions": {
            str(partition): {
                "watermark_ms": seen.checkpoint.watermark_ms,
                "newest_arrival_ms": seen.checkpoint.newest_arrival_ms,
                "applied_ms": seen.applied_ms,
                "commits": seen.checkpoint.sequence,
                "positions": seen.checkpoint.positions,
            }
            for partition, seen in sorted(whole.seen.items())
        },
        "behind_ms": {str(p): ms for p, ms in sorted(whole.behind().items())},
        "events": {
            law.topic: {"in": law.taken_in, **law.outcomes, "accounted_for": law.holds}
            for law in whole.view.laws()
        },
    }


def add_api(app: web.Application) -> None:
    """Adds the routes; the application has WHOLE and the middleware `errors`."""
    app.router.add_get("/api/v1/kpis", kpis)
    app.router.add_get("/api/v1/kpis/{id}", kpi)
    app.router.add_get("/api/v1/query", query)
    app.router.add_get("/api/v1/explain", explain)
    app.router.add_get("/api/v1/why", why)
    app.router.add_get("/api/v1/goals", goals)
    app.router.add_get("/api/v1/status", status)
