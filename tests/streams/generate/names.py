"""The series that exist, and those that a query asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from streams import metrics
from streams.config import load
from streams.generate import files

ROOT = Path(__file__).parents[3]
SHOP = load(str(ROOT / "examples/shop.toml"))
"""The shop that the compose file mounts: what is committed is generated for it."""
MADE = files(SHOP)

OUTSIDE = {
    "ALERTS": {"alertname", "alertstate", "severity", "kpi", "window"},
    "up": {"job", "instance"},
    "process_start_time_seconds": {"job", "instance"},
    "process_resident_memory_bytes": {"job", "instance"},
}
"""Series that Prometheus or Python bring."""
_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


def exported() -> dict[str, set[str]]:
    """Name of each series -> its labels."""
    told = {name: set(labels) for name, labels in OUTSIDE.items()}
    for kpi in SHOP.catalogue.values():
        for family in metrics.families_of(kpi):
            told[family.name] = {"window", *family.labels}
    for series in (*metrics.EXPORTER, *metrics.WORKER, *metrics.INTAKE):
        for end in _PARTS.get(series.kind, ("",)):
            told[series.name + end] = {*series.labels, "job", "instance"}
    return told


_NAME = re.compile(r"\b((?:kpi_|process_)\w+|ALERTS|up)\b(?:\{([^}]*)\})?")
_TEXT = re.compile(r'"[^"]*"')


def asked(expr: str) -> Iterator[tuple[str, set[str]]]:
    """(series, labels that are matched) of a query."""
    for name, matchers in _NAME.findall(_TEXT.sub('""', expr)):
        yield name, set(re.findall(r"(\w+)\s*[=!]", matchers))
