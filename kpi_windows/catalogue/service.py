"""The guide's customer service KPIs, and the pages seen just before a contact.

It must not know windows or panes; a KPI is a formula over facts.
"""

from __future__ import annotations

from fractions import Fraction

from kpi_windows.amounts import DistinctCount, count
from kpi_windows.catalogue import tables
from kpi_windows.catalogue.tickets import (
    ACTIVE_ISSUES,
    AVERAGE_RESOLUTION_TIME,
    BACKLOG,
    FIRST_RESPONSE_TIME,
)
from kpi_windows.facts.sales import LINE
from kpi_windows.facts.service import CONTACT, RATING, TICKET, TICKET_FLOW
from kpi_windows.facts.visits import CONTACT_PAGE
from kpi_windows.formula import Constant, Scale
from kpi_windows.kpi import Better, Kpi, Reading, Table, Unit
from kpi_windows.relations import Previous, Whole

TICKET_LABELS = ("channel", "concern", "priority")

opened = count(TICKET, "opened", "contacts")
answers = count(RATING, "csat_answers", "answers")
promoters = count(RATING, "nps_promoters", "scores of 9 and 10")
detractors = count(RATING, "nps_detractors", "scores of 0 to 6")
passives = count(RATING, "nps_passives", "scores of 7 and 8")
concern_share = opened / Whole(opened, ("concern",))
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
