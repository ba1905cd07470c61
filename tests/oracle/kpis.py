"""The formulas of all KPIs over the cubes, by id and by the name of the number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from tests.oracle.cubes import Series, Sums, Values, _labels_of
from tests.oracle.windows import Window

MICRO = Fraction(1, 1_000_000)
MILLI = Fraction(1, 1_000)
YEAR_MS = Fraction(36_525, 100) * 86_400_000
DAY_MS = Fraction(86_400_000)


@dataclass(frozen=True)
class Asked:
    """A window, by which labels, and of which label values."""

    sums: Sums
    name: str
    window: Window
    before: Window
    """Over the same elapsed time."""
    before_whole: Window
    by: tuple[str, ...] = ()
    where: Mapping[str, str] | None = None
    dropped: frozenset[str] = frozenset()
    earlier: tuple[Window, ...] = ()
    """The four windows before, the last one first."""

    def get(self, cube: str, amount: str, **held: str | tuple[str, ...]) -> Series:
        """An amount of a cube, held to some label values."""
        labels = _labels_of(cube)
        by = tuple(n for n in self.by if n in labels and n not in self.dropped)
        held = {n: v for n, v in (self.where or {}).items() if n in labels} | held
        held = {n: v for n, v in held.items() if n not in self.dropped}
        names = (*by, *(n for n in held if n not in by))
        numbers: dict[Values, object] = {}
        for values, cell in self.sums.cells(cube, self.window, names).items():
            for name, wanted in held.items():
                value = values[names.index(name)]
                if value != wanted if isinstance(wanted, str) else value not in wanted:
                    break
            else:
                key = values[: len(by)]
                number = cell[amount]
                if number is not None:
                    had = numbers.get(key)
                    numbers[key] = number if had is None else had + number
        nothing = None if amount.endswith(("_median", "_p90", "_latest")) else 0
        told = [v for v, number in numbers.items() if number and not self.dropped]
        return Series(by, lambda values: numbers.get(values, nothing), told)  # type: ignore[arg-type,return-value]

    def whole(self, *labels: str) -> Asked:
        """Whatever these labels are."""
        return replace(self, dropped=self.dropped | set(labels))

    def previous(self, whole: bool = False) -> Asked:
        """The window before."""
        return replace(self, window=self.before_whole if whole else self.before)


Answer = Series | tuple[Series, Series]
Formula = Callable[[Asked], Answer]


def _ratio(over: Formula, under: Formula) -> Formula:
    def told(q: Asked) -> Answer:
        left, right = over(q), under(q)
        assert isinstance(left, Series) and isinstance(right, Series)
        return left, right

    return told


def _sum(
    cube: str, amount: str, scale: Fraction | int = 1, **held: str | tuple[str, ...]
) -> Formula:
    return lambda q: q.get(cube, amount, **held) * scale


def _share(cube: str, amount: str, under: str, **held: str) -> Formula:
    return _ratio(_sum(cube, amount, **held), _sum(cube, under))


def _net(q: Asked, cube: str) -> Series:
    gross, discount = q.get(cube, "gross"), q.get(cube, "discount")
    return (gross - discount - q.get(cube, "refund")) * MICRO


def _cost(q: Asked, cube: str) -> Series:
    if cube == "line":
        return q.get(cube, "cost") * MICRO
    parts = (q.get(cube, kind) for kind in ("production", "wages", "overhead"))
    first, second, third = parts
    return (first + second + third) * MICRO


def _goods(formula: Callable[[Asked, str], Answer]) -> Formula:
    """Of orders, or of their lines when asked by product or category."""

    def told(q: Asked) -> Answer:
        asked = {*q.by, *(q.where or {})}
        return formula(q, "line" if asked & {"product", "category"} else "order")

    return told


def _conversion(q: Asked) -> Answer:
    asked = {*q.by, *(q.where or {})}
    cube = "page" if "page" in asked else "category" if "category" in asked else "visit"
    return q.get(cube, "converted"), q.get(cube, "visits")


def _mobile(cube: str, amount: str, on_mobile: str = "") -> Formula:
    def told(q: Asked) -> Series:
        if "device" in {*q.by, *(q.where or {})}:
            return q.get(cube, amount)
        return q.get(cube, on_mobile) if on_mobile else q.get(cube, amount, device="mobile")

    return told


def _of_all_devices(cube: str, amount: str) -> Formula:
    def told(q: Asked) -> Series:
        asked = {*q.by, *(q.where or {})}
        return (q.whole("device") if "device" in asked else q).get(cube, amount)

    return told


def _predicted(q: Asked) -> Answer:
    value = (
        (q.get("order", "gross") - q.get("order", "discount")) * MICRO / q.get("order", "orders")
    )
    margin = (_net(q, "order") - _cost(q, "order")) / _net(q, "order")
    years = Fraction(q.window.end_ms - q.window.start_ms) / YEAR_MS
    known = q.get("buyer", "orders", customer=("new", "returning"))
    a_year = known / q.get("customers_end", "active") * (1 / years)
    churn = q.get("period", "lost", period=q.name) / q.get("customers_start", "active")
    lifetime = Series.of(1) / (churn * (1 / years))
    return value * margin * a_year * lifetime


def _concern_share(q: Asked) -> Series:
    return q.get("ticket", "opened") / q.whole("concern").get("ticket", "opened")


def _growth(q: Asked) -> Answer:
    before = q.previous().get("ticket", "opened")
    return q.get("ticket", "opened") - before, before


def _nps(q: Asked) -> Answer:
    promoters, detractors = q.get("rating", "promoters"), q.get("rating", "detractors")
    return (promoters - detractors) * 100, promoters + q.get("rating", "passives") + detractors


def _waits(cube: str, count: str) -> dict[str, Formula]:
    return {
        "median": _sum(cube, "ms_median", MILLI),
        "p90": _sum(cube, "ms_p90", MILLI),
        "business": _ratio(_sum(cube, "business_ms", MILLI), _sum(cube, count)),
        "business_median": _sum(cube, "business_median", MILLI),
        "business_p90": _sum(cube, "business_p90", MILLI),
        "within_target": _share(cube, "within", count),
    }


def _contacts(channel: str) -> dict[str, Formula]:
    return {
        "default": _sum("ticket", "opened", channel=channel),
        "messages": _sum("message", "messages", channel=channel),
    }


def _subscribers(channel: str) -> dict[str, Formula]:
    return {
        "default": _sum("list_end", "subscribers", channel=channel),
        "reported": _sum("reported_end", "subscribers", channel=channel),
        "joined": _sum("list", "joined", channel=channel),
        "left": _sum("list", "gone", channel=channel),
    }


def _emailed(over: str, under: str) -> Formula:
    return _ratio(_sum("mailing", over, channel="email"), _sum("mailing", under, channel="email"))


def _machine_share(q: Asked) -> Answer:
    opened = q.get("mailing", "opened", channel="email")
    return opened - q.get("mailing", "opened_by_person", channel="email"), opened


def _peak(column: str) -> Formula:
    return lambda q: Series.of(q.sums.peak(column, q.window))


def _lain(q: Asked) -> Answer:
    units = q.get("stock", "units")
    return (units * q.window.end_ms - q.get("stock", "received")) * (1 / DAY_MS), units


def _units_a_day(q: Asked) -> Series:
    return q.get("line", "units") * (DAY_MS / (q.window.end_ms - q.window.start_ms))


def _since_last(q: Asked) -> Series:
    latest = q.get("last_incident", "at_latest")
    return (Series.of(q.window.end_ms) - latest) * (1 / DAY_MS)


def _yield_variance(q: Asked) -> Series:
    made = [replace(q, window=each).get("unit_end", "finished") for each in q.earlier]
    mean = sum(made[1:], made[0]) * Fraction(1, len(made))
    return q.get("unit_end", "finished") - mean


def _product(q: Asked, cube: str, over: tuple[str, ...], under: tuple[str, ...]) -> Answer:
    parts = []
    for names in (over, under):
        first, *rest = (q.get(cube, name) for name in names)
        for part in rest:
            first = first * part
        parts.append(first)
    return parts[0], parts[1]


def _oee(q: Asked) -> Answer:
    over, under = _product(q, "machine", ("ideal", "good"), ("planned", "produced"))
    return over * MILLI, under * MILLI  # type: ignore[operator]


def _ole(q: Asked) -> Answer:
    over, under = _product(q, "labour", ("worked", "good"), ("planned", "standard"))
    return over * MILLI, under * (MILLI * MICRO)  # type: ignore[operator]


def _less(one: Formula, other: Formula) -> Formula:
    return lambda q: one(q) - other(q)  # type: ignore[operator]


def _return(cube: str) -> Formula:
    return lambda q: (
        (q.get(cube, "income") - q.get(cube, "cost")) * MICRO,
        q.get(cube, "cost") * MICRO,
    )


def _plan(amount: str) -> Formula:
    return _sum("plan", amount, MICRO)


def _spent(told: str) -> Formula:
    return _sum(f"booked_{told}", "cost", MICRO)


KPIS: dict[str, dict[str, Formula]] = {
    "sales": {
        "default": _goods(_net),
        "gross": _goods(lambda q, cube: q.get(cube, "gross") * MICRO),
        "discounts": _goods(lambda q, cube: q.get(cube, "discount") * MICRO),
        "refunds": _goods(lambda q, cube: q.get(cube, "refund") * MICRO),
    },
    "average_order_size": {
        "default": lambda q: (
            (
                q.get("order", "gross")
                - q.get("order", "discount")
                + q.get("order", "tax")
                + q.get("order", "shipping")
            )
            * MICRO,
            q.get("order", "orders"),
        ),
        "units": _share("order", "units", "orders"),
    },
    "gross_profit": {"default": _goods(lambda q, cube: _net(q, cube) - _cost(q, cube))},
    "average_margin": {
        "default": _goods(lambda q, cube: (_net(q, cube) - _cost(q, cube), _net(q, cube)))
    },
    "average_order_value": {
        "default": lambda q: (
            (q.get("order", "gross") - q.get("order", "discount")) * MICRO,
            q.get("order", "orders"),
        )
    },
    "customer_retention_rate": {
        "default": lambda q: (
            q.get("period", "retained", period=q.name),
            q.previous(whole=True).get("period", "active", period=q.name),
        ),
        "end_less_new": lambda q: (
            q.get("customers_end", "active") - q.get("period", "new", period=q.name),
            q.get("customers_start", "active"),
        ),
    },
    "transactions": {
        "default": _goods(lambda q, cube: q.get(cube, "orders")),
        "cancellations": _sum("order", "cancellations"),
        "refunds": _sum("order", "refunds"),
    },
    "conversion_rate": {
        "default": _conversion,
        "buyers": _share("seen", "buyers", "visitors"),
        "checkout": _share("checkout", "ordered", "visits"),
    },
    "cart_abandonment_rate": {
        "default": _share("cart", "abandoned", "carts"),
        "same_visit": _share("visit", "cart_without_order", "with_cart"),
        "carts": _sum("cart", "carts"),
        "abandoned": _sum("cart", "abandoned"),
        "recovered": _sum("cart", "recovered"),
        "abandoned_value": _sum("cart", "abandoned_micros", MICRO),
        "recovered_value": _sum("cart", "recovered_micros", MICRO),
        "recovery_time": _ratio(_sum("cart", "recovered_ms", MILLI), _sum("cart", "recovered")),
    },
    "new_vs_returning_orders": {
        "default": _sum("buyer", "orders"),
        "new_share": _ratio(
            _sum("buyer", "orders", customer="new"),
            _sum("buyer", "orders", customer=("new", "returning")),
        ),
        "returning_share": _ratio(
            _sum("buyer", "orders", customer="returning"),
            _sum("buyer", "orders", customer=("new", "returning")),
        ),
        "value": _sum("buyer", "micros", MICRO),
    },
    "cost_of_goods_sold": {
        "default": _goods(_cost),
        "production": _sum("order", "production", MICRO),
        "wages": _sum("order", "wages", MICRO),
        "overhead": _sum("order", "overhead", MICRO),
    },
    "product_affinity": {"default": _sum("pair", "orders")},
    "product_sequence": {"default": _sum("follow", "orders")},
    "inventory": {
        "default": _sum("stock", "units"),
        "mean_age": _lain,
        "units_a_day": _units_a_day,
        "days_of_supply": _ratio(_sum("stock", "units"), _units_a_day),
        "stock_outs": _sum("stock_out", "stock_outs"),
        "out": _sum("assortment", "out"),
        "out_share": _share("assortment", "out", "products"),
    },
    "competitor_price_index": {
        "default": _ratio(_sum("price", "own_price", MICRO), _sum("price", "elsewhere", MICRO)),
        "dearer_share": _share("price", "dearer", "compared"),
        "compared": _sum("price", "compared"),
    },
    "cycle_time": {
        "default": _ratio(_sum("cycle", "cycle_ms", MILLI), _sum("cycle", "cycles")),
        "median": _sum("cycle", "cycle_median", MILLI),
        "p90": _sum("cycle", "cycle_p90", MILLI),
        "cycles": _sum("cycle", "cycles"),
    },
    "oee": {
        "default": _oee,
        "valuable_time": _ratio(
            _sum("machine", "valuable", MILLI), _sum("machine", "planned", MILLI)
        ),
        "availability": _ratio(_sum("machine", "run", MILLI), _sum("machine", "planned", MILLI)),
        "performance": _ratio(_sum("machine", "ideal", MILLI), _sum("machine", "run", MILLI)),
        "quality": _share("machine", "good", "produced"),
    },
    "ole": {
        "default": _ole,
        "availability": _ratio(_sum("labour", "worked", MILLI), _sum("labour", "planned", MILLI)),
        "performance": _ratio(_sum("labour", "produced"), _sum("labour", "standard", MICRO)),
        "quality": _share("labour", "good", "produced"),
    },
    "yield": {
        "default": _sum("unit_end", "finished"),
        "reported": _sum("machine", "produced"),
        "variance": _yield_variance,
        "good": _sum("unit_end", "good"),
        "reworked": _sum("unit_end", "reworked"),
    },
    "first_time_yield": {
        "default": _share("unit_start", "became_good", "started"),
        "first_pass": _share("unit_start", "first_pass", "started"),
        "of_finished": _share("unit_end", "good", "finished"),
        "started": _sum("unit_start", "started"),
    },
    "incidents": {"default": _sum("incident", "incidents"), "since_last": _since_last},
    "hours_worked": {
        "default": _sum("booked", "hours", MILLI),
        "to_date": _sum("booked_end", "hours", MILLI),
        "estimate": _sum("plan", "estimated", MILLI),
        "variance": _less(
            _sum("booked_estimated", "hours", MILLI), _sum("plan", "estimated", MILLI)
        ),
    },
    "budget": {
        "default": _plan("budget"),
        "spent": _sum("booked_end", "cost", MICRO),
        "left": _less(_plan("budget"), _spent("budget")),
        "spent_share": _ratio(_spent("budget"), _plan("budget")),
        "over": _sum("above_budget", "above"),
    },
    "return_on_investment": {"default": _return("booked"), "to_date": _return("booked_end")},
    "cost_variance": {
        "default": _less(_plan("planned"), _spent("planned")),
        "earned_value": _less(_plan("earned"), _spent("earned")),
    },
    "cost_performance_index": {
        "default": _ratio(_plan("earned"), _spent("earned")),
        "earned_value": _plan("earned"),
        "actual_cost": _spent("earned"),
    },
    "customer_lifetime_value": {
        "default": lambda q: (
            q.get("profit", "profit") * MICRO,
            q.get("customers_end", "customers"),
        ),
        "predicted": _predicted,
    },
    "revenue_per_visitor": {
        "default": lambda q: (_net(q, "order"), q.get("visit", "visits")),
        "unique_visitors": lambda q: (_net(q, "order"), q.get("seen", "visitors")),
    },
    "churn_rate": {
        "default": lambda q: (
            q.get("period", "lost", period=q.name),
            q.get("customers_start", "active"),
        ),
        "lost": lambda q: q.get("period", "lost", period=q.name),
    },
    "visits": {
        "default": _sum("visit", "visits"),
        "unique_visitors": _sum("seen", "visitors"),
        "unique_visitors_from_ads": _sum("seen", "from_ads"),
    },
    "new_vs_returning_visitors": {
        "default": _sum("visit", "visits"),
        "new_share": _share("visit", "visits", "visits", visitor="new"),
        "returning_share": _share("visit", "visits", "visits", visitor="returning"),
    },
    "time_on_site": {
        "default": _ratio(_sum("page_time", "next_event_ms", MILLI), _sum("page_time", "views")),
        "next_page": _ratio(_sum("page_time", "next_page_ms", MILLI), _sum("page_time", "views")),
        "total": _sum("page_time", "next_event_ms", MILLI),
        "views": _sum("page_time", "views"),
    },
    "bounce_rate": {
        "default": _share("visit", "bounces", "visits"),
        "not_engaged": _share("visit", "not_engaged", "visits"),
    },
    "pages_per_visit": {
        "default": _share("visit", "page_views", "visits"),
        "page_views": _sum("visit", "page_views"),
    },
    "average_visit_duration": {
        "default": _ratio(_sum("visit", "duration_ms", MILLI), _sum("visit", "visits")),
        "median": _sum("visit", "duration_median", MILLI),
        "p90": _sum("visit", "duration_p90", MILLI),
    },
    "traffic_source": {
        "default": _sum("visit", "visits"),
        "share": lambda q: (
            q.get("visit", "visits"),
            q.whole("source", "medium", "campaign").get("visit", "visits"),
        ),
    },
    "mobile_traffic": {
        "default": _mobile("visit", "visits"),
        "share": _ratio(_mobile("visit", "visits"), _of_all_devices("visit", "visits")),
        "unique_visitors": _mobile("seen", "visitors", "on_mobile"),
        "unique_visitor_share": _ratio(
            _mobile("seen", "visitors", "on_mobile"), _of_all_devices("seen", "visitors")
        ),
    },
    "day_part_traffic": {
        "default": _sum("day_part", "visits"),
        "share": lambda q: (
            q.get("day_part", "visits"),
            q.whole("weekday", "hour").get("day_part", "visits"),
        ),
    },
    "newsletter_subscribers": _subscribers("email"),
    "sms_subscribers": _subscribers("sms"),
    "subscriber_growth_rate": {
        "default": lambda q: (
            q.get("list", "joined") - q.get("list", "gone"),
            q.get("list_start", "subscribers"),
        ),
        "reported": _ratio(_sum("reported", "subscribers"), _sum("reported_start", "subscribers")),
    },
    "email_open_rate": {
        "default": _emailed("opened", "delivered"),
        "by_person": _emailed("opened_by_person", "delivered"),
        "delivered": _sum("mailing", "delivered", channel="email"),
        "opened": _sum("mailing", "opened", channel="email"),
        "machine_share": _machine_share,
    },
    "email_click_through_rate": {
        "default": _emailed("clicked", "opened"),
        "of_delivered": _emailed("clicked", "delivered"),
        "of_opened_by_person": _emailed("clicked", "opened_by_person"),
        "clicked": _sum("mailing", "clicked", channel="email"),
    },
    "unsubscribes": {
        "default": _sum("list", "gone"),
        "rate": _ratio(_sum("list", "gone"), _sum("list_start", "subscribers")),
        "of_delivered": _ratio(_sum("mailing", "gone"), _sum("mailing", "delivered")),
    },
    "chats_initiated": {
        "default": _sum("chat", "chats"),
        "visit_share": _share("visit", "with_chat", "visits"),
    },
    "clicks": {"default": _sum("click", "clicks")},
    "average_click_through_rate": {"default": _share("page", "clicked", "visits")},
    "ppc_traffic": {
        "default": _sum("visit", "visits", medium="paid"),
        "share": _share("visit", "visits", "visits", medium="paid"),
    },
    "blog_traffic": {
        "default": _sum("visit", "saw_blog"),
        "share": _share("visit", "saw_blog", "visits"),
    },
    "csat": {
        "default": _share("rating", "satisfied", "csat"),
        "mean_score": _ratio(_sum("rating", "place", MICRO), _sum("rating", "csat")),
        "answers": _sum("rating", "csat"),
    },
    "nps": {
        "default": _nps,
        "promoters": _sum("rating", "promoters"),
        "passives": _sum("rating", "passives"),
        "detractors": _sum("rating", "detractors"),
    },
    "hit_rate": {
        "default": _ratio(_sum("line", "units"), _sum("contact", "customers")),
        "customers": _sum("contact", "customers"),
    },
    "service_emails": _contacts("email"),
    "service_calls": _contacts("phone"),
    "service_chats": _contacts("chat"),
    "service_social": _contacts("social"),
    "first_response_time": {
        "default": _ratio(_sum("response", "ms", MILLI), _sum("response", "answered")),
        **_waits("response", "answered"),
        "answered": _sum("response", "answered"),
    },
    "average_resolution_time": {
        "default": _ratio(_sum("resolution", "ms", MILLI), _sum("resolution", "resolved")),
        "first_resolved": _ratio(
            _sum("first_resolution", "ms", MILLI), _sum("first_resolution", "resolved")
        ),
        **_waits("resolution", "resolved"),
        "first_resolved_median": _sum("first_resolution", "ms_median", MILLI),
        "first_resolved_p90": _sum("first_resolution", "ms_p90", MILLI),
        "resolved": _sum("resolution", "resolved"),
    },
    "active_issues": {"default": _sum("standing_end", "open"), "peak": _peak("open")},
    "backlog": {
        "default": _sum("standing_end", "open", overdue="yes"),
        "share": _share("standing_end", "open", "open", overdue="yes"),
        "peak": _peak("overdue"),
        "opened_less_resolved": lambda q: q.get("flow", "opened") - q.get("flow", "resolved"),
        "growth": lambda q: (
            q.get("flow", "opened") + q.get("flow", "reopened") - q.get("flow", "resolved")
        ),
        "opened": _sum("flow", "opened"),
        "resolved": _sum("flow", "resolved"),
        "reopened": _sum("flow", "reopened"),
    },
    "concern_classification": {
        "default": _sum("ticket", "opened"),
        "share": lambda q: (
            q.get("ticket", "opened"),
            q.whole("concern").get("ticket", "opened"),
        ),
        "trend": lambda q: _concern_share(q) - _concern_share(q.previous()),
        "growth": _growth,
    },
    "escalation_rate": {
        "default": _share("ticket", "escalated", "opened"),
        "escalations": _sum("flow", "escalations"),
    },
    "pages_before_contact": {
        "default": _sum("contact_page", "contacts"),
        "share": lambda q: (
            q.get("contact_page", "contacts"),
            q.whole("page").get("contact_page", "contacts"),
        ),
    },
}
