"""What the intake answers to events: each by itself, once, and only what is written is said to be."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kpi_windows.decoding import Rejected, decode
from kpi_windows.definitions import HOUR_MS, Definitions
from kpi_windows.engine import Record, Shard
from kpi_windows.events import TOPICS, key_of
from streams.config import ConfigError, load
from streams.receiver.memory import mark_of
from streams.settings import Settings, Topics
from streams.simulator import Shop, ShopOptions
from tests.streams.receiver.desk import LINES, NOW_MS, OLD_TOKEN, TOKEN, Reply, opened, page


def lines(*events: Any) -> bytes:
    return b"\n".join(json.dumps(each).encode() for each in events)


def test_one_an_array_and_lines_are_written_in_order_under_their_keys() -> None:
    async def run() -> None:
        async with opened() as desk:
            one = await desk.post("/v1/events/clickstream", page("1"))
            array = await desk.send(page("2", visitor_id="é"), page("3"))
            ndjson = await desk.post(
                "/v1/events/clickstream", b"\n" + lines(page("4"), page("5")) + b"\r\n\n", **LINES
            )
            packed = await desk.post(
                "/v1/events/clickstream",
                gzip.compress(lines(page("6"))),
                Content_Encoding="gzip",
                **LINES,
            )
        assert [r.status for r in (one, array, ndjson, packed)] == [200] * 4
        assert one.told == {
            "accepted": 1,
            "duplicate": 0,
            "rejected": 0,
            "not_written": 0,
            "events": [{"index": 0, "topic": "clickstream", "status": "accepted", "event_id": "1"}],
        }
        assert [each["index"] for each in ndjson.told["events"]] == [0, 1]
        assert [json.loads(m.value)["event_id"] for m in desk.shelf.messages] == list("123456")
        assert [m.key.decode() for m in desk.shelf.messages] == ["v-1", "é", *["v-1"] * 4]
        assert {m.timestamp_ms for m in desk.shelf.messages} == {NOW_MS}

    asyncio.run(run())


def test_values_are_written_as_they_were_sent_but_for_line_breaks() -> None:
    async def run() -> None:
        async with opened() as desk:
            odd = b'{ "x":1.0,\n"type":"page_viewed","timestamp":"2027-01-15T08:00:00Z","visitor_id":"\\u00e9","page":"/","event_id":"1" }'
            await desk.post("/v1/events/clickstream", b"[" + odd + b"]")
        (message,) = desk.shelf.messages
        assert message.value == odd.replace(b"\n", b" ")
        assert message.key == "é".encode()

    asyncio.run(run())


def test_a_bad_event_costs_its_neighbours_nothing_and_is_told_what_was_expected() -> None:
    async def run() -> None:
        async with opened() as desk:
            mixed = await desk.send(page("1"), page("2", visitor_id=""), 5, page("3"))
            bad = await desk.send(page("4", type="page_veiwed"))
        assert mixed.status == 207
        assert mixed.statuses == ["accepted", "rejected", "rejected", "accepted"]
        assert "$.visitor_id" in mixed.told["events"][1]["reason"]
        assert [each.get("event_id") for each in mixed.told["events"]] == ["1", "2", None, "3"]
        assert bad.status == 422
        assert "page_viewed" in bad.told["events"][0]["reason"]
        assert len(desk.shelf.messages) == 2

    asyncio.run(run())


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (page(None), "event_id"),
        ({"type": "clock", "timestamp": NOW_MS}, "kpi feed --end-at"),
        (page(timestamp=NOW_MS + 5 * 60_000 + 1), "in the future"),
        (page(timestamp=NOW_MS // 1_000), "milliseconds"),
        (page(properties={"x": "y" * 1_000_000}), "1,000,000 bytes"),
    ],
)
def test_what_would_not_count_is_refused_here_already(event: Any, words: str) -> None:
    async def run() -> Reply:
        async with opened() as desk:
            reply = await desk.send(event)
            assert not desk.shelf.messages
            return reply

    reply = asyncio.run(run())
    assert reply.status == 422
    assert words in reply.told["events"][0]["reason"]


def test_an_event_may_be_as_far_ahead_as_the_worker_allows() -> None:
    async def run() -> Reply:
        async with opened() as desk:
            return await desk.send(page(timestamp=NOW_MS + 5 * 60_000))

    assert asyncio.run(run()).status == 200


def test_money_in_a_currency_without_a_rate_is_refused_as_the_worker_would() -> None:
    event = {
        "type": "product_added", "timestamp": NOW_MS, "visitor_id": "v", "event_id": "1",
        "product_id": "p", "price": 5, "quantity": 1, "currency": "XXX",
    }  # fmt: skip

    async def run() -> Reply:
        async with opened() as desk:
            return await desk.send(event, {**event, "currency": "EUR"}, topic="carts")

    assert asyncio.run(run()).statuses == ["rejected", "accepted"]


def test_what_is_accepted_here_is_neither_rejected_nor_moved_by_the_worker() -> None:
    """Values at the edges of what is an event, each judged here and by a worker's shard."""
    odd: list[bytes] = [
        lines({**page(str(n)), **change})
        for n, change in enumerate(
            [
                {}, {"visitor_id": "v" * 200}, {"visitor_id": "v" * 201}, {"page": None},
                {"timestamp": NOW_MS + 300_000}, {"timestamp": NOW_MS + 300_001},
                {"timestamp": 10**30}, {"timestamp": "2027-01-15T08:00:00+01:00"},
                {"timestamp": "2027-01-15T08:00:00"}, {"schema_version": 2}, {"is_bot": True},
                {"properties": {"a": {"b": [1]}}}, {"unknown": {"deep": [[[]]]}},
                {"event_id": "x" * 200}, {"event_id": "x" * 201}, {"event_id": 5},
            ]
        )
    ]  # fmt: skip
    pages = (b'"\xff"', b'"\\ud800x"', b'"\\u0000"', b"NaN", b"1e999", b"-0", b'"\t"')
    odd += [lines(page(f"p{n}")).replace(b'"/"', each) for n, each in enumerate(pages)]
    unread = (b'"\xff"', b"[" * 9_000, b"NaN", b'"\x01"', b"[1,]", b"5 5")
    odd += [lines(page(f"u{n}"))[:-1] + b',"x":%b}' % each for n, each in enumerate(unread)]

    async def run() -> tuple[list[str], list[Any]]:
        async with opened() as desk:
            reply = await desk.post("/v1/events/clickstream", b"\n".join(odd), **LINES)
            return reply.statuses, desk.shelf.messages

    statuses, messages = asyncio.run(run())
    assert set(statuses) == {"accepted", "rejected"}
    shard = Shard(Definitions(), 0, 1)
    records = [Record(n, m.timestamp_ms, m.key, m.value) for n, m in enumerate(messages)]
    shard.ingest("clickstream", records)
    counts = shard.counts()["clickstream"]
    assert counts["accepted"] == counts["in"] == statuses.count("accepted") == len(messages)
    for message in messages:
        event = decode("clickstream", [message.value])[0]
        assert not isinstance(event, Rejected)
        assert key_of(event).encode() == message.key


