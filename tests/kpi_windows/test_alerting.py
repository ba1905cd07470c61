"""Alerts: transcripts of breach and recovery, and the same sequence whatever interrupts it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_windows.alerting import (
    CATCH_UP_MS,
    Alert,
    State,
    band_of,
    due_ms,
    firing,
    judge,
    pack_state,
    unpack_state,
)
from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import HOUR_MS, MINUTE_MS
from kpi_windows.facts.service import OPEN_TICKET
from kpi_windows.facts.visits import CART
from kpi_windows.kpi import Unit
from kpi_windows.thresholds import DEFAULTS, Threshold
from kpi_windows.view import View
from tests.kpi_windows.shops import Shop, at

START_MS = at("2025-03-03 12:00")
OPEN = 100
OVERDUE = Threshold(
    "overdue", "backlog", above=0.25, definition="share", window="1h",
    for_ms=3 * MINUTE_MS, keep_firing_for_ms=2 * MINUTE_MS, min_volume=10,
)  # fmt: skip
"""Fires above 25 overdue of 100 open tickets; fine again at 23.75."""


class Desk:
    """A service desk of which somebody says how many tickets are overdue, minute by minute."""

    def __init__(self) -> None:
        self.shop = Shop()
        self.minute = 0
        self._levels = {"yes": 0, "no": 0}

    def minutes(self, overdue: Sequence[int | None], tickets: int = OPEN) -> None:
        """So many overdue of the tickets in each minute; None: not a single ticket is open."""
        for count in overdue:
            wanted = {"yes": count or 0, "no": 0 if count is None else tickets - count}
            for label, level in wanted.items():
                change = level - self._levels[label]
                at_ms = START_MS + self.minute * MINUTE_MS
                self.shop.add(OPEN_TICKET, at_ms, "open", "high", "<1d", label, open=change)
            self._levels = wanted
            self.minute += 1

    def view(self) -> View:
        return self.shop.commit(START_MS + self.minute * MINUTE_MS)


def judged(
    view: View, state: State, *thresholds: Threshold, until_ms: int | None = None
) -> tuple[State, list[Alert]]:
    told: list[Alert] = []
    while (at_ms := due_ms(state, view.watermark_ms)) is not None:
        if until_ms is not None and at_ms > until_ms:
            break
        state, alerts = judge(state, at_ms, view, thresholds, CATALOGUE)
        told += alerts
    return state, told


def minute_of(at_ms: int) -> int:
    """The last minute that the judgement knows."""
    return (at_ms - START_MS) // MINUTE_MS - 1


def told(alerts: Sequence[Alert]) -> list[tuple[str, int, int]]:
    return [
        (alert.event.value, minute_of(alert.since_ms), minute_of(alert.at_ms)) for alert in alerts
    ]


def course(
    overdue: Sequence[int | None], threshold: Threshold = OVERDUE
) -> list[tuple[str, int, int]]:
    """What is told of a course: (event, minute since, minute told)."""
    desk = Desk()
    desk.minutes(overdue)
    return told(judged(desk.view(), State(START_MS), threshold)[1])


# ------------------------------------------------------------------ transcripts


def test_a_breach_is_told_once_when_it_has_held_and_a_recovery_when_that_has() -> None:
    assert course([10, 30, 30, 30]) == []
    assert course([10, *[30] * 20]) == [("breach", 1, 4)]
    assert course([10, *[30] * 5, *[10] * 2]) == [("breach", 1, 4)]
    assert course([10, *[30] * 5, *[10] * 9]) == [("breach", 1, 4), ("recovery", 6, 8)]


def test_a_break_begins_the_waiting_anew() -> None:
    assert course([30, 30, 30, 20, 30, 30, 30]) == []
    assert course([30, 30, 30, 20, 30, 30, 30, 30]) == [("breach", 4, 7)]
    assert course([*[30] * 4, 10, 10, 30, 10, 10, 10]) == [("breach", 0, 3), ("recovery", 7, 9)]


def test_on_the_bound_nothing_breaches_and_nothing_recovers() -> None:
    assert course([25] * 9) == []
    assert course([*[30] * 4, *[25] * 9]) == [("breach", 0, 3)]


def test_a_firing_value_must_come_back_by_the_hysteresis() -> None:
    assert course([*[30] * 4, *[24] * 9]) == [("breach", 0, 3)]
    assert course([*[30] * 4, *[23] * 9]) == [("breach", 0, 3), ("recovery", 4, 6)]
    assert course([*[30] * 4, 23, 23, 24, 23, 23, 23])[1:] == [("recovery", 7, 9)]
    wide = replace(OVERDUE, hysteresis=0.1)
    assert course([*[30] * 4, *[16] * 9], wide) == [("breach", 0, 3)]
    assert course([*[30] * 4, *[15] * 9], wide)[1:] == [("recovery", 4, 6)]


def test_flapping_around_the_bound_is_one_breach() -> None:
    assert course([30] * 4 + [24, 26, 20, 26] * 20) == [("breach", 0, 3)]


def test_without_waiting_it_follows_every_minute() -> None:
    prompt = replace(OVERDUE, for_ms=0, keep_firing_for_ms=0)
    assert course([10, 30, 24, 23, 30], prompt) == [
        ("breach", 1, 1), ("recovery", 3, 3), ("breach", 4, 4),
    ]  # fmt: skip


def test_a_lower_bound_is_the_mirror_image() -> None:
    low = replace(OVERDUE, name="low", above=None, below=0.25)
    assert course([30, *[20] * 4, *[26] * 9], low) == [("breach", 1, 4)]
    assert course([30, *[20] * 4, *[27] * 9], low) == [("breach", 1, 4), ("recovery", 5, 7)]


def test_no_data_is_neither_a_breach_nor_a_recovery() -> None:
    assert course([None] * 30) == []
    assert course([30, 30, 30, None, 30, 30, 30]) == []
    assert course([*[30] * 4, *[None] * 30]) == [("breach", 0, 3)]
    assert course([*[30] * 4, 10, 10, None, 10, 10, 10])[1:] == [("recovery", 7, 9)]


def test_too_little_volume_allows_no_verdict() -> None:
    desk = Desk()
    desk.minutes([5] * 9, tickets=9)
    state, alerts = judged(desk.view(), State(START_MS), OVERDUE)
    assert (alerts, state.watches) == ([], {})
    desk.minutes([5] * 4, tickets=10)
    state, alerts = judged(desk.view(), state, OVERDUE)
    assert told(alerts) == [("breach", 9, 12)]
    desk.minutes([0] * 9, tickets=9)
    state, alerts = judged(desk.view(), state, OVERDUE)
    assert (alerts, len(list(firing(state)))) == ([], 1)


def test_an_alert_carries_the_value_and_what_it_is_made_of() -> None:
    desk = Desk()
    desk.minutes([30] * 4)
    alert = judged(desk.view(), State(START_MS), OVERDUE)[1][0]
    assert alert.value is not None
    assert (alert.value.value, alert.value.numerator, alert.value.denominator) == (0.3, 30, 100)
    assert alert.value.end_ms == alert.at_ms == alert.breached_ms


def test_windows_that_are_not_ripe_are_not_judged() -> None:
    """Four carts at noon, all given up at one: until then nobody says that they weren't bought."""
    shop = Shop(cart_idle_ms=HOUR_MS)
    shop.add(CART, START_MS, "mobile", carts=4, abandoned=4)
    many = Threshold("left", "cart_abandonment_rate", above=0.5, window="5m", for_ms=0)
    view = shop.commit(START_MS + HOUR_MS)
    state, alerts = judged(view, State(START_MS), many)
    assert alerts == []
    view = shop.commit(START_MS + HOUR_MS + MINUTE_MS)
    assert told(judged(view, state, many)[1]) == [("breach", 60, 60)]


