"""The topics' names, their creation and check, and what a dead letter looks like.

It knows Kafka's administration and nothing of states, windows or commits.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from streams.reach import denied, hidden, may_not, refusal

log = logging.getLogger(__name__)

FORWARDED = "forwarded"
STATE = "state"
PANES = "panes"
CHECKPOINT = b"checkpoint"

_TOPIC_EXISTS, _MAY_NOT = 36, 29
EMBEDDED = "mockCluster"  # librdkafka's: it has no controller and creates no topics on request
LONGEST_RECORD = 4 << 20
METADATA_AGE_MS = 60_000
"""So soon a client hears of partitions that were added."""
DAY_MS = 24 * 3600 * 1000

# A worker's clock may be wrong: a broker refuses records of a time far ahead, and deletes old ones.
_OF_THE_BROKER = {"message.timestamp.type": "LogAppendTime"}
# Compacted soon and in small pieces: what isn't compacted yet must be read at every restore.
CHANGELOG = {
    **_OF_THE_BROKER,
    "cleanup.policy": "compact",
    "segment.bytes": str(32 << 20),
    "segment.ms": str(3600 * 1000),
    "min.cleanable.dirty.ratio": "0.2",
    "max.compaction.lag.ms": str(3600 * 1000),
    "max.message.bytes": str(LONGEST_RECORD),
}
_FORWARDED = {
    **_OF_THE_BROKER,
    "cleanup.policy": "delete",
    "retention.ms": str(7 * DAY_MS),
    "max.message.bytes": str(LONGEST_RECORD),
}
_DEAD_LETTERS = {
    **_OF_THE_BROKER,
    "cleanup.policy": "delete",
    "retention.ms": str(30 * DAY_MS),
    "max.message.bytes": str(LONGEST_RECORD),
}

# base64 adds a third, and JSON may write six bytes for one: key and value stay below LONGEST_RECORD.
_LONGEST_COPY = 1 << 20
_LONGEST_TEXT = 64 << 10


class RefusedError(Exception):
    """Something is set up in a way that no retry can cure; the message says what to do."""


class UnreachableError(Exception):
    """No broker answers; worth another try later."""


class EngineSettings(Protocol):
    """What the engine asks of the configuration."""

    @property
    def app_id(self) -> str: ...
    @property
    def bootstrap_servers(self) -> Sequence[str]: ...
    @property
    def partitions(self) -> int: ...
    @property
    def topics(self) -> Mapping[str, str]: ...
    @property
    def commit_interval_s(self) -> float: ...
    @property
    def session_timeout_s(self) -> float: ...
    @property
    def heartbeat_s(self) -> float: ...
    @property
    def transaction_timeout_ms(self) -> int: ...
    @property
    def stuck_after_s(self) -> float: ...
    @property
    def instance_id(self) -> str | None: ...
    @property
    def web_port(self) -> int | None: ...
    @property
    def kafka_options(self) -> Mapping[str, Any]: ...
    @property
    def definitions(self) -> Any: ...


class Cluster(NamedTuple):
    """What `ensure` found: which topics it had to create, and whether the broker is embedded."""

    created: list[str]
    embedded: bool


@dataclass(frozen=True)
class Names:
    """The topics of one application; `inputs` maps logical names to Kafka's, forwarded included."""

    inputs: Mapping[str, str]
    state: str
    panes: str
    dead_letters: str

    @classmethod
    def of(cls, settings: EngineSettings) -> Names:
        app = settings.app_id
        return cls(
            inputs={**settings.topics, FORWARDED: f"{app}-forwarded"},
            state=f"{app}-state",
            panes=f"{app}-panes",
            dead_letters=f"{app}-dead-letters",
        )

    @property
    def forwarded(self) -> str:
        return self.inputs[FORWARDED]

    def all(self) -> list[str]:
        return [*self.inputs.values(), self.state, self.panes, self.dead_letters]

    def config(self, topic: str) -> Mapping[str, str]:
        """The configuration with which we create a topic; inputs get the broker's own."""
        return {
            self.state: CHANGELOG,
            self.panes: CHANGELOG,
            self.forwarded: _FORWARDED,
            self.dead_letters: _DEAD_LETTERS,
        }.get(topic, {})