def test_a_whole_shop_is_accepted_under_the_keys_that_it_writes_itself() -> None:
    shop = Shop(3, ShopOptions(visits_per_hour=60))
    messages = list(shop.events(NOW_MS - 6 * HOUR_MS, NOW_MS))
    assert {message.topic for message in messages} == set(TOPICS)

    async def run() -> None:
        async with opened(max_events=100_000, burst=1_000_000) as desk:
            for topic in TOPICS:
                mine = [m for m in messages if m.topic == topic]
                reply = await desk.post(
                    f"/v1/events/{topic}",
                    b"\n".join(m.value for m in mine),
                    Idempotency_Key=topic,
                    **LINES,
                )
                assert reply.told["rejected"] == 0, reply.told["events"]
                written = {m.key for m in desk.shelf.messages if m.topic == topic}
                assert written == {m.key for m in mine}

    asyncio.run(run())


def test_an_id_is_written_once_and_its_copies_are_duplicates() -> None:
    async def run() -> None:
        async with opened() as desk:
            first = await desk.send(page("1"), page("1"), page("2"))
            again = await desk.send(page("1", page="/other"), page("3"))
            others = await desk.send(
                page("1", visitor_id="v-2"), page("1", type="heartbeat"), page("1")
            )
        assert first.statuses == ["accepted", "duplicate", "accepted"]
        assert again.statuses == ["duplicate", "accepted"]
        assert again.status == 200
        assert others.statuses == ["accepted", "accepted", "duplicate"]
        assert len(desk.shelf.messages) == 5

    asyncio.run(run())


