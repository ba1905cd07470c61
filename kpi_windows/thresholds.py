"""When a value needs somebody's attention: thresholds on KPIs, and those that most shops want.

It must not know where values or settings come from, nor what an alert is sent with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kpi_windows.definitions import HOUR_MS, MINUTE_MS
from kpi_windows.formula import ratio_of
from kpi_windows.kpi import Kpi, UnknownNameError

SEVERITIES = ("warning", "critical")


@dataclass(frozen=True)
class Threshold:
    """A bound on one number of a KPI; exactly one of `above` and `below` is set.

    Bounds are in the number's own unit, as its metric: a ratio from 0 to 1, money, seconds, days.
    """

    name: str
    kpi: str
    above: float | None = None
    """Attention is needed while the value is greater."""
    below: float | None = None
    """Attention is needed while the value is less."""
    definition: str = "default"
    window: str = "24h"
    where: tuple[tuple[str, str], ...] = ()
    """At most one label and its value: series are told by one label at a time."""
    for_ms: int = 5 * MINUTE_MS
    """So long it must hold without a break."""
    keep_firing_for_ms: int = 15 * MINUTE_MS
    """So long it stays on after the value is fine again, so that it doesn't flap."""
    min_volume: float = 0
    """Of a ratio: with a smaller denominator it says nothing."""
    hysteresis: float | None = None
    """So far beyond the bound it must return to be fine again; absent: see `alerting.band_of`."""
    severity: str = "warning"
    summary: str = ""
    """What a person reads; absent: made of the KPI's title and the bound."""
    summary_nl: str = ""
    """The same in Dutch, for the page; absent: in English there too."""

    @property
    def bound(self) -> float:
        """The value that must not be passed."""
        bound = self.below if self.above is None else self.above
        assert bound is not None
        return bound

    @property
    def direction(self) -> str:
        """`above` or `below`."""
        return "below" if self.above is None else "above"


