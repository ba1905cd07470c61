"""Which part of each input a worker reads, where that isn't all of it and for ever.

It must not know how it was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kpi_windows.decoding import Rejected, decode
from kpi_windows.engine import Record
from streams.intake.ids import with_id


@dataclass(frozen=True)
class Span:
    """Offsets [begin, end) by logical topic and partition; what isn't named has no bound.

    A begin is only where a state begins that has seen nothing yet; then its own position counts.
    """

    begins: Mapping[str, Sequence[int]] = field(default_factory=dict)
    ends: Mapping[str, Sequence[int]] = field(default_factory=dict)
    given_ids: Mapping[tuple[str, int], Mapping[int, str]] = field(default_factory=dict)
    """By topic and partition: offsets of events without an id -> the id that they are read with."""

    def begin(self, topic: str, partition: int) -> int:
        """Where a fresh state begins, if the log still has it."""
        return self.begins[topic][partition] if topic in self.begins else 0

    def end(self, topic: str, partition: int) -> int | None:
        """Where reading ends; None: never."""
        return self.ends[topic][partition] if topic in self.ends else None

    def read(self, topic: str, partition: int, records: list[Record]) -> list[Record]:
        """The records, those with the ids that were given to them."""
        ids = self.given_ids.get((topic, partition))
        if not ids:
            return records
        return [
            record._replace(value=_named(topic, record.value, ids[record.offset]))
            if record.offset in ids
            else record
            for record in records
        ]


def _named(topic: str, value: bytes | None, event_id: str) -> bytes | None:
    """The event with this id if it has none; what is no event stays as it is."""
    (event,) = decode(topic, [value])
    if value is None or isinstance(event, Rejected) or event.event_id is not None:
        return value
    return with_id(value, event_id)


ALL = Span()
"""Everything, for ever."""
