"""Visits, pages, clicks, chats and contacts, by SQL over all that visitors did.

A visit is what lies between silences of more than `visit_gap_ms`.  Contacts neither start nor
extend one.  Who is forgotten begins anew.
"""

from __future__ import annotations

import duckdb

from kpi_windows.definitions import Definitions
from tests.oracle.log import (
    CHAT,
    CHECKOUT,
    CONTACT,
    FORGOTTEN,
    LINK,
    ORDER,
    PAGE,
    SCHEMAS,
    SHOWN,
    Log,
    insert,
)
from tests.oracle.windows import wall

_MEDIUMS = {
    "paid": "cpc ppc paid paid_search paidsearch paid_social",
    "display": "display banner cpm",
    "organic": "organic seo",
    "social": "social social-network",
    "email": "email e-mail newsletter",
    "sms": "sms",
    "referral": "referral link",
    "affiliate": "affiliate affiliates",
    "direct": "direct (none) none",
}
"""The field's synonyms."""


def make(db: duckdb.DuckDBPyConnection, log: Log, definitions: Definitions) -> None:
    """All tables about visitors."""
    insert(db, "visitor_events", SCHEMAS["visitor_events"], log.visitor_events)
    synonyms = [(word, name) for name, words in _MEDIUMS.items() for word in words.split()]
    insert(
        db,
        "mediums",
        {"said": "VARCHAR", "medium": "VARCHAR"},
        [{"said": said, "medium": medium} for said, medium in synonyms],
    )
    zone = definitions.zone
    hours = {row["at_ms"] // 900_000 * 900_000 for row in log.visitor_events}  # offsets: quarters
    insert(
        db,
        "clock",
        {"quarter": "BIGINT", "weekday": "VARCHAR", "hour": "VARCHAR"},
        [
            {
                "quarter": at,
                "weekday": str(wall(zone, at).isoweekday()),
                "hour": f"{wall(zone, at).hour:02d}",
            }
            for at in hours
        ],
    )
    for statement in _SQL.format(
        gap=definitions.visit_gap_ms,
        new_again=definitions.new_again_ms,
        engaged=definitions.engaged_ms,
        contact_page=definitions.contact_page_ms,
        PAGE=PAGE, LINK=LINK, CHAT=CHAT, ORDER=ORDER, CONTACT=CONTACT,
        FORGOTTEN=FORGOTTEN, SHOWN=SHOWN, CHECKOUT=CHECKOUT,
    ).split(";"):  # fmt: skip
        if statement.strip():
            db.execute(statement)


_SQL = """
CREATE TABLE told AS
SELECT v.* EXCLUDE (source, medium, campaign, device, page),
    coalesce(source, 'direct') AS source,
    CASE WHEN v.medium IS NOT NULL THEN coalesce(m.medium, lower(v.medium))
         WHEN source IS NOT NULL THEN 'referral' ELSE 'direct' END AS medium,
    coalesce(campaign, '(none)') AS campaign,
    coalesce(device, '(none)') AS device,
    coalesce(page, if(kind = {PAGE}, page_type, NULL), '(none)') AS page,
    row_number() OVER (PARTITION BY visitor ORDER BY at_ms, kind, id) AS n
FROM visitor_events v LEFT JOIN mediums m ON m.said = lower(v.medium);

CREATE TABLE marked AS
SELECT *, at_before IS NULL OR kind_before = {FORGOTTEN} OR at_ms - at_before > {gap} AS starts,
    at_before IS NULL OR kind_before = {FORGOTTEN} OR at_ms - at_before > {new_again} AS is_new
FROM (
    SELECT *, lag(at_ms) OVER w AS at_before, lag(kind) OVER w AS kind_before
    FROM told WHERE kind <> {CONTACT} WINDOW w AS (PARTITION BY visitor ORDER BY n)
) WHERE kind <> {FORGOTTEN};

CREATE TABLE numbered AS
SELECT *, sum(starts::INT) OVER (PARTITION BY visitor ORDER BY n) AS visit FROM marked;

CREATE TABLE visits AS
SELECT v.* EXCLUDE (visitor, newness), v.visitor AS who, newness AS visitor,
    weekday, hour, 1 AS visits,
    (page_views = 1 AND others = 0)::INT AS bounces,
    (duration_ms < {engaged} AND page_views < 2 AND orders = 0)::INT AS not_engaged,
    (orders > 0)::INT AS converted,
    (adds > 0)::INT AS with_cart,
    (adds > 0 AND orders = 0)::INT AS cart_without_order
FROM (
    SELECT visitor, visit, min(at_ms) AS at_ms,
        arg_min(source, n) AS source, arg_min(medium, n) AS medium,
        arg_min(campaign, n) AS campaign, arg_min(device, n) AS device,
        if(arg_min(is_new, n), 'new', 'returning') AS newness,
        max(at_ms) - min(at_ms) AS duration_ms,
        count(*) FILTER (kind = {PAGE}) AS page_views,
        count(*) FILTER (kind NOT IN ({PAGE}, {SHOWN})) AS others,
        count(*) FILTER (kind = {ORDER}) AS orders,
        count(*) FILTER (adds) AS adds,
        count(*) FILTER (kind = {CHECKOUT}) AS checkouts,
        max((kind = {PAGE} AND page_type = 'blog')::INT) AS saw_blog,
        max((kind = {CHAT})::INT) AS with_chat
    FROM numbered GROUP BY visitor, visit
) v JOIN clock ON v.at_ms // 900000 * 900000 = clock.quarter;

CREATE TABLE visit_checkouts AS
SELECT at_ms, device, 1 AS visits, converted AS ordered FROM visits WHERE checkouts > 0;

CREATE TABLE seen AS
SELECT at_ms, visitor, device, medium, kind = {ORDER} AS is_buyer FROM marked;

CREATE TABLE page_times AS
SELECT * FROM (
    SELECT kind, at_ms, coalesce(page_type, '(none)') AS page_type, 1 AS views,
        coalesce(lead(at_ms) OVER w - at_ms, 0) AS next_event_ms,
        coalesce(min(if(kind = {PAGE}, at_ms, NULL)) OVER (
            PARTITION BY visitor, visit ORDER BY n ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ), max(at_ms) OVER v) - at_ms AS next_page_ms
    FROM numbered WINDOW w AS (PARTITION BY visitor, visit ORDER BY n),
        v AS (PARTITION BY visitor, visit)
) WHERE kind = {PAGE};

CREATE TABLE visit_pages AS
SELECT visits.at_ms, p.page, 1 AS visits, p.clicked, visits.converted
FROM (
    SELECT visitor, visit, page, max((kind = {LINK})::INT) AS clicked
    FROM numbered WHERE kind IN ({PAGE}, {LINK}) AND page IS NOT NULL
    GROUP BY visitor, visit, page HAVING max((kind = {PAGE})::INT) = 1
) p JOIN visits ON who = p.visitor AND visits.visit = p.visit;

CREATE TABLE visit_categories AS
SELECT visits.at_ms, c.category, 1 AS visits, visits.converted
FROM (
    SELECT DISTINCT visitor, visit, category
    FROM numbered WHERE kind = {PAGE} AND category IS NOT NULL
) c JOIN visits ON who = c.visitor AND visits.visit = c.visit;

CREATE TABLE clicks AS
SELECT at_ms, coalesce(place, '(none)') AS place, 1 AS clicks FROM marked WHERE kind = {LINK};

CREATE TABLE chats AS
SELECT at_ms, coalesce(page_type, '(none)') AS page_type, 1 AS chats FROM marked WHERE kind = {CHAT};

CREATE TABLE contact_pages AS
SELECT at_ms, latest.page AS page, coalesce(channel, '(none)') AS channel, 1 AS contacts FROM (
    SELECT kind, at_ms, channel,
        last_value(if(kind = {PAGE}, {{'page': page, 'at_ms': at_ms, 'alive': true}},
            if(kind = {FORGOTTEN}, {{'page': NULL, 'at_ms': 0, 'alive': false}}, NULL)) IGNORE NULLS)
            OVER (PARTITION BY visitor ORDER BY n) AS latest
    FROM told
) WHERE kind = {CONTACT} AND latest.alive AND at_ms - latest.at_ms <= {contact_page}
    AND latest.page IS NOT NULL
"""
