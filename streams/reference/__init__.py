"""The reference pages in `docs/`, generated from the code that they describe.

It writes nothing: `pages()` gives name -> text; the command `kpi reference` writes or compares.
"""

from __future__ import annotations

from kpi_windows.documentation import kpi_reference
from kpi_windows.events import TOPICS
from streams.reference.amounts import amounts_page
from streams.reference.events import events_page
from streams.reference.series import metrics_page
from streams.reference.settings import settings_page


def pages() -> dict[str, str]:
    """File name -> text, of all generated pages in docs."""
    made = {f"reference/events-{topic}.md": events_page(topic) for topic in TOPICS}
    made["reference/settings.md"] = settings_page()
    made["reference/amounts.md"] = amounts_page()
    made["reference/metrics.md"] = metrics_page()
    made["kpis.md"] = kpi_reference()
    return {name: text.rstrip() + "\n" for name, text in made.items()}
