"""What each of our servers answers to those who watch it: `/metrics` and `/healthz`.

It must not know what is measured.
"""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CollectorRegistry

from streams.written import scrape

_REGISTRY: web.AppKey[CollectorRegistry] = web.AppKey("registry", CollectorRegistry)


def add_probes(app: web.Application, registry: CollectorRegistry) -> None:
    """Adds the routes."""
    app[_REGISTRY] = registry
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/healthz", _healthz)


async def _metrics(request: web.Request) -> web.Response:
    """What Prometheus scrapes."""
    page, content_type = scrape(request.app[_REGISTRY], request.headers.get("Accept", ""))
    response = web.Response(body=page, headers={"Content-Type": content_type})
    response.enable_compression()
    return response


async def _healthz(_request: web.Request) -> web.Response:
    """Alive."""
    return web.Response(text="ok\n")
