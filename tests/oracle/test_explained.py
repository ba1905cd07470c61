"""What is behind a value: counts, completeness and samples against SQL over the raw records."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from fractions import Fraction
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

import duckdb
import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import HOUR_MS, MINUTE_MS
from kpi_windows.explaining import explain
from streams.simulator import Shop, ShopOptions
from tests.oracle.drive import MAIN, Drive, sent_of
from tests.oracle.logs import shop
from tests.oracle.spoil import spoilt
from tests.oracle.windows import window

ZONE = "Asia/Kolkata"
BEGIN_MS = 1_709_600_000_000

CLICKS = "page_viewed link_clicked promotion_viewed promotion_clicked chat_opened heartbeat".split()
CARTS = ["product_added", "product_removed", "cart_updated", "checkout_started"]
BEHIND: dict[str, dict[str, list[str]]] = {
    "conversion_rate": {"clickstream": CLICKS, "carts": CARTS, "orders": ["order_completed"]},
    "sales": {"orders": ["order_completed", "order_refunded", "order_cancelled"]},
    "csat": {"tickets": ["ticket_rated"]},
    "cart_abandonment_rate": {"carts": CARTS, "orders": ["order_completed"]},
}
"""KPI -> topic -> the types of events that it takes."""


def _table(drive: Drive) -> duckdb.DuckDBPyConnection:
    """One row a record: what became of it, and how far it was behind its topic."""
    dead = Counter(
        (d.topic, d.offset, d.key, d.value, d.timestamp_ms, d.outcome) for d in drive.dead
    )
    rows: list[tuple[Any, ...]] = []
    for (partition, topic), log in drive.logs.items():
        if topic not in MAIN:
            continue
        heard_ms, seen = -1, set()
        for record in log:
            letter = (topic, record.offset, record.key, record.value, record.timestamp_ms)
            outcome = next((o for o in ("late", "future", "rejected") if dead[(*letter, o)]), "")
            row: dict[str, Any] = {"type": None, "at_ms": record.timestamp_ms}
            if outcome:
                dead[(*letter, outcome)] -= 1
            if outcome in ("", "late"):
                event = json.loads(record.value or b"")
                row = {**event, "at_ms": event["timestamp"]}
            if not outcome:
                heard_ms = max(heard_ms, row["at_ms"])
                if row["type"] == "clock":
                    continue
                outcome = "duplicate" if row["event_id"] in seen else "accepted"
                seen.add(row["event_id"])
            seconds = -(-(heard_ms - row["at_ms"]) // 1_000)
            event_id = row.get("event_id")
            hashed = crc32(event_id.encode()) if event_id else None
            rows.append(
                (
                    partition, topic, row["type"], row["at_ms"], outcome, seconds, event_id, hashed,
                    bool(row.get("is_bot") or row.get("is_test")), _date(row["at_ms"]),
                )
            )  # fmt: skip
    assert not +dead
    db = duckdb.connect()
    db.execute(
        "CREATE TABLE seen (partition INT, topic TEXT, type TEXT, at_ms BIGINT, outcome TEXT, "
        "behind_s BIGINT, id TEXT, hashed UBIGINT, unreal BOOL, day TEXT)"
    )
    db.executemany(f"INSERT INTO seen VALUES ({', '.join('?' * 10)})", rows)
    return db


def _date(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, ZoneInfo(ZONE)).date().isoformat()


def _counts(db: Any, topic: str, types: list[str], start_ms: int, end_ms: int) -> dict[str, int]:
    told: dict[str, int] = defaultdict(int)
    found = db.execute(
        "SELECT outcome, count(*) FROM seen WHERE topic = ? AND at_ms >= ? AND at_ms < ? AND "
        "(type IS NULL OR list_contains(?, type)) GROUP BY outcome",
        [topic, start_ms, end_ms, types],
    ).fetchall()
    return told | dict(found)


def _complete(
    db: Any, topic: str, types: list[str], start_ms: int, end_ms: int, now_ms: int
) -> Fraction | None:
    """Event by event: each that has come stands for as many as come in its time, by the past."""
    behind = db.execute(
        "SELECT behind_s, count(*) FROM seen WHERE topic = ? AND outcome = 'accepted' "
        "GROUP BY behind_s",
        [topic],
    ).fetchall()
    total = sum(count for _, count in behind)
    minutes = db.execute(
        f"SELECT at_ms - at_ms % {MINUTE_MS}, count(*) FROM seen WHERE topic = ? AND "
        "outcome = 'accepted' AND at_ms >= ? AND at_ms < ? AND list_contains(?, type) GROUP BY 1",
        [topic, start_ms, end_ms, types],
    ).fetchall()
    accepted, expected = sum(count for _, count in minutes), Fraction(0)
    for minute_ms, count in minutes:
        age_ms = now_ms - (minute_ms + min(minute_ms + MINUTE_MS, now_ms)) // 2
        come = sum(n for seconds, n in behind if _upper(seconds) * 1_000 <= age_ms)
        expected += Fraction(count * total, come)
    return accepted / expected if accepted else None


def _upper(seconds: int) -> int:
    """Seconds are exact to 128, then in 64 steps an octave."""
    step = 1
    while seconds // step >= 128:
        step *= 2
    return seconds // step * step + step - 1


def _samples(db: Any, types: list[str], start_ms: int, end_ms: int) -> list[tuple[str, str]]:
    """Of each partition, type and day five are kept; of these, in the window, the five lowest."""
    found: list[tuple[str, str]] = db.execute(
        "SELECT type, id FROM (SELECT *, row_number() OVER "
        "(PARTITION BY partition, type, day ORDER BY hashed) AS place FROM seen "
        "WHERE outcome = 'accepted' AND NOT unreal AND list_contains(?, type)) "
        "WHERE place <= 5 AND at_ms >= ? AND at_ms < ? ORDER BY hashed LIMIT 5",
        [types, start_ms, end_ms],
    ).fetchall()
    return found


@pytest.mark.parametrize(("seed", "share"), [(3, 0.04), (4, 0.0)])
def test_what_is_behind_a_value_is_what_the_raw_records_tell(seed: int, share: float) -> None:
    definitions = shop(ZONE)
    end_ms = BEGIN_MS + 30 * HOUR_MS + 20_123
    drive = Drive(definitions, 3, seed)
    sent = sent_of(Shop(seed, ShopOptions(visits_per_hour=15)).events(BEGIN_MS, end_ms))
    drive.send(spoilt([each for each in sent if each.topic in MAIN], seed, share))
    drive.send_clocks(end_ms)
    drive.run(60, cuts=0.4, deaths=0.02)
    db, now_ms = _table(drive), drive.view.watermark_ms
    assert now_ms is not None
    checked = Counter[str]()
    for at_ms in (now_ms, now_ms - 5 * HOUR_MS, BEGIN_MS + 3 * HOUR_MS):
        for kpi, topics in BEHIND.items():
            for name in ("5m", "1h", "24h", "day", "week"):
                told = explain(drive.view, CATALOGUE[kpi], name, at_ms=at_ms)
                assert told is not None
                assert set(told.topics) == set(topics)
                start_ms, stop_ms = window(ZONE, name, at_ms)
                assert (told.value.start_ms, told.value.end_ms) == (start_ms, stop_ms)
                for topic, types in topics.items():
                    found = told.topics[topic].counts._asdict()
                    wanted = _counts(db, topic, types, start_ms, stop_ms)
                    assert found == {each: wanted[each] for each in found}, (kpi, name, topic)
                    checked.update(found)
                    complete = _complete(db, topic, types, start_ms, stop_ms, now_ms)
                    assert told.topics[topic].complete == complete
                    checked["incomplete"] += complete is not None and complete < 1
                known = [t.complete for t in told.topics.values() if t.complete is not None]
                assert told.complete == min(known, default=None)
                types = [each for some in topics.values() for each in some]
                wanted_ids = _samples(db, types, start_ms, stop_ms)
                assert [(each.type, each.event_id) for each in told.samples] == wanted_ids
                checked["samples"] += len(wanted_ids)
    names = ["accepted", "duplicate", "incomplete", "samples"]
    names += ["late", "future", "rejected"] if share else []
    assert all(checked[name] for name in names), checked
