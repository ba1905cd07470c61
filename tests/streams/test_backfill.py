"""History is what the exporter would have said, to the last digit, however the run went."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as classic

from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS
from kpi_windows.events import EARLIEST_MS, TOPICS
from streams import backfill as made_by
from streams.backfill import BackfillError, BackfillOptions, BackfillResult, backfill
from streams.blocks import BlockError, find
from streams.config import load
from streams.exposition import KpiCollector, registry
from streams.follower import Whole
from streams.goals import GoalCollector
from streams.offline import compute
from streams.past import survey
from streams.servers import Exporter
from streams.settings import Settings
from streams.simulator import Message, Shop, ShopOptions
from streams.written import scrape
from tests.oracle.drive import Drive, Sent
from tests.streams.generate.monitoring import ask, serving
from tests.streams.visible import NOON_MS, page, small_shop, write_lines

PROMTOOL = shutil.which("promtool")
with_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is missing (Debian: apt install prometheus)"
)
STEP_MS = 10 * MINUTE_MS
SLICE_MS = 5 * MINUTE_MS
"""Less than the lateness."""
LABELS = {"instance": "exporter:9464", "job": "kpi-exporter"}
SETTINGS = Settings(
    exporter=Exporter(windows=("5m", "24h", "7d", "day"), breakdown_windows=("day",))
)
Key = tuple[str, frozenset[tuple[str, str]]]
Samples = dict[Key, float]
OWN = made_by._OF_THE_PROCESS
GOAL = """
[goals.more]
kpi = "visits"
window = "week"
target = 4000
deadline = "2026-01-04"
"""


def toml(folder: Path) -> Path:
    file = folder / "shop.toml"
    file.write_text(GOAL, encoding="utf-8")
    return file


def written(folder: Path, messages: list[Message], name: str = "log.jsonl") -> Path:
    events = [{"topic": m.topic, **json.loads(m.value)} for m in messages]
    return write_lines(folder / name, events)


def made(
    files: list[Path], out: Path, settings: Settings = SETTINGS, **more: Any
) -> BackfillResult:
    told = {"labels": LABELS, "promtool": None, "step_ms": STEP_MS, "progress": False, **more}
    log = survey(files, settings.definitions, progress=False)
    return backfill(log, settings, BackfillOptions(out, **told))


def history(out: Path) -> dict[int, Samples]:
    """What the texts say, by time in ms; strictly read."""
    told: dict[int, Samples] = {}
    for text in sorted(out.glob("*.om")):
        for family in open_metrics(text.read_text("utf-8")):
            for sample in family.samples:
                labels = dict(sample.labels)
                assert {name: labels.pop(name) for name in LABELS} == LABELS
                at = told.setdefault(round(float(sample.timestamp) * 1_000), {})
                key = sample.name, frozenset(labels.items())
                assert key not in at
                at[key] = sample.value
    return told


def scraped(whole: Whole) -> Samples:
    """What a scrape says of the shop."""
    page, _ = scrape(registry(KpiCollector(whole), GoalCollector(whole)))
    told: Samples = {}
    for family in classic(page.decode()):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in told, f"twice: {key}"
            if sample.name.startswith("kpi_") and sample.name not in OWN:
                told[key] = sample.value
    return told


def test_history_and_live_agree_to_the_last_digit_at_equal_watermarks(tmp_path: Path) -> None:
    """Live: two partitions, batches and cuts as chance has it, disorder within the lateness."""
    settings = replace(load(toml(tmp_path)), exporter=SETTINGS.exporter)
    begin_ms, step_ms = NOON_MS - 30 * HOUR_MS, 3 * HOUR_MS
    shop = Shop(5, ShopOptions(visits_per_hour=12, late=0.2, duplicates=0.1))
    messages = [m for m in shop.events(begin_ms, NOON_MS) if m.at_ms <= NOON_MS]
    random.Random(5).shuffle(messages)
    file = written(tmp_path, messages)
    made([file], tmp_path / "out", settings, step_ms=step_ms, from_ms=NOON_MS - 7 * HOUR_MS)

    told = history(tmp_path / "out")
    assert len(told) == 3
    drive = Drive(settings.definitions, 2, seed=5, topics=tuple(TOPICS))
    whole = Whole(settings)
    whole.view, whole.ready_ms = drive.view, 0
    for at_ms in range(begin_ms, NOON_MS + 1, SLICE_MS):
        drive.send(
            Sent(m.topic, m.key, m.value, m.at_ms)
            for m in messages
            if at_ms - SLICE_MS < m.at_ms <= at_ms
        )
        drive.run()
        if at_ms in told:
            drive.send_clocks(at_ms)
            drive.run()
            assert drive.view.watermark_ms == at_ms
            live = scraped(whole)
            assert told[at_ms] == live
            assert len(live) > 1_500
            assert any(name == "kpi_goal_value" for name, _ in live)
    assert not drive.dead


def test_a_run_that_is_cut_off_anywhere_goes_on_to_the_same_history(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "log.jsonl", small_shop())
    settings = replace(SETTINGS, exporter=Exporter(windows=("day",), breakdowns=False))
    options: dict[str, Any] = {"step_ms": 6 * HOUR_MS}
    made([file], tmp_path / "whole", settings, **options)
    wanted = history(tmp_path / "whole")
    assert len(wanted) == 5
    crossing = Crossing()
    runs = 0
    while True:
        runs += 1
        crossing.next_at(runs)
        try:
            with crossing.watched():
                result = made([file], tmp_path / "out", settings, **options)
            break
        except KeyboardInterrupt:
            continue
    assert runs > 8
    assert result.before > 0
    assert history(tmp_path / "out") == wanted
    assert result.samples == sum(map(len, wanted.values()))
    assert sorted(result.made) == sorted(each.name for each in (tmp_path / "out").glob("*.om"))
    again = made([file], tmp_path / "out", settings, **options)
    assert (again.before, again.samples) == (5, result.samples)


class Crossing:
    """Interrupts a run at its first, then second … look, rename or write of the state."""

    def __init__(self) -> None:
        self.left = 0

    def next_at(self, number: int) -> None:
        self.left = number

    @contextmanager
    def watched(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in ((Path, "rename"), (Path, "replace"), (made_by, "said")):
                patch.setattr(owner, name, self._counted(getattr(owner, name)))
            yield

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*told: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return real(*told)

        return counted


def test_another_history_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "log.jsonl", small_shop())
    settings = replace(SETTINGS, exporter=Exporter(windows=("day",), breakdowns=False))
    first = made([file], tmp_path / "out", settings, step_ms=12 * HOUR_MS)
    with pytest.raises(BackfillError, match="--restart"):
        made([file], tmp_path / "out", settings, step_ms=HOUR_MS)
    foreign = tmp_path / "out" / "mine.txt"
    foreign.write_text("kept")
    second = made([file], tmp_path / "out", settings, step_ms=6 * HOUR_MS, restart=True)
    assert second.before == 0
    assert second.samples > first.samples
    assert foreign.exists()
    assert sorted(second.made) == sorted(each.name for each in (tmp_path / "out").glob("*.om"))


def test_files_in_any_order_and_packed_are_one_history(tmp_path: Path) -> None:
    events = small_shop()
    settings = replace(SETTINGS, exporter=Exporter(windows=("day",), breakdowns=False))
    made([write_lines(tmp_path / "a.jsonl", events)], tmp_path / "a", settings, step_ms=HOUR_MS)
    odd = write_lines(tmp_path / "b.jsonl", events[::-2])
    packed = tmp_path / "c.jsonl.gz"
    even = "".join(json.dumps(event) + "\n" for event in events[-2::-2])
    packed.write_bytes(gzip.compress(even.encode()))
    made([odd, packed], tmp_path / "b", settings, step_ms=HOUR_MS)
    assert history(tmp_path / "a") == history(tmp_path / "b")
    report = made([odd, packed, odd], tmp_path / "c", settings, step_ms=HOUR_MS).report
    assert report.lines == len(events) + len(events[::-2])


def test_lines_that_are_no_events_are_told_and_a_wrong_clock_too(tmp_path: Path) -> None:
    events = [page("a", NOON_MS), {"topic": "orders", "type": "order_completed"}, {"x": 1}]
    file = write_lines(tmp_path / "log.jsonl", events)
    settings = replace(SETTINGS, exporter=Exporter(windows=("day",), breakdowns=False))
    report = made([file], tmp_path / "out", settings).report
    assert report.outcomes == {"rejected": 2}
    assert str(file) in report.words()
    wrong = write_lines(tmp_path / "wrong.jsonl", [*events, page("b", EARLIEST_MS)])
    with pytest.raises(BackfillError, match="Is a clock wrong"):
        made([wrong], tmp_path / "wrong", settings, step_ms=MINUTE_MS)
    with pytest.raises(BackfillError, match="no line is an event"):
        made([write_lines(tmp_path / "none.jsonl", [{"x": 1}])], tmp_path / "none")
    with pytest.raises(BackfillError, match="no step between"):
        made([file], tmp_path / "later", from_ms=NOON_MS + HOUR_MS)
    far = write_lines(tmp_path / "far.jsonl", [*events, page("b", NOON_MS + 900 * DAY_MS)])
    result = made([far], tmp_path / "far", settings, now_ms=NOON_MS + HOUR_MS)
    assert result.last_ms == NOON_MS + HOUR_MS


def test_what_has_no_value_is_left_out_and_labels_are_escaped(tmp_path: Path) -> None:
    hostile = 'a"b\\c\nd'
    file = write_lines(tmp_path / "log.jsonl", [page("a", NOON_MS, source=hostile)])
    made([file], tmp_path / "out", SETTINGS)
    (told,) = history(tmp_path / "out").values()
    names = {name for name, _ in told}
    assert "kpi_csat_ratio" not in names
    assert any(dict(labels).get("source") == hostile for _, labels in told)
    assert names.isdisjoint(made_by._OF_THE_PROCESS)


def test_promtool_that_is_missing_or_fails_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BlockError, match="apt install prometheus"):
        find(str(tmp_path / "nothing"))
    file = write_lines(tmp_path / "log.jsonl", small_shop())
    broken = tmp_path / "promtool"
    broken.write_text("#!/bin/sh\necho out of space >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(BlockError, match="out of space"):
        made([file], tmp_path / "out", step_ms=12 * HOUR_MS, promtool=broken)


@with_promtool
def test_prometheus_serves_the_blocks_to_the_last_digit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one text would have been too large, and several blocks follow each other."""
    file = write_lines(tmp_path / "log.jsonl", small_shop())
    steps = {"step_ms": HOUR_MS, "from_ms": NOON_MS - 8 * HOUR_MS}
    made([file], tmp_path / "text", **steps)
    wanted = history(tmp_path / "text")
    assert len(wanted) == 9
    monkeypatch.setattr(made_by, "_MOST_SAMPLES", 3 * len(next(iter(wanted.values()))))
    config = tmp_path / "prometheus.yml"
    config.write_text("scrape_configs: []\n")
    blocks = made([file], tmp_path / "data", promtool=Path(str(PROMTOOL)), **steps)
    assert len(blocks.made) >= 3
    with serving(tmp_path / "data", config) as url:
        for at_ms, samples in wanted.items():
            told = ask(url, '{__name__=~"kpi_.+",job="kpi-exporter"}', at_ms)
            assert {key_of(each): float(each["value"][1]) for each in told} == samples


def key_of(series: dict[str, Any]) -> Key:
    labels = {k: v for k, v in series["metric"].items() if k not in LABELS}
    return labels.pop("__name__"), frozenset(labels.items())


def test_what_counts_is_told_as_compute_tells_it(tmp_path: Path) -> None:
    shop = Shop(2, ShopOptions(visits_per_hour=60, duplicates=0.3))
    file = written(tmp_path, list(shop.events(NOON_MS, NOON_MS + HOUR_MS)))
    settings = replace(SETTINGS, exporter=Exporter(windows=("day",), breakdowns=False))
    report = made([file], tmp_path / "out", settings, step_ms=HOUR_MS).report
    _, wanted = compute([file], settings.definitions)
    assert report.outcomes["duplicate"] > 50
    assert (report.lines, report.outcomes) == (wanted.lines, wanted.outcomes)
