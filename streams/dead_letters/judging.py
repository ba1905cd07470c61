"""Whether a mended letter would count by now: what the worker would say, before it is asked.

It must not know Kafka, nor how a letter was mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from kpi_windows import routes
from kpi_windows.decoding import Rejected, decode
from kpi_windows.definitions import Definitions
from kpi_windows.events import Clock, key_of, to_ms
from kpi_windows.keys import partition_of
from streams.dead_letters.letters import Letter
from streams.dead_letters.mending import Mended
from streams.intake.ids import with_id
from streams.units import show_time


class Ready(NamedTuple):
    """An event to be sent; `topic` is the logical one."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    at_ms: int
    given_id: str | None
    """The id that it got here, as it had none."""


class Unfit(NamedTuple):
    """Why nothing is sent: its `kind` is `unmended`, `rejected`, `late`, `future` or `off`."""

    kind: str
    reason: str


@dataclass(frozen=True)
class Judge:
    """Says of each letter what the workers would say now."""

    definitions: Definitions
    used: tuple[str, ...]
    """Topics that the shop uses."""
    partitions: int
    watermarks_ms: Mapping[int, int]
    """By partition, as far as known."""
    now_ms: int
    late: bool = False
    """Let events through that come too late for the workers."""

    def judge(self, letter: Letter, mended: Mended) -> Ready | Unfit:
        """The event with its key, its partition, and an id if it had none; or why it is none."""
        topic, value = mended.topic, mended.value
        if topic not in self.used:
            return Unfit("off", f"topic {topic!r} is switched off in [topics]")
        (event,) = decode(topic, [value])
        if isinstance(event, Rejected):
            return Unfit("rejected", event.reason)
        if isinstance(event, Clock):
            return Unfit("rejected", "a clock is meant for a whole topic, and its time is over")
        reason = routes.uncountable(event, self.definitions)
        if reason is not None:
            return Unfit("rejected", reason)
        key, at_ms = key_of(event).encode(), to_ms(event.timestamp)
        partition = partition_of(key, self.partitions)
        unfit = self._untimely(topic, partition, at_ms)
        if unfit is not None:
            return unfit
        given_id = letter.id if event.event_id is None else None
        if given_id is not None:
            value = with_id(value, given_id)
        return Ready(topic, partition, key, value, at_ms, given_id)

    def _untimely(self, topic: str, partition: int, at_ms: int) -> Unfit | None:
        zone = self.definitions.zone
        oldest_ms = self.watermarks_ms.get(partition, 0) - self.definitions.lateness_of(topic)
        if at_ms < oldest_ms and not self.late:
            told = f"of {show_time(at_ms, zone)}, and workers take nothing of {topic!r} before "
            return Unfit("late", told + show_time(oldest_ms, zone))
        if at_ms > self.now_ms + self.definitions.future_skew_ms:
            return Unfit("future", f"of {show_time(at_ms, zone)}, which is still to come")
        return None
