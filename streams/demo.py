"""`kpi demo`: broker, shop, worker and exporter on this machine, for a look.

    this process: embedded broker, shop -----events----> child: worker -> exporter, one loop

It must not know more of any part than how to start it.  Nothing is kept: the broker never
compacts and forgets, so the worker hands each cut to the exporter in its own process.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NoReturn

from streams.broker import PARTITIONS, EmbeddedBroker
from streams.producer import ProducerOptions, Sender
from streams.settings import Settings
from streams.simulator import Message, ShopOptions, SimulateOptions, simulate
from streams.units import HOUR_MS

log = logging.getLogger(__name__)

_START_PATIENCE_S = 60.0
_STOP_PATIENCE_S = 20.0
_AHEAD = 30_000
"""The broker keeps so few messages that the shop must not run further ahead of the worker."""
_LOOK_EVERY = 2_000


class DemoError(Exception):
    """The demo can't go on; the message says why."""


@dataclass(frozen=True)
class DemoOptions:
    """What to show, and for how long."""

    seconds: float | None = None
    shop: bool = True
    hours: float = 26.0
    """Of the shop's past, played first: a day, and a little for what needs time to ripen."""
    visits_per_hour: float = 600.0
    seed: int = 1
    starts_at_hour: int = 15
    """Of the customers' day: from here on it gets busier, whatever the time is on this machine."""


def environment(settings: Settings, bootstrap: str) -> dict[str, str]:
    """Variables that lead the child to the embedded broker, whatever shop.toml says."""
    exporter = settings.exporter
    return {
        **os.environ,
        "KPI_BOOTSTRAP_SERVERS": bootstrap,
        "KPI_SECURITY_PROTOCOL": "PLAINTEXT",
        "KPI_APP_ID": "demo",
        "KPI_PARTITIONS": str(PARTITIONS),
        "KPI_TOPICS": "",
        "KPI_INSTANCE_ID": "",
        "KPI_LOG_LEVEL": "warning" if settings.log.level == "info" else settings.log.level,
        "KPI_EXPORTER_HOST": exporter.host,
        "KPI_EXPORTER_PORT": str(exporter.port),
        **({"KPI_CONFIG": str(settings.path)} if settings.path else {}),
    }


def run(settings: Settings, options: DemoOptions, say: Callable[[str], None]) -> None:
    """The demo, until its time is over or somebody interrupts it.  Raises DemoError."""
    ends = None if options.seconds is None else time.monotonic() + options.seconds
    say("starting: a broker in this process, a worker and an exporter beside it …")
    with EmbeddedBroker() as broker:
        child = Child(environment(settings, broker.bootstrap), options)
        stop = threading.Event()
        play: Play | None = None
        try:
            url = child.url(ends)
            if url is None:
                return
            _tell(settings, options, url, broker.bootstrap, say)
            if options.shop:
                play = Play(options, broker.bootstrap, url, stop, say, tuple(settings.topics))
                play.thread.start()
            while ends is None or time.monotonic() < ends:
                time.sleep(0.1)
                child.check()
                if play is not None and not play.thread.is_alive():
                    raise DemoError(f"the shop ended: {play.failure}")
        finally:
            stop.set()
            if play is not None and play.thread.ident is not None:
                play.thread.join(5)
            child.close()
            say("the demo has ended; its broker, events and values are gone")


def _tell(
    settings: Settings, options: DemoOptions, url: str, bootstrap: str, say: Callable[[str], None]
) -> None:
    wanted = settings.exporter.port
    if wanted and not url.endswith(f":{wanted}"):
        say(f"port {wanted} is taken, so another one it is")
    say("")
    say(f"  page      {url}/")
    say(f"  metrics   {url}/metrics")
    say(f"  a KPI     kpi query conversion_rate --window hour --from now-6h --url {url}")
    if options.shop:
        say(f"  goals     kpi query --goals --url {url}")
    say(f"  status    {url}/api/v1/status")
    say(f"  Kafka     {bootstrap}")
    say("")
    if not options.shop:
        say("Send events of your own:")
        say(f"  kpi feed FILE --topic orders --bootstrap-servers {bootstrap}")
        say(
            "  docs/reference/events-*.md say what an event looks like. Clients that ask the broker"
        )
        say("  for its version may fail; kafka-python takes api_version=(2, 0), say.")
    if options.seconds is None:
        say("Ctrl-C ends it. All is gone then: nothing is written to disk.")


