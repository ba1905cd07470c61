"""Payloads with something wrong in them, as an attacker or a changed vendor would send them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import strategies as st

from kpi_windows.decoding import decode
from streams.adapters import Adapter, AdapterError

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["NaN", "1e999", "-1", "2024-01-01T00:00:00", "x" * 300, "\ud800", [], {}]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all that can be replaced in a JSON value."""
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in items:
            yield from places(inner, (*path, name))


def spoiled(body: bytes, draw: st.DataObject) -> bytes:
    """The payload with one to three places holding junk, or cut off."""
    value = json.loads(body)
    for _ in range(draw.draw(st.integers(1, 3))):
        path = draw.draw(st.sampled_from(list(places(value))))
        junk = draw.draw(JUNK)
        if not path:
            return json.dumps(junk).encode()
        value = copy.deepcopy(value)
        within = value
        for step in path[:-1]:
            within = within[step]
        within[path[-1]] = junk
    told = json.dumps(value).encode()
    return told[: draw.draw(st.integers(0, len(told)))] if draw.draw(st.booleans()) else told


def holds(adapter: Adapter, body: bytes, headers: dict[str, str], section: Any) -> None:
    """Whatever comes in: events that the worker can look at, or the one error, with a text."""
    try:
        events, reasons = adapter.events_of(body, headers, section)
    except AdapterError:
        return
    assert all(reasons)
    for topic, event in events:
        decode(topic, [msgspec.json.encode(event)])
