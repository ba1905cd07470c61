"""What the page draws, without a browser: the snapshot and the files, over HTTP."""

from __future__ import annotations

import gzip
import json
import re
import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from kpi_windows.alerting import State, firing, judge
from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import HOUR_MS, MINUTE_MS
from kpi_windows.thresholds import Threshold
from kpi_windows.windows import WINDOWS
from streams.page.history import Histories, buckets_of
from streams.page.routes import LANGUAGES, files
from streams.page.snapshot import INSTEAD, Snapshots
from streams.page.states import verdicts
from streams.settings import Kafka, Settings
from tests.page.shop import Played, Served, served
from tests.streams.visible import NOON_MS, page, small_shop

ROOT = Path(__file__).parents[2]


def snapshot(site: Served, window: str = "24h") -> dict[str, Any]:
    told: dict[str, Any] = site.told("/api/v1/page", window=window)
    return told


@pytest.mark.parametrize("window", ["1h", "24h", "7d", "day", "quarter"])
def test_every_value_is_the_one_that_the_api_gives(shop: Served, window: str) -> None:
    told = snapshot(shop, window)
    assert [kpi["id"] for kpi in told["kpis"]] == list(CATALOGUE)
    for kpi in told["kpis"]:
        answer = shop.told("/api/v1/query", kpi=kpi["id"], window=kpi["window"])[0]
        for name in ("value", "numerator", "denominator", "ripe", "start_ms", "end_ms"):
            assert kpi[name] == answer[name], (kpi["id"], name)
        assert kpi["window"] == window or kpi["window"] in INSTEAD[window]


@pytest.mark.parametrize("window", WINDOWS)
def test_there_is_a_nearest_window_and_a_history_for_every_kpi_in_every_window(window: str) -> None:
    for kpi in CATALOGUE.values():
        assert buckets_of(kpi, window)
        assert any(each in kpi.windows for each in (window, *INSTEAD.get(window, ())))


def test_all_that_the_details_ask_is_answered_for_every_kpi(shop: Served) -> None:
    """A browser would write every refusal on its console."""
    for kpi in CATALOGUE.values():
        window = next(kpi_["window"] for kpi_ in snapshot(shop)["kpis"] if kpi_["id"] == kpi.id)
        asked = {"kpi": kpi.id, "window": window}
        described = shop.told(f"/api/v1/kpis/{kpi.id}")
        assert described["definitions"]["default"]["formula"] == kpi.formula.words()
        shop.told("/api/v1/explain", **asked, at="now")
        if described["table"]:
            shop.told("/api/v1/query", **asked, table=1, top=12)
        for by in described["by"][:1]:
            shop.told("/api/v1/query", **asked, by=by, top=12)
            shop.told("/api/v1/why", **asked, by=by, at="now")


def test_a_change_is_told_only_against_a_whole_period_before(shop: Served) -> None:
    day = {kpi["id"]: kpi for kpi in snapshot(shop)["kpis"]}
    week = {kpi["id"]: kpi for kpi in snapshot(shop, "7d")["kpis"]}
    assert day["visits"]["previous"] is not None
    assert week["visits"]["value"] > 0
    assert week["visits"]["previous"] is None, "two days are no week to compare with"
    before = day["visits"]["start_ms"]
    asked = {"kpi": "visits", "window": "24h", "at": before - 1}
    assert day["visits"]["previous"] == shop.told("/api/v1/query", **asked)[0]["value"]


def test_a_history_is_what_the_api_gives_by_the_hour_and_begins_with_the_data(shop: Served) -> None:
    def all_read() -> dict[str, Any]:
        return {kpi["id"]: kpi for kpi in snapshot(shop)["kpis"]}

    read = all_read()
    now = shop.played.whole.view.watermark_ms or 0
    for name in ("visits", "conversion_rate", "backlog", "sales"):
        told = shop.told(
            "/api/v1/query", kpi=name, window="hour", **{"from": now + 1 - 24 * HOUR_MS, "to": now + 1}
        )  # fmt: skip
        histories = Histories(lambda: shop.played.whole.view, lambda: 0.0)
        points = list(histories.read(CATALOGUE[name], buckets_of(CATALOGUE[name], "24h")))  # type: ignore[arg-type]
        assert points == [each["value"] for each in told[-24:]]
        assert read[name]["history"] in ([], points)
    month = list(histories.read(CATALOGUE["visits"], buckets_of(CATALOGUE["visits"], "30d")))  # type: ignore[arg-type]
    assert len(month) == 30
    assert month[:27] == [None] * 27, "there was no shop yet"
    assert all(month[-2:])


