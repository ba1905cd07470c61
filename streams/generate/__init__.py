"""What is generated for Prometheus, Grafana and Alertmanager, out of the catalogue and the settings.

It writes nothing: `files()` gives path -> text; the command `kpi generate` writes or compares.
"""

from __future__ import annotations

from streams.generate import dashboards, rule_files, services
from streams.settings import Settings

FOLDERS = (
    "grafana/dashboards",
    "grafana/prometheus/rules",
    "grafana/prometheus/tests",
    "docs/runbooks",
)
"""Folders that hold nothing but generated files, so that one no longer made is taken away."""


def files(settings: Settings | None = None) -> dict[str, str]:
    """Path below the project's folder -> text, of all generated files."""
    settings = settings or Settings()
    made = {f"grafana/dashboards/{uid}.json": text for uid, text in dashboards.all_of(settings)}
    made |= dict(rule_files.texts(settings))
    made |= dict(rule_files.runbooks(settings))
    made |= dict(services.texts(settings))
    return {name: text.rstrip() + "\n" for name, text in made.items()}
