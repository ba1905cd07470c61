"""Payloads of vendors: events of ours, or the error that says what was expected."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kpi_windows.decoding import decode
from streams.adapters import ADAPTERS, AdapterError, ForgedError
from streams.vendors import Segment, Shopify, Zendesk
from tests.adapters import render_segment, render_shopify, render_zendesk
from tests.adapters.days import days
from tests.fuzz.target import Target
from tests.fuzz.targets.shop import START_MS

_TOPICS = (
    "carts/create", "carts/update", "checkouts/create", "orders/create", "orders/paid",
    "orders/cancelled", "refunds/create", "customers/redact",
    "customers_email_marketing_consent/update", "customers_marketing_consent/update", "", "\ufffd",
)  # fmt: skip
_SECTIONS = {
    "shopify": Shopify(secret="s", visitor_attribute="visitor"),
    "segment": Segment(secret="s", views_as_pages=True),
    "zendesk": Zendesk(secret="s", escalation_groups=("1",), bots=("2",)),
}


def attempt(told: bytes) -> None:
    """The first byte chooses the vendor, and Shopify's topic."""
    choice = told[0] if told else 0
    name = ("segment", "zendesk", "shopify")[min(choice // 32, 2)]
    payload, section = told[1:], _SECTIONS[name]
    topic = _TOPICS[choice % len(_TOPICS)]
    headers = {"x-shopify-topic": topic, "X-Shopify-Triggered-At": "2024-11-19T11:00:05.123456789Z"}
    adapter = ADAPTERS[name]
    try:
        adapter.verify(payload, {**headers, "X-Signature": topic}, section, START_MS)
        raise AssertionError("a forged payload was let in")
    except ForgedError:
        pass
    try:
        events, ignored = adapter.events_of(payload, headers, section)
    except AdapterError as error:
        words = str(error)
        assert words
        return
    assert all(isinstance(each, str) for each in ignored)
    for where, event in events:
        decode(where, [msgspec.json.encode(event)])


def seeds() -> Iterable[bytes]:
    """What a shop's days look like in the vendors' words."""
    told = days()[:400]
    for place, render in enumerate((render_segment, render_zendesk)):
        for one in _few(render.rendered(told)):
            yield bytes([place * 32]) + one.body
    for one in _few(render_shopify.rendered(told)):
        topic = one.headers["X-Shopify-Topic"]
        if topic in _TOPICS:
            yield bytes([64 + (_TOPICS.index(topic) - 64) % len(_TOPICS)]) + one.body


def _few(deliveries: list[object]) -> list[object]:
    return deliveries[:: max(1, len(deliveries) // 60)]


TARGET = Target(seeds, attempt, is_json=True)
