"""Goals: transcripts of each state and kind, and every projection a second time, day by day."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import Definitions
from kpi_windows.facts.sales import ORDER
from kpi_windows.facts.service import OPEN_TICKET, TICKET
from kpi_windows.facts.visits import CART, VISIT, VISITOR
from kpi_windows.goals import By, Goal, GoalState, State, Target, state_of
from kpi_windows.kpi import UnknownNameError
from kpi_windows.projection import Kind, kind_of
from kpi_windows.sketches import Distinct
from kpi_windows.windows import Grid, Window
from streams.offline import compute
from streams.simulator import Shop as Simulated
from streams.simulator import ShopOptions
from tests.kpi_windows.shops import ZONE, Shop, at

VISIT_OF = ("google", "organic", "(none)", "mobile", "new")
GRID = Grid(ZONE)
Q4_2024 = Window(at("2024-10-01"), at("2025-01-01"))


def period(window: str, day: str) -> Window:
    return GRID.whole(window, at(day))


def goal(kpi: str, target: Target, **told: Any) -> Goal:
    """On the quarter January to March 2025, against the one before it."""
    asked = {"window": "quarter", "deadline_ms": at("2025-04-01"), "baseline": Q4_2024, **told}
    return Goal("g", CATALOGUE[kpi], target=target, **asked)


MORE = Target(Fraction(1, 10), By.RELATIVE)


def days(first: str, until: str) -> Iterator[date]:
    day = date.fromisoformat(first)
    while day < date.fromisoformat(until):
        yield day
        day += timedelta(days=1)


def sold(shop: Shop, first: str, until: str, a_day: int) -> None:
    """So much a day, at noon; on Sundays nothing."""
    for day in days(first, until):
        if day.weekday() != 6:
            amounts = {"gross_micros": a_day * 1_000_000, "orders": 1}
            shop.add(ORDER, f"{day} 12:00", "web", "a", "b", **amounts)


def visited(shop: Shop, first: str, until: str, visits: int, converted: int = 0) -> None:
    for day in days(first, until):
        shop.add(VISIT, f"{day} 12:00", *VISIT_OF, visits=visits, converted=converted)


def told(state: GoalState) -> tuple[State, Any, Any, Any, Any]:
    return state.state, state.value, state.baseline, state.target, state.landing


# ------------------------------------------------------------------ sums


def test_a_sum_in_its_last_window_lands_where_the_weekdays_of_four_weeks_lead() -> None:
    """79 selling days in the last quarter of 2024, 77 in the first of 2025."""
    shop = Shop()
    sold(shop, "2024-09-30", "2025-01-01", 100)
    sold(shop, "2025-01-01", "2025-02-01", 110)
    view = shop.commit("2025-01-31 23:59")
    state = state_of(goal("sales", MORE), view)
    weekdays = sum(day.weekday() != 6 for day in days("2024-10-01", "2025-01-01"))
    rest = sum(day.weekday() != 6 for day in days("2025-02-01", "2025-04-01"))
    january = sum(day.weekday() != 6 for day in days("2025-01-01", "2025-02-01"))
    assert (weekdays, january, rest) == (79, 27, 50)
    assert state.value == 2_970
    assert state.baseline == 7_900
    assert state.target == 8_690
    assert state.landing == 2_970 + 50 * 110
    assert state.state is State.AT_RISK
    assert state.progress == Fraction(8_470 - 7_900, 790)
    assert state.pace == Fraction(24 * 110, 28)
    assert state.pace_needed == Fraction(8_690 - 2_970, 59)
    assert state.window == Window(at("2025-01-01"), at("2025-04-01"))


def test_before_its_last_window_a_sum_is_four_weeks_pace_over_that_windows_days() -> None:
    shop = Shop()
    visited(shop, "2024-08-31", "2024-10-01", 10)
    visited(shop, "2024-10-01", "2024-11-01", 12)
    wanted = goal(
        "visits", Target(Fraction(1, 5), By.RELATIVE), window="month",
        baseline=period("month", "2024-09-01"), deadline_ms=at("2025-10-01"),
    )  # fmt: skip
    state = state_of(wanted, shop.commit("2024-10-31 23:59"))
    assert told(state) == (State.ON_TRACK, 0, 300, 360, 360)
    assert state.progress == 1
    assert state.pace_needed == 12  # 360 in the 30 days of September 2025
    state = state_of(wanted, shop.commit("2024-11-02 23:59"))  # two silent days
    assert state.state is State.AT_RISK
    assert state.pace == Fraction(26 * 12, 28)


def test_fewer_calls_are_wanted_by_the_sign_of_the_target() -> None:
    shop = Shop()
    for day in days("2024-09-30", "2025-03-05"):
        shop.add(TICKET, f"{day} 09:00", "phone", "delivery", "high", opened=2)
    half = Target(Fraction(-1, 2), By.RELATIVE)
    view = shop.commit("2025-03-04 23:59")
    state = state_of(goal("service_calls", half, window="month"), view)
    assert state.baseline == 2 * 92
    wanted = goal(
        "service_calls", half, window="month", baseline=period("month", "2024-10-01")
    )  # fmt: skip
    state = state_of(wanted, view)
    assert told(state) == (State.AT_RISK, 8, 62, 31, 62)
    assert state.progress == 0
    assert state.pace_needed == Fraction(31 - 8, 27)
    assert state_of(replace(wanted, target=Target(Fraction(70))), view).state is State.ON_TRACK


def test_after_the_deadline_it_is_reached_or_missed_whatever_comes_later() -> None:
    shop = Shop()
    sold(shop, "2024-09-30", "2025-01-01", 100)
    sold(shop, "2025-01-01", "2025-04-01", 110)
    view = shop.commit("2025-03-31 23:58")
    assert state_of(goal("sales", MORE), view).state is State.AT_RISK
    view = shop.commit("2025-03-31 23:59")
    state = state_of(goal("sales", MORE), view)
    assert told(state) == (State.MISSED, 8_470, 7_900, 8_690, 8_470)
    assert state.pace_needed is None
    sold(shop, "2025-04-01", "2025-05-01", 500)
    view = shop.commit("2025-05-01 00:00")
    assert told(state_of(goal("sales", MORE), view)) == told(state)
    seven = Target(Fraction(7, 100), By.RELATIVE)
    assert state_of(goal("sales", seven), view).state is State.REACHED


def test_a_sum_that_is_all_in_is_reached_before_the_deadline_and_a_refund_takes_it_back() -> None:
    shop = Shop()
    sold(shop, "2024-12-01", "2025-01-21", 100)
    wanted = goal("sales", Target(Fraction(1_700)), baseline=None)
    state = state_of(wanted, shop.commit("2025-01-20 23:59"))
    assert (state.state, state.value, state.progress) == (State.REACHED, 1_700, None)
    assert state.pace_needed == 0
    shop.add(ORDER, "2025-01-20 12:00", "web", "a", "b", refund_micros=1_000_000)
    state = state_of(wanted, shop.commit("2025-01-21 00:00"))
    assert (state.state, state.value) == (State.ON_TRACK, 1_699)


def test_fewer_discounts_are_wanted_when_the_target_is_below_the_baseline() -> None:
    shop = Shop()
    for day in days("2024-09-30", "2025-02-01"):
        shop.add(ORDER, f"{day} 12:00", "web", "a", "b", discount_micros=1_000_000)
    view = shop.commit("2025-01-31 23:59")
    wanted = goal("sales", Target(Fraction(80)), definition="discounts")
    assert told(state_of(wanted, view)) == (State.AT_RISK, 31, 92, 80, 90)
    assert state_of(replace(wanted, target=Target(Fraction(91))), view).state is State.ON_TRACK


def test_a_goal_on_some_labels_only() -> None:
    shop = Shop()
    sold(shop, "2024-09-30", "2025-02-01", 100)
    shop.add(ORDER, "2025-01-10 12:00", "phone", "a", "b", gross_micros=5_000_000)
    view = shop.commit("2025-01-31 23:59")
    assert state_of(goal("sales", MORE, where={"channel": ("phone",)}), view).value == 5
    with pytest.raises(UnknownNameError, match="not broken down by channel"):
        state_of(goal("visits", MORE, where={"channel": ("phone",)}), view)


# ------------------------------------------------------------------ ratios, levels, others


def test_a_ratio_is_projected_by_its_numerator_and_its_denominator() -> None:
    """30 days of 4 in 100, then 29 of 6 in 200: what is to come weighs by its visits.

    The last day isn't ripe yet: its visits may still order.
    """
    shop = Shop()
    visited(shop, "2024-09-30", "2025-01-01", 100, 2)
    visited(shop, "2025-01-01", "2025-01-31", 100, 4)
    visited(shop, "2025-01-31", "2025-03-01", 200, 6)
    points = Target(Fraction(1, 100), By.POINTS)
    state = state_of(goal("conversion_rate", points), shop.commit("2025-02-28 23:59"))
    over, under = 30 * 4 + 29 * 6, 30 * 100 + 29 * 200
    landing = Fraction(over + 31 * 6, under + 31 * 200)
    assert told(state) == (
        State.ON_TRACK, Fraction(over, under), Fraction(2, 100), Fraction(3, 100), landing,
    )  # fmt: skip
    assert state.pace is None
    needed = state.pace_needed
    assert isinstance(needed, Fraction)
    assert (over + needed * 31 * 200) / (under + 31 * 200) == Fraction(3, 100)


def test_relative_and_points_differ() -> None:
    two = Fraction(2, 100)
    assert Target(two, By.RELATIVE).of(Fraction(3, 100)) == Fraction(306, 10_000)
    assert Target(two, By.POINTS).of(Fraction(3, 100)) == Fraction(5, 100)
    assert Target(two).of(Fraction(3, 100)) == two
    assert Target(Fraction(1, 2), By.RELATIVE).of(-10) == -5  # half of the loss is made up for
    assert Target(two, By.POINTS).of(0) == two


def test_a_level_goes_on_by_its_change_a_day() -> None:
    """3 more open tickets each day: 40 days make 120, and 28 more by the deadline are 84."""
    shop = Shop()
    for day in days("2025-01-22", "2025-03-04"):
        shop.add(OPEN_TICKET, f"{day} 09:00", "open", "high", ">1d", "yes", open=3)
    wanted = goal("backlog", Target(Fraction(200)), baseline=Fraction(0))
    state = state_of(wanted, shop.commit("2025-03-03 23:59"))
    assert told(state) == (State.AT_RISK, 123, 0, 200, 123 + 28 * 3)
    assert (state.pace, state.pace_needed) == (3, Fraction(200 - 123, 28))
    assert state.progress == Fraction(123, 200)
    state = state_of(replace(wanted, target=Target(Fraction(210))), shop.view)
    assert state.state is State.ON_TRACK
    state = state_of(wanted, shop.commit("2025-03-19 11:59"))  # 15 silent days and a half
    pace = Fraction(123 - 3 * 29, 27)  # from the end of 19 February to that of 18 March
    assert (state.pace, state.landing) == (pace, 123 + pace * Fraction(25, 2))
    state = state_of(wanted, shop.commit("2025-03-31 23:59"))
    assert told(state)[:2] == (State.REACHED, 123)


def test_different_things_have_no_trend_and_stand_as_in_the_last_whole_window() -> None:
    shop = Shop()
    for number, day in enumerate(days("2024-10-01", "2025-02-11")):
        seen = Distinct([number % 40])
        shop.add(VISITOR, f"{day} 12:00", "mobile", "paid", seen=seen)
    wanted = goal("visits", MORE, definition="unique_visitors")
    state = state_of(wanted, shop.commit("2025-02-10 12:00"))
    assert told(state)[2:] == (40, 44, 40)
    assert state.state is State.AT_RISK
    assert "no trend" in state.reason
    assert state.pace is None


def test_a_kpi_that_ripens_is_judged_when_it_is_ripe() -> None:
    shop = Shop(cart_idle_ms=3_600_000)
    for day in days("2024-09-30", "2025-04-02"):
        shop.add(CART, f"{day} 12:00", "mobile", carts=4, abandoned=3)
    less = Target(Fraction(-5, 100), By.POINTS)
    wanted = goal("cart_abandonment_rate", less)
    assert state_of(wanted, shop.commit("2025-04-01 00:30")).state is State.AT_RISK
    assert state_of(wanted, shop.commit("2025-04-01 01:00")).state is State.MISSED


# ------------------------------------------------------------------ what is lacking


def test_without_an_event_nothing_is_known() -> None:
    state = state_of(goal("sales", MORE), Shop().view)
    assert (state.state, state.reason) == (State.UNKNOWN, "nothing has come in yet")


def test_less_than_a_day_isnt_projected_from() -> None:
    shop = Shop()
    sold(shop, "2025-01-07", "2025-01-10", 100)  # Tuesday to Thursday, at noon
    wanted = goal("sales", Target(Fraction(1_000)), baseline=None)
    state = state_of(wanted, shop.commit("2025-01-08 11:58"))
    assert told(state) == (State.UNKNOWN, 100, None, 1_000, None)
    assert state.reason == "to project, a day of data is needed"
    assert state.pace is None
    state = state_of(wanted, shop.commit("2025-01-08 23:59"))
    assert (state.state, state.landing) == (State.ON_TRACK, 200 + 82 * 100)


def test_until_a_local_day_is_whole_the_last_24_hours_stand_for_one() -> None:
    """From noon to noon 100; the rest of the day is half of that."""
    shop = Shop()
    sold(shop, "2025-01-07", "2025-01-10", 100)
    wanted = goal("sales", Target(Fraction(1_000)), baseline=None)
    state = state_of(wanted, shop.commit("2025-01-08 11:59"))
    assert (state.state, state.pace) == (State.ON_TRACK, 100)
    assert state.landing == 100 + 82 * 100 + Fraction(12, 24) * 100


def test_a_weekday_not_seen_yet_is_like_the_mean_of_the_days_that_were() -> None:
    shop = Shop()
    visited(shop, "2025-03-20", "2025-03-22", 10)  # Thursday; it may have begun in its middle
    visited(shop, "2025-03-22", "2025-03-25", 16)
    wanted = goal("visits", Target(Fraction(1)), baseline=None)
    state = state_of(wanted, shop.commit("2025-03-24 23:59"))
    so_far, mean = 2 * 10 + 3 * 16, Fraction(10 + 16 + 16 + 16, 4)
    tuesday_to_thursday, friday_to_monday = 3 * mean, 10 + 16 + 16 + 16
    assert state.landing == so_far + tuesday_to_thursday + friday_to_monday


def test_a_baseline_without_data_or_with_some_only_is_none() -> None:
    shop = Shop()
    sold(shop, "2024-12-30", "2025-02-01", 100)
    view = shop.commit("2025-01-31 23:59")
    state = state_of(goal("sales", MORE), view)
    assert (state.state, state.baseline, state.target) == (State.UNKNOWN, None, None)
    assert state.reason == "data begin within the baseline's period: tell it as a number"
    state = state_of(goal("sales", MORE, baseline=period("quarter", "2024-08-01")), view)
    assert state.reason == "there are no data of the baseline's period: tell it as a number"
    state = state_of(goal("sales", Target(Fraction(9)), baseline=Q4_2024), view)
    assert (state.state, state.progress) == (State.REACHED, None)  # an absolute one needs none
    assert state_of(goal("sales", MORE, baseline=None), view).reason == "no baseline"
    future = period("quarter", "2025-05-01")
    assert "hasn't begun" in state_of(goal("sales", MORE, baseline=future), view).reason


def test_relative_to_a_baseline_of_0_there_is_no_target() -> None:
    shop = Shop()
    visited(shop, "2024-09-30", "2025-02-01", 100)
    state = state_of(goal("conversion_rate", MORE), shop.commit("2025-01-31 23:59"))
    assert (state.state, state.baseline, state.target) == (State.UNKNOWN, 0, None)
    assert "baseline of 0" in state.reason


def test_a_baseline_that_isnt_over_is_projected() -> None:
    shop = Shop()
    visited(shop, "2024-09-30", "2024-12-01", 10)
    state = state_of(goal("visits", MORE), shop.commit("2024-11-30 23:59"))
    assert told(state) == (State.AT_RISK, 610, 920, 1_012, 900)
    assert state.reason == "the baseline's period isn't over: it is projected"


def test_a_level_needs_two_days() -> None:
    shop = Shop()
    shop.add(OPEN_TICKET, "2025-01-07 09:00", "open", "high", ">1d", "yes", open=3)
    wanted = goal("backlog", Target(Fraction(9)), baseline=None)
    state = state_of(wanted, shop.commit("2025-01-08 23:59"))
    assert (state.state, state.value) == (State.UNKNOWN, 3)
    assert state.reason == "to project, two days of data are needed"
    assert state_of(wanted, shop.commit("2025-01-09 23:59")).landing == 3


# ------------------------------------------------------------------ the same, day by day

NEW_YORK, ADELAIDE = "America/New_York", "Australia/Adelaide"
Raw = list[tuple[int, int]]


def local(at_ms: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone))


def midnight(day: date, zone: str) -> int:
    return at(f"{day} 00:00", zone)


def slow_landing(
    raw: Raw, zone: str, now_ms: int, first: date, last: date, ripe_ms: int = 0
) -> Fraction:
    """Day by day over raw amounts; `last` is the last day of the judged window."""
    now = local(now_ms, zone)
    by_day: dict[date, list[tuple[datetime, int]]] = {}
    for at_ms, amount in raw:
        when = local(at_ms, zone)
        by_day.setdefault(when.date(), []).append((when, amount))
    begun = min(by_day)
    ripe = local(now_ms - ripe_ms, zone)
    profile = [ripe.date() - timedelta(days=back) for back in range(1, 29)]
    profile = [day for day in profile if day > begun]
    total = Fraction(
        sum(amount for at_ms, amount in raw
            if first <= local(at_ms, zone).date() <= last and at_ms < now_ms)
    )  # fmt: skip
    day = max(first, now.date())
    while day <= last:
        alike = [each for each in profile if each.weekday() == day.weekday()] or profile
        for each in alike:
            for when, amount in by_day.get(each, []):
                weight = Fraction(1)
                if day == now.date():
                    if when.hour < now.hour:
                        weight = Fraction(0)
                    elif when.hour == now.hour:
                        weight = 1 - Fraction(now.minute, 60)
                total += weight * amount / len(alike)
        day += timedelta(days=1)
    return total


def random_raw(chance: random.Random, zone: str, first: date, until: date) -> Raw:
    raw = [(midnight(first, zone) + 60_000, 1)]
    start_ms, end_ms = midnight(first, zone), midnight(until, zone)
    for _ in range(400):
        at_ms = chance.randrange(start_ms, end_ms)
        weekend = local(at_ms, zone).weekday() > 4
        raw.append((at_ms, chance.randrange(1, 4 if weekend else 50)))
    return raw


CASES = [
    # zone, first day with data, now, judged window, a day in it; clocks change in most of them
    (ZONE, "2025-01-01", "2025-03-20 14:37", "quarter", "2025-02-01"),
    (ZONE, "2025-03-01", "2025-03-30 01:10", "week", "2025-03-29"),
    (ZONE, "2025-03-20", "2025-04-02 02:30", "month", "2025-04-02"),
    (ZONE, "2025-10-01", "2025-10-28 02:15", "month", "2025-10-28"),
    (ZONE, "2025-09-20", "2025-10-20 18:05", "month", "2025-12-01"),
    (NEW_YORK, "2025-10-10", "2025-11-05 09:00", "month", "2025-11-05"),
    (ADELAIDE, "2025-03-15", "2025-04-09 23:20", "week", "2025-04-09"),
    (ADELAIDE, "2025-09-20", "2025-10-06 00:00", "year", "2025-10-06"),
]


@pytest.mark.parametrize(("zone", "first", "now", "window", "judged"), CASES)
def test_a_projection_is_what_a_slow_one_day_by_day_says(
    zone: str, first: str, now: str, window: str, judged: str
) -> None:
    chance = random.Random(f"{zone} {now}")
    now_ms = at(now, zone)
    until = local(now_ms, zone).date() + timedelta(days=1)
    visits = [(t, n) for t, n in random_raw(chance, zone, date.fromisoformat(first), until)
              if t < now_ms]  # fmt: skip
    converted = [(t, chance.randrange(n + 1)) for t, n in visits]
    shop = Shop(partitions=2, zone=zone)
    for number, ((at_ms, n), (_, m)) in enumerate(zip(visits, converted, strict=True)):
        amounts = {"visits": n, "converted": m, "partition": number % 2}
        shop.add(VISIT, at_ms, *VISIT_OF, **amounts)
    view = shop.commit(now_ms - 60_000)  # all up to the end of its minute is known
    whole = Grid(zone).whole(window, at(f"{judged} 12:00", zone))
    span = (local(whole.start_ms, zone).date(), local(whole.end_ms - 1, zone).date())
    aim = {"window": window, "deadline_ms": whole.end_ms, "baseline": None}
    total = slow_landing(visits, zone, now_ms, *span)
    assert state_of(goal("visits", Target(Fraction(1)), **aim), view).landing == total
    ratio = state_of(goal("conversion_rate", Target(Fraction(1, 2)), **aim), view)
    ripe_ms = view.matures_ms(CATALOGUE["conversion_rate"])
    over = slow_landing(converted, zone, now_ms, *span, ripe_ms)
    assert ratio.landing == over / slow_landing(visits, zone, now_ms, *span, ripe_ms)


def test_the_season_of_the_week_reaches_the_last_days() -> None:
    """On a Monday before the last Sunday, a shop closed on Sundays isn't expected to sell then."""
    shop = Shop()
    sold(shop, "2025-02-01", "2025-03-25", 10)
    wanted = goal("sales", Target(Fraction(1)), window="week", deadline_ms=at("2025-03-31"))
    state = state_of(replace(wanted, baseline=None), shop.commit("2025-03-24 23:59"))
    assert state.landing == 60


