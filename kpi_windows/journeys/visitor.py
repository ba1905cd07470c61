"""A visitor's visits and carts: clicks, carts, orders and contacts in, signed facts out.

    page   page  add        page                 order
    |------|-----|----------|     > 30 min       |
    '-- visit 1, all counted --'                 '-- visit 2, returning, converted
       at its start

It must not know where an event came from, nor the clock.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

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
from kpi_windows.journeys.carts import Cart, Carts
from kpi_windows.journeys.journal import NEVER, Entry
from kpi_windows.journeys.promotions import Promotions
from kpi_windows.journeys.words import Known, Labels, Seen, labels, page_type, reach, seen
from kpi_windows.sketches import hash64
from kpi_windows.windows import Grid

PAGE_VIEW, LINK, SHOWN, CHOSEN, OPENED_CHAT, BEAT, ADD, REMOVE, CHECKOUT = range(9)
ORDERED, CONTACTED, FORGOTTEN, UPDATED = range(9, 13)

SEEN_PAGES = 200
"""Different pages (and categories) of one visit that are told apart; later ones only count as
page views."""

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


class VisitorState(msgspec.Struct, array_like=True):
    """What is known of a visitor: the visit at hand, the carts at hand, and when it was last here."""

    hashed: int = 0
    last_ms: int = 0
    start_ms: int = 0
    context: str = ""
    """The visit's first event's source, medium, campaign and device."""
    is_new: bool = False
    pages: int = 0
    events: int = 0
    marks: int = 0
    """What happened in the visit: bits `_ORDER`, `_CART`, `_BLOG`, `_CHAT`, `_ENGAGED`,
    `_CHECKOUT`."""
    seen: dict[str, int] = {}
    """Pages of the visit: 1 seen, 2 clicked, 3 both."""
    categories: list[str] = []
    page_ms: int = 0
    page: str = ""
    """The latest page view's page, page type and category."""
    page_open: bool = False
    """No event of the visit has followed the latest page view yet."""
    last_page: str = ""
    """The same, and its time, beyond the visit."""
    last_page_ms: int = 0
    carts: list[Cart] = []
    minute_ms: int = 0
    """The pane in which the visit is counted."""
    bucket: int = 0
    """Where the visit's duration is counted."""
    told_ms: int = -MINUTE_MS
    told: str = ""
    """The minute in which the visitor was last counted as seen, and the context then."""
    touch: str = ""
    touch_ms: int = 0
    """The last visit that wasn't direct, its context and start; empty while it is the one at hand."""
    promotions: dict[str, int] = {}
    """Promotions of the visit: 1 seen, 2 clicked, 3 both."""


