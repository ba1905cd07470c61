"""Business hours against a slow truth: asking the clock on the wall at every minute."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.business_hours import WEEKDAYS, BusinessHours
from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS

OFFICE = {day: ["09:00-17:30"] for day in WEEKDAYS[:5]}
LUNCH = {"mon": ["13:00-17:30", "09:00-12:30"], "sat": ["10:00-16:00"]}
NIGHTS = {day: ["00:00-02:45", "23:15-24:00"] for day in WEEKDAYS}
ALWAYS = {day: ["00:00-24:00"] for day in WEEKDAYS}
WEEKS = {"office": OFFICE, "lunch": LUNCH, "nights": NIGHTS, "always": ALWAYS}

# Each zone with a change of its clock.
ODD = {
    "UTC": "2026-01-01T00:00",
    "Europe/Amsterdam": "2026-10-25T01:00",
    "America/New_York": "2026-03-08T07:00",
    "Asia/Kathmandu": "1985-12-31T18:30",
    "Australia/Lord_Howe": "2026-04-04T15:00",
    "America/Sao_Paulo": "2018-02-18T02:00",
    "Africa/Cairo": "2026-04-23T22:00",
    "Pacific/Apia": "2011-12-30T10:00",
    "America/St_Johns": "2006-10-29T02:31",
}
HOLIDAYS = ("2026-03-09", "2026-10-25", "2018-02-17", "2011-12-30", "2011-12-31", "2006-10-28")
SHOPS = {
    (zone, name): BusinessHours.parse(week, zone, HOLIDAYS)
    for zone in ODD
    for name, week in WEEKS.items()
}


def ms(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def slow_between(week: dict[str, list[str]], zone: str, start_ms: int, end_ms: int) -> int:
    """Adds up the open part of every minute."""
    tz, total = ZoneInfo(zone), 0
    for minute_ms in range(start_ms - start_ms % MINUTE_MS, end_ms, MINUTE_MS):
        local = datetime.fromtimestamp(minute_ms / 1000, tz)
        if local.date().isoformat() in HOLIDAYS:
            continue
        now = f"{local:%H:%M}"
        for hours in week.get(WEEKDAYS[local.weekday()], []):
            opens, closes = hours.split("-")
            if opens <= now < closes:
                total += min(end_ms, minute_ms + MINUTE_MS) - max(start_ms, minute_ms)
    return total


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, str, int]:
    """A zone, a week and an instant near a change of the clock."""
    zone, week = draw(st.sampled_from(sorted(SHOPS)))
    return zone, week, ms(ODD[zone]) + draw(st.integers(-3 * DAY_MS, 2 * DAY_MS))


spans = st.integers(0, 3 * DAY_MS) | st.integers(0, 4 * HOUR_MS)
anywhere = st.integers(ms("1971-01-01"), ms("2037-12-31"))


@given(moments(), spans)
def test_open_time_is_what_the_clock_on_the_wall_says(
    moment: tuple[str, str, int], span_ms: int
) -> None:
    zone, week, start_ms = moment
    expected = slow_between(WEEKS[week], zone, start_ms, start_ms + span_ms)
    assert SHOPS[zone, week].between(start_ms, start_ms + span_ms) == expected


@given(st.sampled_from(sorted(SHOPS)), anywhere, anywhere, anywhere)
def test_open_time_adds_up(shop: tuple[str, str], a_ms: int, b_ms: int, c_ms: int) -> None:
    between = SHOPS[shop].between
    assert between(a_ms, b_ms) + between(b_ms, c_ms) == between(a_ms, c_ms)


@given(moments(), spans)
def test_open_time_is_never_negative_nor_longer_than_the_time(
    moment: tuple[str, str, int], span_ms: int
) -> None:
    zone, week, start_ms = moment
    assert 0 <= SHOPS[zone, week].between(start_ms, start_ms + span_ms) <= span_ms


@given(moments(), st.integers(1, 400 * HOUR_MS))
def test_a_deadline_is_the_first_instant_by_which_the_open_time_has_passed(
    moment: tuple[str, str, int], open_ms: int
) -> None:
    zone, week, start_ms = moment
    shop = SHOPS[zone, week]
    deadline_ms = shop.deadline(start_ms, open_ms)
    assert deadline_ms is not None
    assert shop.between(start_ms, deadline_ms) == open_ms
    assert shop.between(start_ms, deadline_ms - 1) == open_ms - 1


#   Friday 1 May 2026        Saturday, Sunday       Monday 4 May, a holiday   Tuesday 5 May
#   |--09:00=====17:30--|----------------------|-------------------------|--09:00=====17:30--|
@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-05-01T10:00", "2026-05-01T10:00", 0),
        ("2026-05-01T10:00", "2026-05-01T12:00", 2),
        ("2026-05-01T08:00", "2026-05-01T09:00", 0),
        ("2026-05-01T08:00", "2026-05-01T23:00", 8.5),
        ("2026-05-01T17:00", "2026-05-05T09:30", 1),
        ("2026-05-01T17:30", "2026-05-05T09:00", 0),
        ("2026-05-02T12:00", "2026-05-04T12:00", 0),
        ("2026-05-01T17:29:59.999", "2026-05-05T09:00", 1 / HOUR_MS),
        ("2026-05-05T09:30", "2026-05-01T17:00", -1),  # backwards
        ("2026-01-01T00:00", "2027-01-01T00:00", 260 * 8.5),  # 261 weekdays less a holiday
    ],
)
def test_only_opening_hours_count(start: str, end: str, hours: float) -> None:
    zone = "Europe/Amsterdam"
    shop = BusinessHours.parse(OFFICE, zone, ["2026-05-04"])
    assert shop.between(ms(start, zone), ms(end, zone)) == round(hours * HOUR_MS)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Amsterdam", "2026-03-29", 23),  # a skipped hour is never open
        ("Europe/Amsterdam", "2026-10-25", 25),  # a repeated one is open twice
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("America/Sao_Paulo", "2018-11-04", 23),
    ],
)
def test_a_shop_that_never_closes_is_open_as_long_as_the_day_is(
    zone: str, day: str, hours: float
) -> None:
    shop = BusinessHours.parse(ALWAYS, zone)
    following = date.fromordinal(date.fromisoformat(day).toordinal() + 1).isoformat()
    assert shop.between(ms(day, zone), ms(following, zone)) == hours * HOUR_MS


def test_a_deadline_skips_what_is_closed() -> None:
    zone = "Europe/Amsterdam"
    shop = BusinessHours.parse(OFFICE, zone, ["2026-05-04"])
    friday_ms = ms("2026-05-01T17:00", zone)
    assert shop.deadline(friday_ms, HOUR_MS) == ms("2026-05-05T09:30", zone)
    assert shop.deadline(friday_ms, HOUR_MS // 2) == ms("2026-05-01T17:30", zone)
    assert shop.deadline(friday_ms, 0) == friday_ms


def test_a_shop_that_never_opens_has_no_open_time_and_no_deadline() -> None:
    weeks: list[dict[str, list[str]]] = [{}, {"mon": []}]
    for week in weeks:
        shop = BusinessHours.parse(week, "UTC")
        assert shop.between(0, 10_000 * DAY_MS) == 0
        assert shop.deadline(0, 1) is None


def test_hours_in_any_order_and_holidays_as_text_or_date_mean_the_same() -> None:
    one = BusinessHours.parse({"mon": ["13:00-17:30", "09:00-13:00"]}, "UTC", ["2026-12-25"])
    two = BusinessHours.parse({"mon": ("09:00-13:00", "13:00-17:30")}, "UTC", [date(2026, 12, 25)])
    assert one == two
    assert hash(one) == hash(two)


@pytest.mark.parametrize(
    ("week", "holidays", "told"),
    [
        ({"monday": []}, (), "unknown day 'monday': use mon, tue, wed, thu, fri, sat, sun"),
        ({"mon": "09:00-17:30"}, (), 'mon: expected a list such as ["09:00-17:30"]'),
        ({"mon": 9}, (), 'mon: expected a list such as ["09:00-17:30"], got 9'),
        ({"tue": ["9-17"]}, (), "tue: expected hours as \"09:00-17:30\", got '9-17'"),
        ({"tue": [9]}, (), 'tue: expected hours as "09:00-17:30", got 9'),
        ({"tue": ["09:00-17:60"]}, (), "tue: '09:00-17:60' is no time of day"),
        ({"tue": ["09:00-24:01"]}, (), "tue: '09:00-24:01' is no time of day; it ends at 24:00"),
        ({"wed": ["22:00-06:00"]}, (), '"22:00-24:00" and, on the next day, "00:00-06:00"'),
        ({"wed": ["09:00-09:00"]}, (), "wed: '09:00-09:00' closes before it opens"),
        (
            {"thu": ["09:00-13:00", "12:30-17:00"]},
            (),
            "thu: 09:00-13:00, 12:30-17:00 overlap at 12:30",
        ),
        ({}, ["25-12-2026"], "holiday: expected a date as \"2026-12-25\", got '25-12-2026'"),
        ({}, ["2026-02-30"], "got '2026-02-30'"),
        ({}, [datetime(2026, 12, 25)], "holiday: expected a date"),  # noqa: DTZ001
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(week: Any, holidays: Any, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        BusinessHours.parse(week, "UTC", holidays)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown time zone 'Europe/Amsterdm'"):
        BusinessHours.parse(OFFICE, "Europe/Amsterdm")