@pytest.mark.parametrize("threshold", DEFAULTS, ids=lambda each: each.name)
def test_a_default_comes_back_within_what_its_kpi_can_reach(threshold: Threshold) -> None:
    kpi = CATALOGUE[threshold.kpi]
    band = band_of(threshold, kpi)
    back = threshold.bound - band if threshold.above is not None else threshold.bound + band
    assert band >= 0
    is_part = kpi.reading(threshold.definition).unit is Unit.RATIO and threshold.bound < 1
    assert not is_part or back < 1


def test_the_band_of_a_high_ratio_stays_below_one() -> None:
    nearly = Threshold("nearly_all", "csat", below=0.98)
    assert band_of(nearly, CATALOGUE["csat"]) == pytest.approx(0.001)


# ------------------------------------------------------------------ changed settings


def breached(threshold: Threshold = OVERDUE) -> tuple[Desk, State]:
    desk = Desk()
    desk.minutes([30] * 4)
    return desk, judged(desk.view(), State(START_MS), threshold)[0]


def test_a_threshold_that_is_taken_away_recovers_without_a_value() -> None:
    desk, state = breached()
    desk.minutes([30])
    state, alerts = judged(desk.view(), state)
    assert told(alerts) == [("recovery", 4, 4)]
    assert (alerts[0].value, state.watches) == (None, {})


def test_a_threshold_about_something_else_ends_the_alert_and_begins_anew() -> None:
    desk, state = breached()
    desk.minutes([30] * 4)
    other = replace(OVERDUE, window="24h")
    state, alerts = judged(desk.view(), state, other)
    assert told(alerts) == [("recovery", 4, 4), ("breach", 4, 7)]


