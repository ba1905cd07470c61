"""The smallest state that can show an error: a sum and a count per key, and what it forwards.

A value is `amount` or `amount>key`: the second adds to its own key and forwards the amount to the
other key, through the internal topic, as an order does for its visitor.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from kpi_windows.engine import Cut, DeadLetter, Record
from kpi_windows.forwarding import Forward
from kpi_windows.keys import partition_of


class FakeShard:
    def __init__(self, partition: int, partitions: int) -> None:
        self.partition = partition
        self.partitions = partitions
        self.positions: dict[str, int] = {}
        self.sums: dict[bytes, list[int]] = {}
        self.sequence = 0
        self.ticks = 0
        self._changed: dict[bytes, None] = {}
        self._forwards: list[Forward] = []
        self._letters: list[DeadLetter] = []
        self._ticked = False

    def load(self, table: str, key: bytes, value: bytes | None) -> None:
        if key == b"checkpoint":
            assert value is not None
            told = json.loads(value)
            self.positions, self.sequence = told["positions"], told["sequence"]
            self.ticks = told["ticks"]
        elif table == "state" and value is not None:
            self.sums[key] = json.loads(value)

    def loaded(self) -> None:
        assert not self.positions or self.sequence

    def ingest(self, topic: str, records: Sequence[Record]) -> None:
        for record in records:
            try:
                self._add(topic, record)
            except (ValueError, AttributeError) as error:
                self._letters.append(
                    DeadLetter(
                        topic,
                        record.offset,
                        "rejected",
                        str(error),
                        record.key,
                        record.value,
                        record.timestamp_ms,
                    )
                )

    def _add(self, topic: str, record: Record) -> None:
        if record.value is None:
            raise ValueError("no value")
        amount, _, other = record.value.decode().partition(">")
        number = int(amount)
        if topic == "forwarded":
            assert record.key is not None
            assert partition_of(record.key, self.partitions) == self.partition
        if other:
            key = other.encode()
            self._forwards.append(Forward(partition_of(key, self.partitions), key, amount.encode()))
        key = topic.encode() + b"/" + (record.key or b"")
        of = self.sums.setdefault(key, [0, 0])
        of[0] += number
        of[1] += 1
        self._changed[key] = None

    def tick(self, now_ms: int, at_end: Collection[str], arrived_ms: Mapping[str, int]) -> None:
        """Every so often something changes with no input at all, as when a timer fires."""
        if len(at_end) == 5 and now_ms // 1000 % 5 == 0:
            self.ticks += 1
            self._ticked = True

    def cut(self) -> Cut | None:
        if not (self._changed or self._forwards or self._letters or self._ticked):
            return None
        self.sequence += 1
        state = [(key, json.dumps(self.sums[key]).encode()) for key in self._changed]
        told = {"positions": self.positions, "sequence": self.sequence, "ticks": self.ticks}
        cut = Cut(
            state=[*state],
            panes=[(b"n/" + key, value) for key, value in state],
            forwards=self._forwards,
            dead_letters=self._letters,
            positions=dict(self.positions),
            checkpoint=json.dumps(told).encode(),
        )
        self._changed, self._forwards, self._letters = {}, [], []
        self._ticked = False
        return cut

    def counts(self) -> dict[str, int]:
        return {}
