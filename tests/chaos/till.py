"""The shop's side: events in order of time, part of them by the intake, each in Kafka before the next.

Late events are clearly late and the others clearly not, so that every outcome is known beforehand,
whatever is disturbed meanwhile.
"""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import islice
from typing import Any

from confluent_kafka import Producer

from streams.simulator import Shop, ShopOptions
from tests.chaos.shop import HOUR_MS, START_MS

BY_INTAKE = ("tickets", "orders", "marketing")
"""Topics whose events come by the intake; tickets first, and strictly in order."""
IN_ORDER = "tickets"
CLOCK = "clock"
"""Goes to each partition of each topic, so that none holds time back for long."""
TOKEN = "chaos-chaos-chaos-chaos"

_VISITS_PER_HOUR = 8_000
_SLICE = 200
_CLOCK_EACH = 1000
_HELD_UP_MS = 5 * 60_000
_TOO_LATE_MS = 3 * HOUR_MS
_FUTURE_MS = 20 * 365 * 24 * HOUR_MS
_RETRY_S = 0.2
_PATIENCE_S = 240.0
_PAUSE_S = _PATIENCE_S + 60

Event = tuple[str, bytes, bytes]


def events(seed: int) -> Iterator[Event]:
    """A busy shop: some events held up, some sent twice, some too late, of the future, or rubbish."""
    chance = random.Random(seed)
    held: list[tuple[int, int, Event]] = []
    shop = Shop(seed, ShopOptions(visits_per_hour=_VISITS_PER_HOUR, late=0.0, rhythm=False))
    for number, message in enumerate(shop.events(START_MS, START_MS + 2000 * HOUR_MS)):
        if number % _CLOCK_EACH == 0:
            yield CLOCK, b"", b'{"type": "clock", "timestamp": %d}' % message.at_ms
        while held and held[0][0] <= message.at_ms:
            yield heappop(held)[2]
        event = message.topic, message.key, message.value
        drawn = chance.random()
        if message.topic in BY_INTAKE and (message.topic == IN_ORDER or drawn > 0.02):
            yield event
        elif message.topic not in BY_INTAKE and drawn < 0.001:
            heappush(held, (message.at_ms + _TOO_LATE_MS, number, event))
        elif message.topic not in BY_INTAKE and drawn < 0.002:
            yield message.topic, message.key, _of_the_future(message.value)
        elif message.topic not in BY_INTAKE and drawn < 0.003:
            yield message.topic, message.key, b"rubbish"
        elif drawn < 0.02:
            arrival_ms = message.at_ms + int(chance.random() * _HELD_UP_MS)
            heappush(held, (arrival_ms, number, event))
        else:
            yield event


def _of_the_future(value: bytes) -> bytes:
    event = json.loads(value)
    return json.dumps({**event, "timestamp": event["timestamp"] + _FUTURE_MS}).encode()


class Till(threading.Thread):
    """Writes the shop's events at some rate, and waits for each slice of them to be acknowledged."""

    def __init__(
        self,
        bootstrap: str,
        topics: Mapping[str, str],
        partitions: int,
        intake: str,
        seed: int,
        rate: float,
    ) -> None:
        super().__init__(daemon=True, name="till")
        self._topics = topics
        self._partitions = partitions
        self._intake = intake
        self._events = events(seed)
        self._rate = rate
        self._may = threading.Event()
        self._rests = threading.Event()
        self._closing = False
        self._failed: BaseException | None = None
        self._unanswered = 0
        self.written = 0
        self.clocks = 0
        self.repeated = 0
        """Requests to the intake that had to be made again."""
        self.acknowledged: dict[str, set[str]] = defaultdict(set)
        """By topic: ids of the events that the intake took."""
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "log_level": 0,
                "delivery.timeout.ms": int(_PATIENCE_S * 1000),
            }
        )

    def run(self) -> None:
        try:
            while not self._closing:
                began = time.monotonic()
                if not self._may.is_set():
                    self._rests.set()
                    self._may.wait(0.1)
                    continue
                self._send(list(islice(self._events, _SLICE)))
                time.sleep(max(0.0, _SLICE / self._rate - (time.monotonic() - began)))
        except BaseException as error:
            self._failed = error
            self._rests.set()

    def go_on(self) -> None:
        self._rests.clear()
        self._may.set()

    def pause(self) -> None:
        """Returns when all that was begun is acknowledged."""
        self._may.clear()
        assert self._rests.wait(_PAUSE_S), "the shop doesn't get rid of its events"
        if self._failed is not None:
            raise self._failed

    def close(self) -> None:
        self._closing = True
        self._may.set()
        self.join(_PAUSE_S)

    def _send(self, events: Sequence[Event]) -> None:
        for topic in BY_INTAKE:
            if values := [value for name, _, value in events if name == topic]:
                self._post(topic, values)
        for topic, key, value in events:
            if topic not in (*BY_INTAKE, CLOCK):
                self._write(topic, key=key, value=value)
        self._acknowledge()
        for topic, _, value in events:
            if topic == CLOCK:
                self.clocks += 1
                for name in self._topics:
                    for partition in range(self._partitions):
                        self._write(name, value=value, partition=partition)
        self._acknowledge()
        self.written += len(events)

    def _write(self, topic: str, **message: Any) -> None:
        self._unanswered += 1
        self._producer.produce(self._topics[topic], on_delivery=self._told, **message)

    def _acknowledge(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while self._unanswered:
            self._producer.poll(0.05)
            assert time.monotonic() < deadline + 10

    def _told(self, error: Any, _message: Any) -> None:
        self._unanswered -= 1
        assert error is None, f"Kafka lost an event of the shop: {error}"

    def _post(self, topic: str, values: Sequence[bytes]) -> None:
        """The same again until all are acknowledged, as the intake asks for."""
        request = urllib.request.Request(
            f"{self._intake}/v1/events/{topic}",
            b"\n".join(values),
            {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"},
        )
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30) as reply:
                    answers = json.loads(reply.read())["events"]
                    break
            except urllib.error.HTTPError as error:
                told = error.read()
                if error.code not in (429, 503):
                    raise AssertionError(f"the intake refused {topic}: {told!r}") from error
            except OSError as error:
                told = repr(error).encode()
            assert time.monotonic() < deadline, f"the intake didn't take {topic}: {told!r}"
            self.repeated += 1
            time.sleep(_RETRY_S)
        assert {answer["status"] for answer in answers} <= {"accepted", "duplicate"}, answers
        assert len(answers) == len(values)
        self.acknowledged[topic].update(answer["event_id"] for answer in answers)