_ORDER, _CART, _BLOG, _CHAT, _ENGAGED, _CHECKOUT = 1, 2, 4, 8, 16, 32
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
        """Moves the visit and the carts by one event.

        Written for speed: it runs for every click, and `make bench` lives on it.
        """
        kind = entry[1]
        if kind >= CONTACTED and kind != UPDATED:
            if kind == CONTACTED:
                self._step_contact(state, entry, sign)
            else:
                self._carts.settle(state.carts, entry[0], sign)
                _forget(state)
            return
        at_ms = entry[0]
        last_ms = state.last_ms
        marks = state.marks
        if not last_ms or at_ms - last_ms > self._gap_ms:
            cell = self._start(state, entry, sign)
            marks = 0
        else:
            cell = self._visits[state.minute_ms, _labels_of[state.context][state.is_new]]
            if state.events == 1 == state.pages:
                cell[_BOUNCES] -= sign
            if at_ms > last_ms:
                cell[_DURATION_MS] += sign * (at_ms - last_ms)
                length_ms = at_ms - state.start_ms
                shift = length_ms.bit_length() - 7  # bucket_of(length_ms), without the call
                bucket = (shift << 6) + (length_ms >> shift) if shift > 0 else length_ms
                before = state.bucket
                if bucket != before:
                    counts = cell[_DURATION]
                    counts[before] = counts.get(before, 0) - sign
                    counts[bucket] = counts.get(bucket, 0) + sign
                    state.bucket = bucket
            page_ms = state.page_ms
            if page_ms:
                spent = self._page_times[page_ms - page_ms % MINUTE_MS, _type_of[state.page]]
                if state.page_open:
                    spent[1] += sign * (at_ms - page_ms)
                    state.page_open = False
                spent[2] += sign * (at_ms - last_ms)
        state.last_ms = at_ms
        state.events += 1
        if kind == PAGE_VIEW:
            self._step_page(state, entry, sign, cell)
        else:
            self._STEPS[kind](self, state, entry, sign)
            if kind == ORDERED and sign > 0:
                self._tell_visitor(state, entry)[1].add(state.hashed)
        if state.events == 1 == state.pages:
            cell[_BOUNCES] += sign
        if not marks & _ENGAGED and (
            state.pages > 1 or state.marks & _ORDER or at_ms - state.start_ms >= self._engaged_ms
        ):
            state.marks |= _ENGAGED
            cell[_NOT_ENGAGED] -= sign
        if (
            at_ms - state.told_ms >= MINUTE_MS or at_ms < state.told_ms or entry[3] != state.told
        ) and sign > 0:
            self._tell_visitor(state, entry)

    def settle(self, state: VisitorState, watermark_ms: int, sign: int) -> bool:
        """Carts whose deadline has passed are abandoned."""
        return self._carts.settle(state.carts, watermark_ms, sign)

    def due_ms(self, state: VisitorState) -> int:
        """The next deadline of a cart."""
        return self._carts.due_ms(state.carts) if state.carts else NEVER

    def ends_ms(self, state: VisitorState) -> int:
        """When the visitor would count as new anyway."""
        return state.last_ms + self._new_again_ms + 1

    def _start(self, state: VisitorState, entry: Entry, sign: int) -> Any:
        at_ms = entry[0]
        returning = state.last_ms and at_ms - state.last_ms <= self._new_again_ms
        self._attribution.start(state, entry[3], returning=bool(returning))
        state.context = entry[3]
        state.is_new = not returning
        state.start_ms = at_ms
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
        return cell

    def _cell(self, state: VisitorState) -> Any:
        """Where the visit at hand is counted."""
        return self._visits[state.minute_ms, _labels_of[state.context][state.is_new]]

    def _checkout(self, state: VisitorState) -> Any:
        """Where the checkout of the visit at hand is counted."""
        return self._checkouts[state.minute_ms, (_labels_of[state.context][0][3],)]

    def _tell_visitor(self, state: VisitorState, entry: Entry) -> Any:
        """Adds the visitor to the different ones of the minute, by what the event itself says."""
        state.told_ms = minute_ms = entry[0] - entry[0] % MINUTE_MS
        state.told = entry[3]
        cell = self._visitors[minute_ms, _reach_of[entry[3]]]
        cell[0].add(state.hashed)
        return cell

    def _step_page(self, state: VisitorState, entry: Entry, sign: int, cell: Any) -> None:
        at_ms, place = entry[0], entry[4]
        page, of_page, category, of_category = _seen_as[place]
        of_type = _type_of[place]
        state.pages += 1
        cell[_PAGE_VIEWS] += sign
        state.page_ms = state.last_page_ms = at_ms
        state.page = state.last_page = place
        state.page_open = True
        self._page_times[at_ms - at_ms % MINUTE_MS, of_type][0] += sign
        if of_type == _BLOG_TYPE and not state.marks & _BLOG:
            state.marks |= _BLOG
            cell[_SAW_BLOG] += sign
        before = state.seen.get(page, 0)
        if not before & 1 and (before or len(state.seen) < SEEN_PAGES):
            state.seen[page] = before | 1
            page_cell = self._pages[state.minute_ms, of_page]
            page_cell[0] += sign
            if before:
                page_cell[1] += sign
            if state.marks & _ORDER:
                page_cell[2] += sign
        if category and category not in state.categories and len(state.categories) < SEEN_PAGES:
            state.categories.append(category)
            category_cell = self._categories[state.minute_ms, of_category]
            category_cell[0] += sign
            if state.marks & _ORDER:
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
        if not state.marks & _CHAT:
            state.marks |= _CHAT
            self._cell(state)[_WITH_CHAT] += sign

    def _step_beat(self, state: VisitorState, entry: Entry, sign: int) -> None:
        """A heartbeat only lengthens the visit."""

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
        if adds and not state.marks & _CART:
            state.marks |= _CART
            cell = self._cell(state)
            cell[_WITH_CART] += sign
            if not state.marks & _ORDER:
                cell[_CART_WITHOUT_ORDER] += sign
        elif entry[1] == CHECKOUT and not state.marks & _CHECKOUT:
            state.marks |= _CHECKOUT
            cell = self._checkout(state)
            cell[0] += sign
            if state.marks & _ORDER:
                cell[1] += sign
        device = _labels_of[entry[3]][0][3]
        state.carts = self._carts.touch(state.carts, entry[4], entry[0], device, change, adds, sign)

    def _step_order(self, state: VisitorState, entry: Entry, sign: int) -> None:
        if not state.marks & _ORDER:
            cell = self._cell(state)
            if state.marks & _CART:
                cell[_CART_WITHOUT_ORDER] -= sign
            if state.marks & _CHECKOUT:
                self._checkout(state)[1] += sign
            state.marks |= _ORDER
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
        BEAT: _step_beat,
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
