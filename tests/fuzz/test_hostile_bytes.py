"""Every way in takes any bytes: what fuzzing found, and a few hundred inputs made here."""

from __future__ import annotations

import random
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutating import HOSTILE, changed, each_place
from tests.fuzz.target import Target
from tests.fuzz.targets import NAMES, target
from tests.fuzz.targets.shop import NAMES as TOPICS
from tests.fuzz.targets.shop import of_each_kind

EXAMPLES = {"shard": 15, "files": 30, "exporter": 30, "intake": 60}
"""How many inputs of a target are tried here; others are quick."""

FOUND: list[tuple[str, str, bytes]] = [
    (
        "a reason that quotes a long type whole",
        "events",
        b'\x01{"type":"' + b"a" * 3_000 + b'","timestamp":1}',
    ),
    ("a time too far from now", "exporter", b"\x06now-099999999999999994d&to=now-2d"),
    (
        "a number that would take hours to write out",
        "vendors",
        (
            b'\x00{"batch":["EUR",0.0,0,-1,2,{"type":"track","event":"Product Added",'
            b'"properties":{"quantity":"1e999999999","cart_idx":0}},""]}'
        ),
    ),
    ("a formula of more terms than calls can be nested", "formulas", b"1" + b"-1" * 900),
    (
        "a window that isn't there, over a range of time",
        "exporter",
        b"\x00kpi=visits&window=da7y&from=2025-12-31&to=2026-01-02",
    ),
]
"""What was wrong, where, and the input that showed it."""


@cache
def _seeds(name: str) -> list[bytes]:
    return list(target(name).seeds())


@pytest.mark.parametrize(("name", "told"), [f[1:] for f in FOUND], ids=[f[0] for f in FOUND])
def test_what_fuzzing_found_stays_mended(name: str, told: bytes) -> None:
    target(name).attempt(told)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_that_are_as_they_should_be_are_taken(name: str) -> None:
    some = _seeds(name)
    for seed in some[:: max(1, len(some) // EXAMPLES.get(name, 100))]:
        target(name).attempt(seed)


@pytest.mark.parametrize("name", NAMES)
def test_any_bytes_are_taken_or_refused_in_words(name: str) -> None:
    of: Target = target(name)
    near = st.tuples(st.sampled_from(_seeds(name)), st.randoms(use_true_random=False))
    changes = near.map(lambda pair: _shaken(*pair))

    @settings(
        max_examples=EXAMPLES.get(name, 150),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.one_of(changes, changes, st.binary(max_size=200)))
    def attempt(told: bytes) -> None:
        of.attempt(told)

    attempt()


def _shaken(seed: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        seed = changed(seed, chance)
    return seed[:20_000]


@pytest.mark.parametrize("value", HOSTILE, ids=[repr(value[:20]) for value in HOSTILE])
def test_a_hostile_value_anywhere_in_any_event_is_an_event_or_rejected(value: bytes) -> None:
    attempt = target("events").attempt
    for message in of_each_kind(1):
        for line in each_place(message.value, value):
            attempt(bytes([TOPICS.index(message.topic)]) + line)