def mistakes(threshold: Threshold, catalogue: Mapping[str, Kpi]) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it) of a threshold on a known KPI."""
    kpi = catalogue[threshold.kpi]
    if (threshold.above is None) == (threshold.below is None):
        yield "above", "expected one of above and below"
    try:
        reading = kpi.reading(threshold.definition)
    except UnknownNameError as error:
        yield "definition", str(error)
        return
    if threshold.window not in reading.windows:
        known = ", ".join(reading.windows)
        yield "window", f"{kpi.id} has no window {threshold.window!r}: use one of {known}"
    if len(threshold.where) > 1:
        yield "where", "expected one label at most"
    for label, _ in threshold.where:
        if label not in reading.all_labels:
            known = ", ".join(reading.all_labels) or "none"
            yield "where", f"{kpi.id} has no label {label!r}: it has {known}"
    if threshold.min_volume and ratio_of(reading.formula) is None:
        yield "min_volume", f"{kpi.id} has no denominator in this definition"
    if threshold.hysteresis is not None and threshold.hysteresis < 0:
        yield "hysteresis", "expected 0 or more"


DEFAULTS: tuple[Threshold, ...] = (
    Threshold(
        "conversion_low", "conversion_rate", below=0.005, min_volume=200, for_ms=30 * MINUTE_MS,
        summary="Hardly any visit ends with an order: is the checkout working?",
        summary_nl="Bijna geen bezoek eindigt met een bestelling: werkt het afrekenen?",
    ),
    Threshold(
        "checkout_fails", "conversion_rate", below=0.2, definition="checkout", window="1h",
        min_volume=20, severity="critical",
        summary="Most who start the checkout don't get to an order: do payments work?",
        summary_nl="De meesten die gaan afrekenen, komen niet tot een bestelling: werken de betalingen?",
    ),
    Threshold(
        "bounces_high", "bounce_rate", above=0.8, min_volume=200, for_ms=30 * MINUTE_MS,
        summary="Most visits leave after one page.",
        summary_nl="De meeste bezoeken eindigen na één pagina.",
    ),
    Threshold(
        "abandonment_high", "cart_abandonment_rate", above=0.8, min_volume=50,
        for_ms=30 * MINUTE_MS, summary="More than four in five carts are left behind.",
        summary_nl="Meer dan vier op de vijf winkelwagens blijven achter.",
    ),
    Threshold(
        "margin_negative", "average_margin", below=0.0, min_volume=1, for_ms=30 * MINUTE_MS,
        severity="critical", summary="Goods are sold for less than they cost.",
        summary_nl="Goederen worden verkocht voor minder dan ze kosten.",
    ),
    Threshold(
        "first_response_slow", "first_response_time", above=4 * HOUR_MS / 1_000, definition="p90",
        summary="One customer in ten waits longer for a first answer than the target allows.",
        summary_nl="Eén op de tien klanten wacht langer op een eerste antwoord dan het doel toestaat.",
    ),
    Threshold(
        "resolution_slow", "average_resolution_time", below=0.8, definition="within_target",
        window="7d", min_volume=10,
        summary="More than one ticket in five is resolved later than its target.",
        summary_nl="Meer dan één op de vijf tickets wordt later opgelost dan zijn doel.",
    ),
    Threshold(
        "backlog_growing", "backlog", above=20, definition="growth", window="7d",
        for_ms=HOUR_MS, summary="Tickets come in faster than they are resolved.",
        summary_nl="Er komen sneller tickets binnen dan er worden opgelost.",
    ),
    Threshold(
        "backlog_large", "backlog", above=0.25, definition="share", window="1h", min_volume=10,
        for_ms=30 * MINUTE_MS, summary="A quarter of the open tickets are past their target.",
        summary_nl="Een kwart van de open tickets is over zijn doel heen.",
    ),
    Threshold(
        "escalations_high", "escalation_rate", above=0.15, window="7d", min_volume=20,
        for_ms=30 * MINUTE_MS, summary="Many tickets have to be escalated.",
        summary_nl="Veel tickets moeten worden geëscaleerd.",
    ),
    Threshold(
        "csat_low", "csat", below=0.7, window="7d", min_volume=10, for_ms=30 * MINUTE_MS,
        summary="Fewer than seven answers in ten are satisfied.",
        summary_nl="Minder dan zeven op de tien antwoorden zijn tevreden.",
    ),
    Threshold(
        "nps_low", "nps", below=0.0, window="30d", min_volume=20, for_ms=HOUR_MS,
        summary="More detractors than promoters.",
        summary_nl="Meer criticasters dan promotors.",
    ),
    Threshold(
        "stock_out", "inventory", above=0.1, definition="out_share", window="1h", min_volume=10,
        for_ms=30 * MINUTE_MS, summary="More than one product in ten is out of stock.",
        summary_nl="Meer dan één op de tien producten is uitverkocht.",
    ),
    Threshold(
        "unsubscribes_high", "unsubscribes", above=0.02, definition="of_delivered", window="7d",
        min_volume=200, for_ms=30 * MINUTE_MS,
        summary="More than one message in fifty makes its reader leave the list.",
        summary_nl="Meer dan één op de vijftig berichten laat de lezer zich afmelden.",
    ),
    Threshold(
        "ads_lose_money", "return_on_ad_spend", below=1.0, window="7d", min_volume=100,
        for_ms=HOUR_MS, summary="Ads cost more than the orders that they bring are worth.",
        summary_nl="Advertenties kosten meer dan de bestellingen die ze opleveren waard zijn.",
    ),
    Threshold(
        "reviews_bad", "product_reviews", above=0.3, definition="low_share", window="7d",
        min_volume=10, for_ms=HOUR_MS,
        summary="Nearly a third of the reviews have one or two stars.",
        summary_nl="Bijna een derde van de beoordelingen heeft één of twee sterren.",
    ),
    Threshold(
        "oee_low", "oee", below=0.6, for_ms=HOUR_MS,
        summary="The machines make less than three fifths of the good units that they could.",
        summary_nl="De machines maken minder dan drie vijfde van de goede stuks die ze zouden kunnen.",
    ),
    Threshold(
        "first_time_yield_low", "first_time_yield", below=0.9, definition="of_finished",
        min_volume=20, for_ms=HOUR_MS, summary="More than one finished unit in ten isn't good.",
        summary_nl="Meer dan één op de tien afgewerkte stuks is niet goed.",
    ),
    Threshold(
        "incident_reported", "incidents", above=0, for_ms=0,
        summary="Something didn't comply in the last 24 hours.",
        summary_nl="Iets voldeed in de laatste 24 uur niet.",
    ),
    Threshold(
        "projects_over_budget", "budget", above=0, definition="over", window="1h",
        for_ms=30 * MINUTE_MS, summary="A project has cost more than was allocated to it.",
        summary_nl="Een project heeft meer gekost dan ervoor was uitgetrokken.",
    ),
    Threshold(
        "projects_cost_more", "cost_performance_index", below=0.9, window="1h",
        for_ms=30 * MINUTE_MS, summary="Work on projects costs more than it was planned to.",
        summary_nl="Het werk aan projecten kost meer dan was gepland.",
    ),
)  # fmt: skip
"""Where most shops would want to look; a shop changes one by its name, or switches it off."""


def with_own(own: Mapping[str, Threshold | None]) -> tuple[Threshold, ...]:
    """The defaults, with the shop's own in place of those of the same name; None leaves one out."""
    kept = {each.name: each for each in DEFAULTS} | dict(own)
    return tuple(each for each in kept.values() if each is not None)