def test_another_bound_is_the_same_alert() -> None:
    desk, state = breached()
    desk.minutes([30] * 3)
    assert told(judged(desk.view(), state, replace(OVERDUE, above=0.5))[1]) == [("recovery", 4, 6)]


# ------------------------------------------------------------------ interruptions


def test_the_first_minute_ever_is_the_present_one() -> None:
    desk = Desk()
    assert due_ms(State(), desk.shop.view.watermark_ms) is None
    desk.minutes([30] * 100)
    state, alerts = judged(desk.view(), State(), OVERDUE)
    assert (alerts, state.at_ms) == ([], START_MS + 100 * MINUTE_MS)


def test_after_a_long_pause_it_goes_on_with_what_can_still_be_acted_on() -> None:
    pause = CATCH_UP_MS // MINUTE_MS + 30
    desk, firing_state = breached()
    waiting = Desk()
    waiting.minutes([30] * 3)
    state = judged(waiting.view(), State(START_MS), OVERDUE)[0]
    waiting.minutes([30] * pause)
    assert told(judged(waiting.view(), state, OVERDUE)[1]) == [("breach", 32, 35)]
    desk.minutes([30] * pause)
    assert judged(desk.view(), firing_state, OVERDUE)[1] == []


SCRIPT = st.lists(
    st.one_of(st.sampled_from([10, 23, 24, 25, 26, 30]), st.none()), min_size=1, max_size=40
)


@settings(max_examples=60)
@given(script=SCRIPT, cuts=st.lists(st.integers(0, 40), max_size=6))
def test_wherever_it_is_interrupted_the_same_is_told(
    script: list[int | None], cuts: list[int]
) -> None:
    """Commits of many minutes at once, and whoever goes on knows only the bytes of the state."""
    whole = Desk()
    whole.minutes(script)
    _, expected = judged(whole.view(), State(START_MS), OVERDUE)
    desk, state, alerts = Desk(), State(START_MS), list[Alert]()
    for begin, end in pieces(len(script), cuts):
        desk.minutes(script[begin:end])
        for until in sorted(cuts):
            until_ms = START_MS + until * MINUTE_MS
            state, more = judged(desk.view(), unpack_state(pack_state(state)), OVERDUE,
                                 until_ms=until_ms)  # fmt: skip
            alerts += more
        state, more = judged(desk.view(), unpack_state(pack_state(state)), OVERDUE)
        alerts += more
    assert alerts == expected
    assert [each.id_in("a") for each in alerts] == [each.id_in("a") for each in expected]


def pieces(length: int, cuts: Sequence[int]) -> Iterator[tuple[int, int]]:
    bounds = [0, *sorted(cut for cut in set(cuts) if 0 < cut < length), length]
    yield from itertools.pairwise(bounds)


@settings(max_examples=60)
@given(
    script=SCRIPT,
    holds=st.integers(0, 4),
    keeps=st.integers(0, 4),
)
def test_it_equals_a_look_at_the_whole_course(
    script: list[int | None], holds: int, keeps: int
) -> None:
    """Oracle: at each minute, whether all of the last ones were bad (or fine), by slices."""
    threshold = replace(OVERDUE, for_ms=holds * MINUTE_MS, keep_firing_for_ms=keeps * MINUTE_MS)
    bad = [count is not None and count > 25 for count in script]
    fine = [count is not None and count <= 23 for count in script]
    events: list[tuple[str, int]] = []
    fresh = 0  # the first minute that counts for the next event
    for minute in range(len(script)):
        on = bool(events) and events[-1][0] == "breach"
        wanted, needed = (fine, keeps) if on else (bad, holds)
        last = wanted[minute - needed : minute + 1]
        if minute - needed >= fresh and all(last):
            events.append(("recovery" if on else "breach", minute))
            fresh = minute + 1
    assert [(event, minute) for event, _, minute in course(script, threshold)] == events


def test_a_breach_and_its_recovery_share_an_id_that_no_other_alert_has() -> None:
    desk = Desk()
    desk.minutes([*[30] * 4, *[10] * 3, *[30] * 4])
    other = replace(OVERDUE, name="other")
    alerts = judged(desk.view(), State(START_MS), OVERDUE, other)[1]
    ids = [alert.id_in("a") for alert in alerts if alert.threshold is OVERDUE]
    assert ids[0] == ids[1] != ids[2]
    assert len({alert.id_in(shop) for alert in alerts for shop in ("a", "b")}) == 8
    state = judged(desk.view(), State(START_MS), OVERDUE, other)[0]
    assert state.told == {name: {"breach": 2, "recovery": 1} for name in ("overdue", "other")}
