"""Which cells each report, booking, review or sale states; all are statements that can be remade.

It must not know what becomes of an earlier statement.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from kpi_windows.definitions import HOUR_MS, Definitions
from kpi_windows.events import (
    AdsReported,
    AffiliateClicked,
    AffiliateSold,
    CostBooked,
    Event,
    HoursBooked,
    IncidentReported,
    IncomeBooked,
    LabourReported,
    MachineReported,
    MarketingSpent,
    MarketSized,
    PositionReported,
    ProductReviewed,
    SocialReported,
    micros,
    to_ms,
)
from kpi_windows.facts import NONE, Fact
from kpi_windows.facts.marketing import ADS, AFFILIATE, MARKET, POSITION, REVIEW, SOCIAL, SPENT
from kpi_windows.facts.operations import INCIDENT, LABOUR, MACHINE, PROJECT
from kpi_windows.journeys.journal import Entry
from kpi_windows.journeys.statement import Cells
from kpi_windows.mediums import DIRECT, medium_of
from kpi_windows.windows import Grid, Level


def entry_of(event: Event, definitions: Definitions) -> Entry:
    """The statement that an event makes."""
    cells = _CELLS[type(event)](event, definitions)
    return (event.timestamp, 0, event.event_id or "", cells)


def money(amount: Decimal, currency: str | None, at_ms: int, definitions: Definitions) -> int:
    """Millionths of the shop's currency; 0 for a currency without a rate, which nobody accepts."""
    rate = definitions.rate_at(currency, at_ms)
    return round(micros(amount) * (rate or Fraction(0)))


def _counted_ms(event: Any) -> int:
    return to_ms(event.timestamp if event.counted_at is None else event.counted_at)


def _cell(
    fact: Fact, at_ms: int, labels: tuple[str | None, ...], /, **amounts: int | list[int]
) -> Cells:
    told = [amounts.get(name, 0) for name in fact.amounts]
    return [fact.name, at_ms, [label or NONE for label in labels], told]


def _ads(event: AdsReported, definitions: Definitions) -> Cells:
    at_ms = _counted_ms(event)
    medium = medium_of(event.source, event.medium)
    labels = (event.source or DIRECT, medium, event.campaign, event.banner)
    return [
        _cell(
            ADS,
            at_ms,
            labels,
            impressions=event.impressions,
            clicks=event.clicks,
            spend_micros=money(event.spend, event.currency, at_ms, definitions),
            conversions=event.conversions,
            revenue_micros=money(event.revenue, event.currency, at_ms, definitions),
        )
    ]


def _spent(event: MarketingSpent, definitions: Definitions) -> Cells:
    at_ms = _counted_ms(event)
    spend = money(event.spend, event.currency, at_ms, definitions)
    return [_cell(SPENT, at_ms, (event.purpose,), spend_micros=spend)]


def _position(event: PositionReported, definitions: Definitions) -> Cells:  # noqa: ARG001
    total = micros(event.position * event.impressions)
    labels = (event.kind, event.keyword)
    amounts = {"impressions": event.impressions, "position_micros": total}
    return [_cell(POSITION, _counted_ms(event), labels, **amounts)]


def _social(event: SocialReported, definitions: Definitions) -> Cells:  # noqa: ARG001
    amounts = {name: getattr(event, name) for name in SOCIAL.sums}
    return [_cell(SOCIAL, _counted_ms(event), (event.network,), **amounts)]


def _review(event: ProductReviewed, definitions: Definitions) -> Cells:  # noqa: ARG001
    low = int(event.rating <= 2)
    amounts = {"reviews": 1, "stars": event.rating, "low": low}
    return [_cell(REVIEW, to_ms(event.timestamp), (event.product_id,), **amounts)]


def _affiliate_click(event: AffiliateClicked, definitions: Definitions) -> Cells:  # noqa: ARG001
    return [_cell(AFFILIATE, to_ms(event.timestamp), (event.affiliate,), clicks=1)]


