"""The guide's customer service KPIs, and the pages seen just before a contact.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from fractions import Fraction

from kpi_windows.amounts import DistinctCount, Level, Peak, Quantile, count, seconds, where_of
from kpi_windows.catalogue import tables
from kpi_windows.facts import (
    CONTACT,
    CONTACT_PAGE,
    LINE,
    OPEN_TICKET,
    RATING,
    RESOLUTION,
    RESPONSE,
    TICKET,
    TICKET_FLOW,
    Fact,
)
from kpi_windows.formula import Constant, Node, Scale
from kpi_windows.kpi import Better, Kpi, Reading, Table, Unit
from kpi_windows.relations import Previous, Whole

TICKET_LABELS = ("channel", "concern", "priority")
STATE = ("status", "priority", "age", "overdue")

opened = count(TICKET, "opened", "contacts")
answers = count(RATING, "csat_answers", "answers")
promoters = count(RATING, "nps_promoters", "scores of 9 and 10")
detractors = count(RATING, "nps_detractors", "scores of 0 to 6")
passives = count(RATING, "nps_passives", "scores of 7 and 8")
open_tickets = Level(OPEN_TICKET, "open", "open tickets")
overdue = Level(OPEN_TICKET, "open", "open tickets past their target", where_of({"overdue": "yes"}))
concern_share = opened / Whole(opened, ("concern",))
flow_opened = count(TICKET_FLOW, "opened", "tickets opened")
flow_resolved = count(TICKET_FLOW, "resolved", "tickets resolved")
flow_reopened = count(TICKET_FLOW, "reopened", "tickets reopened")


def _at_start(fact: Fact, amount: str, said: str, **where: str) -> Level:
    return Level(fact, amount, said, where_of({**where}), at="start")


def _times(fact: Fact, things: Node, said: str) -> dict[str, Reading]:
    """The statistics beside a mean time; `fact` has its times by the calendar and by business
    hours under these names."""
    name = fact.histograms[0]
    business = seconds(count(fact, "business_ms", f"{said} in business hours"))
    told = {
        "median": seconds(Quantile(fact, name, said, q=0.5)),
        "p90": seconds(Quantile(fact, name, said, q=0.9)),
        "business": business / things,
        "business_median": seconds(Quantile(fact, "business", f"{said} in business hours", q=0.5)),
        "business_p90": seconds(Quantile(fact, "business", f"{said} in business hours", q=0.9)),
    }
    readings = {name: Reading(formula, Unit.SECONDS) for name, formula in told.items()}
    readings["within_target"] = Reading(
        count(fact, "within_target", "those within the target") / things, Unit.RATIO
    )
    return readings


answered = count(RESPONSE, "answered", "first answers")
resolved = count(RESOLUTION, "resolved", "resolutions that last")
first_resolved = count(RESOLUTION, "first_resolved", "first resolutions")

CSAT = Kpi(
    id="csat",
    title="Customer satisfaction",
    aliases=("CSAT", "Klanttevredenheid (CSAT) score", "Klanttevredenheid"),
    group="service",
    unit=Unit.RATIO,
    better=Better.HIGHER,
    formula=count(RATING, "csat_satisfied", "satisfied answers") / answers,
    by=("channel",),
    beside={
        "mean_score": Reading(
            Scale(count(RATING, "csat_score", "places of the scores on their scales"),
                  Fraction(1, 1_000_000)) / answers,
            Unit.RATIO,
            note="Mean of (score − lowest) / (highest − lowest).",
        ),
        "answers": Reading(answers, Unit.COUNT),
    },
    note="Satisfied: (score − lowest) / (highest − lowest) of 0.75 or more, so 4 and 5 of 1..5. A "
    "second rating of the same survey replaces the first.",
)  # fmt: skip

NPS = Kpi(
    id="nps",
    title="Net promoter score",
    aliases=("NPS", "Net Promoter Score (NPS)"),
    group="service",
    unit=Unit.SCORE,
    better=Better.HIGHER,
    formula=Constant(100) * (promoters - detractors) / (promoters + passives + detractors),
    by=("channel",),
    beside={
        "promoters": Reading(promoters, Unit.COUNT),
        "passives": Reading(passives, Unit.COUNT),
        "detractors": Reading(detractors, Unit.COUNT),
    },
    note="From −100 to 100.",
    source="Reichheld 2003",
)

HIT_RATE = Kpi(
    id="hit_rate",
    title="Hit rate",
    aliases=("Hitrate",),
    group="service",
    unit=Unit.COUNT,
    better=Better.HIGHER,
    formula=count(LINE, "units", "units sold")
    / DistinctCount(CONTACT, "customers", "different customers who contacted service about them"),
    by=("product",),
    beside={
        "customers": Reading(
            DistinctCount(CONTACT, "customers", "different customers who contacted service"),
            Unit.COUNT,
        ),
    },
    note="Units sold for each customer with a question; without any question there is no value.",
)


def _contacts(id: str, title: str, aliases: tuple[str, ...], channel: str) -> Kpi:  # noqa: A002
    return Kpi(
        id=id,
        title=title,
        aliases=aliases,
        group="service",
        unit=Unit.COUNT,
        better=Better.LOWER,
        formula=count(TICKET, "opened", f"contacts by {channel}", channel=channel),
        by=("concern", "priority"),
        beside={
            "messages": Reading(
                count(TICKET, "messages", f"messages received by {channel}", channel=channel),
                Unit.COUNT,
                note="The contact and each further word of the customer.",
            ),
        },
        note=f"Tickets opened with channel `{channel}`.",
    )


SERVICE_EMAILS = _contacts(
    "service_emails", "Service e-mails",
    ("Aantal e-mails", "Aantal klantenservice-e-mails"), "email",
)  # fmt: skip
SERVICE_CALLS = _contacts(
    "service_calls", "Service calls",
    ("Aantal telefoongesprekken", "Aantal klantenservice telefoongesprekken"), "phone",
)  # fmt: skip
SERVICE_CHATS = _contacts(
    "service_chats", "Service chats", ("Aantal chats", "Aantal klantenservice chats"), "chat"
)
SERVICE_SOCIAL = _contacts(
    "service_social", "Service contacts on social media",
    ("Aantal contacten via sociale media",), "social",
)  # fmt: skip

FIRST_RESPONSE_TIME = Kpi(
    id="first_response_time",
    title="First response time",
    aliases=("Eerste reactietijd",),
    group="service",
    unit=Unit.SECONDS,
    better=Better.LOWER,
    formula=seconds(count(RESPONSE, "response_ms", "time from contact to first answer")) / answered,
    by=("channel", "priority"),
    beside={
        **_times(RESPONSE, answered, "time from contact to first answer"),
        "answered": Reading(answered, Unit.COUNT),
    },
    note="Until the first public answer by a person, counted at the answer; `business` is by "
    "business hours.",
)

AVERAGE_RESOLUTION_TIME = Kpi(
    id="average_resolution_time",
    title="Average resolution time",
    aliases=("Gemiddelde oplostijd", "Oplostijd"),
    group="service",
    unit=Unit.SECONDS,
    better=Better.LOWER,
    formula=seconds(count(RESOLUTION, "resolution_ms", "time from contact to resolution"))
    / resolved,
    by=("channel", "priority"),
    definitions={
        "first_resolved": Reading(
            seconds(count(RESOLUTION, "first_resolution_ms", "time to the first resolution"))
            / first_resolved,
            Unit.SECONDS,
            note="Until the first resolution, even when the ticket was reopened.",
        ),
    },
    beside={
        **_times(RESOLUTION, resolved, "time from contact to resolution"),
        "first_resolved_median": Reading(
            seconds(
                Quantile(RESOLUTION, "first_resolution", "time to the first resolution", q=0.5)
            ),
            Unit.SECONDS,
        ),
        "first_resolved_p90": Reading(
            seconds(
                Quantile(RESOLUTION, "first_resolution", "time to the first resolution", q=0.9)
            ),
            Unit.SECONDS,
        ),
        "resolved": Reading(resolved, Unit.COUNT),
    },
    note="Until the resolution that lasts, counted there: reopening takes it back.",
)

ACTIVE_ISSUES = Kpi(
    id="active_issues",
    title="Active issues",
    aliases=("Actieve problemen",),
    group="service",
    unit=Unit.COUNT,
    better=Better.LOWER,
    formula=open_tickets,
    by=STATE,
    beside={
        "peak": Reading(
            Peak(TICKET_FLOW, "open_by_minute", _at_start(OPEN_TICKET, "open", "open tickets")),
            Unit.COUNT,
            note="At the window's start or after any of its minutes.",
        ),
    },
    note="At the window's end, each ticket by its state and priority at that time.",
)

BACKLOG = Kpi(
    id="backlog",
    title="Backlog",
    aliases=("Achterstanden", "Achterstand"),
    group="service",
    unit=Unit.COUNT,
    better=Better.LOWER,
    formula=overdue,
    by=("status", "priority", "age"),
    beside={
        "share": Reading(overdue / open_tickets, Unit.RATIO),
        "peak": Reading(
            Peak(
                TICKET_FLOW,
                "overdue_by_minute",
                _at_start(OPEN_TICKET, "open", "open tickets past their target", overdue="yes"),
            ),
            Unit.COUNT,
            note="At the window's start or after any of its minutes.",
        ),
        "opened_less_resolved": Reading(flow_opened - flow_resolved, Unit.COUNT),
        "growth": Reading(
            flow_opened + flow_reopened - flow_resolved,
            Unit.COUNT,
            note="By how many the open tickets grew.",
        ),
        "opened": Reading(flow_opened, Unit.COUNT),
        "resolved": Reading(flow_resolved, Unit.COUNT),
        "reopened": Reading(flow_reopened, Unit.COUNT),
    },
    note="Open tickets older than their resolution target, at the window's end. By `age`, the age "
    "distribution; of all open tickets it's in `active_issues`.",
)

CONCERN_CLASSIFICATION = Kpi(
    id="concern_classification",
    title="Concern classification",
    aliases=("Zorgclassificatie",),
    group="service",
    unit=Unit.COUNT,
    better=Better.NEITHER,
    formula=opened,
    by=TICKET_LABELS,
    beside={
        "share": Reading(concern_share, Unit.RATIO),
        "trend": Reading(
            concern_share - Previous(concern_share, whole=False),
            Unit.RATIO,
            note="This window's share less the previous window's, over the same elapsed time.",
        ),
        "growth": Reading(
            (opened - Previous(opened, whole=False)) / Previous(opened, whole=False),
            Unit.RATIO,
            note="Contacts against the previous window's, over the same elapsed time.",
        ),
    },
)

ESCALATION_RATE = Kpi(
    id="escalation_rate",
    title="Escalation rate",
    aliases=("Escalatiepercentage", "Service-escalatie percentage"),
    group="service",
    unit=Unit.RATIO,
    better=Better.LOWER,
    formula=count(TICKET, "escalated", "tickets escalated") / opened,
    by=TICKET_LABELS,
    beside={
        "escalations": Reading(
            count(TICKET_FLOW, "escalations", "escalations"),
            Unit.COUNT,
            note="Each at its own time; a ticket may be escalated more than once.",
        ),
    },
    note="Counted at the ticket's opening.",
)

PAGES_BEFORE_CONTACT = Kpi(
    id="pages_before_contact",
    title="Pages before a contact",
    aliases=("Pagina's die vlak voor het gesprek zijn bezocht",),
    group="service",
    unit=Unit.COUNT,
    better=Better.NEITHER,
    formula=count(CONTACT_PAGE, "contacts", "contacts within 30 minutes after a page"),
    by=("page", "channel"),
    beside={
        "share": Reading(
            count(CONTACT_PAGE, "contacts", "contacts after the page")
            / Whole(count(CONTACT_PAGE, "contacts", "contacts after a page"), ("page",)),
            Unit.RATIO,
        ),
    },
    table=Table(tables.PAGES, tables.pages_before_contact),
    note="Of contacts whose ticket names a visitor, the page seen last, at most 30 minutes "
    "(`contact_page_ms`) before.",
)

KPIS: tuple[Kpi, ...] = (
    CSAT,
    NPS,
    HIT_RATE,
    SERVICE_EMAILS,
    SERVICE_CALLS,
    SERVICE_CHATS,
    SERVICE_SOCIAL,
    FIRST_RESPONSE_TIME,
    AVERAGE_RESOLUTION_TIME,
    ACTIVE_ISSUES,
    BACKLOG,
    CONCERN_CLASSIFICATION,
    ESCALATION_RATE,
    PAGES_BEFORE_CONTACT,
)
