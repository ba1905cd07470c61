"""Visits and carts, as transcripts: events and a watermark in, facts out."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_windows.decoding import decode
from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS, Definitions
from kpi_windows.facts import Deltas
from kpi_windows.journeys import clicks, visitor
from kpi_windows.journeys.journal import Entry, Journals
from kpi_windows.journeys.visitor import VisitorRules
from kpi_windows.windows import Grid
from tests.kpi_windows.journeys import laws

T0 = 1_569_888_000_000  # 2019-10-01T00:00Z, a Tuesday
DEFINITIONS = Definitions()
GRID = Grid("UTC")


def event(type_: str, at: float, **fields: Any) -> Entry:
    """An entry at so many minutes after T0."""
    import json

    topic = (
        "carts"
        if type_ in ("product_added", "product_removed", "cart_updated", "checkout_started")
        else "clickstream"
    )
    raw = {"type": type_, "timestamp": T0 + int(at * MINUTE_MS), "visitor_id": "v", **fields}
    (made,) = decode(topic, [json.dumps(raw).encode()])
    return clicks.entry_of(made, DEFINITIONS)  # type: ignore[arg-type]


def page(at: float, **fields: Any) -> Entry:
    return event("page_viewed", at, **fields)


def add(at: float, **fields: Any) -> Entry:
    return event("product_added", at, **{"price": 10, **fields})


def order(at: float, order_id: str = "o1", cart_id: str = "", value: int = 25) -> Entry:
    at_ms = T0 + int(at * MINUTE_MS)
    return (at_ms, visitor.ORDERED, "\x00order" + order_id, "", cart_id, value * 1_000_000)


class Story:
    """Plays entries in order of arrival and answers with sums over all cells of a fact."""

    def __init__(self, *entries: Entry, watermark: float = 0) -> None:
        self.deltas = Deltas()
        journals = Journals(VisitorRules(DEFINITIONS, self.deltas, GRID))
        self.journal = journals.new()
        self.journal.head.hashed = self.journal.base.hashed = 7
        for entry in entries:
            journals.add(self.journal, entry)
        journals.settle(self.journal, T0 + int(watermark * MINUTE_MS))

    def __call__(self, fact: str, amount: str, **where: str) -> int:
        from kpi_windows.facts import FACTS

        spec = FACTS[fact]
        slot = spec.slot(amount)
        return sum(
            cell[slot]
            for (_, labels), cell in self.deltas.cells[fact].items()
            if all(labels[spec.labels.index(k)] == v for k, v in where.items())
        )


def test_a_gap_of_exactly_thirty_minutes_stays_one_visit_and_a_longer_one_starts_another() -> None:
    assert Story(page(0), page(30))("visit", "visits") == 1
    story = Story(page(0), page(30 + 1 / 60_000))
    assert story("visit", "visits") == 2
    assert story("visit", "visits", visitor="new") == 1
    assert story("visit", "visits", visitor="returning") == 1


def test_a_visitor_not_seen_for_four_hundred_days_is_new_again() -> None:
    days = 400 * DAY_MS / MINUTE_MS
    assert Story(page(0), page(days))("visit", "visits", visitor="returning") == 1
    assert Story(page(0), page(days + 1))("visit", "visits", visitor="new") == 2


def test_a_bounce_is_one_page_view_and_nothing_else() -> None:
    assert Story(page(0))("visit", "bounces") == 1
    assert Story(page(0), page(1))("visit", "bounces") == 0
    assert Story(page(0), event("link_clicked", 1))("visit", "bounces") == 0
    assert Story(add(0))("visit", "bounces") == 0, "a visit without a page is a visit, no bounce"


def test_a_short_visit_of_one_page_is_not_engaged_until_ten_seconds_a_page_or_an_order() -> None:
    assert Story(page(0))("visit", "not_engaged") == 1
    assert Story(page(0), event("heartbeat", 9.9 / 60))("visit", "not_engaged") == 1
    assert Story(page(0), event("heartbeat", 10 / 60))("visit", "not_engaged") == 0
    assert Story(page(0), page(0.01))("visit", "not_engaged") == 0
    assert Story(page(0), order(0.01))("visit", "not_engaged") == 0


def test_time_on_a_page_runs_to_the_next_event_and_the_last_page_counts_nothing() -> None:
    story = Story(
        page(0, page_type="blog"),
        event("link_clicked", 1),
        page(3, page_type="product"),
        event("heartbeat", 3.5),
        event("heartbeat", 4),
    )
    assert story("page_time", "next_event_ms", page_type="blog") == 1 * MINUTE_MS
    assert story("page_time", "next_page_ms", page_type="blog") == 3 * MINUTE_MS
    assert story("page_time", "next_event_ms", page_type="product") == MINUTE_MS // 2
    assert story("page_time", "next_page_ms", page_type="product") == MINUTE_MS
    assert story("visit", "duration_ms") == 4 * MINUTE_MS
    assert Story(page(0))("page_time", "next_event_ms") == 0


def test_a_visit_takes_its_labels_from_its_first_event_whatever_arrives_first() -> None:
    first = page(0, source="google", medium="cpc", device="mobile")
    for entries in ((first, page(5)), (page(5), first)):
        story = Story(*entries)
        assert story("visit", "visits", source="google", medium="paid", device="mobile") == 1
        assert story("visit", "visits") == 1
        assert story("visit", "page_views", source="google") == 2


def test_a_page_that_arrives_late_joins_two_visits_into_one() -> None:
    story = Story(page(0), page(50), page(25))
    assert story("visit", "visits") == 1
    assert story("visit", "duration_ms") == 50 * MINUTE_MS
    assert story("visit", "bounces") == 0


def test_the_clickers_of_a_page_never_outnumber_its_visitors() -> None:
    click = event("link_clicked", 1, page="/a")
    assert (
        Story(page(0, page="/a"), click, (*click[:2], "other", *click[3:]))("page", "clicked") == 1
    )
    story = Story(click)
    assert (story("page", "clicked"), story("page", "visits"), story("click", "clicks")) == (
        0,
        0,
        1,
    )


def test_an_order_converts_its_visit_and_the_pages_and_categories_seen_before_and_after() -> None:
    story = Story(
        page(0, page="/a", category="shoes"), order(1), page(2, page="/b"), order(3, "o2")
    )
    assert story("visit", "converted") == 1
    assert story("page", "converted", page="/a") == story("page", "converted", page="/b") == 1
    assert story("category", "converted", category="shoes") == 1
    assert Story(order(0))("visit", "converted") == 1, "an online order makes a visit by itself"


def test_a_cart_is_abandoned_when_the_watermark_reaches_the_deadline() -> None:
    assert Story(add(0), watermark=59.9)("cart", "abandoned") == 0
    story = Story(add(0), watermark=60)
    assert story("cart", "abandoned") == story("cart", "carts") == 1
    assert story("cart", "abandoned_micros") == 10_000_000
    assert Story(event("checkout_started", 0), watermark=60)("cart", "carts") == 0


def test_a_later_order_takes_the_abandonment_back_and_counts_as_recovered() -> None:
    story = Story(add(0), order(150), watermark=200)
    assert story("cart", "abandoned") == story("cart", "abandoned_micros") == 0
    assert story("cart", "ordered") == story("cart", "recovered") == 1
    assert story("cart", "recovered_micros") == 25_000_000
    assert story("cart", "recovered_ms") == 90 * MINUTE_MS
    assert Story(add(0), order(60), watermark=200)("cart", "recovered") == 0


def test_an_order_within_the_deadline_that_arrives_after_it_is_no_recovery() -> None:
    deltas = Deltas()
    journals = Journals(VisitorRules(DEFINITIONS, deltas, GRID))
    journal = journals.new()
    journals.add(journal, add(0))
    journals.settle(journal, T0 + 65 * MINUTE_MS)
    journals.add(journal, order(58))
    journals.settle(journal, T0 + 66 * MINUTE_MS)
    cells = list(deltas.cells["cart"].values())
    assert [sum(column) for column in zip(*cells, strict=True)] == [1, 0, 1, 0, 0, 0, 0]


def test_carts_with_names_are_told_apart() -> None:
    story = Story(add(0, cart_id="a"), add(1, cart_id="b"), order(2, cart_id="b"), watermark=90)
    assert (story("cart", "carts"), story("cart", "abandoned"), story("cart", "ordered")) == (
        2,
        1,
        1,
    )


def test_a_cart_told_as_a_whole_is_worth_its_latest_snapshot() -> None:
    def told(at: float, units: int, value: int, **fields: Any) -> Entry:
        return event("cart_updated", at, units=units, value=value, **fields)

    story = Story(told(0, 2, 30), told(10, 1, 12), watermark=70)
    assert story("cart", "carts") == story("cart", "abandoned") == 1
    assert story("cart", "abandoned_micros") == 12_000_000
    assert Story(told(10, 1, 12), told(0, 2, 30), watermark=70)("cart", "abandoned_micros") == (
        12_000_000
    ), "the latest by time, not by arrival"
    assert Story(told(0, 0, 0), watermark=70)("cart", "carts") == 0, "emptied: makes no cart"
    assert Story(told(0, 1, 0), watermark=70)("cart", "carts") == 1, "a gift is a cart too"
    bought = Story(told(0, 1, 12), order(5), told(6, 0, 0), watermark=70)
    assert (bought("cart", "ordered"), bought("cart", "abandoned")) == (1, 0)


_CHANGES = st.lists(
    st.tuples(
        st.integers(0, 400),  # minute
        st.sampled_from(["a", "b"]),  # cart
        st.integers(1, 5),  # price
        st.booleans(),  # take the latest product out, if there is one
    ),
    max_size=12,
    unique_by=lambda change: change[0],
)


@given(changes=_CHANGES, orders=st.lists(st.integers(0, 400), max_size=2), draw=st.data())
def test_snapshots_say_what_additions_and_removals_say(
    changes: list[tuple[int, str, int, bool]], orders: list[int], draw: st.DataObject
) -> None:
    steps: list[Entry] = []
    snapshots: list[Entry] = []
    carts: dict[str, list[int]] = {"a": [], "b": []}
    for at, cart_id, price, out in sorted(changes):
        goods = carts[cart_id]
        kind = "product_removed" if out and goods else "product_added"
        price = goods.pop() if out and goods else price
        if kind == "product_added":
            goods.append(price)
        told = {"cart_id": cart_id, "event_id": f"e{at}"}
        steps.append(event(kind, at, price=price, **told))
        snapshots.append(event("cart_updated", at, units=len(goods), value=sum(goods), **told))
    # No cart is left at hand by an order: what is put in afterwards would be told differently.
    last = [order(401 + at, f"o{at}", cart_id="a") for at in orders]
    by_step = Story(*draw.draw(st.permutations(steps + last)), watermark=2_000)
    by_snapshot = Story(*draw.draw(st.permutations(snapshots + last)), watermark=2_000)
    assert _cart_cells(by_step) == _cart_cells(by_snapshot)
    for amount in ("visits", "with_cart", "cart_without_order", "converted", "duration_ms"):
        assert by_step("visit", amount) == by_snapshot("visit", amount), amount


def _cart_cells(story: Story) -> dict[Any, Any]:
    return {at: cell for at, cell in story.deltas.cells["cart"].items() if any(cell)}


def test_same_visit_abandonment_looks_at_the_visit_only() -> None:
    story = Story(add(0), order(40))
    assert story("visit", "with_cart") == story("visit", "cart_without_order") == 1
    assert Story(add(0), order(4))("visit", "cart_without_order") == 0
    assert Story(order(0), add(4))("visit", "cart_without_order") == 0


def test_a_checkout_is_counted_once_a_visit_and_with_its_order_whichever_comes_first() -> None:
    checkout = event("checkout_started", 1, device="mobile")
    begun = Story(page(0, device="mobile"), checkout, event("checkout_started", 2))
    assert begun("checkout", "visits", device="mobile") == 1
    assert begun("checkout", "ordered") == 0
    for at in (0.5, 5):
        done = Story(page(0, device="mobile"), checkout, order(at))
        assert done("checkout", "visits") == done("checkout", "ordered", device="mobile") == 1
    assert Story(checkout, order(40))("checkout", "ordered") == 0, "the next visit's order"
    assert Story(page(0), order(1))("checkout", "visits") == 0


def test_a_contact_names_the_page_seen_just_before_and_is_no_visit() -> None:
    def contact(at: float) -> Entry:
        return (T0 + int(at * MINUTE_MS), visitor.CONTACTED, "\x00tickett1", "phone")

    story = Story(page(0, page="/returns"), contact(5))
    assert story("contact_page", "contacts", page="/returns", channel="phone") == 1
    assert Story(contact(5), page(0, page="/returns"))("contact_page", "contacts") == 1
    late = Story(page(0, page="/returns"), contact(31))
    assert (late("contact_page", "contacts"), late("visit", "visits")) == (0, 1)


def test_a_forgotten_visitor_starts_anew() -> None:
    gone = (T0 + MINUTE_MS, visitor.FORGOTTEN, "\x00forgotten")
    assert Story(page(0), gone, page(2))("visit", "visits", visitor="new") == 2


ENTRIES = st.lists(
    st.one_of(
        st.builds(
            page, st.integers(0, 300), page=st.sampled_from("ab"), page_type=st.sampled_from(["blog", "home"]),
            category=st.sampled_from(["", "x"]), source=st.sampled_from(["", "google"]),
            event_id=st.uuids().map(str),
        ),
        st.builds(add, st.integers(0, 300), cart_id=st.sampled_from(["p", "q"]), event_id=st.uuids().map(str)),
        st.builds(order, st.integers(0, 300), st.uuids().map(str), st.sampled_from(["", "p"])),
        st.builds(lambda at, i: event("link_clicked", at, page="a", event_id=i), st.integers(0, 300), st.uuids().map(str)),
        st.builds(lambda at: event("heartbeat", at), st.integers(0, 300)),
    ),
    max_size=14,
)  # fmt: skip


def facts_of(
    entries: list[Entry], watermarks: list[float], trims: bool = False, packs: bool = False
) -> dict[Any, Any]:
    """All non-empty cells after the entries arrived one by one, settled at each watermark."""
    deltas = Deltas()
    journals = Journals(VisitorRules(DEFINITIONS, deltas, GRID))
    journal = journals.new()
    journal.head.hashed = journal.base.hashed = 7
    for number, entry in enumerate(entries):
        journals.add(journal, entry)
        journals.add(journal, entry) if entry[2] else None
        if number < len(watermarks):
            journals.settle(journal, T0 + int(watermarks[number] * MINUTE_MS))
        if trims and number + 1 < len(entries):
            journals.trim(journal, min(later[0] for later in entries[number + 1 :]))
        if packs:
            journal = journals.unpack(journals.pack(journal))
    journals.settle(journal, T0 + 10 * HOUR_MS)
    return {
        (fact, key): told
        for fact, cells in deltas.cells.items()
        for key, cell in cells.items()
        if any(told := [_told(amount) for amount in cell])
    }


def _told(amount: Any) -> Any:
    if isinstance(amount, dict):
        return {bucket: count for bucket, count in amount.items() if count}
    return amount if isinstance(amount, int) else amount.pack()[1:]


@given(ENTRIES, st.randoms(), st.lists(st.integers(0, 400).map(float), max_size=14))
def test_facts_depend_on_the_events_alone_not_on_arrival_watermarks_trims_or_packing(
    entries: list[Entry], random: Any, marks: list[float]
) -> None:
    in_order = facts_of(sorted(entries), [])
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert facts_of(shuffled, []) == in_order
    assert facts_of(shuffled, sorted(marks)) == in_order
    assert facts_of(sorted(entries), [], trims=True, packs=True) == in_order
    assert facts_of(shuffled, sorted(marks), trims=True, packs=True) == in_order


@pytest.mark.parametrize("extra", [0, 40])
def test_a_long_visit_is_trimmed_without_a_trace(extra: int) -> None:
    entries = [page(i / 10, page=f"/{i % 7}", event_id=str(i)) for i in range(60 + extra)]
    assert facts_of(entries, [], trims=True) == facts_of(entries, [])


@given(ENTRIES, st.sets(st.integers(0, 14)), st.sampled_from([1, -1, 0]))
def test_several_steps_at_once_are_the_same_as_one_by_one(
    entries: list[Entry], breaks: set[int], sign: int
) -> None:
    told = []
    life = sorted(entries)
    for cuts in (set(range(len(life))), breaks):
        deltas = Deltas()
        rules = VisitorRules(DEFINITIONS, deltas, GRID)
        state = rules.state()
        at = [0, *sorted(cut for cut in cuts if 0 < cut < len(life)), len(life)]
        for first, last in pairwise(at):
            rules.steps(state, life[first:last], sign)
        told.append((msgspec.msgpack.encode(state), laws.facts_of(deltas)))
    assert told[0] == told[1]
