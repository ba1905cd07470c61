"""What Prometheus reads: names, labels, bounds, and that the page can be parsed."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as classic

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.codec import Checkpoint, pack_checkpoint
from kpi_windows.definitions import HOUR_MS
from kpi_windows.engine import Record, Shard
from kpi_windows.kpi import Kpi
from kpi_windows.view import Value, View
from kpi_windows.windows import WINDOWS
from streams import metrics
from streams.collectors import ProcessorCollector
from streams.exposition import KpiCollector, registry
from streams.follower import Whole
from streams.servers import Exporter
from streams.settings import Kafka, Settings
from streams.simulator import Shop, ShopOptions
from streams.written import Registry, scrape
from tests.streams.visible import NOON_MS, page, small_shop, whole_of

FAMILIES = [family for kpi in CATALOGUE.values() for family in metrics.families_of(kpi)]
Key = tuple[str, frozenset[tuple[str, str]]]


def samples(whole: Whole) -> dict[Key, float]:
    text, content_type = scrape(registry(KpiCollector(whole), ProcessorCollector(whole)))
    assert content_type.startswith("text/plain")
    told: dict[Key, float] = {}
    for family in classic(text.decode()):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in told, f"twice: {key}"
            told[key] = sample.value
    return told


def key(name: str, **labels: str) -> Key:
    return name, frozenset(labels.items())


def test_names_are_unique_and_as_prometheus_wants_them() -> None:
    names = [family.name for family in FAMILIES]
    names += [series.name for series in (*metrics.EXPORTER, *metrics.WORKER, *metrics.INTAKE)]
    assert len(names) == len(set(names))
    for name in names:
        assert re.fullmatch(r"kpi_[a-z0-9_]+", name), name
        assert not name.endswith(("_count", "_sum", "_bucket", "_info", "_created")), name
    for family in FAMILIES:
        assert not family.name.endswith("_total"), "a KPI goes up and down: it is no counter"
        if family.unit:
            assert family.name.endswith(f"_{family.unit}")


def test_every_kpi_has_its_window_as_a_label(tmp_path: Path) -> None:
    whole, _ = whole_of(tmp_path, small_shop())
    told = samples(whole)
    assert told[key("kpi_visits", window="day")] == 4
    assert told[key("kpi_visits", window="1h")] == 1
    assert told[key("kpi_visits", window="24h")] == 4
    assert told[key("kpi_visits", window="30d")] == 5
    assert told[key("kpi_sales_money", window="day")] == 20
    assert told[key("kpi_visits_previous", window="day")] == 1
    windows = {dict(labels).get("window") for name, labels in told if name == "kpi_visits"}
    assert windows == set(WINDOWS)


def test_a_ratio_comes_with_what_it_is_made_of(tmp_path: Path) -> None:
    whole, _ = whole_of(tmp_path, small_shop())
    told = samples(whole)
    assert told[key("kpi_conversion_rate_ratio", window="day")] == 0.25
    assert told[key("kpi_conversion_rate_numerator", window="day")] == 1
    assert told[key("kpi_conversion_rate_denominator", window="day")] == 4
    assert key("kpi_csat_ratio", window="day") not in told, "0 / 0 is no value, never 0"
    assert key("kpi_window_ripe", kpi="cart_abandonment_rate", window="1h") in told


def test_breakdowns_are_families_of_their_own_and_sum_to_the_total(tmp_path: Path) -> None:
    whole, _ = whole_of(tmp_path, small_shop())
    told = samples(whole)
    assert told[key("kpi_visits_by_source", window="day", source="google")] == 2
    by_device = [
        value
        for (name, labels), value in told.items()
        if name == "kpi_visits_by_device" and ("window", "day") in labels
    ]
    assert sum(by_device) == told[key("kpi_visits", window="day")]
    assert told[key("kpi_conversion_rate_by_source_ratio", window="day", source="google")] == 0.5
    narrow, _ = whole_of(tmp_path, small_shop(), Exporter(breakdowns=False))
    broken_down = {family.name for family in FAMILIES if family.labels}
    assert broken_down.isdisjoint(name for name, _ in samples(narrow))


def test_labels_beyond_the_bound_are_summed_up(tmp_path: Path) -> None:
    events = [page(f"v{n}", NOON_MS, source=f"s{n % 30}") for n in range(100)]
    whole, _ = whole_of(tmp_path, events, Exporter(top_labels=5))
    told = {
        dict(labels)["source"]: value
        for (name, labels), value in samples(whole).items()
        if name == "kpi_visits_by_source" and ("window", "day") in labels
    }
    assert len(told) == 6
    assert told["__other__"] == 100 - 5 * 4
    assert sum(told.values()) == 100


def test_hours_of_the_week_are_told_two_labels_at_once_and_sum_to_the_total(
    tmp_path: Path,
) -> None:
    whole, _ = whole_of(tmp_path, small_shop(), Exporter(top_labels=1))
    told = samples(whole)
    parts = {
        dict(labels)["weekday"] + " " + dict(labels)["hour"]: value
        for (name, labels), value in told.items()
        if name == "kpi_day_part_traffic_by_weekday_hour" and ("window", "day") in labels
    }
    assert len(parts) > 1, "none is folded"
    assert sum(parts.values()) == told[key("kpi_day_part_traffic", window="day")]


def test_series_beyond_the_limit_are_left_out_and_named(tmp_path: Path) -> None:
    events = [page(f"v{n}", NOON_MS, source=f"s{n}", page=f"/{n}") for n in range(50)]
    whole, _ = whole_of(tmp_path, events, Exporter(max_series=2_500, top_labels=50))
    told = samples(whole)
    assert told[key("kpi_exporter_series_limit")] == 2_500
    assert told[key("kpi_exporter_series")] <= 2_500
    assert any(name == "kpi_exporter_left_out" for name, _ in told)
    assert key("kpi_visits", window="day") in told, "totals come first"
    exposed = [
        name
        for name, _ in told
        if name.startswith("kpi_") and not name.startswith(("kpi_exporter", "kpi_processor"))
    ]
    exposed = [name for name in exposed if name != "kpi_window_ripe"]
    assert len(exposed) == told[key("kpi_exporter_series")]


def test_every_series_on_the_page_is_in_the_reference(tmp_path: Path) -> None:
    whole, _ = whole_of(tmp_path, small_shop())
    folder = Path(__file__).parents[2] / "docs" / "reference"
    reference = (folder / "metrics.md").read_text("utf-8")
    for name, _ in samples(whole):
        if name.startswith("kpi_"):
            plain = re.sub(r"(?<=delay_seconds)_(bucket|sum|count)$", "", name)
            assert f"`{plain}`" in reference, name


def test_the_processors_own(tmp_path: Path) -> None:
    events = [*small_shop(), {"topic": "orders", "type": "order_completed"}]
    whole, _ = whole_of(tmp_path, events)
    told = samples(whole)
    assert told[key("kpi_processor_events_total", topic="orders", outcome="rejected")] == 1
    assert told[key("kpi_processor_unaccounted_events", topic="orders")] == 0
    assert told[key("kpi_processor_watermark_timestamp_seconds", partition="0")] == NOON_MS / 1000
    assert told[key("kpi_processor_partitions_behind")] == 0
    assert told[key("kpi_exporter_ready")] == 1


def test_what_had_no_room_is_summed_over_partitions() -> None:
    whole = Whole(Settings())
    for partition, count in enumerate((3, 4)):
        told_of = Checkpoint(let_go={"visitors": count}, folded={"page": 10 * count})
        whole.take(partition, [], pack_checkpoint(told_of), live=True)
    told = samples(whole)
    assert told[key("kpi_processor_let_go_total", what="visitors")] == 7
    assert told[key("kpi_processor_folded_total", fact="page")] == 70


def test_a_label_comes_back_as_it_was_sent_in_both_formats(tmp_path: Path) -> None:
    odd = 'a "b" \\n \\ \n{c="d"} %s ☕'
    whole, _ = whole_of(tmp_path, [page("v", NOON_MS, source=odd), page("w", NOON_MS)])
    wanted = {odd: 1.0, "direct": 1.0}
    for accept, read in (("", classic), ("application/openmetrics-text", open_metrics)):
        text, _ = scrape(registry(KpiCollector(whole)), accept)
        [family] = [one for one in read(text.decode()) if one.name == "kpi_visits_by_source"]
        assert family.type == "gauge"
        days = [one for one in family.samples if one.labels["window"] == "day"]
        assert {one.labels["source"]: one.value for one in days} == wanted


def test_before_it_is_ready_there_are_no_values() -> None:
    whole = Whole(Settings())
    told = samples(whole)
    assert told[key("kpi_exporter_ready")] == 0
    assert told[key("kpi_exporter_series")] == 0


def test_delays_are_told_by_commit(tmp_path: Path) -> None:
    whole, _ = whole_of(tmp_path, small_shop())
    before = whole.seen[0].checkpoint
    after = type(before)(
        newest_arrival_ms=NOON_MS - 400,
        counts={"orders": {"in": 900, "accepted": 500}},
    )
    before.newest_arrival_ms = NOON_MS - HOUR_MS
    before.counts = {"orders": {"in": 500, "accepted": 90, "late": 10}}
    whole._measure(before, after, NOON_MS)
    told = samples(whole)
    name = "kpi_processor_visible_delay_seconds"
    assert told[key(f"{name}_count")] == 400
    assert told[key(f"{name}_bucket", le="0.5")] == 0
    assert told[key(f"{name}_bucket", le="1.5")] == 400
    assert told[key(f"{name}_sum")] / 400 == pytest.approx(0.9)


def test_open_metrics_is_served_when_asked_for(tmp_path: Path) -> None:
    whole, _ = whole_of(tmp_path, small_shop())
    made = registry(KpiCollector(whole), ProcessorCollector(whole))
    text, content_type = scrape(made, "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert any(family.name == "kpi_visits" for family in open_metrics(text.decode()))


def test_single_metrics_can_be_asked_for(tmp_path: Path) -> None:
    whole, _ = whole_of(tmp_path, small_shop())
    made = registry(KpiCollector(whole), ProcessorCollector(whole))
    every = {family.name: family for family in classic(scrape(made)[0].decode())}
    asked = ["kpi_visits_by_source", "kpi_conversion_rate_ratio", "kpi_processor_events_total"]
    page, _ = scrape(made, names=[*asked, "kpi_nothing"])
    told = {family.name: family for family in classic(page.decode())}
    assert told.keys() == {
        "kpi_visits_by_source",
        "kpi_conversion_rate_ratio",
        "kpi_processor_events",
    }
    assert all(told[name].samples == every[name].samples for name in told)
    assert scrape(made, names=["kpi_nothing"])[0] == b""


def test_what_nobody_asks_for_is_not_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = whole_of(tmp_path, small_shop())
    evaluated: set[str] = set()
    evaluate = View.evaluate

    def noted(view: View, kpi: Kpi, *more: Any, **named: Any) -> list[Value]:
        evaluated.add(kpi.id)
        return evaluate(view, kpi, *more, **named)

    monkeypatch.setattr(View, "evaluate", noted)
    scrape(registry(KpiCollector(whole)), names=["kpi_visits"])
    assert evaluated == {"visits"}


@pytest.mark.parametrize("seed", range(2))
def test_what_is_said_again_is_what_would_be_said_anew(seed: int) -> None:
    """Whatever comes in, and whenever a minute, an hour or a partition passes."""
    settings = Settings(kafka=Kafka(partitions=2), exporter=Exporter(windows=("5m", "1h", "day")))
    whole = Whole(settings, now_ms=lambda: NOON_MS)
    shards = [Shard(settings.definitions, partition, 2) for partition in range(2)]
    kept = registry(KpiCollector(whole))
    chance = random.Random(seed)
    for partition in range(2):
        whole.catch_up(partition)
    shop = Shop(seed, ShopOptions(visits_per_hour=60))
    messages = list(shop.events(NOON_MS, NOON_MS + 3 * HOUR_MS))
    at = 0
    while at < len(messages):
        few = messages[at : at + chance.choice((1, 3, 10, 400))]
        at += len(few)
        partition = chance.randrange(2)
        shard = shards[partition]
        for each in few:
            shard.ingest(each.topic, [Record(at, -1, each.key, each.value)])
        if chance.random() < 0.3:
            shard.end()
        cut = shard.cut()
        assert cut is not None
        if chance.random() < 0.1:
            whole.view.forget(partition)
            shards[partition] = Shard(settings.definitions, partition, 2)
        else:
            whole.take(partition, cut.panes, cut.checkpoint, live=False)
        if chance.random() < 0.3:
            assert _page(kept) == _page(registry(KpiCollector(whole)))
    assert len(_page(kept)) > 1_000


def _page(made: Registry) -> list[bytes]:
    """The lines about KPIs, whoever tells them."""
    page, _ = scrape(made)
    lines = page.splitlines()
    return [line for line in lines if line.startswith(b"kpi_") and b"collect_seconds" not in line]


def test_a_table_of_one_label_is_told_once_and_with_its_own_numbers(tmp_path: Path) -> None:
    """Its columns have the label that the breakdown of the same KPI has."""
    events = [page(f"v{n}", NOON_MS, page=f"/{n % 2}") for n in range(4)]
    events += [
        {
            "topic": "tickets",
            "type": "ticket_opened",
            "ticket_id": f"t{n}",
            "visitor_id": f"v{n}",
            "timestamp": NOON_MS + 1_000,
        }
        for n in range(4)
    ]
    told = samples(whole_of(tmp_path, events)[0])
    name = "kpi_pages_before_contact_table"
    for shown in ("/0", "/1"):
        assert told[key(f"{name}_contacts", window="day", page=shown)] == 2
        assert told[key(f"{name}_share_ratio", window="day", page=shown)] == 0.5
