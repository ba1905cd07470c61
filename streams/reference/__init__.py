"""The reference pages in `docs/reference/`, generated from the code that they describe.

It writes nothing: `pages()` gives name -> text; the command `kpi reference` writes or compares.
"""

from __future__ import annotations

from kpi_windows.events import TOPICS
from streams.reference.events import events_page
from streams.reference.series import metrics_page
from streams.reference.settings import settings_page


def pages() -> dict[str, str]:
    """File name -> text, of all generated pages in docs/reference."""
    made = {f"events-{topic}.md": events_page(topic) for topic in TOPICS}
    made["settings.md"] = settings_page()
    made["metrics.md"] = metrics_page()
    return {name: text.rstrip() + "\n" for name, text in made.items()}
