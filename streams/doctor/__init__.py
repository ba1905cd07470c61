"""`kpi doctor`: looks at a set-up from end to end, and says what is wrong and what to do.

It must not change anything.  Each check gives findings; one that can't be made says why.
"""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.error
from collections.abc import AsyncIterator, Iterator

from streams.address import is_here
from streams.asking import opened
from streams.doctor.findings import BAD, GOOD, NOTE, Finding, ok
from streams.doctor.intake import intake
from streams.doctor.progress import progress
from streams.doctor.topics import dead_letters, kept, topics
from streams.settings import ConfigError, Settings

__all__ = ["Finding", "examine"]


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """All checks, in an order in which the first bad one is most likely the cause of others."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    for finding in _settings(settings):
        yield finding
    reached = False
    async for finding in topics(settings):
        reached = reached or finding.state == GOOD
        yield finding
    if reached:
        for check in (kept, progress, dead_letters):
            async for finding in check(settings):
                yield finding
    for finding in await asyncio.to_thread(lambda: [*_exporter(settings), *intake(settings)]):
        yield finding


def _settings(settings: Settings) -> Iterator[Finding]:
    yield ok(f"settings: {settings.path or 'defaults and variables, no shop.toml'}")
    for warning in settings.warnings:
        yield Finding(NOTE, warning)
    try:
        _ = settings.kafka_options
    except ConfigError as error:
        yield Finding(BAD, str(error), "point cafile, certfile and keyfile to readable PEM files")
    kafka = settings.kafka
    if kafka.security_protocol == "SASL_PLAINTEXT":
        yield Finding(NOTE, "the password goes over the network in clear", "use SASL_SSL")
    told = settings.exporter
    if not is_here(told.host) and not told.tokens:
        yield Finding(
            NOTE,
            f"the exporter listens on {told.host}, and asks for no password",
            "set KPI_EXPORTER_TOKENS, or keep it behind a proxy or a firewall",
        )
    if not is_here(told.host) and told.tokens and not told.certfile:
        yield Finding(
            NOTE,
            f"the exporter listens on {told.host} without HTTPS: tokens go over the network in clear",
            "set [exporter] certfile and keyfile, or keep it behind a proxy that speaks HTTPS",
        )


def _exporter(settings: Settings) -> Iterator[Finding]:
    try:
        with opened(settings, settings.url, "/api/v1/status", 10) as reply:
            status = json.load(reply)
    except urllib.error.HTTPError as error:
        hint = (
            "set KPI_EXPORTER_TOKEN" if error.code == 401 else "set [exporter] url to where it is"
        )
        yield Finding(NOTE, f"the exporter at {settings.url} answers {error.code}", hint)
        return
    except (OSError, ValueError) as error:
        yield Finding(
            NOTE,
            f"no exporter answers at {settings.url} ({getattr(error, 'reason', error)})",
            "start one: kpi exporter; or set [exporter] url to where it is",
        )
        return
    if not status.get("ready"):
        yield Finding(NOTE, f"the exporter at {settings.url}: {status.get('reason')}", "wait")
        return
    yield ok(f"the exporter at {settings.url} has values up to {status['watermark']}")
    for topic, counts in status["events"].items():
        if not counts["accounted_for"]:
            yield Finding(
                BAD,
                f"{topic}: what came in isn't what its outcomes sum to: {counts}",
                "this is a fault in the processor; please report it with this output",
            )