def test_every_kpi_has_a_kind_and_can_be_a_goal() -> None:
    shop = Shop()
    visited(shop, "2025-01-01", "2025-02-01", 5)
    view = shop.commit("2025-01-31 12:00")
    kinds = set()
    for kpi in CATALOGUE.values():
        for definition, reading in kpi.readings.items():
            kinds.add(kind_of(reading.formula))
            window = next((w for w in ("month", "day") if w in reading.windows), None)
            if window is not None:
                aim = {"window": window, "definition": definition, "deadline_ms": at("2025-04-01")}
                state_of(goal(kpi.id, Target(Fraction(1)), **aim), view)
    assert kinds == set(Kind)


def test_raw_events_of_a_simulated_shop_land_where_they_lead_by_the_slow_way(
    tmp_path: Path,
) -> None:
    """Calls as the log has them, counted by nobody but this test."""
    start_ms, now_ms = at("2025-02-20 15:00"), at("2025-03-29 10:24")
    shop = Simulated(5, ShopOptions(visits_per_hour=6, duplicates=0.1))
    messages = shop.events(start_ms, now_ms)
    lines = [message.value for message in messages if message.topic == "tickets"]
    (tmp_path / "tickets.jsonl").write_bytes(b"\n".join(lines))
    view, report = compute([tmp_path / "tickets.jsonl"], Definitions(zone=ZONE))
    assert set(report.outcomes) <= {"duplicate"}
    tickets: dict[str, tuple[int, int]] = {}
    for event in map(json.loads, lines):
        if event["type"] == "ticket_opened":
            by_phone = int(event["channel"] == "phone")
            tickets[event["ticket_id"]] = event["timestamp"], by_phone
    raw = list(tickets.values())
    assert sum(calls for _, calls in raw) > 20
    assert view.watermark_ms is not None
    known_ms = view.watermark_ms - view.watermark_ms % 60_000 + 60_000
    wanted = goal("service_calls", Target(Fraction(9)), baseline=None)
    landing = slow_landing(raw, ZONE, known_ms, date(2025, 1, 1), date(2025, 3, 31))
    assert state_of(wanted, view).landing == landing
    assert state_of(wanted, view).value == sum(calls for _, calls in raw)
