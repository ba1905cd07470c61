"""What orders are put down to, and which promotions a visit saw: transcripts of visitors."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.definitions import DAY_MS, MINUTE_MS
from kpi_windows.journeys import visitor
from kpi_windows.journeys.journal import Entry
from tests.kpi_windows.journeys.test_visitor import Story, event, facts_of, order, page

DAYS = DAY_MS / MINUTE_MS
AD: dict[str, str] = {"source": "google", "medium": "cpc", "campaign": "brand"}


def put_down(story: Story, **to: str) -> tuple[int, int]:
    """Orders and their value in money."""
    orders, value = (story("attributed", name, **to) for name in ("orders", "value_micros"))
    return orders, value // 1_000_000


def test_an_order_belongs_to_its_own_visit_when_that_wasnt_direct() -> None:
    story = Story(page(0, source="bing"), page(100, **AD), order(105), order(110, "o2", value=10))
    assert put_down(story, source="google", medium="paid", campaign="brand") == (2, 35)
    assert put_down(story) == (2, 35)


def test_a_direct_visit_after_an_ad_visit_puts_its_order_down_to_the_ad() -> None:
    story = Story(page(0, **AD), page(100), page(3 * DAYS), order(3 * DAYS + 5))
    assert put_down(story, campaign="brand") == (1, 25)
    assert story("visit", "converted", source="direct") == 1, "the visit stays a direct one"


def test_an_order_that_is_a_visit_by_itself_is_put_down_to_the_last_ad() -> None:
    assert put_down(Story(page(0, **AD), order(500)), medium="paid") == (1, 25)
    assert put_down(Story(order(500)), source="direct", medium="direct", campaign="(none)") == (
        1,
        25,
    )


def test_the_last_visit_that_wasnt_direct_counts() -> None:
    email = {"source": "newsletter", "medium": "email"}
    story = Story(page(0, **AD), page(100, **email), page(200), order(205))
    assert put_down(story, medium="email") == (1, 25)


def test_attribution_reaches_exactly_thirty_days_back_from_the_order_to_the_visits_start() -> None:
    def lived(at: float) -> Story:
        return Story(page(0, **AD), page(20), page(50), order(at))

    assert put_down(lived(30 * DAYS), medium="paid") == (1, 25)
    assert put_down(lived(30 * DAYS + 1 / MINUTE_MS), medium="direct") == (1, 25)
    own = Story(page(0, **AD), *(page(29 * i) for i in range(1, 1500)), order(31 * DAYS))
    assert put_down(own, medium="direct") == (1, 25), "a new visit, after the long one"


def test_a_visitor_who_is_new_again_or_forgotten_has_no_past() -> None:
    gone = (int(page(50)[0]), visitor.FORGOTTEN, "\x00forgotten")
    assert put_down(Story(page(0, **AD), gone, order(60)), medium="direct") == (1, 25)
    assert put_down(Story(page(0, **AD), order(401 * DAYS)), medium="direct") == (1, 25)


def test_an_ad_visit_that_arrives_after_the_order_takes_it_over() -> None:
    story = Story(page(100), order(105), page(0, **AD))
    assert put_down(story, medium="paid") == (1, 25)
    assert put_down(story, medium="direct") == (0, 0)


# ---------------------------------------------------------------------------- promotions


def shown(at: float, promotion: str = "sale", **fields: Any) -> Entry:
    return event("promotion_viewed", at, promotion_id=promotion, **fields)


def chosen(at: float, promotion: str = "sale", **fields: Any) -> Entry:
    return event("promotion_clicked", at, promotion_id=promotion, **fields)


def of_promotion(story: Story, promotion: str = "sale") -> tuple[int, int]:
    return story("promotion", "visits", promotion=promotion), story(
        "promotion", "clicked", promotion=promotion
    )


def test_a_visit_sees_and_clicks_a_promotion_once() -> None:
    assert of_promotion(Story(page(0), shown(1), shown(2), chosen(3), chosen(4))) == (1, 1)
    assert of_promotion(Story(shown(1), shown(50), chosen(51))) == (2, 1)
    story = Story(shown(1), chosen(2, "other"))
    assert (of_promotion(story), of_promotion(story, "other")) == ((1, 0), (0, 0))
    assert of_promotion(Story(chosen(1), shown(2))) == (1, 1), "a click before the view waits"


def test_a_promotion_counts_at_the_visits_start() -> None:
    story = Story(page(0), shown(10), chosen(11))
    assert {at for at, _ in story.deltas.cells["promotion"]} == {page(0)[0]}


def test_promotions_lengthen_a_visit_and_only_a_click_ends_a_bounce() -> None:
    assert Story(page(0), shown(2))("visit", "duration_ms") == 2 * MINUTE_MS
    for only_seen in ((page(0), shown(1)), (shown(0), page(1)), (shown(0), page(1), shown(2))):
        assert Story(*only_seen)("visit", "bounces") == 1
    assert Story(page(0), shown(1), chosen(2))("visit", "bounces") == 0
    assert Story(page(0), shown(1), page(2))("visit", "bounces") == 0
    assert Story(shown(0))("visit", "bounces") == 0, "no page, no bounce"


TIMES = st.integers(0, 50_000)
IDS = st.uuids().map(str)
ENTRIES = st.lists(
    st.one_of(
        st.builds(
            page, TIMES, source=st.sampled_from(["", "google", "bing"]), event_id=IDS,
            medium=st.sampled_from(["", "cpc", "(none)"]),
        ),
        st.builds(order, TIMES, IDS),
        st.builds(shown, st.integers(0, 60), st.sampled_from("ab"), event_id=IDS),
        st.builds(chosen, st.integers(0, 60), st.sampled_from("ab"), event_id=IDS),
    ),
    max_size=12,
)  # fmt: skip


@given(ENTRIES, st.randoms(), st.lists(st.integers(0, 60_000).map(float), max_size=12))
def test_neither_order_of_arrival_nor_trims_nor_packing_change_them(
    entries: list[Entry], chance: Any, marks: list[float]
) -> None:
    shuffled = list(entries)
    chance.shuffle(shuffled)
    expected = facts_of(sorted(entries), [])
    assert facts_of(shuffled, sorted(marks), trims=True, packs=True) == expected
    assert facts_of(sorted(entries), [], trims=True) == expected
