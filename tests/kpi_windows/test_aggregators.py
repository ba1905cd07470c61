"""What can be a packed cell, and what can't: the last look before a changelog is believed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.aggregators import Cell, Kind, check_packed, pack, unpack
from kpi_windows.sketches import Distinct

SUMS = st.integers() | st.integers(-(2**80), 2**80)
HISTOGRAMS = st.dictionaries(st.integers(0, 2_000), st.integers(-100, 100), max_size=5)
NAMES = st.dictionaries(st.text(max_size=5), st.integers(-100, 100), max_size=5)
MANY = Distinct(range(0, 2**64, 2**52))
MANY.add(1)  # no longer exact
DISTINCTS = st.sets(st.integers(0, 2**64 - 1), max_size=5).map(Distinct) | st.just(MANY)
OF_KIND: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.SUM: SUMS,
    Kind.HISTOGRAM: HISTOGRAMS,
    Kind.DISTINCT: DISTINCTS,
    Kind.NAMES: NAMES,
}


@st.composite
def cells(draw: st.DrawFn) -> tuple[tuple[Kind, ...], Cell]:
    kinds = tuple(draw(st.lists(st.sampled_from(Kind), max_size=4)))
    return kinds, [draw(OF_KIND[kind]) for kind in kinds]


@given(cells())
def test_whatever_is_packed_passes_and_comes_back(made: tuple[tuple[Kind, ...], Cell]) -> None:
    kinds, cell = made
    packed = pack(cell)
    check_packed(packed, kinds)
    assert unpack(packed) == cell


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        (Kind.SUM, "abc"),
        (Kind.SUM, "007"),
        (Kind.SUM, "-"),
        (Kind.SUM, "٣"),
        (Kind.SUM, "9" * 400),
        (Kind.SUM, "9" * 10_000),
        (Kind.SUM, 1.5),
        (Kind.SUM, True),
        (Kind.HISTOGRAM, {1: "many"}),
        (Kind.HISTOGRAM, [1]),
        (Kind.HISTOGRAM, {"a name": 1}),
        (Kind.HISTOGRAM, {-1: 1}),
        (Kind.NAMES, {1: 1}),
        (Kind.NAMES, {"a": 1, 2: 1}),
        (Kind.NAMES, {"a": None}),
        (Kind.DISTINCT, b"s1234567"),
        (Kind.DISTINCT, b"d12345678"),
        (Kind.DISTINCT, b"d" + b"\x34" * 16_384),
        (Kind.DISTINCT, b""),
        (Kind.DISTINCT, 5),
    ],
)
def test_what_looks_only_nearly_like_an_amount_is_refused(kind: Kind, amount: Any) -> None:
    with pytest.raises(ValueError, match=r"another kind|Exceeds the limit"):
        check_packed(msgspec.msgpack.encode([amount]), (kind,))