def test_histories_take_little_time_at_once_and_none_is_forgotten(shop: Served) -> None:
    now_s = 0.0

    def clock() -> float:
        nonlocal now_s
        now_s += 0.03  # each look at the clock: so long has the reading taken
        return now_s

    histories = Histories(lambda: shop.played.whole.view, clock)
    wanted = [(kpi, b) for kpi in CATALOGUE.values() if (b := buckets_of(kpi, "24h"))][:12]
    counts = [len(histories.of(wanted)) for _ in range(12)]
    assert counts == sorted(counts)
    assert counts[0] < 4
    assert counts[-1] == 12


def test_the_funnel_is_of_visits_and_never_widens(shop: Served) -> None:
    steps = {each["step"]: each["count"] for each in snapshot(shop)["funnel"]}
    assert list(steps) == ["visits", "carts", "checkouts", "orders"]
    assert list(steps.values()) == sorted(steps.values(), reverse=True)
    answer = shop.told("/api/v1/query", kpi="conversion_rate", window="24h")[0]
    assert (steps["orders"], steps["visits"]) == (answer["numerator"], answer["denominator"])


def test_what_fires_is_what_the_evaluator_would_tell_without_waiting(shop: Served) -> None:
    """Its judgement with `for` set to nothing is the page's, threshold by threshold."""
    view, settings = shop.played.whole.view, shop.played.settings
    at_once = [replace(each, for_ms=0) for each in settings.thresholds]
    minute = (view.watermark_ms or 0) // MINUTE_MS * MINUTE_MS
    state, _ = judge(State(), minute, view, at_once, CATALOGUE)
    fires = {watch.threshold.name for watch in firing(state)}
    told = snapshot(shop)
    assert {each["threshold"] for each in told["fires"]} == fires
    assert fires, "a shop in which nothing fires shows nothing"
    assert told["watched"] == sum(
        each.bad is not None for each in verdicts(view, settings.thresholds, CATALOGUE)
    )
    loud = {kpi["id"] for kpi in told["kpis"] if kpi["state"] in ("warning", "critical")}
    assert loud == {each["kpi"] for each in told["fires"]}


def test_no_value_breaches_nothing() -> None:
    threshold = Threshold("t", "visits", below=5.0, window="1h")
    settings = Settings(kafka=Kafka(partitions=1), thresholds=(threshold,))
    played = Played(settings).add([page("a", NOON_MS - MINUTE_MS)], NOON_MS).ready()
    told = [each.state for each in verdicts(played.whole.view, [threshold], CATALOGUE)]
    assert told == ["warning"]
    assert not list(verdicts(Played().whole.view, [threshold], CATALOGUE))


def test_the_stream_adds_up(shop: Served) -> None:
    told = snapshot(shop)["health"]
    outcomes = sum(told[name] for name in ("accepted", "duplicate", "late", "future", "rejected"))
    assert told["accounted_for"]
    assert told["in"] == outcomes > 1_000
    status = shop.told("/api/v1/status")
    assert told["in"] == sum(each["in"] for each in status["events"].values())
    assert told["watermark_ms"] == status["watermark_ms"]


def test_speed_is_what_came_in_between_two_looks() -> None:
    now_s = 0.0
    played = Played().add(small_shop(), NOON_MS).ready()
    snapshots = Snapshots(played.whole, lambda: now_s)
    first = json.loads(snapshots.of("1h").body)["health"]
    assert first["events_per_second"] is None
    events = [page(f"v{n}", NOON_MS + n, device="mobile") for n in range(20)]
    played.add(events, NOON_MS + 4_000)
    now_s += 60
    second = json.loads(snapshots.of("1h").body)["health"]
    clocks = second["in"] - first["in"] - 20
    assert second["events_per_second"] == (20 + clocks) / 4


def test_who_asks_soon_after_gets_the_same_snapshot_and_the_next_is_new() -> None:
    now_s = 0.0
    played = Played().add(small_shop(), NOON_MS).ready()
    snapshots = Snapshots(played.whole, lambda: now_s)
    first = snapshots.of("24h")
    played.add([page("new", NOON_MS + 1, device="mobile")], NOON_MS + 1_000)
    assert snapshots.of("24h") is first
    now_s += 5
    second = snapshots.of("24h")
    assert second.etag != first.etag
    visits = [
        next(kpi["value"] for kpi in json.loads(each.body)["kpis"] if kpi["id"] == "visits")
        for each in (first, second)
    ]
    assert visits[1] == visits[0] + 1