async def ensure(
    settings: EngineSettings, *, create: bool = False, patience_s: float = 30
) -> Cluster:
    """Have all topics, visible, with equal partition counts.

    Without `create` a missing topic is refused, except on the embedded broker, where topics appear
    on first use. Raises RefusedError or UnreachableError.
    """
    names = Names.of(settings)
    async with answering(settings), admin_of(settings) as admin:
        configs = {topic: names.config(topic) for topic in names.all()}
        hint = hidden(settings.kafka_options)
        cluster = await have(admin, configs, settings.partitions, create=create, hint=hint)
        await _until_led(admin, names, patience_s, hint)
        check_counts(await counts(admin, names.all()), names, settings.partitions)
        if not cluster.embedded:
            await check_compaction(admin, [names.state, names.panes])
    return cluster


async def have(
    admin: Any,
    configs: Mapping[str, Mapping[str, str]],
    partitions: int,
    *,
    create: bool,
    hint: str = "",
) -> Cluster:
    """Have these topics, those that are missing with their configuration.

    Without `create` a missing one is refused, except on the embedded broker.  Raises RefusedError,
    which ends with the `hint`.
    """
    there = await counts(admin, None)
    missing = [topic for topic in configs if topic not in there]
    embedded = await on_embedded(admin)
    if missing and embedded:
        await admin.describe_topics(missing)  # it makes what it is asked about
    elif missing and not create:
        each = f"{partitions} partitions each" if partitions > 1 else "one partition each"
        raise RefusedError(
            f"Missing in Kafka: {', '.join(missing)}. `kpi topics` creates them with {each}{hint}."
        )
    elif missing:
        await create_topics(admin, {topic: configs[topic] for topic in missing}, partitions)
    return Cluster(missing, embedded)


@asynccontextmanager
async def admin_of(settings: EngineSettings) -> AsyncIterator[Any]:
    """Kafka's administration, closed at the end."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=list(settings.bootstrap_servers),
        client_id=f"{settings.app_id}-admin",
        request_timeout_ms=20_000,
        **settings.kafka_options,
    )
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def answering(settings: EngineSettings) -> AsyncIterator[None]:
    """What fails in here as a broker doesn't answer is raised as UnreachableError, and says why."""
    try:
        yield
    except (TimeoutError, KafkaError, OSError) as error:
        raise await unreachable(settings, error) from error


async def counts(admin: Any, topics: Iterable[str] | None) -> dict[str, int]:
    """Partitions by topic; `None` asks for every topic and creates none."""
    found = await admin.describe_topics(None if topics is None else list(topics))
    return {topic["topic"]: len(topic["partitions"]) for topic in found if topic["partitions"]}


async def configs_of(admin: Any, topics: Iterable[str]) -> dict[str, dict[str, str]]:
    """The configuration of topics that are there, as far as we may look at it."""
    wanted = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    answers = await admin.describe_configs(wanted)
    return {
        topic: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for code, _why, _kind, topic, entries in answer.resources
        if code != _MAY_NOT
    }


async def partitions_of(settings: EngineSettings, topic: str) -> int:
    """How many partitions a topic has; 0 when it isn't there. It creates none."""
    return (await all_topics(settings)).get(topic, 0)


async def all_topics(settings: EngineSettings) -> dict[str, int]:
    """Partitions of every topic that there is."""
    async with admin_of(settings) as admin:
        return await counts(admin, None)


async def is_embedded(settings: EngineSettings) -> bool:
    """Whether this is the demo's broker, which trims what it keeps."""
    async with admin_of(settings) as admin:
        return await on_embedded(admin)


async def on_embedded(admin: Any) -> bool:
    """The same, of a broker that is connected to."""
    cluster = await admin.describe_cluster()
    return bool(cluster["cluster_id"].startswith(EMBEDDED))


async def unreachable(settings: EngineSettings, error: BaseException) -> UnreachableError:
    """What to raise when a broker doesn't answer as it should; it is asked why, once."""
    why = await refusal(settings.bootstrap_servers, settings.kafka_options)
    return UnreachableError(no_answer(settings.bootstrap_servers, error, why))


def no_answer(servers: Sequence[str], error: BaseException, why: str) -> str:
    """In words; `why` is what a broker has against us, as far as that is known."""
    if why:
        return f"Kafka doesn't let us in: {why}"
    return denied(error) or (
        f"No Kafka broker answers at {', '.join(servers)} ({str(error) or type(error).__name__}). "
        "Is it running, and is bootstrap_servers right?"
    )


