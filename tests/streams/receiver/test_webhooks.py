"""Webhooks: let in by their signature alone, turned into events, which go the way of all events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from streams.adapters import ADAPTERS, Adapted, Adapter, AdapterError, ForgedError, header
from streams.settings import Settings, Shopify, Topics
from tests.adapters.days import adapted, days
from tests.adapters.render_shopify import SECRET, rendered
from tests.streams.receiver.desk import NOW_MS, Desk, Reply, opened, page

NAME = "shopify"  # has a section in the settings


def verify(payload: bytes, headers: Mapping[str, str], section: Any, now_ms: int) -> None:
    assert section == getattr(Settings(), NAME)
    if header(headers, "X-Signature") != f"{len(payload)}":
        raise ForgedError("the signature doesn't fit")


def events_of(payload: bytes, headers: Mapping[str, str], section: Any) -> Adapted:
    told = json.loads(payload)
    if told == "odd":
        raise AdapterError("expected an order - at `$`")
    events = [(topic, {**event, "price": Decimal("9.95")}) for topic, event in told]
    return Adapted(events, ["a test order"] if not events else [])


FAKE = {NAME: Adapter(NAME, verify, events_of)}
ADDED = {
    "type": "product_added", "timestamp": NOW_MS, "visitor_id": "v-1", "event_id": "2",
    "product_id": "p", "quantity": 1,
}  # fmt: skip


async def send(desk: Desk, told: Any, path: str = NAME, signature: str | None = None) -> Reply:
    body = json.dumps(told).encode()
    signed = {"X_Signature": signature or f"{len(body)}"}
    return await desk.post(f"/v1/webhooks/{path}", body, token=None, **signed)


def test_its_events_are_written_and_answered_in_its_order() -> None:
    async def run() -> None:
        async with opened(adapters=FAKE) as desk:
            told = [["clickstream", page("1")], ["carts", ADDED], ["clickstream", page("3")]]
            first = await send(desk, told)
            again = await send(desk, told)
            text = (await desk.get("/metrics"))[1]
        assert first.status == again.status == 200
        answers = [(e["index"], e["topic"], e["event_id"]) for e in first.told["events"]]
        assert answers == [(0, "clickstream", "1"), (1, "carts", "2"), (2, "clickstream", "3")]
        assert first.statuses == ["accepted"] * 3
        assert again.statuses == ["duplicate"] * 3
        assert len(desk.shelf.messages) == 3
        assert 'kpi_intake_requests_total{route="webhooks",status="200"} 2.0' in text
        assert 'kpi_intake_events_total{status="accepted",topic="carts"} 1.0' in text

    asyncio.run(run())


def test_what_makes_no_event_is_well_and_counted() -> None:
    async def run() -> None:
        off = replace(Settings(), used=Topics(carts=False))
        async with opened(adapters=FAKE, settings=off) as desk:
            nothing = await send(desk, [])
            unwanted = await send(desk, [["carts", ADDED]])
            text = (await desk.get("/metrics"))[1]
        assert (nothing.status, nothing.told["ignored"]) == (200, ["a test order"])
        assert (unwanted.status, unwanted.told["ignored"]) == (200, ["topic carts is switched off"])
        assert f'kpi_intake_ignored_total{{reason="a test order",webhook="{NAME}"}} 1.0' in text

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "told", "signature", "status", "words"),
    [
        (NAME, [], "0", 401, "doesn't fit"),
        (NAME, [], "\udcff", 401, "doesn't fit"),
        (NAME, "odd", None, 422, "expected an order"),
        ("shopfy", [], None, 404, "no adapter"),
    ],
)
def test_what_is_forged_odd_or_misplaced_is_refused_and_nothing_written(
    path: str, told: Any, signature: str | None, status: int, words: str
) -> None:
    async def run() -> None:
        async with opened(adapters=FAKE) as desk:
            reply = await send(desk, told, path, signature)
            assert (reply.status, reply.told.keys()) == (status, {"error", "hint"})
            assert words in reply.told["error"]
            assert not desk.shelf.messages
            assert desk.service.strangers.used == 0

    asyncio.run(run())


def test_a_vendor_is_told_to_come_again_when_kafka_is_away() -> None:
    async def run() -> None:
        async with opened(adapters=FAKE) as desk:
            desk.shelf.fails = "Kafka is away"
            reply = await send(desk, [["clickstream", page("1")]])
            assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
            desk.service.stops = True
            assert (await send(desk, [])).status == 503

    asyncio.run(run())


def test_strangers_cannot_take_the_room_of_those_who_have_a_token() -> None:
    async def run() -> None:
        async with opened(adapters=FAKE, buffer=1_000_000) as desk:
            large = await send(desk, "x" * 300_000)
            assert large.status == 503
            known = await desk.send(page("1", properties={"x": "y" * 300_000}))
            assert known.status == 200

    asyncio.run(run())


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_adapter_is_mounted_and_lets_nobody_in_without_a_secret(name: str) -> None:
    async def run() -> None:
        async with opened(adapters=ADAPTERS) as desk:
            reply = await send(desk, [], name)
            assert (reply.status, reply.told.keys()) == (401, {"error", "hint"})

    asyncio.run(run())


def test_a_shops_webhooks_bring_the_events_that_its_adapter_makes_once() -> None:
    """Shopify's, signed as Shopify does, each of them sent twice."""
    section = Shopify(secret=SECRET)
    deliveries = rendered(days())[:250]
    made, _ = adapted(ADAPTERS["shopify"], deliveries, section)

    async def run() -> None:
        known = replace(Settings(), shopify=section)
        async with opened(adapters=ADAPTERS, settings=known) as desk:
            for each in deliveries:
                for _ in range(2):
                    reply = await desk.post(
                        "/v1/webhooks/shopify", each.body, token=None, **each.headers
                    )
                    assert (reply.status, reply.told["rejected"]) == (200, 0), reply
            written = {(m.topic, m.key, m.value) for m in desk.shelf.messages}
            assert len(written) == len(desk.shelf.messages)
            by_id = {(m.topic, m.key, ident(m.value)) for m in desk.shelf.messages}
            assert by_id == {(m.topic, m.key, ident(m.value)) for m in made}
            assert written <= {(m.topic, m.key, m.value) for m in made}

    asyncio.run(run())


def ident(value: bytes) -> tuple[str, str]:
    told = json.loads(value)
    return told["type"], told["event_id"]
