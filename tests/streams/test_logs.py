"""What is logged: a library that repeats itself fills no disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from streams import logs
from streams.settings import Log


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


@pytest.fixture
def lines() -> Iterator[Lines]:
    made, root = Lines(), logging.getLogger()
    root.addHandler(made)
    before = {handler: list(handler.filters) for handler in root.handlers}
    logs.say_rarely()
    yield made
    for handler, filters in before.items():
        handler.filters = filters
    root.removeHandler(made)


def test_a_library_says_the_same_thing_once_in_a_while(lines: Lines) -> None:
    for node in range(3):
        logging.getLogger("aiokafka.conn").error("no connection to %s", node)
        logging.getLogger("aiokafka.conn").error("no metadata")
        logging.getLogger("streams.follower").error("no broker answers")
    assert lines.told == ["no connection to 0", "no metadata", *["no broker answers"] * 3]


@pytest.mark.parametrize(("debug", "told"), [(False, []), (True, ["slow", "over"])])
def test_the_sender_is_heard_only_when_one_looks_closely(
    lines: Lines, debug: bool, told: list[str]
) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        logs.configure(Log(), debug=debug)
        root.addHandler(lines)
        logging.getLogger("kafka.conn").warning("slow")
        logging.getLogger("kafka.producer").error("over")
    finally:
        root.handlers[:], root.level = before
    assert lines.told == told
