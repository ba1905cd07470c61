"""The intake from its start to its end.

It must not know what is sent.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from confluent_kafka import KafkaException

from streams import logs
from streams.adapters import ADAPTERS
from streams.reach import hidden
from streams.receiver.routes import HTTP, intake_app
from streams.receiver.service import Service
from streams.receiver.writer import KafkaWriter
from streams.settings import ConfigError, Settings
from streams.site import Site, serve, tls_of
from streams.topics import RefusedError

log = logging.getLogger(__name__)

_ASK_KAFKA_S = 3.0


class BrokenWriterError(Exception):
    """The producer can't go on; the process has to end, and a fresh one to begin."""


async def run_intake(settings: Settings, told: Callable[[Site], None]) -> None:
    """Takes events until SIGTERM or SIGINT, then ends what has begun.

    Raises ConfigError, RefusedError, PortTakenError or BrokenWriterError.
    """
    logs.say_rarely()
    stop: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _end, stop, None)
    async with running(settings, lambda why: _end(stop, why)) as site:
        told(site)
        broken = await stop
    log.info("stopped")
    if broken:
        raise BrokenWriterError(f"the producer could not go on: {broken}; start the intake again")


def _end(stop: asyncio.Future[str | None], why: str | None) -> None:
    if not stop.done():
        stop.set_result(why)


@asynccontextmanager
async def running(
    settings: Settings, failed: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Site]:
    """An intake that listens; leaving it answers every request that has begun."""
    told = settings.intake
    if not told.tokens:
        raise ConfigError(
            "[intake] tokens: expected at least one, as nobody could send anything without. "
            "Make one (`openssl rand -hex 24`) and set the variable KPI_INTAKE_TOKENS to it"
        )
    tls = tls_of("intake", told.certfile, told.keyfile)
    writer = KafkaWriter(
        settings.kafka,
        settings.topics,
        write_timeout_s=told.write_timeout_ms / 1_000,
        failed=failed,
    )
    try:
        await _check_topics(writer, hidden(settings.kafka_options))
        service = Service(settings, writer)
        site = await serve(
            intake_app(service, _Readiness(writer).reason, ADAPTERS),
            told.host,
            told.port,
            tls=tls,
            shutdown_timeout=told.write_timeout_ms / 1_000 + 3,
            **HTTP,
        )
        try:
            yield site
        finally:
            service.stops = True
            await site.close()
    finally:
        await writer.close()


async def _check_topics(writer: KafkaWriter, hint: str) -> None:
    """Raises RefusedError, which ends with the `hint`, when Kafka answers and lacks a topic; a Kafka
    that is away may come."""
    try:
        missing = await writer.missing(_ASK_KAFKA_S)
    except KafkaException as error:
        log.warning("Kafka doesn't answer yet, nothing can be taken: %s", error.args[0].str())
        return
    if missing:
        told = f"Missing in Kafka: {', '.join(missing)}. `kpi topics` creates them"
        raise RefusedError(f"{told}{hint}.")


class _Readiness:
    """Asks Kafka, at most once in a while, whoever asks us."""

    def __init__(self, writer: KafkaWriter) -> None:
        self._writer = writer
        self._asking = asyncio.Lock()
        self._asked_s = -_ASK_KAFKA_S
        self._reason: str | None = None

    async def reason(self) -> str | None:
        """Why nothing can be written now, or None."""
        async with self._asking:
            if time.monotonic() - self._asked_s >= _ASK_KAFKA_S:
                self._reason = await self._ask()
                self._asked_s = time.monotonic()
        return self._reason

    async def _ask(self) -> str | None:
        try:
            missing = await self._writer.missing(_ASK_KAFKA_S)
        except KafkaException as error:
            return f"Kafka doesn't answer: {error.args[0].str()}"
        return f"Missing in Kafka: {', '.join(missing)}" if missing else None
