"""What each of our servers answers to those who watch it: `/metrics` and `/healthz`.

It must not know what is measured.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from streams.written import Registry, scrape

REGISTRY: web.AppKey[Registry] = web.AppKey("registry", Registry)
TROUBLE: web.AppKey[Callable[[], str]] = web.AppKey("trouble")


def _none() -> str:
    return ""


def add_probes(
    app: web.Application,
    registry: Registry,
    trouble: Callable[[], str] | None = None,
    *,
    metrics: bool = True,
) -> None:
    """Adds the routes; `trouble` says why this process had better be ended, if it had.

    Without `metrics` these are asked for elsewhere.
    """
    app[REGISTRY] = registry
    app[TROUBLE] = trouble or _none
    if metrics:
        app.router.add_get("/metrics", _metrics)
    app.router.add_get("/healthz", _healthz)


async def _metrics(request: web.Request) -> web.Response:
    """What Prometheus scrapes; with `?name[]=…`, once or more, these metrics only."""
    names = request.query.getall("name[]", [])
    page, content_type = scrape(request.app[REGISTRY], request.headers.get("Accept", ""), names)
    response = web.Response(body=page, headers={"Content-Type": content_type})
    response.enable_compression()
    return response


async def _healthz(request: web.Request) -> web.Response:
    """Alive: 200, or 503 and why it isn't."""
    trouble = request.app[TROUBLE]()
    return web.Response(text=f"{trouble or 'ok'}\n", status=503 if trouble else 200)
