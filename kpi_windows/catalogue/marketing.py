"""The guide's marketing KPIs that visits can give: who came, from where, and what they did.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from kpi_windows.amounts import DistinctCount, Quantile, count, seconds, where_of
from kpi_windows.catalogue.ads import (
    BLENDED_ROAS,
    COST_PER_CLICK,
    DIGITAL_AD_VISITORS,
    DISPLAY_CLICK_THROUGH_RATE,
    PROMOTIONAL_CLICK_THROUGH_RATE,
    RETURN_ON_AD_SPEND,
)
from kpi_windows.catalogue.lists import (
    EMAIL_CLICK_THROUGH_RATE,
    EMAIL_OPEN_RATE,
    NEWSLETTER_SUBSCRIBERS,
    SMS_SUBSCRIBERS,
    SUBSCRIBER_GROWTH_RATE,
    UNSUBSCRIBES,
)
from kpi_windows.catalogue.social import (
    AFFILIATE_PERFORMANCE,
    AVERAGE_POSITION,
    PRODUCT_REVIEWS,
    SOCIAL_ENGAGEMENT_RATE,
    SOCIAL_FOLLOWERS,
    SOCIAL_SHARES,
)
from kpi_windows.catalogue.terms import ORIGIN, VISIT_LABELS, visitors, visits
from kpi_windows.catalogue.traffic import (
    BLOG_TRAFFIC,
    DAY_PART_TRAFFIC,
    MOBILE_TRAFFIC,
    PPC_TRAFFIC,
    TRAFFIC_SOURCE,
)
from kpi_windows.facts.visits import CHAT, CLICK, PAGE, PAGE_TIME, VISIT, VISITOR
from kpi_windows.kpi import Better, Kpi, Reading, Unit
from kpi_windows.mediums import AD_MEDIUMS

page_views = count(VISIT, "page_views", "page views")
duration = seconds(count(VISIT, "duration_ms", "duration of visits"))
views = count(PAGE_TIME, "views", "page views")

VISITS = Kpi(
    id="visits",
    title="Visits",
    aliases=("Websiteverkeer", "Siteverkeer", "Sessions"),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=visits,
    by=VISIT_LABELS,
    beside={
        "unique_visitors": Reading(
            visitors, Unit.COUNT, ("device", "medium"),
            note="Exact up to 2,048, then within about 0.8 %. A visitor seen with two devices or "
            "mediums counts under both.",
        ),
        "unique_visitors_from_ads": Reading(
            DistinctCount(
                VISITOR, "seen", "different visitors from digital ads",
                where_of({"medium": AD_MEDIUMS}),
            ),
            Unit.COUNT,
            ("device",),
            note="Mediums `paid` and `display`; from the guide's questions and answers.",
        ),
    },
    note="A visit starts with any clickstream, cart or online-order event of a visitor after more "
    "than 30 minutes (`visit_gap_ms`) of silence. A visitor is what `visitor_id` says: devices are "
    "not stitched together, and no bots are filtered but events marked `is_bot` or `is_test`.",
)  # fmt: skip

NEW_VS_RETURNING_VISITORS = Kpi(
    id="new_vs_returning_visitors",
    title="New versus returning visitors",
    aliases=(
        "Nieuwe vs terugkerende bezoekers",
        "Nieuwe bezoekers versus terugkerende bezoekers",
    ),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.NEITHER,
    formula=visits,
    by=("visitor", "source", "medium", "campaign", "device"),
    beside={
        "new_share": Reading(
            count(VISIT, "visits", "visits of new visitors", visitor="new") / visits, Unit.RATIO,
            (*ORIGIN, "device"),
        ),
        "returning_share": Reading(
            count(VISIT, "visits", "visits of returning visitors", visitor="returning") / visits,
            Unit.RATIO,
            (*ORIGIN, "device"),
        ),
    },
    note="By `visitor`: new or returning. Not seen for 400 days (`new_again_ms`) is new again.",
)  # fmt: skip

TIME_ON_SITE = Kpi(
    id="time_on_site",
    title="Time on site",
    aliases=("Tijd op de site", "Time on page"),
    group="marketing",
    unit=Unit.SECONDS,
    better=Better.NEITHER,
    formula=seconds(count(PAGE_TIME, "next_event_ms", "time to the visit's next event")) / views,
    by=("page_type",),
    definitions={
        "next_page": Reading(
            seconds(count(PAGE_TIME, "next_page_ms", "time to the visit's next page")) / views,
            Unit.SECONDS,
            note="Only another page ends the time on a page.",
        ),
    },
    beside={
        "total": Reading(
            seconds(count(PAGE_TIME, "next_event_ms", "time to the visit's next event")),
            Unit.SECONDS,
        ),
        "views": Reading(views, Unit.COUNT),
    },
    matures_after="visit_gap_ms",
    note="Per page view. A visit's last page counts 0 unless heartbeats come. More is better on "
    "a blog or landing page, less in the checkout.",
)

BOUNCE_RATE = Kpi(
    id="bounce_rate",
    title="Bounce rate",
    aliases=("Afhaakpercentage", "Bouncepercentage"),
    group="marketing",
    unit=Unit.RATIO,
    better=Better.LOWER,
    formula=count(VISIT, "bounces", "visits with one page view and nothing else") / visits,
    by=VISIT_LABELS,
    definitions={
        "not_engaged": Reading(
            count(VISIT, "not_engaged", "visits not engaged") / visits,
            Unit.RATIO,
            note="GA4: shorter than 10 s (`engaged_ms`), fewer than two pages and no order.",
        ),
    },
    matures_after="visit_gap_ms",
    note="A visit without any page view is a visit, no bounce. A promotion that came into view is "
    "nothing that the visitor did, and leaves a bounce one.",
)

PAGES_PER_VISIT = Kpi(
    id="pages_per_visit",
    title="Pages per visit",
    aliases=("Paginabezoeken per bezoek",),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.NEITHER,
    formula=page_views / visits,
    by=VISIT_LABELS,
    beside={"page_views": Reading(page_views, Unit.COUNT)},
    matures_after="visit_gap_ms",
)

AVERAGE_VISIT_DURATION = Kpi(
    id="average_visit_duration",
    title="Average visit duration",
    aliases=("Gemiddelde sessieduur", "Average session duration"),
    group="marketing",
    unit=Unit.SECONDS,
    better=Better.HIGHER,
    formula=duration / visits,
    by=VISIT_LABELS,
    beside={
        "median": Reading(
            seconds(Quantile(VISIT, "duration", "duration of visits", q=0.5)), Unit.SECONDS
        ),
        "p90": Reading(
            seconds(Quantile(VISIT, "duration", "duration of visits", q=0.9)), Unit.SECONDS
        ),
    },
    matures_after="visit_gap_ms",
    note="From a visit's first event to its last.",
)

CHATS_INITIATED = Kpi(
    id="chats_initiated",
    title="Chats initiated",
    aliases=("Geïnitieerde chatsessies",),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.NEITHER,
    formula=count(CHAT, "chats", "chats opened on the site"),
    by=("page_type",),
    beside={
        "visit_share": Reading(
            count(VISIT, "with_chat", "visits that opened a chat") / visits,
            Unit.RATIO,
            VISIT_LABELS,
        ),
    },
)

CLICKS = Kpi(
    id="clicks",
    title="Clicks",
    aliases=("Clicks", "Klikken"),
    group="marketing",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=count(CLICK, "clicks", "clicks on links"),
    by=("place",),
)

AVERAGE_CLICK_THROUGH_RATE = Kpi(
    id="average_click_through_rate",
    title="Average click-through rate",
    aliases=("Gemiddelde CTR", "Gemiddelde click-through rate"),
    group="marketing",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=count(PAGE, "clicked", "visits that clicked a link on a page they saw")
    / count(PAGE, "visits", "visits, by each page they saw"),
    by=("page",),
    matures_after="visit_gap_ms",
    note="A visit and a page count once, however often the page was shown or clicked.",
)

KPIS: tuple[Kpi, ...] = (
    VISITS,
    NEW_VS_RETURNING_VISITORS,
    TIME_ON_SITE,
    BOUNCE_RATE,
    PAGES_PER_VISIT,
    AVERAGE_VISIT_DURATION,
    TRAFFIC_SOURCE,
    MOBILE_TRAFFIC,
    DAY_PART_TRAFFIC,
    NEWSLETTER_SUBSCRIBERS,
    SMS_SUBSCRIBERS,
    SUBSCRIBER_GROWTH_RATE,
    EMAIL_OPEN_RATE,
    EMAIL_CLICK_THROUGH_RATE,
    UNSUBSCRIBES,
    CHATS_INITIATED,
    SOCIAL_FOLLOWERS,
    RETURN_ON_AD_SPEND,
    BLENDED_ROAS,
    COST_PER_CLICK,
    SOCIAL_ENGAGEMENT_RATE,
    CLICKS,
    AVERAGE_CLICK_THROUGH_RATE,
    AVERAGE_POSITION,
    PPC_TRAFFIC,
    BLOG_TRAFFIC,
    PRODUCT_REVIEWS,
    DISPLAY_CLICK_THROUGH_RATE,
    AFFILIATE_PERFORMANCE,
    PROMOTIONAL_CLICK_THROUGH_RATE,
    SOCIAL_SHARES,
    DIGITAL_AD_VISITORS,
)
