"""Why a KPI moved: transcripts, and that segments sum to the change for every KPI and label."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.catalogue.terms import converted, orders, visits
from kpi_windows.definitions import DAY_MS, HOUR_MS
from kpi_windows.facts.visits import VISIT
from kpi_windows.formula import Constant, Node, number
from kpi_windows.kpi import UnknownNameError
from kpi_windows.relations import Previous, Whole
from kpi_windows.segments import NoSegmentsError, sums_of
from kpi_windows.view import OTHER, View
from kpi_windows.why import Why, why
from tests.kpi_windows.shops import Shop, at, some_of_everything

MOBILE = ("google", "organic", "(none)", "mobile", "new")
DESKTOP = ("google", "organic", "(none)", "desktop", "new")


def moved(view: View, kpi: str, window: str, by: str, **asked: object) -> Why:
    told = why(view, CATALOGUE[kpi], window, by, **asked)  # type: ignore[arg-type]
    assert told is not None
    return told


def busy_shop() -> tuple[Shop, int]:
    """Some of everything in 70 days and in the last three hours."""
    shop, now_ms = Shop(partitions=3), at("2024-03-31 16:30")
    some_of_everything(shop, random.Random(3), now_ms - 70 * DAY_MS, now_ms, each=40)
    some_of_everything(shop, random.Random(4), now_ms - 3 * HOUR_MS, now_ms, each=12)
    return shop, now_ms


def every_why(view: View, at_ms: int | None) -> Iterator[Why]:
    for kpi in CATALOGUE.values():
        for definition, reading in kpi.readings.items():
            for by in reading.all_labels:
                for window in {"1h", "24h", "day", "month"} & set(reading.windows):
                    told = why(view, kpi, window, by, at_ms=at_ms, definition=definition)
                    assert told is not None
                    yield told


@pytest.mark.parametrize("back_ms", [0, 40 * DAY_MS])
def test_segments_of_every_kpi_sum_exactly_to_its_change(back_ms: int) -> None:
    shop, now_ms = busy_shop()
    view = shop.commit(now_ms)
    told = list(every_why(view, now_ms - back_ms))
    apart = [each for each in told if each.segments]
    assert len(apart) > 300
    for each in told:
        what = (each.kpi, each.definition, each.by, each.window)
        assert bool(each.reason) == (each.method is None), what
        if each.method is not None:
            assert each.before.value is not None
            assert each.after.value is not None
            assert each.change == each.after.value - each.before.value, what
            assert sum(segment.total for segment in each.segments) == each.change, what
        if each.method == "midpoint":
            for segment in each.segments:
                assert segment.rate is not None
                assert segment.share is not None
                assert segment.rate + segment.share == segment.total
            for part in ("before", "after"):
                whole, parts = getattr(each, part), [getattr(s, part) for s in each.segments]
                assert sum(one.numerator for one in parts) == whole.numerator, what
                assert sum(one.denominator for one in parts) == whole.denominator, what


def test_both_sides_are_the_values_that_the_kpi_has() -> None:
    shop, now_ms = busy_shop()
    view = shop.commit(now_ms)
    for each in every_why(view, None):
        kpi = CATALOGUE[each.kpi]
        if kpi.reading(each.definition).instead:
            continue  # hand-made amounts of two facts that only journeys make equal
        for side, previous in ((each.after, False), (each.before, True)):
            (value,) = view.evaluate(
                kpi, each.window, definition=each.definition, previous=previous
            )
            found = None if side.value is None else number(side.value)
            assert found == value.value, (each.kpi, each.definition, each.window)
            assert (side.start_ms, side.end_ms) == (value.start_ms, value.end_ms)


def test_what_doesnt_come_apart_says_why() -> None:
    shop, now_ms = busy_shop()
    told = {
        (each.kpi, each.definition): each.reason
        for each in every_why(shop.commit(now_ms), None)
        if "come apart" in each.reason
    }
    assert len(told) < 40
    assert "counts different things" in told["visits", "unique_visitors"]
    assert "percentile" in told["first_response_time", "p90"]
    assert "multiplies amounts" in told["oee", "default"]
    assert "made of several ratios" in told["concern_classification", "trend"]
    assert "in several segments" in told["budget", "over"]  # made by hand: projects of two teams
    assert "latest time" in told["incidents", "since_last"]
    assert told["visits", "unique_visitors"].startswith("Visits doesn't come apart by ")
    assert ("bounce_rate", "default") not in told


def test_a_conversion_rate_by_device_transcript() -> None:
    """Half mobile became three quarters mobile; desktop converted a tenth, now a fifth."""
    shop = Shop()
    shop.add(VISIT, "2024-03-04 10:00", *MOBILE, visits=100, converted=2)
    shop.add(VISIT, "2024-03-04 10:00", *DESKTOP, visits=100, converted=10)
    shop.add(VISIT, "2024-03-05 10:00", *MOBILE, visits=150, converted=3)
    shop.add(VISIT, "2024-03-05 10:00", *DESKTOP, visits=50, converted=10)
    told = moved(shop.commit("2024-03-05 11:00"), "conversion_rate", "day", "device")
    assert (told.before.value, told.after.value) == (Fraction(12, 200), Fraction(13, 200))
    assert told.change == Fraction(1, 200)
    assert told.before.end_ms == at("2024-03-04 11:01")
    mobile = next(each for each in told.segments if each.value == "mobile")
    desktop = next(each for each in told.segments if each.value == "desktop")
    reference = Fraction(25, 400)
    assert (mobile.rate, mobile.share) == (0, (Fraction(2, 100) - reference) / 4)
    assert desktop.rate == Fraction(3, 8) * Fraction(10, 100)
    assert desktop.share == -(Fraction(15, 100) - reference) / 4
    assert told.segments == [desktop, mobile]
    assert told.method == "midpoint"


def test_a_sum_comes_apart_into_differences() -> None:
    shop = Shop()
    shop.add(VISIT, "2024-03-04 10:00", *MOBILE, visits=5)
    shop.add(VISIT, "2024-03-05 10:00", *MOBILE, visits=7)
    shop.add(VISIT, "2024-03-05 10:00", *DESKTOP, visits=4)
    told = moved(shop.commit("2024-03-05 11:00"), "visits", "day", "device")
    assert told.method == "difference"
    found = [(each.value, each.rate, each.share, each.total) for each in told.segments]
    assert found == [("desktop", None, None, 4), ("mobile", None, None, 2)]
    assert (told.after.numerator, told.after.denominator) == (11, None)


def test_a_window_without_a_value_gives_no_change_and_the_reason() -> None:
    shop = Shop()
    shop.add(VISIT, "2024-03-05 10:00", *MOBILE, visits=7)
    told = moved(shop.commit("2024-03-05 11:00"), "conversion_rate", "day", "device")
    assert (told.change, told.method, told.segments) == (None, None, [])
    assert told.reason == "no value before: the denominator is 0"
    for each in shop.partitions:
        each.since_ms = {"visit": at("2024-03-05 00:30")}
    told = moved(shop.commit("2024-03-05 11:05"), "visits", "day", "device")
    assert "no value before: its amounts aren't kept from so early on" in told.reason


def test_more_segments_than_asked_for_are_told_together() -> None:
    shop = Shop()
    for number_ in range(9):
        labels = (f"source-{number_}", *MOBILE[1:])
        shop.add(VISIT, "2024-03-04 10:00", *labels, visits=10 + number_, converted=number_)
        shop.add(VISIT, "2024-03-05 10:00", *labels, visits=10, converted=9 - number_)
    view = shop.commit("2024-03-05 11:00")
    all_ = moved(view, "conversion_rate", "day", "source")
    some = moved(view, "conversion_rate", "day", "source", top=3)
    assert [each.value for each in some.segments[3:]] == [OTHER]
    assert some.segments[:3] == all_.segments[:3]
    others = some.segments[3]
    assert others.rate == sum(each.rate or 0 for each in all_.segments[3:])
    assert others.before.denominator == sum(s.before.denominator for s in all_.segments[3:])
    assert sum(each.total for each in some.segments) == some.change


def test_an_unknown_label_or_window_is_named() -> None:
    view = Shop().commit("2024-03-05 11:00")
    with pytest.raises(UnknownNameError, match="not broken down by team"):
        moved(view, "conversion_rate", "day", "team")
    with pytest.raises(UnknownNameError, match="did you mean 'day'"):
        moved(view, "conversion_rate", "dya", "device")
    assert why(Shop().view, CATALOGUE["visits"], "day", "device") is None


@pytest.mark.parametrize(
    ("formula", "over", "under"),
    [
        (converted / visits * 100, "visit.converted × 100", "visit.visits"),
        (Constant(1) - converted / visits, "1 × visit.visits − visit.converted", "visit.visits"),
        (converted / visits - 1, "visit.converted − 1 × visit.visits", "visit.visits"),
        (visits / Whole(visits, ("device",)), "visit.visits / all(visit.visits, device)", None),
        (visits / Whole(visits, ("source",)), "visit.visits", "all(visit.visits, source)"),
        (
            (visits - Previous(visits)) / Previous(visits),
            "visit.visits − previous(visit.visits, whole)",
            "previous(visit.visits, whole)",
        ),
    ],
)
def test_formulas_are_read_as_sums(formula: Node, over: str, under: str | None) -> None:
    told = sums_of(formula, "device")
    assert told.over.text() == over
    assert (told.under and told.under.text()) == under


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (visits * orders, "multiplies amounts"),
        (visits + 1, "isn't in any segment"),
        (Constant(1) / visits, "only its denominator"),
        (Constant(1), "the same whatever the device"),
        (converted / visits / visits, "several ratios"),
    ],
)
def test_what_is_no_sum_says_so(formula: Node, words: str) -> None:
    with pytest.raises(NoSegmentsError, match=words):
        sums_of(formula, "device")


def test_segments_that_only_the_whole_of_another_label_has_are_among_them() -> None:
    """Desktop has visits of another source only: it is in the denominator, and so in the sum."""
    by = ("source", "device")
    share = replace(
        CATALOGUE["conversion_rate"], formula=converted / Whole(visits, ("source",)), by=by
    )
    shop = Shop()
    shop.add(VISIT, "2024-03-04 10:00", *MOBILE, visits=10, converted=2)
    shop.add(VISIT, "2024-03-05 10:00", *MOBILE, visits=10, converted=2)
    shop.add(VISIT, "2024-03-05 10:00", "bing", *DESKTOP[1:], visits=10)
    told = why(shop.commit("2024-03-05 11:00"), share, "day", "device")
    assert told is not None
    assert {each.value for each in told.segments} == {"mobile", "desktop"}
    assert sum(each.total for each in told.segments) == told.change == Fraction(-1, 10)
