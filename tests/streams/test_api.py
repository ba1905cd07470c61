"""The exporter over real HTTP: answers, errors that say what to do, probes."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from zlib import crc32

import pytest

from kpi_windows.codec import Checkpoint
from streams.exporter import exporter_app
from streams.follower import Seen, Whole
from streams.settings import Kafka, Settings
from streams.site import PortTakenError, serve
from tests.streams.visible import NOON_MS, page, served, small_shop, whole_of


def ask(url: str, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request(method, path)
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        connection.close()


def told(url: str, path: str) -> tuple[int, Any]:
    status, headers, body = ask(url, path)
    assert headers["Content-Type"].startswith("application/json")
    return status, json.loads(body)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return whole_of(tmp_path_factory.mktemp("api"), small_shop())[0]


@pytest.fixture(scope="module")
def url(whole: Whole) -> Iterator[str]:
    with served(whole) as address:
        yield address


def test_a_query_is_answered_with_a_list_of_values(url: str) -> None:
    status, answers = told(
        url, "/api/v1/query?kpi=visits&window=day&from=2025-12-31&to=2026-01-02&by=source"
    )
    assert status == 200
    google = [each for each in answers if each["labels"] == {"source": "google"}]
    assert [each["value"] for each in google] == [1, 2]
    assert google[1]["start"] == "2026-01-01T00:00:00+00:00"
    assert {"kpi", "window", "start", "end", "labels", "value", "numerator", "denominator"} <= set(
        google[0]
    )


def test_parameters_may_be_repeated_or_joined(url: str) -> None:
    one = told(url, "/api/v1/query?kpi=visits&by=source,visitor&where=device%3Dmobile,tablet")[1]
    two = told(
        url,
        "/api/v1/query?kpi=visits&by=source&by=visitor&where=device=mobile&where=device=tablet",
    )[1]
    assert one == two
    assert {each["labels"]["source"] for each in one} == {"google", "direct"}


def test_names_in_any_language_find_their_kpi(url: str) -> None:
    assert told(url, "/api/v1/kpis/conversion_rate")[1]["metric"] == "kpi_conversion_rate_ratio"
    assert told(url, f"/api/v1/kpis/{quote('Conversieratio')}")[1]["id"] == "conversion_rate"
    assert len(told(url, "/api/v1/kpis")[1]["kpis"]) >= 40


@pytest.mark.parametrize(
    ("path", "expected", "words"),
    [
        ("/api/v1/query", 400, "which KPI?"),
        ("/api/v1/query?kpi=vists", 400, "did you mean"),
        ("/api/v1/query?kpi=visits&windw=day", 400, "did you mean window?"),
        ("/api/v1/query?kpi=visits&window=2h", 400, "no window '2h'"),
        ("/api/v1/query?kpi=visits&by=team", 400, "not broken down by team"),
        ("/api/v1/query?kpi=visits&from=gestern", 400, "expected a time as"),
        ("/api/v1/query?kpi=visits&top=0", 400, "top: expected a whole number"),
        ("/api/v1/query?kpi=visits&where=device", 400, "expected label=value"),
        ("/api/v1/query?kpi=visits&window=5m&from=1990-01-01", 400, "too many"),
        ("/api/v1/why?kpi=visits", 400, "by: expected one label (one of source"),
        ("/api/v1/why?kpi=visits&by=source&by=device", 400, "by: expected one label"),
        ("/api/v1/why?kpi=visits&by=source&from=now", 400, "no parameter 'from'"),
        ("/api/v1/why?kpi=visits&by=source&window=dya", 400, "did you mean 'day'?"),
        ("/api/v1/kpis/nope", 404, "no KPI 'nope'"),
        ("/api/v2", 404, "there is nothing at /api/v2"),
    ],
)
def test_an_error_says_what_to_do(url: str, path: str, expected: int, words: str) -> None:
    status, error = told(url, path)
    assert status == expected
    assert words in error["error"]


def test_head_and_other_methods(url: str) -> None:
    status, headers, body = ask(url, "/metrics", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 1_000
    for path in ("/metrics", "/api/v1/query?kpi=visits"):
        status, headers, body = ask(url, path, "POST")
        assert status == 405
        assert headers["Allow"] == "GET, HEAD"
        assert "use GET, HEAD" in json.loads(body)["hint"]


def test_metrics_and_index(url: str) -> None:
    status, headers, body = ask(url, "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=")
    assert b'kpi_visits{window="day"} 4.0' in body
    assert b"/metrics" in ask(url, "/")[2]


def test_status_tells_where_everything_stands(url: str) -> None:
    _, status = told(url, "/api/v1/status")
    assert status["ready"] is True
    assert status["watermark_ms"] == NOON_MS
    assert status["events"]["clickstream"]["accounted_for"] is True
    assert status["events"]["orders"]["in"] == status["events"]["orders"]["accepted"]


def test_ready_once_all_partitions_are_read_and_laggards_are_named(tmp_path: Path) -> None:
    whole = Whole(Settings(kafka=Kafka(partitions=3)))
    with served(whole) as url:
        assert ask(url, "/healthz")[0] == 200
        whole.catch_up(1)
        status, said = told(url, "/readyz")
        assert status == 503
        assert said["waiting"] == [0, 2]
        assert "partitions 0, 2 are not read" in said["reason"]
        status, said = told(url, "/api/v1/query?kpi=visits")
        assert status == 503
        assert "not ready" in said["error"]
        whole.trouble = "no Kafka broker answers"
        assert "no Kafka broker answers" in told(url, "/readyz")[1]["reason"]
        whole.trouble = ""
        whole.catch_up(0)
        whole.catch_up(2)
        for partition, watermark_ms in enumerate((NOON_MS, NOON_MS - 90_000, NOON_MS - 1_000)):
            whole.seen[partition] = Seen(Checkpoint(watermark_ms=watermark_ms), NOON_MS)
        status, said = told(url, "/readyz")
        assert (status, said["ready"]) == (200, True)
        assert said["behind_seconds"] == {"1": 90}
        assert told(url, "/api/v1/query?kpi=visits") == (200, [])


def test_a_taken_port_is_refused_or_another_taken(whole: Whole) -> None:
    async def both() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(PortTakenError, match=f"port {port} on 127.0.0.1 is taken"):
                await serve(exporter_app(whole), "127.0.0.1", port)
            site = await serve(exporter_app(whole), "127.0.0.1", port, else_any=True)
            assert site.port not in (0, port)
            await site.close()

    asyncio.run(both())


def test_why_a_kpi_moved_adds_up_in_exact_rationals(url: str) -> None:
    status, told_ = told(url, "/api/v1/why?kpi=conversion_rate&window=day&by=device")
    assert (status, told_["method"], told_["reason"]) == (200, "midpoint", None)
    assert told_["before"]["value_exact"] == "0/1"
    assert told_["after"]["value"] == 0.25
    assert told_["after"]["denominator_exact"] == "4/1"
    effects = [
        Fraction(each[name]) for each in told_["segments"] for name in ("rate_exact", "share_exact")
    ]
    assert sum(effects) == Fraction(told_["change_exact"]) == Fraction(1, 4)
    assert {each["value"] for each in told_["segments"]} == {"mobile", "desktop"}
    assert told_["segments"][0].keys() >= {"rate", "share", "total", "before", "after"}


def test_why_says_so_where_a_kpi_has_no_segments_or_no_value(url: str) -> None:
    path = "/api/v1/why?kpi=visits&definition=unique_visitors&window=day&by=device"
    status, told_ = told(url, path)
    assert (status, told_["method"], told_["segments"]) == (200, None, [])
    assert "counts different things" in told_["reason"]
    _, told_ = told(url, "/api/v1/why?kpi=average_order_value&window=day&by=channel")
    assert told_["reason"] == "no value before: the denominator is 0"
    assert told_["change"] is None


def test_explain_tells_what_is_behind_a_value(url: str) -> None:
    status, told_ = told(url, "/api/v1/explain?kpi=Conversieratio&window=day")
    assert (status, told_["kpi"], told_["title"]) == (200, "conversion_rate", "Conversion rate")
    assert (told_["value"], told_["numerator"], told_["denominator"]) == (0.25, 1, 4)
    assert told_["formula"] == "visits with an order / visits"
    assert told_["start"] == "2026-01-01T00:00:00+00:00"
    assert told_["events"] == {
        "accepted": 6, "duplicate": 0, "late": 0, "rejected": 0, "future": 0,
    }  # fmt: skip
    assert set(told_["topics"]) == {"clickstream", "carts", "orders"}
    assert (told_["complete"], told_["complete_exact"]) == (1, "1/1")
    assert (told_["events_since"], told_["reason"]) == (None, None)
    assert not told_["ripe"]
    assert told_["ripens_at"] == "2026-01-02T00:30:00+00:00"
    assert len(told_["version"]) == 8


def test_explain_shows_event_ids_and_nothing_of_people(tmp_path: Path) -> None:
    events = [
        page(f"visitor-{n}", NOON_MS - n, event_id=f"e{n}", device="mobile") for n in range(9)
    ]
    events += [
        page("visitor-0", NOON_MS, event_id="e0"),
        {"topic": "clickstream", "type": "nonsense"},
    ]
    with served(whole_of(tmp_path, events)[0]) as url:
        _, _, body = ask(url, "/api/v1/explain?kpi=visits&window=5m")
        told_ = json.loads(body)
    assert told_["events"]["accepted"] == 9
    assert told_["events"]["duplicate"] == told_["events"]["rejected"] == 1
    wanted = sorted((f"e{n}" for n in range(9)), key=lambda name: crc32(name.encode()))[:5]
    assert told_["samples"] == [
        {"event_id": name, "type": "page_viewed", "topic": "clickstream", "day": "2026-01-01"}
        for name in wanted
    ]
    assert b"visitor-" not in body


def test_explain_of_another_time_of_nothing_and_of_what_isnt_there(url: str) -> None:
    _, told_ = told(url, "/api/v1/explain?kpi=visits&window=day&at=2025-12-31T23:59")
    assert (told_["value"], told_["ripe"], told_["end"]) == (1, True, "2026-01-01T00:00:00+00:00")
    _, told_ = told(url, "/api/v1/explain?kpi=conversion_rate&window=day&at=2025-12-25")
    assert (told_["value"], told_["complete"]) == (None, None)
    assert told_["reason"] == "the denominator is 0"
    for path, words in (
        ("kpi=vists", "did you mean 'visits'?"),
        ("kpi=visits&window=weak", "did you mean 'week'?"),
        ("kpi=visits&definition=x", "no definition 'x'"),
        ("kpi=visits&by=device", "no parameter 'by'"),
        ("kpi=visits&at=noon", "at: expected a time as"),
    ):
        status, error = told(url, f"/api/v1/explain?{path}")
        assert status == 400
        assert words in error["error"]
