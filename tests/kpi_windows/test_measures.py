"""A shop's own measures: every value equals SQL over the raw events, and begins when it was added."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import duckdb
import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.codec import unpack_checkpoint
from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS, Definitions, Measure, Rate
from kpi_windows.kpi import Better, Kpi, Unit
from kpi_windows.measures import fact_of, node_of
from kpi_windows.narrowing import labels_of
from kpi_windows.view import View
from tests.oracle.drive import Drive, Sent

T0 = 1_709_251_200_000  # 2024-03-01
TOPICS = ("clickstream", "orders")
MEASURES = (
    Measure(
        "gifts", ("order_completed",), "count",
        where=(("channel", ("online", "phone")), ("properties.gift", ("true",))),
        labels=(("shop", "channel"), ("season", "properties.season")),
    ),
    Measure("tips", ("order_completed",), "sum", "properties.tip", labels=(("shop", "channel"),)),
    Measure("shipping", ("order_completed",), "sum", "shipping"),
    Measure("goods", ("order_completed",), "sum", "products.price * products.quantity"),
    Measure("units", ("order_completed",), "sum", "products.quantity"),
    Measure("buyers", ("order_completed",), "distinct", "customer_id"),
    Measure("sold", ("order_completed",), "distinct", "products.product_id"),
    Measure("seen", ("page_viewed", "link_clicked"), "count", labels=(("where", "device"),)),
    Measure("scrolled", ("page_viewed",), "sum", "properties.depth"),
)  # fmt: skip
SHOP = Definitions(
    measures=MEASURES,
    rates={"USD": (Rate(0, Fraction("0.9")), Rate(T0 + HOUR_MS, Fraction("0.8")))},
    default_lateness_ms=DAY_MS,
)
SQL = {
    "gifts": "select shop, season, count(*) from orders where shop in ('online', 'phone') and gift "
    "group by all",
    "tips": "select shop, sum(tip) from orders where tip <> 0 group by all",
    "shipping": "select sum(shipping * rate) from orders",
    "goods": "select sum(price * quantity * rate) from lines join orders using (id)",
    "units": "select sum(quantity) from lines",
    "buyers": "select count(distinct customer) from orders",
    "sold": "select count(distinct product) from lines",
    "seen": "select device, count(*) from clicks group by all",
    "scrolled": "select sum(depth) from clicks where type = 'page_viewed'",
}


def kpi_of(measure: Measure) -> Kpi:
    node = node_of(measure)
    return Kpi(
        measure.name, measure.name, (), "own", Unit.COUNT, Better.NEITHER, node, labels_of(node)
    )


def order(chance: random.Random, number: int, at_ms: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": "order_completed", "timestamp": at_ms, "order_id": f"o{number}",
        "products": [
            {"product_id": chance.choice("abc"), "price": f"{chance.randrange(900) / 100:.2f}",
             "quantity": chance.randint(1, 3)}
            for _ in range(chance.randint(0, 3))
        ],
        "shipping": f"{chance.randrange(500) / 100:.2f}",
    }  # fmt: skip
    if chance.random() < 0.9:
        told["channel"] = chance.choice(["online", "phone", "store"])
    if chance.random() < 0.7:
        told["customer_id"] = f"c{chance.randrange(9)}"
    if chance.random() < 0.4:
        told["currency"] = "USD"
    if chance.random() < 0.8:
        season = chance.choice(
            [{}, {"season": 3}, {"season": "spring"}, {"season": None}, {"season": 3.5}]
        )
        tip = chance.choice([0.1, 2, 2.25, True, "none", -1])
        told["properties"] = {"gift": chance.random() < 0.6, "tip": tip, **season}
    return told


def click(chance: random.Random, at_ms: int) -> dict[str, Any]:
    told = {"timestamp": at_ms, "visitor_id": f"v{chance.randrange(9)}"}
    if chance.random() < 0.8:
        told["device"] = chance.choice(["mobile", "desktop"])
    if chance.random() < 0.5:
        return {"type": "link_clicked", **told}
    return {"type": "page_viewed", "properties": {"depth": chance.randrange(100) / 10}, **told}


def events(seed: int, count: int = 150) -> Iterator[tuple[str, dict[str, Any]]]:
    """Some hours in any order, with copies, bots and tests."""
    chance = random.Random(seed)
    for number in range(count):
        at_ms = T0 + chance.randrange(3 * HOUR_MS)
        is_order = chance.random() < 0.5
        told = order(chance, number, at_ms) if is_order else click(chance, at_ms)
        told["event_id"] = f"e{number}"
        if chance.random() < 0.1:
            told[chance.choice(["is_bot", "is_test"])] = True
        for _ in range(2 if chance.random() < 0.2 else 1):
            yield ("orders" if is_order else "clickstream"), told


def sent(topic: str, told: dict[str, Any]) -> Sent:
    key = told["order_id"] if topic == "orders" else told["visitor_id"]
    return Sent(topic, key.encode(), json.dumps(told).encode(), told["timestamp"])


def driven(
    seed: int, partitions: int, definitions: Definitions = SHOP, deaths: float = 0.0
) -> Drive:
    """A shop that took in the events, some under a wrong key and so in a wrong partition."""
    chance = random.Random(seed + 1)
    drive = Drive(definitions, partitions, seed, topics=TOPICS)
    messages = [sent(*each) for each in events(seed)]
    chance.shuffle(messages)
    drive.send(
        replaced._replace(key=b"wrong") if chance.random() < 0.2 else replaced
        for replaced in messages
    )
    drive.send_clocks(T0 + 4 * HOUR_MS)
    drive.run(20, deaths=deaths)
    assert not drive.dead
    return drive


def told(view: View, window: str = "day", at_ms: int | None = None) -> dict[str, Any]:
    """Every measure by all its labels, without those that have none."""
    values: dict[str, Any] = {}
    for measure in SHOP.measures:
        kpi = kpi_of(measure)
        values[measure.name] = {
            tuple(value.labels.values()): value.value
            for value in view.evaluate(kpi, window, at_ms=at_ms, by=kpi.by)
            if value.value
        }
    return values


def asked(seed: int, from_ms: int = T0, to_ms: int = T0 + DAY_MS) -> dict[str, Any]:
    """The same by SQL over what was sent."""
    raw = list(
        {e["event_id"]: e for _, e in events(seed) if from_ms <= e["timestamp"] < to_ms}.values()
    )
    kept = [e for e in raw if not e.get("is_bot") and not e.get("is_test")]
    orders = [_order_row(e) for e in kept if e["type"] == "order_completed"]
    lines = [
        (e["order_id"], line["product_id"], line["price"], line["quantity"])
        for e in kept for line in e.get("products", ())
    ]  # fmt: skip
    clicks = [
        (e["type"], e.get("device", "(none)"), e.get("properties", {}).get("depth", 0))
        for e in kept if "visitor_id" in e
    ]  # fmt: skip
    with duckdb.connect() as base:
        base.execute(
            "create table orders (id text, shop text, customer text, gift bool, season text, "
            "tip decimal(18, 6), shipping decimal(18, 6), rate decimal(18, 6));"
            "create table lines (id text, product text, price decimal(18, 6), quantity int);"
            "create table clicks (type text, device text, depth decimal(18, 6))"
        )
        for table, rows in (("orders", orders), ("lines", lines), ("clicks", clicks)):
            for row in rows:
                base.execute(f"insert into {table} values ({', '.join('?' * len(row))})", row)
        return {
            name: {
                tuple(row[:-1]): float(row[-1]) for row in base.execute(sql).fetchall() if row[-1]
            }
            for name, sql in SQL.items()
        }


def _order_row(e: dict[str, Any]) -> tuple[Any, ...]:
    own = e.get("properties", {})
    late = e["timestamp"] >= T0 + HOUR_MS
    rate = ("0.8" if late else "0.9") if e.get("currency") == "USD" else "1"
    tip = own.get("tip", 0)
    return (
        e["order_id"], e.get("channel", "(none)"), e.get("customer_id"), own.get("gift", False),
        str(own.get("season") or "(none)"), 0 if tip == "none" else str(float(tip)), e["shipping"], rate,
    )  # fmt: skip


@pytest.mark.parametrize(("seed", "partitions"), [(1, 1), (2, 2), (3, 3)])
def test_every_measure_is_what_sql_gives_in_any_order_and_partitioning(
    seed: int, partitions: int
) -> None:
    view = driven(seed, partitions).view
    for window, from_ms, to_ms, at_ms in (
        ("day", T0, T0 + DAY_MS, None),
        ("hour", T0 + HOUR_MS, T0 + 2 * HOUR_MS, T0 + 2 * HOUR_MS - MINUTE_MS),
    ):
        values, expected = told(view, window, at_ms), asked(seed, from_ms, to_ms)
        assert all(expected.values())
        for name in SQL:
            assert values[name] == pytest.approx(expected[name], rel=1e-12), name


def test_nothing_is_counted_twice_or_lost_when_workers_die() -> None:
    drive = driven(4, 2, deaths=0.3)
    values, expected = told(drive.view), asked(4)
    for name in SQL:
        assert values[name] == pytest.approx(expected[name], rel=1e-12), name
    assert told(drive.review()) == values


def test_a_shops_measures_leave_the_catalogues_numbers_alone() -> None:
    with_own, without = driven(5, 2).view, driven(5, 2, replace(SHOP, measures=())).view
    for kpi in CATALOGUE.values():
        if "day" in kpi.windows:
            assert with_own.evaluate(kpi, "day") == without.evaluate(kpi, "day")


# ---------------------------------------------------------------------------- adding and removing


def one(drive: Drive, measure: Measure, window: str, at_ms: int) -> float | None:
    (value,) = drive.view.evaluate(kpi_of(measure), window, at_ms=at_ms)
    return value.value


def say(drive: Drive, minute: int, number: int) -> None:
    """An order, and time goes on to a minute after it."""
    at_ms = T0 + minute * MINUTE_MS
    line = {"product_id": "a", "price": "1", "quantity": 2}
    drive.send([sent("orders", {
        "type": "order_completed", "timestamp": at_ms, "order_id": f"o{number}", "products": [line],
    })])  # fmt: skip
    drive.send_clocks(at_ms + MINUTE_MS)
    drive.run()


def changed(drive: Drive, *measures: Measure) -> Drive:
    """The same shop, its worker and exporter started anew with other measures."""
    drive.definitions = replace(drive.definitions, measures=measures)
    drive.restart(0)
    drive.view = drive.review()
    return drive


ORDERS = Measure("placed", ("order_completed",))
UNITS = Measure("units", ("order_completed",), "sum", "products.quantity")


def begun() -> Drive:
    """A shop that counts orders, with one at 00:10 and one at 01:10."""
    drive = Drive(Definitions(measures=(ORDERS,)), 1, topics=TOPICS)
    say(drive, 10, 1)
    say(drive, 70, 2)
    return drive


def test_a_measure_that_is_added_has_no_value_in_windows_that_began_before() -> None:
    drive = changed(begun(), ORDERS, UNITS)
    assert one(drive, UNITS, "day", T0 + 71 * MINUTE_MS) is None  # not told by the worker yet
    say(drive, 80, 3)
    say(drive, 130, 4)
    at_ms = T0 + 131 * MINUTE_MS
    assert one(drive, ORDERS, "day", at_ms) == 4
    assert one(drive, UNITS, "day", at_ms) is None
    assert one(drive, UNITS, "hour", T0 + 100 * MINUTE_MS) is None  # began at 01:00, added at 01:11
    assert one(drive, UNITS, "hour", at_ms) == 2


def test_a_new_measure_begins_after_all_that_was_taken_in_before() -> None:
    """One input was an hour ahead of the other, and so of the watermark."""
    drive = Drive(Definitions(measures=(ORDERS,)), 1, topics=TOPICS)
    drive.send_clocks(T0)
    drive.run()
    ahead = {"type": "clock", "timestamp": T0 + HOUR_MS}
    drive.send([Sent("orders", b"", json.dumps(ahead).encode(), T0 + HOUR_MS)])
    drive.run()
    changed(drive, ORDERS, UNITS)
    say(drive, 70, 1)
    checkpoint = unpack_checkpoint(drive.checkpoints[0] or b"")
    assert checkpoint.since_ms[fact_of(UNITS).name] == T0 + HOUR_MS + 1
    assert checkpoint.since_ms[fact_of(ORDERS).name] == 0


def test_a_measure_whose_definition_changes_begins_anew_and_its_title_may_change() -> None:
    other = replace(ORDERS, where=(("channel", ("(none)",)),))
    drive = changed(begun(), other)
    say(drive, 80, 3)
    say(drive, 130, 4)
    at_ms = T0 + 131 * MINUTE_MS
    assert one(drive, other, "day", at_ms) is None
    assert one(drive, other, "hour", at_ms) == 1
    renamed = replace(ORDERS, title="Orders placed")
    drive = changed(begun(), renamed)
    say(drive, 130, 4)
    assert one(drive, renamed, "day", at_ms) == 3


def test_a_measure_that_is_removed_leaves_the_changelog_and_nothing_else() -> None:
    drive = begun()
    before = {key for key in drive.panes[0] if b"own." in key}
    kept = {key: value for key, value in drive.panes[0].items() if key not in before}
    assert len(before) == 2 + 2 + 1  # minutes, hours, day
    changed(drive)
    drive.send_clocks(T0 + 80 * MINUTE_MS)
    drive.run()
    assert drive.panes[0] == kept
    assert drive.view.evaluate(CATALOGUE["transactions"], "day")[0].value == 2


def test_a_measure_is_not_told_by_a_worker_that_does_not_know_it_yet() -> None:
    drive = begun()
    drive.definitions = replace(drive.definitions, measures=(ORDERS, UNITS))
    drive.view = drive.review()  # the exporter has the new settings, the worker the old ones
    at_ms = T0 + 71 * MINUTE_MS
    assert one(drive, ORDERS, "day", at_ms) == 2
    assert one(drive, UNITS, "day", at_ms) is None


def test_measures_are_no_part_of_what_kept_state_means() -> None:
    assert SHOP.fingerprint() == replace(SHOP, measures=()).fingerprint()
