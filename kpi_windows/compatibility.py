"""Whether kept state means today what it meant when it was written, and is all there.

It must not know what the state holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kpi_windows.codec import FORMAT, Checkpoint
from kpi_windows.definitions import Definitions


class DefinitionsChanged(Exception):  # noqa: N818  # it says what happened, as Rejected does
    """The state was made under other definitions; only a replay can go on from here."""


class StateDamagedError(Exception):
    """The state isn't what was written; it can only be made anew."""


def refuse_format(checkpoint: Checkpoint, partition: int) -> None:
    """Raises DefinitionsChanged when the state consists of other bytes than are read here."""
    if checkpoint.format != FORMAT:
        raise DefinitionsChanged(
            f"the state of partition {partition} has format {checkpoint.format}, this "
            f"version writes {FORMAT}: run the version that wrote it, or start a new app id "
            "and replay"
        )


def are_others(checkpoints: Iterable[Checkpoint], definitions: Definitions) -> bool:
    """Whether any was made under other definitions than these."""
    fingerprint = definitions.fingerprint()
    return any(each.fingerprint != fingerprint for each in checkpoints)


def refuse_changed(
    checkpoint: Checkpoint, definitions: Definitions, partition: int, partitions: int
) -> None:
    """Raises DefinitionsChanged when the state means something else than it would today."""
    refuse_format(checkpoint, partition)
    if are_others([checkpoint], definitions):
        raise DefinitionsChanged(
            f"the state of partition {partition} was made under other definitions (zone, "
            "currency, gaps, targets …): restore those, or start a new app id and replay"
        )
    if checkpoint.partitions not in (0, partitions):
        raise DefinitionsChanged(
            f"the state of partition {partition} was made with {checkpoint.partitions} partitions, "
            f"now there are {partitions}, and keys would live elsewhere: set `partitions` back, or "
            "start a new app id and replay"
        )


def refuse_incomplete(told: Mapping[str, int], found: Mapping[str, int], partition: int) -> None:
    """Raises StateDamagedError when there is less, or more, of a kind than its checkpoint tells."""
    wrong = [
        f"{found[kind]:,} {kind} of {count:,}"
        for kind, count in told.items()
        if found.get(kind, count) != count
    ]
    if wrong:
        raise StateDamagedError(
            f"partition {partition} has {', '.join(wrong)}: a changelog was deleted and made anew "
            "while a worker ran, or records in it were deleted or added"
        )


def since_ms(checkpoint: Checkpoint, facts: Iterable[str]) -> dict[str, int]:
    """From when on each fact is kept: one that is new, from after all that was taken in before."""
    newest_ms = max(checkpoint.heard_ms.values(), default=-1)
    begin_ms = max(checkpoint.watermark_ms or 0, newest_ms + 1)
    return {fact: checkpoint.since_ms.get(fact, begin_ms) for fact in facts}