def test_a_key_of_the_request_gives_its_events_ids_that_stay() -> None:
    async def run() -> None:
        async with opened() as desk:
            first = await desk.send(page(None), page("own"), page(None), Idempotency_Key="k")
            again = await desk.send(page(None), page("own"), page(None), Idempotency_Key="k")
            wrong = await desk.send(page(None), Idempotency_Key="k" * 151)
        assert [each["event_id"] for each in first.told["events"]] == ["k:0", "own", "k:2"]
        assert first.statuses == ["accepted"] * 3
        assert again.statuses == ["duplicate"] * 3
        assert wrong.status == 400
        written = [json.loads(m.value) for m in desk.shelf.messages]
        assert written == [page("k:0"), page("own"), page("k:2")]

    asyncio.run(run())


def test_what_kafka_has_not_acknowledged_is_never_acknowledged() -> None:
    async def run() -> None:
        async with opened() as desk:
            desk.shelf.fails = "Kafka is away"
            failed = await desk.send(page("1"), page("x", visitor_id=""))
            desk.shelf.fails = None
            again = await desk.send(page("1"))
        assert failed.status == 503
        assert failed.headers["Retry-After"] == "1"
        assert failed.statuses == ["not_written", "rejected"]
        assert failed.told["events"][0]["reason"] == "Kafka is away"
        assert again.statuses == ["accepted"]

    asyncio.run(run())


def test_an_answer_waits_for_kafka_and_a_copy_for_the_first_one() -> None:
    async def run() -> None:
        async with opened() as desk:
            desk.shelf.held = []
            first = asyncio.ensure_future(desk.send(page("1"), page("2")))
            await desk.shelf.until(2)
            copy = asyncio.ensure_future(desk.send(page("2"), page("3")))
            await desk.shelf.until(3)
            assert desk.service.reception.unanswered == 3
            one, two, three = desk.shelf.held
            one.set_result(None)
            three.set_result(None)
            done, _ = await asyncio.wait({first, copy}, timeout=0.05)
            assert not done
            two.set_result("out of time")
            assert (await first).statuses == ["accepted", "not_written"]
            assert (await copy).statuses == ["not_written", "accepted"]
            assert desk.service.reception.unanswered == 0
            desk.shelf.held = None
            assert (await desk.send(page("1"), page("2"))).statuses == ["duplicate", "accepted"]

    asyncio.run(run())


def test_marks_tell_events_apart_whatever_their_keys_and_ids_hold() -> None:
    names = ["", "a", "aa", " ", "1", "1 a", "\x00", "é"]
    told = [(topic, kind, key, each) for topic in ("carts", "orders") for kind in ("x", "y")
            for key in names for each in names]  # fmt: skip
    marks = {mark_of(topic, kind, key.encode(), each) for topic, kind, key, each in told}
    assert len(marks) == len(told)


def test_only_the_latest_ids_are_remembered() -> None:
    async def run() -> None:
        async with opened(remembered=2) as desk:
            await desk.send(page("1"), page("2"), page("3"))
            again = await desk.send(page("3"), page("2"), page("1"))
            assert again.statuses == ["duplicate", "duplicate", "accepted"]
            assert desk.service.reception.remembered == 2
        async with opened(remembered=0) as desk:
            assert (await desk.send(page("1"))).statuses == ["accepted"]
            assert (await desk.send(page("1"))).statuses == ["accepted"]

    asyncio.run(run())


def test_a_topic_that_is_off_or_unknown_is_said_to_be() -> None:
    async def run() -> None:
        off = replace(Settings(), used=Topics(production=False))
        async with opened(settings=off) as desk:
            unknown = await desk.send(page(), topic="clikstream")
            switched_off = await desk.send(page(), topic="production")
        assert (unknown.status, unknown.told["hint"]) == (404, "did you mean clickstream?")
        assert switched_off.status == 404
        assert "[topics] production = true" in switched_off.told["hint"]

    asyncio.run(run())


@pytest.mark.parametrize("tokens", ["hush-hush", "two words of a secret", "sécret-sécret-sécret"])
def test_a_token_that_cannot_be_one_is_refused_and_not_repeated(
    tokens: str, tmp_path: Path
) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(f'[intake]\ntokens = ["{tokens}"]\n')
    for how in ({"environ": {"KPI_INTAKE_TOKENS": tokens}}, {"path": file, "environ": {}}):
        with pytest.raises(ConfigError, match="a list of secrets") as refused:
            load(**how)
        assert tokens not in str(refused.value)
    assert TOKEN not in repr(load(environ={"KPI_INTAKE_TOKENS": f"{TOKEN}, {OLD_TOKEN}"}))


