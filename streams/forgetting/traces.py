"""Where in Kafka somebody is still named: how often in each topic, since when, and until when.

It must not know what to do about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aiokafka import TopicPartition

from kpi_windows.definitions import DAY_MS
from kpi_windows.engine import Record
from streams.alerting.topics import AlertTopics
from streams.changelog import read_to_end
from streams.dead_letters.sent import topic_of
from streams.fetches import Batch
from streams.forgetting.words import Words
from streams.settings import Settings
from streams.topics import CHECKPOINT, Names, admin_of, answering, configs_of, counts, on_embedded

Naming = Callable[[Record], bool]
"""Whether a record names somebody."""


@dataclass
class Traces:
    """Of one topic."""

    topic: str
    is_state: bool
    """Of each key only the last record counts; what was before goes by compaction."""
    is_dropped_by_workers: bool
    """What still stands goes when no earlier event can come any more."""
    standing: int = 0
    """Records that say something: of a state, keys that are still there."""
    passing: int = 0
    """Of a state: older records and tombstones, which compaction is still to take away."""
    newest_ms: int = 0
    """When the last of all was written."""
    until_ms: int | None = None
    """When it will be gone by the topic's settings; None: by those it isn't, or they aren't known."""

    @property
    def count(self) -> int:
        return self.standing + self.passing


async def find(
    settings: Settings, ids: Iterable[str], progress: Callable[[int, int], None]
) -> list[Traces]:
    """Looks through all topics of the shop.  Raises UnreachableError."""
    names, ways = Names.of(settings), _ways(settings, Words(ids))
    async with answering(settings):
        async with admin_of(settings) as admin:
            there = await counts(admin, None)
            topics = [topic for topic in ways if there.get(topic)]
            embedded = await on_embedded(admin)  # which tells no configuration, and keeps nothing
            configs = {} if embedded else await configs_of(admin, topics)
        looks = {
            topic: _Look(
                Traces(topic, topic in (names.state, names.panes), topic == names.state),
                ways[topic],
            )
            for topic in topics
        }
        await read_to_end(
            settings.bootstrap_servers,
            settings.kafka_options,
            [TopicPartition(topic, p) for topic in topics for p in range(there[topic])],
            lambda batch: looks[batch.topic].take(batch),
            trimmed=True,
            progress=progress,
        )
    found = [look.found() for look in looks.values()]
    for traces in found:
        if traces.count:
            traces.until_ms = _until_ms(configs.get(traces.topic, {}), traces)
    return found


def _ways(settings: Settings, words: Words) -> dict[str, Naming]:
    """How a record of each topic is looked through."""
    names, alerts = Names.of(settings), AlertTopics.of(settings)

    def event(record: Record) -> bool:
        return words.in_text(record.key) or words.in_json(record.value)

    return {
        **dict.fromkeys(settings.topics.values(), event),
        names.forwarded: lambda r: words.in_text(r.key) or words.in_packed(r.value),
        names.dead_letters: lambda r: words.in_text(r.key) or words.in_letter(r.value),
        names.state: lambda r: words.in_text((r.key or b"")[1:]) or words.in_journal(r.value),
        names.panes: lambda r: words.in_packed(r.key) or words.in_packed(r.value),
        topic_of(settings): event,
        alerts.alerts: event,
        alerts.state: lambda r: words.in_packed(r.value),
    }


class _Look:
    """One topic, record by record."""

    def __init__(self, traces: Traces, names: Naming) -> None:
        self._found = traces
        self._names = names
        self._last: dict[tuple[int, bytes], bool] = {}
        """Of keys that were ever found: whether the last record has a value that names somebody."""

    def take(self, batch: Batch) -> None:
        """Looks through what was read."""
        for record in batch.records:
            if self._found.is_state:
                self._take_state(batch.partition, record)
            elif self._names(record):
                self._found.standing += 1
                self._found.newest_ms = max(self._found.newest_ms, record.timestamp_ms)

    def _take_state(self, partition: int, record: Record) -> None:
        key = (partition, record.key or b"")
        if record.key == CHECKPOINT:
            return
        named = self._names(record)
        if not named and key not in self._last:
            return
        if named:
            self._found.passing += 1
            self._found.newest_ms = max(self._found.newest_ms, record.timestamp_ms)
        self._last[key] = named and record.value is not None

    def found(self) -> Traces:
        """What there was, once all was read."""
        if self._found.is_state:
            self._found.standing = sum(self._last.values())
            self._found.passing -= self._found.standing
        return self._found


def _until_ms(config: dict[str, str], found: Traces) -> int | None:
    """When the last one is gone; Kafka deletes whole segments, and looks every few minutes."""

    def of(name: str, otherwise: int) -> int:
        return int(config.get(name) or otherwise)

    segment_ms = of("segment.ms", 7 * DAY_MS)
    if found.is_state:
        if found.standing:
            return None
        lag_ms = of("max.compaction.lag.ms", -1)
        kept_ms = lag_ms + of("delete.retention.ms", DAY_MS)
        return found.newest_ms + kept_ms + segment_ms if 0 <= lag_ms < 1 << 60 else None
    kept_ms = of("retention.ms", -1)
    if kept_ms < 0 or "delete" not in config.get("cleanup.policy", "delete"):
        return None
    return found.newest_ms + kept_ms + segment_ms