def _affiliate_sale(event: AffiliateSold, definitions: Definitions) -> Cells:
    at_ms = _counted_ms(event)
    return [
        _cell(
            AFFILIATE,
            at_ms,
            (event.affiliate,),
            orders=int(event.revenue > 0),
            revenue_micros=money(event.revenue, event.currency, at_ms, definitions),
            commission_micros=money(event.commission, event.currency, at_ms, definitions),
        )
    ]


def _market(event: MarketSized, definitions: Definitions) -> Cells:
    """Evenly over the days whose middle is in the period, so that these sum to the whole exactly.

    So a year that is told in another zone has as many days; a shorter period has its first day.
    """
    start_ms, end_ms = to_ms(event.starts), to_ms(event.ends)
    size = money(event.size, event.currency, start_ms, definitions)
    grid = Grid(definitions.zone)
    first_ms = at_ms = grid.pane_start(Level.DAY, start_ms)
    days = []
    while at_ms < end_ms:
        next_ms = grid.pane_end(Level.DAY, at_ms)
        if start_ms <= (at_ms + next_ms) // 2 < end_ms:
            days.append(at_ms)
        at_ms = next_ms
    days = days or [first_ms]
    shares = [size * n // len(days) for n in range(len(days) + 1)]
    return [
        _cell(MARKET, day_ms, (event.market_id,), size_micros=shares[n + 1] - shares[n])
        for n, day_ms in enumerate(days)
    ]


def _machine(event: MachineReported, definitions: Definitions) -> Cells:  # noqa: ARG001
    labels = (event.line, event.machine, event.product_id, event.shift)
    return [
        _cell(
            MACHINE,
            _counted_ms(event),
            labels,
            planned_ms=round(event.planned_seconds * 1000),
            run_ms=round(event.run_seconds * 1000),
            ideal_ms=round(event.ideal_cycle_seconds * event.produced * 1000),
            valuable_ms=round(event.ideal_cycle_seconds * event.good * 1000),
            produced=event.produced,
            good=event.good,
        )
    ]


def _labour(event: LabourReported, definitions: Definitions) -> Cells:  # noqa: ARG001
    return [
        _cell(
            LABOUR,
            _counted_ms(event),
            (event.line, event.team, event.shift),
            planned_ms=round(event.planned_hours * HOUR_MS),
            worked_ms=round(event.worked_hours * HOUR_MS),
            standard_micros=micros(event.standard_output),
            produced=event.produced,
            good=event.good,
        )
    ]


def _incident(event: IncidentReported, definitions: Definitions) -> Cells:  # noqa: ARG001
    at_ms = _counted_ms(event)
    return [_cell(INCIDENT, at_ms, (event.kind, event.line), incidents=1, at_ms=[at_ms])]


def _hours(event: HoursBooked, definitions: Definitions) -> Cells:  # noqa: ARG001
    hours_ms = round(event.hours * HOUR_MS)
    return [_cell(PROJECT, _counted_ms(event), (event.project_id, event.team), hours_ms=hours_ms)]


def _cost(event: CostBooked, definitions: Definitions) -> Cells:
    at_ms = _counted_ms(event)
    cost = money(event.amount, event.currency, at_ms, definitions)
    return [_cell(PROJECT, at_ms, (event.project_id, event.team), cost_micros=cost)]


def _income(event: IncomeBooked, definitions: Definitions) -> Cells:
    at_ms = _counted_ms(event)
    income = money(event.amount, event.currency, at_ms, definitions)
    return [_cell(PROJECT, at_ms, (event.project_id, event.team), income_micros=income)]


_CELLS: dict[type[Event], Callable[[Any, Definitions], Cells]] = {
    AdsReported: _ads,
    MarketingSpent: _spent,
    PositionReported: _position,
    SocialReported: _social,
    ProductReviewed: _review,
    AffiliateClicked: _affiliate_click,
    AffiliateSold: _affiliate_sale,
    MarketSized: _market,
    MachineReported: _machine,
    LabourReported: _labour,
    IncidentReported: _incident,
    HoursBooked: _hours,
    CostBooked: _cost,
    IncomeBooked: _income,
}

REPORTS = tuple(_CELLS)
"""The events that are statements."""
