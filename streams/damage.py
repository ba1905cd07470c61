"""State that isn't what was written: the errors that say so, and what can be made anew.

It must not know how a state is read.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiokafka import TopicPartition

from kpi_windows.compatibility import DefinitionsChanged
from streams.topics import FORWARDED, Names, RefusedError

_SHOWN = 3


class StateLostError(RefusedError):
    """A partition's state isn't all there, or isn't ours; a replay can make it anew."""


class ForeignRecordError(StateLostError):
    """Something in a changelog wasn't written by a worker."""


@contextmanager
def trusted(where: str) -> Iterator[None]:
    """Panes are taken in inside; what they raise because they aren't a worker's, or are one's with
    other definitions, is raised as RefusedError and says where that was.
    """
    try:
        yield
    except DefinitionsChanged as error:
        raise RefusedError(f"{where}: {error}") from error
    except (ValueError, TypeError) as error:
        raise RefusedError(
            f"{where}: it isn't what a worker writes ({error!r}), so no value can be trusted. A "
            "worker that starts says what can be made anew (docs/how-to/damage.md)."
        ) from error


async def remedy(
    ask: Callable[[list[TopicPartition]], Awaitable[Mapping[TopicPartition, Any]]],
    names: Names,
    app_id: str,
    partitions: int,
) -> str:
    """What to do about lost state, by what the inputs still hold; `ask` tells their offsets.

    All partitions: what one has told others can't be told again without them.
    """
    tps = [
        TopicPartition(name, partition)
        for topic, name in names.inputs.items()
        if topic != FORWARDED
        for partition in range(partitions)
    ]
    known = await ask(tps)
    return words(app_id, {f"{tp.topic}-{tp.partition}": known[tp] for tp in tps})


def words(app_id: str, inputs: Mapping[str, Any]) -> str:
    """The remedy; `inputs` are the offsets that are known by topic and partition."""
    replay = f"`kpi replay --app-id {next_name(app_id)} --from earliest`"
    lost = [told for where, known in inputs.items() if (told := _lost(where, known))]
    if not lost:
        return (
            f"The inputs still hold everything: {replay} makes it anew from them, then set app_id "
            f"to {next_name(app_id)} (docs/how-to/damage.md)."
        )
    more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
    return (
        f"It can't all be made anew, since the inputs no longer hold everything: "
        f"{'; '.join(lost[:_SHOWN])}{more}. Restore the topics from a backup, or make what they "
        f"still hold: {replay}, then set app_id to {next_name(app_id)} (docs/how-to/damage.md)."
    )


def _lost(where: str, known: Any) -> str:
    if known.begin > 0:
        return f"{where} begins at offset {known.begin}"
    if known.group is not None and known.group > known.end:
        return f"{where} ends at offset {known.end} and was read to {known.group}"
    return ""


def next_name(app_id: str) -> str:
    """The name for its successor.

    >>> next_name("kpi"), next_name("kpi-2")
    ('kpi-2', 'kpi-3')
    """
    found = re.fullmatch(r"(.+)-(\d{1,4})", app_id)
    return f"{found[1]}-{int(found[2]) + 1}" if found else f"{app_id}-2"
