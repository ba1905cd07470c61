"""Long work says how far it is, how fast it goes, and how long it will still take."""

from __future__ import annotations

import pytest

from streams.progress import BYTES, Progress


class Watch:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_lines_come_now_and_then_with_percent_rate_and_time_left() -> None:
    watch, said = Watch(), list[str]()
    with Progress("restoring", None, "records", say=said.append, monotonic=watch) as progress:
        for second in range(1, 26):
            watch.now_s += 1
            progress.reached(second * 1_000, 100_000)
    assert said == [
        "restoring: 10 %, 10,000 of 100,000 records, 1,000/s, 1m 30s left",
        "restoring: 20 %, 20,000 of 100,000 records, 1,000/s, 1m 20s left",
    ]


def test_what_an_earlier_run_did_counts_as_done_and_not_for_the_rate() -> None:
    watch, said = Watch(), list[str]()
    with Progress("history", 200, "steps", say=said.append, monotonic=watch) as progress:
        watch.now_s += 1_000
        progress.skip(100)
        for _ in range(5):
            watch.now_s += 2
            progress.advance()
    assert said == ["history: 50 %, 101 of 200 steps, 0.5/s, 3m 18s left"]


def test_without_a_total_there_is_no_time_left_and_without_a_pause_no_rate() -> None:
    watch, said = Watch(), list[str]()
    with Progress("-", None, BYTES, say=said.append, every_s=0, monotonic=watch) as progress:
        progress.reached(1_500_000)
        watch.now_s += 1
        progress.reached(3_000_000)
    assert said == ["-: 1.5 MB, 0.0 MB/s", "-: 3.0 MB, 3.0 MB/s"]


def test_lines_go_to_standard_error_and_nothing_when_nobody_wants_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for show in (True, False):
        with Progress("x", 2, "things", show=show, every_s=0) as progress:
            progress.advance(2)
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert told.err.startswith("x: 100 %, 2 of 2 things")


def test_on_a_terminal_it_is_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.progress._on_terminal", lambda: True)
    with Progress("a.csv", 100, "rows") as progress:
        progress.skip(50)
        progress.reached(100)
    assert "a.csv: 100%" in capsys.readouterr().err
