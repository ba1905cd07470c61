"""Whether kept state means today what it meant when it was written.

It must not know what the state holds.
"""

from __future__ import annotations

from collections.abc import Iterable

from kpi_windows.codec import FORMAT, Checkpoint
from kpi_windows.definitions import Definitions


class DefinitionsChanged(Exception):  # noqa: N818  # it says what happened, as Rejected does
    """The state was made under other definitions; only a replay can go on from here."""


def refuse_changed(checkpoint: Checkpoint, definitions: Definitions, partition: int) -> None:
    """Raises DefinitionsChanged when the state means something else than it would today."""
    if checkpoint.format != FORMAT:
        raise DefinitionsChanged(
            f"the state of partition {partition} has format {checkpoint.format}, this "
            f"version writes {FORMAT}: run the version that wrote it, or start a new app id "
            "and replay"
        )
    if checkpoint.fingerprint != definitions.fingerprint():
        raise DefinitionsChanged(
            f"the state of partition {partition} was made under other definitions (zone, "
            "currency, gaps, targets …): restore those, or start a new app id and replay"
        )


def since_ms(checkpoint: Checkpoint, facts: Iterable[str]) -> dict[str, int]:
    """From when on each fact is kept: one that is new, from after all that was taken in before."""
    newest_ms = max(checkpoint.heard_ms.values(), default=-1)
    begin_ms = max(checkpoint.watermark_ms or 0, newest_ms + 1)
    return {fact: checkpoint.since_ms.get(fact, begin_ms) for fact in facts}
