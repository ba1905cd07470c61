"""The exporter: follows what workers commit, and serves it on the web.

It must not know what is in an answer; `exposition` and `api` do.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aiohttp import web
from prometheus_client.registry import Collector

from streams import cycles, logs
from streams.alerting.collector import AlertCollector
from streams.alerting.evaluator import Evaluator
from streams.api import WHOLE, add_api, errors, reply, why_not_ready
from streams.blocked import watch_loop
from streams.collectors import ProcessorCollector, WorkerCollector
from streams.exposition import KpiCollector, registry
from streams.follower import Follower, Whole
from streams.goals import GoalCollector
from streams.guard import guarded
from streams.page.routes import add_page
from streams.page.snapshot import Snapshots
from streams.probes import REGISTRY, TROUBLE, add_probes
from streams.servers import Worker
from streams.settings import Settings
from streams.site import PortTakenError, Site, serve, tls_of
from streams.stuck import Watch
from streams.unread import Unread

log = logging.getLogger(__name__)

_STOP_PATIENCE_S = 10.0
_INDEX = """\
The KPIs of {shop}; a browser shows them as a live page

/metrics                      for Prometheus
/metrics?name[]=kpi_visits    these metrics only
/api/v1/status                where everything stands
/api/v1/kpis                  every KPI, and what each means
/api/v1/query?kpi=visits&window=day&from=now-7d&by=source
/api/v1/explain?kpi=visits&window=day
                              a value and what is behind it
/api/v1/why?kpi=conversion_rate&window=day&by=device
                              what each segment added to a change
/api/v1/goals                 every goal, and where it stands
/api/v1/page?window=24h       all that the page shows, for itself
/readyz  /healthz             for probes
"""


async def readyz(request: web.Request) -> web.Response:
    """Whether values are complete; partitions that lag behind are named."""
    whole = request.app[WHOLE]
    behind = {str(p): ms / 1_000 for p, ms in sorted(whole.behind().items())}
    if not whole.ready:
        told = {"ready": False, "reason": why_not_ready(whole), "waiting": whole.waiting()}
        return reply(told, 503)
    return reply({"ready": True, "trouble": whole.trouble or None, "behind_seconds": behind})


async def index(request: web.Request) -> web.Response:
    """What there is, for those who don't ask for HTML."""
    return web.Response(text=_INDEX.format(shop=request.app[WHOLE].settings.shop_name))


def exporter_app(
    whole: Whole, *more: Collector, watch: Watch | None = None, demo: bool = False
) -> web.Application:
    """The web application over what is visible; `more` goes to its /metrics too.

    What the watch says is what /healthz says.  Of a demo the page says that nothing is kept.
    """
    app = web.Application(middlewares=[errors])
    app[WHOLE] = whole
    told = whole.settings.exporter
    if demo:  # which asks itself
        told = replace(told, tokens=(), metrics_tokens=(), metrics_port=0)
    shown = registry(KpiCollector(whole), GoalCollector(whole), ProcessorCollector(whole), *more)
    guarded(
        app,
        host=told.host,
        names=told.hosts,
        tokens=told.tokens,
        metrics_tokens=() if told.metrics_port else told.metrics_tokens,
    )
    trouble = (lambda: watch.trouble) if watch else None
    add_probes(app, shown, trouble, metrics=not told.metrics_port)
    app.router.add_get("/readyz", readyz)
    add_page(app, Snapshots(whole, demo=demo), index)
    add_api(app)
    return app


def metrics_app(settings: Settings, whole_app: web.Application) -> web.Application:
    """What listens on a port of its own for Prometheus: what `whole_app` measures, and its health."""
    told = settings.exporter
    app = web.Application(middlewares=[errors])
    host = told.metrics_host or told.host
    guarded(app, host=host, names=told.hosts, metrics_tokens=told.metrics_tokens)
    add_probes(app, whole_app[REGISTRY], whole_app[TROUBLE])
    return app


def worker_app(shop_app: Any, worker: Worker) -> web.Application:
    """A worker's own metrics and health; `shop_app` is a `ShopApp`."""
    app = web.Application(middlewares=[errors])
    guarded(app, host=worker.host, tokens=worker.tokens)
    add_probes(app, registry(WorkerCollector(shop_app)), lambda: shop_app.watch.trouble)
    return app


async def run_exporter(settings: Settings, told: Callable[[Site], None]) -> None:
    """Follows and serves until SIGTERM or SIGINT."""
    gc.freeze()
    cycles.look_seldom()
    logs.say_rarely()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    whole = Whole(settings)
    evaluator = Evaluator(settings, whole) if settings.alerting.evaluate else None
    more = [AlertCollector(settings, evaluator)] if evaluator else []
    follower = Follower(settings, whole)
    watch = _watch(settings, follower)
    web_app = exporter_app(whole, *more, watch=watch)
    site, *others = await _listen(settings, web_app)
    if watch:
        watch_loop(
            asyncio.get_running_loop(),
            settings.exporter.stuck_after_s,
            "nothing is read or answered",
            "a fresh one reads all anew",
        )
    work = [follower.run(), *([watch.run()] if watch else [])]  # which end only by an error
    needed = {asyncio.ensure_future(each) for each in work}
    tasks = [*needed, *([asyncio.ensure_future(evaluator.run())] if evaluator else [])]
    waiting = asyncio.ensure_future(stop.wait())
    told(site)
    try:
        await asyncio.wait({*needed, waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in needed:
            if task.done():
                task.result()
    finally:
        waiting.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_STOP_PATIENCE_S)  # Kafka may be gone
        for each in (site, *others):
            await each.close()
    log.info("stopped")


def _watch(settings: Settings, follower: Follower) -> Watch | None:
    """What notices that nothing is read; None where nobody wants it."""
    patience_s = settings.exporter.stuck_after_s
    if not patience_s:
        return None
    return Watch(follower.things, Unread(settings, settings.kafka_options), patience_s)


async def _listen(settings: Settings, web_app: web.Application) -> list[Site]:
    """Page and API, and `/metrics` where that has a port of its own.

    Raises PortTakenError or ConfigError.
    """
    told = settings.exporter
    tls = tls_of("exporter", told.certfile, told.keyfile)
    sites = [await serve(web_app, told.host, told.port, tls=tls)]
    if told.metrics_port:
        metrics = metrics_app(settings, web_app)
        try:
            sites.append(
                await serve(metrics, told.metrics_host or told.host, told.metrics_port, tls=tls)
            )
        except PortTakenError:
            await sites[0].close()
            raise
    return sites
