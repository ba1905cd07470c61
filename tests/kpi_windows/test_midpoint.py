"""What segments add to a change of a ratio: it sums up exactly, whatever is empty."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.midpoint import Effect, Part, effects, whole_of

Given = dict[str, tuple[int, int]]
COUNTS = st.integers(0, 30) | st.integers(-5, 10**12)
SEGMENTS = st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(COUNTS, COUNTS), max_size=8)


def parts(given: Given) -> dict[str, Part]:
    return {name: Part(Fraction(over), Fraction(under)) for name, (over, under) in given.items()}


def effect(before: Given, after: Given, name: str) -> Effect:
    told = effects(parts(before), parts(after))
    assert told is not None
    return told[name]


@given(SEGMENTS, SEGMENTS)
def test_the_effects_sum_exactly_to_the_change(before: Given, after: Given) -> None:
    was, now = parts(before), parts(after)
    told = effects(was, now)
    first, last = whole_of(was.values()).ratio, whole_of(now.values()).ratio
    if first is None or last is None:
        assert told is None
        return
    assert told is not None
    assert told.keys() == was.keys() | now.keys()
    assert sum(each.rate + each.share for each in told.values()) == last - first
    assert all(isinstance(amount, Fraction) for each in told.values() for amount in each)


@given(SEGMENTS, SEGMENTS)
def test_back_again_is_the_same_with_the_other_sign(before: Given, after: Given) -> None:
    there, back = effects(parts(before), parts(after)), effects(parts(after), parts(before))
    if there is None or back is None:
        assert there is back
        return
    assert {name: (-e.rate, -e.share) for name, e in there.items()} == back


@given(SEGMENTS, SEGMENTS, st.integers(2, 9), st.integers(2, 9))
def test_more_of_everything_changes_no_effect(
    before: Given, after: Given, one: int, other: int
) -> None:
    """Shares and rates are all that counts, not how busy either window was."""
    more = {name: (over * one, under * one) for name, (over, under) in before.items()}
    most = {name: (over * other, under * other) for name, (over, under) in after.items()}
    assert effects(parts(before), parts(after)) == effects(parts(more), parts(most))


def test_rates_alone() -> None:
    before = {"mobile": (2, 100), "desktop": (10, 100)}
    after = {"mobile": (2, 100), "desktop": (4, 100)}
    assert effect(before, after, "desktop") == (Fraction(-3, 100), 0)
    assert effect(before, after, "mobile") == (0, 0)


def test_shares_alone() -> None:
    """Mobile, which sells worse, went from a half to three quarters."""
    before = {"mobile": (2, 100), "desktop": (10, 100)}
    after = {"mobile": (3, 150), "desktop": (5, 50)}
    reference = (Fraction(12, 200) + Fraction(8, 200)) / 2
    assert effect(before, after, "mobile") == (0, (Fraction(2, 100) - reference) / 4)
    assert effect(before, after, "desktop") == (0, -(Fraction(10, 100) - reference) / 4)


def test_a_segment_that_grows_adds_only_if_it_is_better_than_the_whole() -> None:
    before, after = {"a": (1, 10), "b": (5, 10)}, {"a": (1, 10), "b": (50, 100)}
    assert effect(before, after, "b").share > 0
    assert effect(before, after, "a").share > 0  # the worse one has less of a share


def test_a_segment_that_is_new_or_gone_is_a_change_of_share() -> None:
    whole, with_new = {"a": (1, 10)}, {"a": (1, 10), "new": (9, 10)}
    new = effect(whole, with_new, "new")
    assert (new.rate, new.share) == (0, (Fraction(9, 10) - Fraction(3, 10)) / 2)
    gone = effect(with_new, whole, "new")
    assert (gone.rate, gone.share) == (-new.rate, -new.share)


def test_a_numerator_without_a_denominator_is_told_as_a_rate_effect() -> None:
    """A refund in a window without orders of that channel."""
    before, after = {"shop": (1, 10)}, {"shop": (1, 10), "phone": (2, 0)}
    assert effect(before, after, "phone") == (Fraction(2, 10), 0)


def test_segments_that_were_never_there_add_nothing() -> None:
    before, after = {"a": (1, 10), "b": (0, 0)}, {"a": (2, 10), "b": (0, 0)}
    assert effect(before, after, "b") == (0, 0)


def test_without_a_ratio_in_both_windows_there_are_no_effects() -> None:
    assert effects(parts({"a": (1, 0)}), parts({"a": (1, 2)})) is None
    assert effects({}, {}) is None
