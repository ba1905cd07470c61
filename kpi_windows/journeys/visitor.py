"""A visitor's visits and carts: clicks, carts, orders and contacts in, signed facts out.

    page   page  add        page                 order
    |------|-----|----------|     > 30 min       |
    '-- visit 1, all counted --'                 '-- visit 2, returning, converted
       at its start

It must not know where an event came from, nor the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, ClassVar

from kpi_windows.definitions import MINUTE_MS, Definitions
from kpi_windows.facts import Deltas
from kpi_windows.facts.visits import (
    CATEGORY,
    CHAT,
    CLICK,
    CONTACT_PAGE,
    DAY_PART,
    PAGE,
    PAGE_TIME,
    VISIT,
    VISITOR,
)
from kpi_windows.facts.visits import CHECKOUT as CHECKOUT_FACT
from kpi_windows.journeys.attribution import Attribution
from kpi_windows.journeys.carts import Carts
from kpi_windows.journeys.journal import NEVER, Entry
from kpi_windows.journeys.promotions import Promotions
from kpi_windows.journeys.visitor_state import (
    ADD,
    BEAT,
    CHECKOUT,
    CHOSEN,
    CONTACTED,
    FORGOTTEN,
    HAS_CART,
    HAS_CHAT,
    HAS_CHECKOUT,
    HAS_ORDER,
    IS_ENGAGED,
    LINK,
    OPENED_CHAT,
    ORDERED,
    PAGE_VIEW,
    REMOVE,
    SAW_BLOG,
    SEEN_PAGES,
    SHOWN,
    UPDATED,
    VisitorState,
)
from kpi_windows.journeys.words import Known, Labels, Seen, labels, page_type, reach, seen
from kpi_windows.sketches import bucket_of, hash64
from kpi_windows.windows import Grid

_VISITS = VISIT.slot("visits")
_BOUNCES = VISIT.slot("bounces")
_NOT_ENGAGED = VISIT.slot("not_engaged")
_PAGE_VIEWS = VISIT.slot("page_views")
_DURATION_MS = VISIT.slot("duration_ms")
_CONVERTED = VISIT.slot("converted")
_WITH_CART = VISIT.slot("with_cart")
_CART_WITHOUT_ORDER = VISIT.slot("cart_without_order")
_SAW_BLOG = VISIT.slot("saw_blog")
_WITH_CHAT = VISIT.slot("with_chat")
_DURATION = VISIT.slot("duration")


_seen_as: Known[str, Seen] = Known(seen)
_type_of: Known[str, tuple[str]] = Known(page_type)
_labels_of: Known[str, tuple[Labels, Labels]] = Known(labels)
_reach_of: Known[str, tuple[str, str]] = Known(reach)
_BLOG_TYPE = ("blog",)
_NUMBERS = [f"{number:02d}" for number in range(24)]


class VisitorRules:
    """Rules of the visitor's journey; see `Rules`."""

    state = VisitorState

    def __init__(self, definitions: Definitions, deltas: Deltas, grid: Grid) -> None:
        self._gap_ms = definitions.visit_gap_ms
        self._engaged_ms = definitions.engaged_ms
        self._new_again_ms = definitions.new_again_ms
        self._contact_page_ms = definitions.contact_page_ms
        self._local = grid.local
        self._visits = deltas.cells[VISIT.name]
        self._visitors = deltas.cells[VISITOR.name]
        self._day_part = deltas.adder(DAY_PART)
        self._page_times = deltas.cells[PAGE_TIME.name]
        self._pages = deltas.cells[PAGE.name]
        self._categories = deltas.cells[CATEGORY.name]
        self._checkouts = deltas.cells[CHECKOUT_FACT.name]
        self._click = deltas.adder(CLICK)
        self._chat = deltas.adder(CHAT)
        self._contact = deltas.adder(CONTACT_PAGE)
        self._promotions = Promotions(deltas)
        self._attribution = Attribution(definitions, deltas)
        self._carts = Carts(definitions, deltas)

    def step(self, state: VisitorState, entry: Entry, sign: int) -> None:
        """Moves the visit and the carts by one event."""
        self.steps(state, (entry,), sign)

    def steps(self, state: VisitorState, entries: Sequence[Entry], sign: int) -> None:
        """The same as a step for each of them, in order of time."""
        taken = 0
        while taken < len(entries):
            entry = entries[taken]
            kind = entry[1]
            if kind == CONTACTED:
                self._step_contact(state, entry, sign)
                taken += 1
            elif kind == FORGOTTEN:
                self._carts.settle(state.carts, entry[0], sign)
                _forget(state)
                taken += 1
            else:
                if not state.last_ms or entry[0] - state.last_ms > self._gap_ms:
                    self._start(state, entry, sign)
                taken = self._go_on(state, entries, taken, sign)

    def _go_on(self, state: VisitorState, entries: Sequence[Entry], taken: int, sign: int) -> int:
        """Moves the visit at hand by the event after `taken` others, and by what follows in the same
        visit; answers with how many are taken then.

        Written for speed: it runs for every click, and `make bench` lives on it.  What events of a
        visit share is looked up, moved and stated once for all of them, not event by event.
        """
        cell = self._cell(state)
        page_times, gap_ms = self._page_times, self._gap_ms
        last_ms, events, views = state.last_ms, state.events, 0
        page_ms, is_open, place = state.page_ms, state.page_open, state.page
        told_ms, told = state.told_ms, state.told
        was_bounce = events == 1 == state.pages
        spent = page_times[page_ms - page_ms % MINUTE_MS, _type_of[place]] if page_ms else None
        duration_ms = 0
        for entry in islice(entries, taken, None):
            at_ms, kind = entry[0], entry[1]
            if at_ms - last_ms > gap_ms or (kind >= CONTACTED and kind != UPDATED):
                break
            context = entry[3]
            taken += 1
            events += 1
            if at_ms > last_ms:
                duration_ms += at_ms - last_ms
            if spent is not None:
                if is_open:
                    spent[1] += sign * (at_ms - page_ms)
                    is_open = False
                spent[2] += sign * (at_ms - last_ms)
            last_ms = at_ms
            if kind == PAGE_VIEW:
                views += 1
                page_ms, is_open, place = at_ms, True, entry[4]
                spent = page_times[at_ms - at_ms % MINUTE_MS, _type_of[place]]
                spent[0] += sign
                self._see(state, place, cell, sign)
            elif kind != BEAT:
                state.events = events
                self._STEPS[kind](self, state, entry, sign)
                events = state.events
            if sign > 0 and (
                not 0 <= at_ms - told_ms < MINUTE_MS or context != told or kind == ORDERED
            ):
                told_ms, told = at_ms - at_ms % MINUTE_MS, context
                seen = self._visitors[told_ms, _reach_of[context]]
                seen[0].add(state.hashed)
                if kind == ORDERED:
                    seen[1].add(state.hashed)
        if views:
            cell[_PAGE_VIEWS] += sign * views
            state.pages += views
            state.last_page, state.last_page_ms = place, page_ms
        state.page, state.page_ms, state.page_open = place, page_ms, is_open
        state.last_ms, state.events = last_ms, events
        state.told_ms, state.told = told_ms, told
        cell[_BOUNCES] += sign * ((events == 1 == state.pages) - was_bounce)
        if duration_ms:
            self._last(state, duration_ms, cell, sign)
        if not state.marks & IS_ENGAGED:
            self._engage(state, cell, sign)
        return taken

    def _last(self, state: VisitorState, more_ms: int, cell: Any, sign: int) -> None:
        """The visit lasts longer than before."""
        cell[_DURATION_MS] += sign * more_ms
        bucket = bucket_of(state.last_ms - state.start_ms)
        if bucket != state.bucket:
            counts = cell[_DURATION]
            counts[state.bucket] = counts.get(state.bucket, 0) - sign
            counts[bucket] = counts.get(bucket, 0) + sign
            state.bucket = bucket

    def _engage(self, state: VisitorState, cell: Any, sign: int) -> None:
        if (
            state.pages > 1
            or state.marks & HAS_ORDER
            or state.last_ms - state.start_ms >= self._engaged_ms
        ):
            state.marks |= IS_ENGAGED
            cell[_NOT_ENGAGED] -= sign

    def settle(self, state: VisitorState, watermark_ms: int, sign: int) -> bool:
        """Carts whose deadline has passed are abandoned."""
        return self._carts.settle(state.carts, watermark_ms, sign)

    def due_ms(self, state: VisitorState) -> int:
        """The next deadline of a cart."""
        return self._carts.due_ms(state.carts) if state.carts else NEVER

    def ends_ms(self, state: VisitorState) -> int:
        """When the visitor would count as new anyway."""
        return state.last_ms + self._new_again_ms + 1

    def _start(self, state: VisitorState, entry: Entry, sign: int) -> None:
        at_ms = entry[0]
        returning = state.last_ms and at_ms - state.last_ms <= self._new_again_ms
        self._attribution.start(state, entry[3], returning=bool(returning))
        state.context = entry[3]
        state.is_new = not returning
        state.start_ms = state.last_ms = at_ms
        state.minute_ms = at_ms - at_ms % MINUTE_MS
        state.pages = state.events = state.marks = state.page_ms = state.bucket = 0
        state.seen, state.categories, state.promotions = {}, [], {}
        cell = self._cell(state)
        cell[_VISITS] += sign
        cell[_NOT_ENGAGED] += sign
        counts = cell[_DURATION]
        counts[0] = counts.get(0, 0) + sign
        weekday, hour = self._local(at_ms)
        self._day_part(at_ms, str(weekday + 1), _NUMBERS[hour])[0] += sign

    def _cell(self, state: VisitorState) -> Any:
        """Where the visit at hand is counted."""
        return self._visits[state.minute_ms, _labels_of[state.context][state.is_new]]

    def _checkout(self, state: VisitorState) -> Any:
        """Where the checkout of the visit at hand is counted."""
        return self._checkouts[state.minute_ms, (_labels_of[state.context][0][3],)]

    def _see(self, state: VisitorState, place: str, cell: Any, sign: int) -> None:
        """A page and its category count once a visit."""
        page, of_page, category, of_category = _seen_as[place]
        if _type_of[place] == _BLOG_TYPE and not state.marks & SAW_BLOG:
            state.marks |= SAW_BLOG
            cell[_SAW_BLOG] += sign
        before = state.seen.get(page, 0)
        if not before & 1 and (before or len(state.seen) < SEEN_PAGES):
            state.seen[page] = before | 1
            page_cell = self._pages[state.minute_ms, of_page]
            page_cell[0] += sign
            if before:
                page_cell[1] += sign
            if state.marks & HAS_ORDER:
                page_cell[2] += sign
        if category and category not in state.categories and len(state.categories) < SEEN_PAGES:
            state.categories.append(category)
            category_cell = self._categories[state.minute_ms, of_category]
            category_cell[0] += sign
            if state.marks & HAS_ORDER:
                category_cell[1] += sign

    def _step_click(self, state: VisitorState, entry: Entry, sign: int) -> None:
        page = entry[4]
        self._click(entry[0], entry[5])[0] += sign
        marks = state.seen.get(page, 0)
        if marks & 2 or (not marks and len(state.seen) >= SEEN_PAGES):
            return
        state.seen[page] = marks | 2
        if marks & 1:
            self._pages[state.minute_ms, (page,)][1] += sign

    def _step_promotion(self, state: VisitorState, entry: Entry, sign: int) -> None:
        self._promotions.step(state, entry, sign, clicked=entry[1] == CHOSEN)

    def _step_chat(self, state: VisitorState, entry: Entry, sign: int) -> None:
        self._chat(entry[0], entry[4])[0] += sign
        if not state.marks & HAS_CHAT:
            state.marks |= HAS_CHAT
            self._cell(state)[_WITH_CHAT] += sign

    def _step_cart(self, state: VisitorState, entry: Entry, sign: int) -> None:
        change = (0, entry[5], -entry[5], 0)[entry[1] - BEAT]
        self._touch_cart(state, entry, change, entry[1] == ADD, sign)

    def _step_cart_updated(self, state: VisitorState, entry: Entry, sign: int) -> None:
        """Of a cart at hand only one that is worth more now was added to."""
        before = self._carts.value_micros(state.carts, entry[4], entry[0])
        change = entry[5] - (before or 0)
        adds = bool(entry[6]) and (before is None or change > 0)
        self._touch_cart(state, entry, change, adds, sign)

    def _touch_cart(
        self, state: VisitorState, entry: Entry, change: int, adds: bool, sign: int
    ) -> None:
        if adds and not state.marks & HAS_CART:
            state.marks |= HAS_CART
            cell = self._cell(state)
            cell[_WITH_CART] += sign
            if not state.marks & HAS_ORDER:
                cell[_CART_WITHOUT_ORDER] += sign
        elif entry[1] == CHECKOUT and not state.marks & HAS_CHECKOUT:
            state.marks |= HAS_CHECKOUT
            cell = self._checkout(state)
            cell[0] += sign
            if state.marks & HAS_ORDER:
                cell[1] += sign
        device = _labels_of[entry[3]][0][3]
        state.carts = self._carts.touch(state.carts, entry[4], entry[0], device, change, adds, sign)

    def _step_order(self, state: VisitorState, entry: Entry, sign: int) -> None:
        if not state.marks & HAS_ORDER:
            cell = self._cell(state)
            if state.marks & HAS_CART:
                cell[_CART_WITHOUT_ORDER] -= sign
            if state.marks & HAS_CHECKOUT:
                self._checkout(state)[1] += sign
            state.marks |= HAS_ORDER
            cell[_CONVERTED] += sign
            for page, marks in state.seen.items():
                if marks & 1:
                    self._pages[state.minute_ms, (page,)][2] += sign
            for category in state.categories:
                self._categories[state.minute_ms, (category,)][1] += sign
        self._attribution.order(state, entry, sign)
        state.carts = self._carts.order(state.carts, entry[4], entry[0], entry[5], sign)

    _STEPS: ClassVar[dict[int, Any]] = {
        LINK: _step_click,
        SHOWN: _step_promotion,
        CHOSEN: _step_promotion,
        OPENED_CHAT: _step_chat,
        ADD: _step_cart,
        REMOVE: _step_cart,
        CHECKOUT: _step_cart,
        ORDERED: _step_order,
        UPDATED: _step_cart_updated,
    }

    def _step_contact(self, state: VisitorState, entry: Entry, sign: int) -> None:
        if state.last_page_ms and entry[0] - state.last_page_ms <= self._contact_page_ms:
            self._contact(entry[0], _seen_as[state.last_page][0], entry[3])[0] += sign


def begin(state: VisitorState, visitor_id: str) -> None:
    """Of a visitor that is seen for the first time."""
    state.hashed = hash64(visitor_id)


def _forget(state: VisitorState) -> None:
    blank = VisitorState(hashed=state.hashed)
    for name in VisitorState.__struct_fields__:
        setattr(state, name, getattr(blank, name))