class Child:
    """The process of worker and exporter."""

    def __init__(self, variables: Mapping[str, str], options: DemoOptions) -> None:
        shop = ["--visits", str(options.visits_per_hour)] if options.shop else ["--no-shop"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "demo", "--inside", *shop],
            env=dict(variables),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._told: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.append(line.strip())

    def url(self, ends: float | None) -> str | None:
        """Where the exporter listens, once it does; None when the demo's time is over first."""
        deadline = time.monotonic() + _START_PATIENCE_S
        while time.monotonic() < deadline:
            if self._told:
                return self._told[0]
            if ends is not None and time.monotonic() > ends:
                return None
            self.check()
            time.sleep(0.05)
        raise DemoError(f"worker and exporter did not start within {_START_PATIENCE_S:g} s")

    def check(self) -> None:
        """Raises DemoError when it has ended by itself."""
        code = self._process.poll()
        if code is not None:
            raise DemoError(f"the worker ended with exit code {code}; see what it logged above")

    def close(self) -> None:
        """Lets it commit and end."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Play:
    """The shop: its past as fast as the worker takes it, then in step with the clock."""

    def __init__(
        self,
        options: DemoOptions,
        bootstrap: str,
        url: str,
        stop: threading.Event,
        say: Callable[[str], None],
        used: Sequence[str],
    ) -> None:
        self._options = options
        self._bootstrap = bootstrap
        self._url = url
        self._stop = stop
        self._say = say
        self._used = used
        self._began_ms = time.time_ns() // 1_000_000
        self._sent = 0
        self._live = False
        self.failure = ""
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        """Until told to stop."""
        options = self._options
        plan = SimulateOptions(
            start_ms=self._began_ms - int(options.hours * HOUR_MS),
            seed=options.seed,
            shop=ShopOptions(
                visits_per_hour=options.visits_per_hour,
                ahead_hours=options.starts_at_hour - self._began_ms // HOUR_MS % 24,
            ),
            live=True,
        )
        self._say(
            f"playing the shop's last {options.hours:g} hours as fast as it goes"
            f" (to its customers it is {options.starts_at_hour} o'clock now) …"
        )
        try:
            producer = ProducerOptions(bootstrap_servers=(self._bootstrap,), used=self._used)
            with Sender(producer) as sender:
                simulate(
                    plan,
                    send=lambda message: self._send(sender, message),
                    now_ms=lambda: time.time_ns() // 1_000_000,
                    sleep=lambda seconds: self._wait(sender, seconds),
                    stop=self._stop.is_set,
                )
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            log.debug("the shop ended", exc_info=True)

    def _send(self, sender: Sender, message: Message) -> None:
        if message.topic not in self._used:
            return
        if not self._live and self._sent % _LOOK_EVERY == 0:
            while self._sent - self._taken() > _AHEAD and not self._stop.is_set():
                time.sleep(0.1)
        sender.send(message.topic, message.key, message.value)
        self._sent += 1

    def _wait(self, sender: Sender, seconds: float) -> None:
        """For the next event's time; the first wait is where the past is over."""
        if not self._live:
            self._live = True
            sender.flush()
            self._say(f"{self._sent:,} events sent; from here on it is live")
        time.sleep(seconds)

    def _taken(self) -> int:
        """Events that the worker has committed."""
        try:
            asked = f"{self._url}/api/v1/status"
            with urllib.request.urlopen(asked, timeout=10) as reply:  # noqa: S310 - our own
                status: dict[str, Any] = json.load(reply)
        except (OSError, ValueError):
            return 0
        return sum(topic["in"] for topic in status["events"].values())


def inside(settings: Settings, visits_per_hour: float | None) -> NoReturn:
    """The child: a worker whose cuts go to the exporter in the same loop; ends the process.

    For the simulated shop (by its visits an hour; None: there is none) it sets goals.
    """
    from zoneinfo import ZoneInfo

    from kpi_windows.engine import Shard
    from streams.alerting.collector import AlertCollector
    from streams.alerting.evaluator import Evaluator
    from streams.collectors import WorkerCollector
    from streams.demo_goals import demo_goals
    from streams.exporter import exporter_app
    from streams.follower import Whole
    from streams.site import serve
    from streams.worker import run_worker

    if visits_per_hour is not None and not settings.goals:
        zone, catalogue = settings.definitions.zone, settings.catalogue
        today = datetime.now(ZoneInfo(zone)).date()
        settings = replace(settings, goals=demo_goals(today, visits_per_hour, catalogue, zone))
    whole = Whole(settings)
    for partition in range(settings.partitions):
        whole.catch_up(partition)  # the broker is new: there is nothing to read

    def shard(partition: int, partitions: int) -> Shard:
        return Shard(settings.definitions, partition, partitions, tuple(settings.topics))

    def committed(partition: int, cut: Any, _stats: Any) -> None:
        whole.take(partition, cut.panes, cut.checkpoint, live=True)

    async def open_site(app: Any) -> None:
        exporter = settings.exporter
        evaluator = Evaluator(settings, whole)
        more = (WorkerCollector(app), AlertCollector(settings, evaluator))
        web = exporter_app(whole, *more, demo=True)
        app.own_site = await serve(web, exporter.host, exporter.port, else_any=True)
        print(app.own_site.url, flush=True)  # noqa: T201 - the parent reads it
        if settings.alerting.evaluate:
            await evaluator.run()

    def started(app: Any) -> None:
        app.own_site = asyncio.ensure_future(open_site(app))

    run_worker(settings, shard, [committed], started=started)
