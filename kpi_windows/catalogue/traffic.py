"""The guide's marketing KPIs about where visits come from, on what, and when.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from kpi_windows.amounts import DistinctCount, count, where_of
from kpi_windows.catalogue.terms import ORIGIN, VISIT_LABELS, visitors, visits
from kpi_windows.facts.visits import DAY_PART, VISIT, VISITOR
from kpi_windows.kpi import Better, Instead, Kpi, Reading, Unit
from kpi_windows.relations import Whole

on_mobile = count(VISIT, "visits", "visits on mobile", device="mobile")
mobile_visitors = DistinctCount(
    VISITOR, "seen", "different visitors on mobile", where_of({"device": "mobile"})
)
paid_visits = count(VISIT, "visits", "visits from paid clicks", medium="paid")
blog_visits = count(VISIT, "saw_blog", "visits that saw the blog")

TRAFFIC_SOURCE = Kpi(
    id="traffic_source",
    title="Traffic source",
    aliases=("Verkeersbron", "Verkeersbronnen"),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.NEITHER,
    formula=visits,
    by=(*ORIGIN, "device", "visitor"),
    beside={"share": Reading(visits / Whole(visits, ORIGIN), Unit.RATIO)},
    note="A visit's source is its first event's. Without one it is direct.",
)

MOBILE_TRAFFIC = Kpi(
    id="mobile_traffic",
    title="Mobile traffic",
    aliases=("Mobiel siteverkeer",),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=on_mobile,
    by=(*ORIGIN, "visitor"),
    instead=(Instead(("device", *ORIGIN, "visitor"), visits, overlapping=True),),
    beside={
        "share": Reading(
            on_mobile / visits,
            Unit.RATIO,
            (*ORIGIN, "visitor"),
            instead=(
                Instead(
                    ("device", *ORIGIN, "visitor"),
                    visits / Whole(visits, ("device",)),
                    overlapping=True,
                ),
            ),
        ),
        "unique_visitors": Reading(
            mobile_visitors, Unit.COUNT, ("medium",),
            instead=(Instead(("device", "medium"), visitors, overlapping=True),),
        ),
        "unique_visitor_share": Reading(
            mobile_visitors / visitors, Unit.RATIO, ("medium",),
            instead=(
                Instead(
                    ("device", "medium"), visitors / Whole(visitors, ("device",)), overlapping=True
                ),
            ),
        ),
    },
    note="Device `mobile`. By `device`, all devices are told.",
)  # fmt: skip

DAY_PART_TRAFFIC = Kpi(
    id="day_part_traffic",
    title="Traffic by part of the day",
    aliases=("Dagdeel-monitoring",),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.NEITHER,
    formula=count(DAY_PART, "visits", "visits"),
    by=("weekday", "hour"),
    crossed=(("weekday", "hour"),),
    beside={
        "share": Reading(
            count(DAY_PART, "visits", "visits")
            / Whole(count(DAY_PART, "visits", "visits"), ("weekday", "hour")),
            Unit.RATIO,
        ),
    },
    note="By the shop's own clock; weekday 1 is Monday.",
)

PPC_TRAFFIC = Kpi(
    id="ppc_traffic",
    title="Pay-per-click traffic",
    aliases=("PPC-verkeersvolume", "Pay-per-click (PPC) verkeersvolume"),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=paid_visits,
    by=("source", "campaign", "device", "visitor"),
    beside={"share": Reading(paid_visits / visits, Unit.RATIO)},
    note="Medium `paid`: cpc, ppc, paid search and paid social.",
)

BLOG_TRAFFIC = Kpi(
    id="blog_traffic",
    title="Blog traffic",
    aliases=("Blogverkeer",),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=blog_visits,
    by=VISIT_LABELS,
    beside={"share": Reading(blog_visits / visits, Unit.RATIO)},
    note="Visits that saw a page of type `blog`.",
)
