"""When time goes on without an input, and when it waits for one."""

from __future__ import annotations

from kpi_windows.forwarding import Forwarding
from kpi_windows.journeys.journal import NEVER
from kpi_windows.watermark import Watermark

IDLE_MS = 10_000
NOW_MS = 1_800_000_000_000
OLD_MS = 1_300_000_000_000
TOPICS = ("clicks", "orders")


def idle_watermark() -> Watermark:
    """At the end of both inputs for long."""
    watermark = Watermark(TOPICS, IDLE_MS)
    watermark.tick(NOW_MS, TOPICS, dict.fromkeys(TOPICS, NOW_MS - 60_000))
    return watermark


def test_an_idle_input_holds_no_time_back() -> None:
    watermark = Watermark(TOPICS, IDLE_MS)
    watermark.hear("clicks", OLD_MS)
    assert watermark.at_ms is None
    watermark.tick(NOW_MS, TOPICS, {"clicks": NOW_MS, "orders": NOW_MS - IDLE_MS})
    assert watermark.at_ms == OLD_MS


def test_when_something_comes_after_all_were_idle_every_input_is_waited_for_again() -> None:
    watermark = idle_watermark()
    watermark.wake()
    watermark.hear("clicks", OLD_MS + 3_600_000)  # one fetch of an import that just began
    assert watermark.at_ms is None
    arrived = {"clicks": NOW_MS, "orders": NOW_MS - 60_000}
    watermark.tick(NOW_MS + 1_000, ["orders"], arrived)
    assert watermark.at_ms is None
    watermark.hear("orders", OLD_MS)
    assert watermark.at_ms == OLD_MS


def test_what_still_says_nothing_is_waited_for_no_longer_than_the_idle_time() -> None:
    watermark = idle_watermark()
    watermark.wake()
    watermark.hear("clicks", OLD_MS)
    arrived = {"clicks": NOW_MS + 11_000, "orders": NOW_MS - 60_000}
    watermark.tick(NOW_MS + 1_000, ["orders"], arrived)
    watermark.tick(NOW_MS + 11_000, ["orders"], arrived)
    assert watermark.at_ms == OLD_MS


def test_a_clock_that_is_put_back_makes_nobody_wait_longer_than_the_idle_time() -> None:
    watermark = idle_watermark()
    watermark.wake()
    watermark.hear("clicks", OLD_MS)
    watermark.tick(NOW_MS, ["orders"], dict.fromkeys(TOPICS, NOW_MS))
    back_ms = NOW_MS - 5 * 3_600_000
    watermark.tick(back_ms, TOPICS, dict.fromkeys(TOPICS, back_ms))
    watermark.tick(back_ms + IDLE_MS, TOPICS, dict.fromkeys(TOPICS, back_ms))
    assert watermark.at_ms == OLD_MS


def test_a_clock_that_is_hours_ahead_carries_no_time_on() -> None:
    """One that is less than an hour ahead does, for good, when all inputs are silent."""
    for ahead_ms, at_ms in ((5 * 3_600_000, NOW_MS), (1_800_000, NOW_MS + 1_800_000 - IDLE_MS)):
        watermark = Watermark(TOPICS, IDLE_MS)
        for topic in TOPICS:
            watermark.hear(topic, NOW_MS)
        now_ms = NOW_MS + ahead_ms
        watermark.tick(now_ms, TOPICS, dict.fromkeys(TOPICS, now_ms - IDLE_MS))
        assert watermark.at_ms == at_ms


def test_a_silent_partition_may_begin_with_something_old_unless_time_is_that_of_the_clock() -> None:
    forwarding = Forwarding(partition=0, partitions=3)
    forwarding.hear(1, OLD_MS + 5, OLD_MS + 5)
    forwarding.hear(2, NEVER, OLD_MS + 7)
    assert forwarding.behind_ms(OLD_MS + 9, is_live=False) == 0
    assert forwarding.behind_ms(OLD_MS + 9, is_live=True) == OLD_MS + 5
    forwarding.hear(2, OLD_MS + 1, OLD_MS + 1)
    assert forwarding.behind_ms(OLD_MS + 9, is_live=False) == OLD_MS + 1
