"""Whether Kafka answers, has the topics, and keeps them as they must be kept."""

from __future__ import annotations

from collections.abc import AsyncIterator

from streams.alerting import topics as alerts
from streams.changelog import OpenEndError
from streams.dead_letters.letters import read
from streams.dead_letters.sent import sent_before
from streams.dead_letters.showing import Groups, safe
from streams.doctor.findings import BAD, CONNECTION, NOTE, Finding, ok
from streams.settings import ConfigError, Settings
from streams.topics import (
    LONGEST_RECORD,
    Names,
    RefusedError,
    UnreachableError,
    admin_of,
    configs_of,
    ensure,
)
from streams.units import show_duration

_WEEK_MS = 7 * 86_400_000
_LETTERS = 20_000
"""So many of each partition are looked at."""


async def topics(settings: Settings) -> AsyncIterator[Finding]:
    """Whether the broker can be reached, and the topics fit."""
    where = ", ".join(settings.bootstrap_servers)
    try:
        cluster = await ensure(settings)
        if settings.alerting.evaluate:
            await alerts.ensure(settings)
    except UnreachableError as error:
        yield Finding(BAD, str(error), _reach_hint(settings))
        return
    except (RefusedError, ConfigError) as error:
        yield ok(f"Kafka answers at {where}")
        yield Finding(BAD, str(error))
        return
    yield ok(f"Kafka answers at {where}")
    yield ok(f"all topics are there, with {settings.partitions} partitions each")
    if cluster.embedded:
        yield Finding(NOTE, "this is an embedded broker: it keeps nothing", "fine for a demo")


def _reach_hint(settings: Settings) -> str:
    protocol = settings.kafka.security_protocol
    hint = "start it, or set bootstrap_servers to where it is"
    if protocol == "PLAINTEXT":
        return f"{hint}; when it wants TLS or a password, set security_protocol"
    return f"{hint}; check that it speaks {protocol} there, and user, password and cafile"


async def kept(settings: Settings) -> AsyncIterator[Finding]:
    """Whether Kafka keeps inputs long enough, and whether messages fit."""
    names = Names.of(settings)
    try:
        async with admin_of(settings) as admin:
            configs = await configs_of(admin, names.all())
    except CONNECTION as error:
        yield Finding(NOTE, f"the topics' configuration can't be read: {error!r}")
        return
    for topic in names.inputs.values():
        config = configs.get(topic, {})
        kept_ms = int(config.get("retention.ms", -1))
        if "compact" in config.get("cleanup.policy", ""):
            yield Finding(
                BAD,
                f"{topic} is compacted: Kafka drops all but the last event of a key",
                f"set cleanup.policy=delete on {topic}",
            )
        elif 0 <= kept_ms < _WEEK_MS:
            yield Finding(
                NOTE,
                f"{topic} keeps events for {show_duration(kept_ms)} only",
                "workers that are away for longer lose events, and a replay has no more than that; "
                f"raise retention.ms of {topic}",
            )
    for topic in (names.state, names.panes):
        lag_ms = int(configs.get(topic, {}).get("max.compaction.lag.ms", 0))
        if lag_ms > 86_400_000:
            yield Finding(
                NOTE,
                f"{topic} may stay uncompacted for long, which makes restoring slow",
                f"set max.compaction.lag.ms=3600000 on {topic}",
            )
    for topic in (names.state, names.panes, names.dead_letters):
        most = int(configs.get(topic, {}).get("max.message.bytes", LONGEST_RECORD))
        if most < LONGEST_RECORD:
            yield Finding(
                BAD,
                f"{topic} takes messages of up to {most:,} bytes only: a large one stops the worker",
                f"set max.message.bytes={LONGEST_RECORD} on {topic}",
            )


async def dead_letters(settings: Settings) -> AsyncIterator[Finding]:
    """How many dead letters there are, and what is most often wrong."""
    groups = Groups()
    try:
        sent = await sent_before(settings)
        async for letters in read(settings, newest=_LETTERS):
            groups.add(letter for letter in letters if letter.id not in sent)
    except (UnreachableError, RefusedError, OpenEndError) as error:
        yield Finding(NOTE, f"dead letters can't be read: {error}")
        return
    if not groups.letters:
        yield ok("no dead letters" + (" that weren't sent again" if sent else ""))
        return
    most = groups.ranked()[0]
    yield Finding(
        NOTE,
        f"{groups.letters:,} dead letters; most often ({most.count:,}) {most.topic}, "
        f"{most.outcome}: {safe(most.pattern, 200)}",
        "kpi dead-letters groups says more, and kpi dead-letters mend puts them right",
    )
