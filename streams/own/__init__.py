"""What a shop defines itself: measures, KPIs and thresholds, from the tables of its file.

It must not know files or lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from streams.own.kpis import with_kpis
from streams.own.measures import measure_of
from streams.own.table import OwnError
from streams.own.thresholds import thresholds_of
from streams.settings import Settings

__all__ = ["SECTIONS", "OwnError", "with_tables"]

SECTIONS = ("measures", "kpis", "thresholds")


def with_tables(settings: Settings, document: Mapping[str, Any]) -> Settings:
    """The settings with the shop's own measures, KPIs and thresholds.  Raises OwnError."""
    told = {name: document.get(name, {}) for name in SECTIONS}
    for section, tables in told.items():
        if not isinstance(tables, dict):
            raise OwnError("", section, "", f"expected tables [{section}.NAME]")
    measures = tuple(measure_of(name, table) for name, table in told["measures"].items())
    catalogue = with_kpis(settings.catalogue, measures, told["kpis"])
    return replace(
        settings,
        definitions=replace(settings.definitions, measures=measures),
        catalogue=catalogue,
        thresholds=thresholds_of(told["thresholds"], catalogue, settings),
    )