def test_without_a_window_it_is_a_day_once_there_are_two(shop: Served) -> None:
    assert shop.told("/api/v1/page")["window"] == "24h"
    with served(Played().simulate(hours=5, visits=10).ready()) as young:
        assert young.told("/api/v1/page")["window"] == "1h"
    status, _, body = shop.get("/api/v1/page", window="fortnight")
    assert status == 400
    assert b"no window 'fortnight'" in body


def test_what_hasnt_changed_isnt_sent_again(shop: Served) -> None:
    status, headers, body = shop.get("/api/v1/page", {"Accept-Encoding": "gzip"}, window="24h")
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert json.loads(gzip.decompress(body))["window"] == "24h"
    known = {"If-None-Match": headers["ETag"]}
    for name in files():
        status, headers, body = shop.get(f"/page/{name}")
        assert status == 200
        again = shop.get(f"/page/{name}", {"If-None-Match": f"W/{headers['ETag']}"})
        assert (again[0], again[2]) == (304, b"")
    assert known["If-None-Match"].startswith('"')
    assert shop.get("/page/nothing.js")[0] == 404


def test_before_the_first_event_and_before_it_is_ready_it_says_so() -> None:
    with served(Played()) as site:
        told = snapshot(site)
        assert (told["ready"], "kpis" in told) == (False, False)
        assert "not read to their end" in told["reason"]
        site.do(site.played.ready)
    with served(Played().ready()) as site:
        told = snapshot(site)
        assert (told["ready"], "kpis" in told) == (True, False)
        assert told["health"]["watermark_ms"] is None


@pytest.fixture
def html(shop: Served) -> str:
    _, _, body = shop.get("/", {"Accept": "text/html"})
    return body.decode()


def test_a_browser_gets_the_page_and_a_terminal_the_list(shop: Served, html: str) -> None:
    assert "<!doctype html>" in html
    status, headers, body = shop.get("/", {"Accept": "*/*"})
    assert (status, headers["Content-Type"][:10]) == (200, "text/plain")
    assert b"/api/v1/status" in body
    for wanted, given in {
        "nl-BE,en;q=0.7": "nl",
        "en": "en",
        "fr, *": "en",
        "nl;q=x": "en",
    }.items():
        asked = {"Accept": "text/html", "Accept-Language": wanted}
        body = shop.get("/", asked)[2]
        assert f'<html lang="{given}">'.encode() in body


def test_nothing_in_the_page_is_inline_or_from_elsewhere(shop: Served, html: str) -> None:
    _, headers, _ = shop.get("/", {"Accept": "text/html"})
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|\bstyle=|\bon[a-z]+=|<script(?![^>]*\bsrc=)", html)
    texts = {name: file.body.decode() for name, file in files().items()}
    for name, text in texts.items():
        elsewhere = re.findall(r"https?://[^\s\"'`)]+", text)
        assert set(elsewhere) <= {"http://www.w3.org/2000/svg"}, name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    for asked in re.findall(r'(?:src|href)="(/page/[^"]+)"', html):
        assert asked.removeprefix("/page/") in texts


def test_every_file_of_the_page_is_in_the_package() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = told["tool"]["setuptools"]["package-data"]["streams.page"]
    folder = Path(str(resources.files("streams.page")))
    packed = {path for pattern in patterns for path in folder.glob(pattern)}
    assert packed == {path for path in (folder / "static").rglob("*") if path.is_file()}


def test_every_word_is_there_in_each_language_and_none_is_left_over() -> None:
    texts = {name: file.body.decode() for name, file in files().items()}
    words = re.findall(r"^  (\w+): \[([^\]]*?)\],?$", texts["words.js"], re.M | re.S)
    known = {name for name, _ in words}
    for name, told in words:
        assert len(re.findall(r'"(?:[^"\\]|\\.)*"', told)) == len(LANGUAGES), name
    scripts = "".join(text for name, text in texts.items() if name.endswith(".js"))
    used = set(re.findall(r'\bt\("(\w+)"', scripts))
    assert used <= known, used - known
    made_of = ("w_", "g_", "s_", "f_", "h_", "l_", "by_")
    quoted = set(re.findall(r'"(\w+)"', scripts))
    left_over = {name for name in known - used - quoted if not name.startswith(made_of)}
    assert not left_over
    assert {f"w_{window}" for window in WINDOWS} <= known
    assert all(f'"{window}"' in texts["app.js"] for window in WINDOWS)
    assert {f"g_{kpi.group}" for kpi in CATALOGUE.values()} <= known
