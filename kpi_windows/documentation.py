"""The reference of all KPIs as Markdown, out of the catalogue; it must not know where it's written."""

from __future__ import annotations

from collections.abc import Iterable

from kpi_windows.catalogue import CATALOGUE, GROUPS
from kpi_windows.definitions import Definitions
from kpi_windows.formula import Node
from kpi_windows.kpi import Better, Instead, Kpi, Reading, Unit
from kpi_windows.windows import CALENDAR, ROLLING, WINDOWS

TITLES = {"sales": "Sales", "marketing": "Marketing", "service": "Customer service"}

_VISIT = "any event of a visitor in `clickstream` and `carts`; orders with a `visitor_id`"
_CUSTOMER = "`order_completed` with a `customer_id`"
EVENTS: dict[str, str] = {
    "visit": _VISIT,
    "visitor": _VISIT,
    "day_part": _VISIT,
    "page_time": "`page_viewed`, and what follows it in the visit",
    "page": "`page_viewed`, `link_clicked`; orders with a `visitor_id`",
    "category": "`page_viewed` with a `category`; orders with a `visitor_id`",
    "click": "`link_clicked`",
    "chat": "`chat_opened`",
    "cart": "`product_added`, `product_removed`, `checkout_started`; orders with a `visitor_id`",
    "contact_page": "`page_viewed`; `ticket_opened` with a `visitor_id`",
    "order": "`order_completed`, `order_refunded`, `order_cancelled`",
    "line": "`order_completed`, `order_refunded`, `order_cancelled`",
    "buyer": "`order_completed`",
    "pair": "`order_completed`",
    "customer": f"{_CUSTOMER}; subscriptions",
    "customer_value": "orders with a `customer_id`, and what is given back of them",
    "customer_period": f"{_CUSTOMER}; subscriptions",
    "sequence": _CUSTOMER,
    "sequence_start": _CUSTOMER,
    "ticket": "`ticket_opened`, `ticket_answered`, `ticket_escalated`, `ticket_reassigned`",
    "response": "`ticket_opened`, `ticket_answered`",
    "resolution": "`ticket_opened`, `ticket_resolved`, `ticket_reopened`",
    "open_ticket": "all events of `tickets` but ratings",
    "ticket_flow": "all events of `tickets` but ratings",
    "contact": "`ticket_opened` with a `product_id`",
    "rating": "`ticket_rated`",
}
"""Fact -> the events that it comes from."""

_UNITS = {
    Unit.RATIO: "ratio",
    Unit.MONEY: "money, in the shop's currency",
    Unit.SECONDS: "seconds",
    Unit.DAYS: "days",
    Unit.SCORE: "points",
    Unit.COUNT: "count",
}
_BETTER = {
    Better.HIGHER: "higher is better",
    Better.LOWER: "lower is better",
    Better.NEITHER: "neither way is better as such",
}

_HEAD = f"""\
# KPIs

<!-- generated from kpi_windows/catalogue; edit it there -->

Every KPI, in the order of the guide, with its definition, the alternatives that can be chosen by
name, and what is told beside it. A KPI is found by its id, its title or any of its other names.

**Windows.** Rolling {", ".join(f"`{name}`" for name in ROLLING)}, ending with the current minute
(`7d` and `30d`: hour); calendar {", ".join(f"`{name}`" for name in CALENDAR)}, to date, in the
shop's time zone. Each can be compared with the window before it, over the same elapsed time.
**Values.** A ratio is a ratio of sums, from 0 to 1; where the denominator is 0 there is no value.
In a ratio of a part to its whole, both are counted where the whole's event is. Money is exact in
millionths. Quantiles are within 1 %. Distinct counts are exact up to 2,048 and within about 0.8 %
beyond. `level(…)` is the sum of everything before a time, `previous(…)` the window before, `all(…)`
the same whatever the labels are.
**Labels.** Only the foremost values of a label are told apart, by the denominator (or the amount)
in the window; the others are together under `__other__`. What has no value has `(none)`.
**Ripe.** A KPI that ripens has a value at once, but its youngest windows may still change without
any late event; they say so, and alerts use the latest ripe one.
**Who counts.** A visitor is what `visitor_id` says: devices are not stitched together, and only
events marked `is_bot` or `is_test` are kept out.
"""


