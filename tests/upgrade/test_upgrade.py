"""State that an earlier version wrote goes on with the same values, or is refused in words.

When this fails, what kept state means or how it is written has changed: count up `VERSION`
(`kpi_windows/definitions.py`) or `FORMAT` (`kpi_windows/codec.py`), write it down beside the old one
(`python -m tests.upgrade.make`), and tell the users in the changelog that they have to replay.
"""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
import pytest

from kpi_windows.codec import FORMAT, unpack_checkpoint
from kpi_windows.compatibility import DefinitionsChanged
from kpi_windows.definitions import VERSION, Definitions
from tests.upgrade.make import FOLDER, Log, file_of, read

STORIES = sorted(FOLDER.glob("state-*.json.xz"))


def test_the_state_of_this_version_is_written_down() -> None:
    assert file_of(FORMAT, VERSION) in STORIES


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.name)
def test_state_of_every_version_is_read_or_refused(path: Path) -> None:
    story = read(path)
    log = Log()
    if (story.format, story.version) != (FORMAT, VERSION):
        with pytest.raises(DefinitionsChanged, match="replay"):
            log.load(story)
        return
    log.load(story)
    _assert_equal(log, story.answers[0])
    log.take(story.later)
    _assert_equal(log, story.answers[1])


def _assert_equal(log: Log, wanted: dict[str, object]) -> None:
    """What a later version answers beyond that is new."""
    found = msgspec.json.decode(msgspec.json.encode(log.answers()))
    assert len(wanted) > 100
    wrong = [name for name, rows in wanted.items() if found.get(name) != rows]
    assert not wrong, [(name, found.get(name), wanted[name]) for name in wrong[:3]]


def test_an_upgrade_keeps_the_fingerprint_of_the_defaults() -> None:
    """A new setting that changes it would have every user replay: count up VERSION, and say so."""
    for path in STORIES:
        story = read(path)
        if story.version == VERSION:
            checkpoint = unpack_checkpoint(base64.b64decode(story.checkpoints[0]))
            assert checkpoint.fingerprint == Definitions().fingerprint()


def test_state_of_a_newer_version_is_refused_and_says_so() -> None:
    """A downgrade: whatever stands before the checkpoint, and whatever else it holds."""
    story = read(file_of(FORMAT, VERSION))
    told = msgspec.msgpack.decode(base64.b64decode(story.checkpoints[0]))
    later = msgspec.msgpack.encode({**told, "format": FORMAT + 1, "counts": "elsewhere"})
    story.checkpoints[0] = base64.b64encode(later).decode()
    said = f"has format {FORMAT + 1}, this version writes {FORMAT}"
    with pytest.raises(DefinitionsChanged, match=said):
        Log().load(story)
