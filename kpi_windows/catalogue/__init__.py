"""All KPIs, in the guide's order, by id.

It must not know how any of them is computed.
"""

from __future__ import annotations

from kpi_windows.catalogue import marketing, production, projects, sales, service
from kpi_windows.kpi import Kpi
from kpi_windows.kpis import Catalogue

GROUPS: dict[str, tuple[Kpi, ...]] = {
    "sales": sales.KPIS,
    "marketing": marketing.KPIS,
    "service": service.KPIS,
    "production": production.KPIS,
    "projects": projects.KPIS,
}

CATALOGUE = Catalogue(GROUPS)
"""All of them; a shop's own come on top (`Catalogue.extended`)."""

find = CATALOGUE.find