def test_both_tokens_do_while_one_replaces_the_other() -> None:
    async def run() -> None:
        async with opened() as desk:
            for token in (TOKEN, OLD_TOKEN):
                reply = await desk.post("/v1/events/clickstream", page(token), token=token)
                assert reply.status == 200
            for wrong in (TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é" * 20):
                reply = await desk.post("/v1/events/clickstream", page("w"), token=wrong)
                assert (reply.status, reply.headers["WWW-Authenticate"][:6]) == (401, "Bearer")
                assert wrong not in str(reply.told)
            assert (await desk.post("/v1/events/clickstream", page("w"), token=None)).status == 401
            basic = await desk.post(
                "/v1/events/nowhere", page("w"), token=None, Authorization=f"Basic {TOKEN}"
            )
            assert basic.status == 401, "who may not send isn't told which topics there are"
            assert len(desk.shelf.messages) == 2

    asyncio.run(run())


def test_a_token_has_a_rate_of_its_own_and_waits_as_long_as_it_is_told() -> None:
    async def run() -> None:
        async with opened(rate=10, burst=20) as desk:
            assert (await desk.send(*(page(f"a{n}") for n in range(45)))).status == 200  # a debt
            slow = await desk.send(page("b"))
            assert (slow.status, slow.headers["Retry-After"]) == (429, "3")
            assert (
                await desk.post("/v1/events/clickstream", page("c"), token=OLD_TOKEN)
            ).status == 200
            desk.clock_s[0] = 2.4
            assert (await desk.send(page("b"))).status == 429
            desk.clock_s[0] = 3.0
            assert (await desk.send(page("b"))).status == 200
            assert len(desk.shelf.messages) == 47

    asyncio.run(run())


def test_what_does_not_fit_beside_what_waits_is_told_to_come_back() -> None:
    async def run() -> None:
        async with opened(buffer=1_000_000) as desk:
            desk.shelf.held = []
            large = [page(str(n), properties={"x": "y" * 900}) for n in range(300)]
            waiting = asyncio.ensure_future(desk.send(*large))
            await desk.shelf.until(300)
            status, text = await desk.get("/metrics")
            assert (status, "kpi_intake_unanswered_events 300.0" in text) == (200, True)
            full = await desk.send(*(page(f"x{n}") for n in range(500)))
            assert (full.status, full.headers["Retry-After"]) == (503, "1")
            assert "nothing of this request was written" in full.told["error"]
            assert len(desk.shelf.messages) == 300
            for outcome in desk.shelf.held:
                outcome.set_result(None)
            assert (await waiting).status == 200
            assert desk.service.room.used == 0
            desk.shelf.held = None
            assert (await desk.send(*(page(f"x{n}") for n in range(500)))).status == 200

    asyncio.run(run())


def test_the_end_lets_requests_be_answered_and_takes_no_new_ones() -> None:
    async def run() -> None:
        async with opened() as desk:
            desk.shelf.held = []
            waiting = asyncio.ensure_future(desk.send(page("1")))
            await desk.shelf.until(1)
            desk.service.stops = True
            late = await desk.send(page("2"))
            assert (late.status, late.headers["Connection"]) == (503, "close")
            assert (await desk.get("/readyz"))[0] == 503
            assert (await desk.get("/healthz"))[0] == 200
            asyncio.get_running_loop().call_later(0.05, desk.shelf.held[0].set_result, None)
        assert (await waiting).statuses == ["accepted"]  # while the site was closing
        assert len(desk.shelf.messages) == 1

    asyncio.run(run())


def test_it_is_ready_when_kafka_is() -> None:
    async def away() -> str | None:
        return "Kafka doesn't answer"

    async def run() -> None:
        async with opened() as desk:
            assert await desk.get("/readyz") == (200, '{"ready":true}\n')
        async with opened(ready=away) as desk:
            told = '{"ready":false,"reason":"Kafka doesn\'t answer"}\n'
            assert await desk.get("/readyz") == (503, told)

    asyncio.run(run())


def test_metrics_say_what_became_of_events_and_requests() -> None:
    async def run() -> str:
        async with opened() as desk:
            await desk.send(page("1"), page("1"), page("2", visitor_id=""))
            await desk.send(page("1"), topic="nowhere")
            return (await desk.get("/metrics"))[1]

    text = asyncio.run(run())
    for status in ("accepted", "duplicate", "rejected"):
        assert f'kpi_intake_events_total{{status="{status}",topic="clickstream"}} 1.0' in text
    assert 'kpi_intake_requests_total{route="events",status="207"} 1.0' in text
    assert 'kpi_intake_requests_total{route="events",status="404"} 1.0' in text
    assert 'kpi_intake_request_seconds_bucket{le="+Inf"} 2.0' in text
    assert "nowhere" not in text, "names that strangers make up would fill Prometheus"