async def create_topics(
    admin: Any, configs: Mapping[str, Mapping[str, str]], partitions: int
) -> None:
    """Creates topics, each with its configuration, on three brokers where there are so many.

    There what is acknowledged is on two of them, so that the loss of one loses nothing.  A topic
    that is there already is left as it is.  Raises RefusedError.
    """
    copies = min(3, len((await admin.describe_cluster())["brokers"]))
    safe = {"min.insync.replicas": "2"} if copies == 3 else {}
    new = [NewTopic(t, partitions, copies, topic_configs={**safe, **c}) for t, c in configs.items()]
    answer = await admin.create_topics(new)
    for topic, code, *why in answer.topic_errors:
        if code == _MAY_NOT:
            raise RefusedError(may_not("topic", topic))
        if code not in (0, _TOPIC_EXISTS):
            raise RefusedError(f"Kafka did not create {topic}: {for_code(code).__name__} {why}")


async def _until_led(admin: Any, names: Names, patience_s: float, hint: str) -> None:
    """Wait until every partition of every topic has a leader, and so can be read and written.

    Raises UnreachableError, which ends with the `hint`.
    """
    deadline = time.monotonic() + patience_s
    while True:
        found = await admin.describe_topics(names.all())
        led = {t["topic"] for t in found if t["partitions"] and _is_led(t["partitions"])}
        if not (waiting := set(names.all()) - led):
            return
        if time.monotonic() > deadline:
            raise UnreachableError(
                f"No leader after {patience_s:g} s: {', '.join(sorted(waiting))}{hint}"
            )
        await asyncio.sleep(0.1)


def _is_led(partitions: Iterable[Mapping[str, Any]]) -> bool:
    return all(partition["leader"] >= 0 for partition in partitions)


def check_counts(counts: Mapping[str, int], names: Names, wanted: int) -> None:
    """One transaction covers everything of partition p only where every topic has a p.

    Raises RefusedError.
    """
    wrong = {t: n for t, n in counts.items() if t in names.all() and n != wanted}
    if wrong:
        found = ", ".join(f"{topic} has {n}" for topic, n in sorted(wrong.items()))
        raise RefusedError(
            f"All topics need the same number of partitions, and `partitions` is {wanted}, "
            f"but {found}. Set `partitions` to the number that all have; where they differ, give "
            f"all inputs the largest number, for Kafka takes none away, and make the state anew "
            f"under another app_id (docs/how-to/damage.md)."
        )


async def check_compaction(admin: Any, topics: Sequence[str]) -> None:
    """Topics that hold state must be compacted; raises RefusedError."""
    found = await configs_of(admin, topics)
    for topic in topics:
        if topic not in found:
            log.warning(
                "nobody checks that %s is compacted: this user may not look at its configuration "
                "(docs/how-to/kafka-security.md)",
                topic,
            )
    for topic, config in found.items():
        policy = config.get("cleanup.policy", "compact")
        if policy != "compact":
            raise RefusedError(
                f"{topic} holds state and must be compacted, but its cleanup.policy is "
                f"{policy!r}, which deletes state. Set it to 'compact'."
            )


def dead_letter(partition: int, letter: Any) -> bytes:
    """The JSON value of a dead letter; key and value as base64, and as text where they are text.

    What is longer than 1 MiB (more than brokers take by default) is cut and says so; text longer
    than 64 KiB is only there as base64.
    """
    told = {
        "topic": letter.topic,
        "partition": partition,
        "offset": letter.offset,
        "outcome": letter.outcome,
        "reason": letter.reason,
        "timestamp_ms": letter.timestamp_ms,
        **_copy("key", letter.key),
        **_copy("value", letter.value),
    }
    return msgspec.json.encode(told)


def _copy(name: str, raw: bytes | None) -> dict[str, Any]:
    if raw is None:
        return {f"{name}_base64": None}
    kept = raw[:_LONGEST_COPY]
    told: dict[str, Any] = {f"{name}_base64": base64.b64encode(kept).decode()}
    if len(raw) > len(kept):
        told[f"{name}_bytes"] = len(raw)
    if len(raw) > _LONGEST_TEXT:
        return told
    try:
        told[f"{name}_text"] = kept.decode()
    except UnicodeDecodeError:
        pass
    return told
