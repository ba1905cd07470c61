"""What must come out: the inputs read by one process that nothing disturbs, and the comparison.

It goes on from checkpoint to checkpoint as the inputs grow, with the product's own core: state, panes,
dead letters, answers and alerts of a run are equal to these, or something was lost or counted twice.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice
from typing import Any

from kpi_windows.alerting import State, due_ms, judge, unpack_state
from kpi_windows.codec import unpack_checkpoint
from kpi_windows.engine import Record
from streams.alerting.messages import message_of
from streams.alerting.topics import AlertTopics
from streams.questions import Question, answer
from streams.settings import Settings
from tests.chaos import shop
from tests.chaos.harness import Run, until
from tests.chaos.services import Service
from tests.chaos.till import BY_INTAKE, Till
from tests.upgrade.make import Log

_AT_ONCE = 2000
_PATIENCE_S = 180.0


class Truth:
    """The undisturbed reading of a run's inputs, as far as they had come at the last checkpoint."""

    def __init__(self, run: Run, settings: Settings) -> None:
        self._run = run
        self._settings = settings
        self._partitions = run.settings.partitions
        self._log = Log(self._partitions)
        self._next: dict[str, dict[int, int]] = {
            topic: dict.fromkeys(range(self._partitions), 0) for topic in run.topics
        }
        self._judged = State()
        self._first_ms = 0
        self._alerts: list[bytes] = []
        self._ids: dict[str, set[str]] = defaultdict(set)

    def checkpoint(self, till: Till, exporters: Sequence[Service]) -> dict[str, int]:
        """How much was compared and found equal; the shop rests, and nothing is broken just now."""
        run = self._run
        run.settle(_PATIENCE_S)
        until("the watermark is at the end", lambda: shop.settled(run), _PATIENCE_S, 1.0)
        self._read_on()
        compared = {
            "state": _equal("journeys", self._of_run("state"), self._of_log("state")),
            "panes": _equal("panes", self._of_run("panes"), self._of_log("panes")),
            "dead letters": self._dead_letters(),
            "alerts": self._alerts_told(),
            "events by the intake": self._of_the_intake(till),
        }
        compared["answers"] = sum(self._answers(exporter) for exporter in exporters)
        return compared

    # -- the inputs, once more

    def _read_on(self) -> None:
        fresh = merge(*self._fresh(), key=lambda found: found[2].timestamp_ms)
        while some := list(islice(fresh, _AT_ONCE)):
            batches: dict[tuple[int, str], list[Record]] = defaultdict(list)
            for partition, topic, record in some:
                batches[partition, topic].append(record)
            self._log.take_batches(batches)
            self._judge()
        self._log.end()
        self._judge()

    def _fresh(self) -> Iterator[list[tuple[int, str, Record]]]:
        """What was written since, by topic and partition, in their order."""
        for topic, name in self._run.topics.items():
            found: dict[int, list[tuple[int, str, Record]]] = defaultdict(list)
            for message in self._run.read(name, self._next[topic]):
                record = Record(
                    message.offset(), message.timestamp()[1], message.key(), message.value()
                )
                found[message.partition()].append((message.partition(), topic, record))
                event = json.loads(message.value()) if topic in BY_INTAKE else {}
                if "event_id" in event:  # no clock
                    self._ids[topic].add(event["event_id"])
            for partition, records in found.items():
                self._next[topic][partition] = records[-1][2].offset + 1
                yield records

    def _judge(self) -> None:
        settings, view = self._settings, self._log.view
        while (at_ms := self._due_ms()) is not None:
            self._judged, alerts = judge(
                self._judged, at_ms, view, settings.thresholds, settings.catalogue
            )
            self._alerts += (message_of(alert, settings) for alert in alerts)

    def _due_ms(self) -> int | None:
        """The evaluator's first minute is the one that it came to be elected in."""
        if len(self._log.view.watermarks_ms) < self._partitions:
            return None
        at_ms = due_ms(self._judged, self._log.view.watermark_ms)
        if at_ms is None or self._judged.at_ms is not None:
            return at_ms
        return self._first_ms if at_ms >= self._first_ms else None

    def begin(self) -> None:
        """Returns when the evaluator has judged its first minute."""
        states = until("alerts are judged", lambda: list(self._states()), _PATIENCE_S, 0.5)
        assert states[0].at_ms is not None
        self._first_ms = states[0].at_ms

    # -- the comparison

    def _of_run(self, table: str) -> Mapping[Any, Any]:
        return self._comparable(table, self._run.table(table))

    def _of_log(self, table: str) -> Mapping[Any, Any]:
        kept = self._log.kept[table]
        rows = {(p, key): value for p, rows in enumerate(kept) for key, value in rows.items()}
        return self._comparable(table, rows)

    def _comparable(self, table: str, rows: Mapping[tuple[int, bytes], bytes]) -> Mapping[Any, Any]:
        return shop.cells_of(rows) if table == "panes" else shop.journeys_of(rows, self._partitions)

    def _dead_letters(self) -> int:
        """Each is there once, with its bytes and for the same reason of outcome."""
        wanted = {
            (letter.topic, partition, letter.offset): (letter.outcome, letter.value)
            for partition, letter in self._log.dead
        }
        found: dict[tuple[str, int, int], tuple[str, bytes]] = {}
        for message in self._run.read(f"{self._run.settings.app_id}-dead-letters"):
            told = json.loads(message.value())
            at = told["topic"], told["partition"], told["offset"]
            assert at not in found, f"a dead letter came twice: {at}"
            found[at] = told["outcome"], base64.b64decode(told["value_base64"])
        return _equal("dead letters", found, wanted)

    def _states(self) -> Iterator[State]:
        topic = AlertTopics.of(self._settings).state
        for message in self._run.read(topic, partitions=1):
            yield unpack_state(message.value())

    def _alerts_told(self) -> int:
        until(
            "all minutes are judged",
            lambda: [*self._states()][-1].at_ms == self._judged.at_ms,
            _PATIENCE_S,
            1.0,
        )
        topic = AlertTopics.of(self._settings).alerts
        found = [message.value() for message in self._run.read(topic, partitions=1)]
        ids = [json.loads(value)["id"] for value in found]
        assert len(ids) == len(set(ids)), "an alert was told twice"
        return _equal("alerts", dict(enumerate(found)), dict(enumerate(self._alerts)))

    def _of_the_intake(self, till: Till) -> int:
        """All that it acknowledged is in the inputs, and was accepted once."""
        accepted: dict[str, int] = defaultdict(int)
        for packed in shop.checkpoints_of(self._run).values():
            for topic, outcomes in unpack_checkpoint(packed).counts.items():
                accepted[topic] += outcomes.get("accepted", 0)
        clocks = till.clocks * self._partitions
        for topic in BY_INTAKE:
            lost = till.acknowledged[topic] - self._ids[topic]
            assert not lost, f"acknowledged, and not in {topic}: {sorted(lost)[:5]}"
            assert accepted[topic] == len(self._ids[topic]) + clocks
        return sum(map(len, till.acknowledged.values()))

    def _answers(self, exporter: Service) -> int:
        """What an exporter says of each KPI by hour equals what the undisturbed view says."""
        view = self._log.view
        until(
            f"{exporter.name} has come to the end",
            lambda: self._is_ready(exporter),
            _PATIENCE_S,
            0.5,
        )
        found, wanted = {}, {}
        for kpi in self._settings.catalogue.values():
            window = next(w for w in kpi.reading("default").windows if w in ("hour", "day"))
            told = exporter.ask(f"/api/v1/query?kpi={kpi.id}&window={window}&from=now-12h&to=now")
            assert told is not None, f"{exporter.name} doesn't answer about {kpi.id}"
            question = Question(kpi.id, window, "now-12h", "now")
            found[kpi.id] = json.loads(told)
            wanted[kpi.id] = json.loads(json.dumps(answer(view, question)))
        return _equal(f"answers of {exporter.name}", found, wanted)

    def _is_ready(self, exporter: Service) -> bool:
        told = exporter.ask("/api/v1/status")
        if told is None:
            return False
        status = json.loads(told)
        return bool(status.get("ready")) and self._stands(status)

    def _stands(self, status: Mapping[str, Any]) -> bool:
        sequences = {
            partition: unpack_checkpoint(packed).sequence
            for partition, packed in shop.checkpoints_of(self._run).items()
        }
        told = {int(p): seen["commits"] for p, seen in status["partitions"].items()}
        return told == sequences


def _equal(name: str, found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> int:
    wrong = [key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)]
    some = [(key, found.get(key), wanted.get(key)) for key in wrong[:3]]
    assert not wrong, f"{len(wrong)} of {len(wanted)} {name} are wrong: {some}"
    return len(wanted)