def kpi_reference() -> str:
    """The page `docs/kpis.md`."""
    parts = [_HEAD, _contents()]
    for group, kpis in GROUPS.items():
        parts.append(f"## {TITLES[group]}\n")
        parts += [_section(kpi) for kpi in kpis]
    return "\n".join(parts).rstrip() + "\n"


def _contents() -> str:
    rows = [
        f"| [{kpi.title}](#{kpi.id}) | `{kpi.id}` | {kpi.aliases[0]} | `{kpi.metric()}` |"
        for kpi in CATALOGUE.values()
    ]
    return "\n".join(["| KPI | id | in the guide | metric |", "|---|---|---|---|", *rows, ""])


def _section(kpi: Kpi) -> str:
    default = kpi.reading()
    lines = [
        f'<a id="{kpi.id}"></a>',
        f"### {kpi.title}",
        "",
        f"`{kpi.id}` · {', '.join(kpi.aliases)} · {_UNITS[kpi.unit]} · {_BETTER[kpi.better]}",
        "",
        f"**{_sentence(default.formula.words())}**",
        "",
        f"- Formula: `{default.formula.text()}`",
        f"- Metric: `{kpi.metric()}`",
        f"- Events: {_events(kpi)}",
        f"- Windows: {_windows(default.windows)}",
        f"- By: {_breakdowns(default)}",
    ]
    lines += [_instead(other) for other in default.instead if other.formula != default.formula]
    if kpi.matures_after:
        length = _duration(getattr(Definitions(), kpi.matures_after))
        lines.append(f"- Ripe: {length} after the window's end (`{kpi.matures_after}`)")
    if kpi.table is not None:
        columns = ", ".join(column.name.replace("_", " ") for column in kpi.table.columns)
        lines.append(f"- Table: the foremost rows of {columns}")
    if kpi.source:
        lines.append(f"- Source: {kpi.source}")
    if kpi.note:
        lines += ["", kpi.note]
    lines += _readings(kpi, "Alternative definitions", kpi.definitions)
    lines += _readings(kpi, "Beside it", kpi.beside)
    return "\n".join([*lines, ""])


def _readings(kpi: Kpi, title: str, names: Iterable[str]) -> list[str]:
    told = [(name, kpi.reading(name)) for name in names]
    if not told:
        return []
    rows = [
        f"| `{name}` | {_meaning(reading)} | `{reading.formula.text()}` | `{kpi.metric(name)}` "
        f"| {_breakdowns(reading)} | {_windows(reading.windows)} |"
        for name, reading in told
    ]
    head = ["| name | meaning | formula | metric | by | windows |", "|---|---|---|---|---|---|"]
    return ["", f"{title}:", "", *head, *rows]


def _meaning(reading: Reading) -> str:
    words = _sentence(reading.formula.words())
    return f"{words}. {reading.note}".rstrip() if reading.note else words


def _breakdowns(reading: Reading) -> str:
    groups = [reading.by or (), *(other.by for other in reading.instead)]
    told = [", ".join(f"`{label}`" for label in group) for group in groups if group]
    return "; or ".join(told) or "none"


def _instead(other: Instead) -> str:
    labels = ", ".join(f"`{label}`" for label in other.by)
    overlap = "; these overlap and don't sum to the total" if other.overlapping else ""
    return f"- By {labels}: {_said(other.formula)}{overlap}"


def _said(formula: Node) -> str:
    return f"{formula.words()}, `{formula.text()}`"


def _events(kpi: Kpi) -> str:
    formulas = [kpi.formula, *(other.formula for other in kpi.instead)]
    facts = dict.fromkeys(fact.name for formula in formulas for fact in formula.facts())
    return "; ".join(dict.fromkeys(EVENTS[name] for name in facts))


def _windows(windows: tuple[str, ...]) -> str:
    if windows == WINDOWS:
        return "all"
    if windows == CALENDAR:
        return "calendar"
    return ", ".join(f"`{name}`" for name in windows)


def _duration(length_ms: int) -> str:
    for name, unit_ms in (("h", 3_600_000), ("min", 60_000), ("s", 1_000)):
        if length_ms % unit_ms == 0:
            return f"{length_ms // unit_ms} {name}"
    return f"{length_ms} ms"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
