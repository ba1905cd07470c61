"""The exporter: follows what workers commit, and serves it on the web.

It must not know what is in an answer; `exposition` and `api` do.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from streams import logs
from streams.alerting.collector import AlertCollector
from streams.alerting.evaluator import Evaluator
from streams.api import WHOLE, add_api, errors, reply, why_not_ready
from streams.collectors import ProcessorCollector, WorkerCollector
from streams.exposition import KpiCollector, registry, scrape
from streams.follower import Follower, Whole
from streams.goals import GoalCollector
from streams.settings import Settings

log = logging.getLogger(__name__)

REGISTRY: web.AppKey[CollectorRegistry] = web.AppKey("registry", CollectorRegistry)

_STOP_PATIENCE_S = 10.0
_INDEX = """\
The KPIs of {shop}

/metrics                      for Prometheus
/api/v1/status                where everything stands
/api/v1/kpis                  every KPI, and what each means
/api/v1/query?kpi=visits&window=day&from=now-7d&by=source
/api/v1/goals                 every goal, and where it stands
/readyz  /healthz             for probes
"""


class PortTakenError(Exception):
    """Somebody listens there already; the message says what to do."""


async def metrics(request: web.Request) -> web.Response:
    """What Prometheus scrapes."""
    page, content_type = scrape(request.app[REGISTRY], request.headers.get("Accept", ""))
    response = web.Response(body=page, headers={"Content-Type": content_type})
    response.enable_compression()
    return response


async def healthz(_request: web.Request) -> web.Response:
    """Alive."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Whether values are complete; partitions that lag behind are named."""
    whole = request.app[WHOLE]
    behind = {str(p): ms / 1_000 for p, ms in sorted(whole.behind().items())}
    if not whole.ready:
        told = {"ready": False, "reason": why_not_ready(whole), "waiting": whole.waiting()}
        return reply(told, 503)
    return reply({"ready": True, "trouble": whole.trouble or None, "behind_seconds": behind})


async def index(request: web.Request) -> web.Response:
    """What there is."""
    return web.Response(text=_INDEX.format(shop=request.app[WHOLE].settings.shop_name))


def exporter_app(whole: Whole, *more: Collector) -> web.Application:
    """The web application over what is visible; `more` goes to its /metrics too."""
    app = web.Application(middlewares=[errors])
    app[WHOLE] = whole
    app[REGISTRY] = registry(
        KpiCollector(whole), GoalCollector(whole), ProcessorCollector(whole), *more
    )
    app.router.add_get("/", index)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    add_api(app)
    return app


def worker_app(shop_app: object) -> web.Application:
    """A worker's own metrics and health; `shop_app` is a `ShopApp`."""
    app = web.Application(middlewares=[errors])
    app[REGISTRY] = registry(WorkerCollector(shop_app))
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", healthz)
    return app


class Site:
    """A web application that listens."""

    def __init__(self, runner: web.AppRunner, host: str, port: int) -> None:
        self._runner = runner
        self.port = port
        shown = "127.0.0.1" if host in ("", "0.0.0.0") else host  # noqa: S104 - compared
        self.url = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"

    async def close(self) -> None:
        """Lets requests end, and stops listening."""
        await self._runner.cleanup()


async def serve(app: web.Application, host: str, port: int, *, else_any: bool = False) -> Site:
    """Listens; with `else_any` on any free port when this one is taken.

    Raises PortTakenError.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        if else_any and error.errno == errno.EADDRINUSE and port:
            await web.TCPSite(runner, host, 0).start()
        else:
            await runner.cleanup()
            raise PortTakenError(_cannot_listen(host, port, error)) from error
    bound: int = runner.addresses[0][1]
    return Site(runner, host, bound)


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is taken: stop what listens there, or choose another by "
            "--port (0 takes any free one)"
        )
    return f"can't listen on {host} port {port}: {error.strerror or error}"


_GC_THRESHOLDS = (200_000, 20, 100)
"""A scrape makes tens of thousands of objects, and Python would look for cycles among all that is
kept; there are next to none. The longest scrapes take a third less."""


async def run_exporter(settings: Settings, told: Callable[[Site], None]) -> None:
    """Follows and serves until SIGTERM or SIGINT."""
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    logs.say_rarely()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    whole = Whole(settings)
    evaluator = Evaluator(settings, whole) if settings.alerting.evaluate else None
    more = [AlertCollector(settings, evaluator)] if evaluator else []
    web_app = exporter_app(whole, *more)
    site = await serve(web_app, settings.exporter.host, settings.exporter.port)
    following = asyncio.ensure_future(Follower(settings, whole).run())
    tasks = [following, *([asyncio.ensure_future(evaluator.run())] if evaluator else [])]
    waiting = asyncio.ensure_future(stop.wait())
    told(site)
    try:
        await asyncio.wait({following, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            following.result()
    finally:
        waiting.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_STOP_PATIENCE_S)  # Kafka may be gone
        await site.close()
    log.info("stopped")
