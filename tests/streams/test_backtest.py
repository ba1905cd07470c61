"""Alerts on the past: against a count by hand, and the same as live, minute by minute."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from kpi_windows import backtest as core
from kpi_windows.alerting import Alert, Event, State, band_of, judge
from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import HOUR_MS, MINUTE_MS
from kpi_windows.thresholds import DEFAULTS, Threshold
from streams.backtest import BacktestError, BacktestResult, backtest
from streams.cli import main
from streams.history import History
from streams.past import survey
from streams.settings import Settings
from streams.simulator import Shop, ShopOptions
from tests.streams.visible import NOON_MS, order, page, write_lines

FIRST_MS = NOON_MS
MINUTES = 420


# -- by hand: events as plain tuples, values as plain counts, alerts as runs of verdicts


class Visit(NamedTuple):
    at_ms: int
    ordered_ms: int | None


class Cart(NamedTuple):
    at_ms: int
    ordered_ms: int | None


def _log(seed: int, *, of_carts: bool) -> tuple[list[dict[str, Any]], list[Visit], list[Cart]]:
    """Visits of one page, some with an order; or carts of one product, some ordered, some late."""
    chance = random.Random(seed)
    events, visits, carts = [], [], []
    at_ms = FIRST_MS
    for number in range(500):
        busy = (at_ms - FIRST_MS) // (70 * MINUTE_MS) % 2
        at_ms += chance.choice((0, 1, 2, 5, 10)) * (5_000 if busy else 30_000)
        if at_ms >= FIRST_MS + MINUTES * MINUTE_MS:
            break
        later_ms = at_ms + chance.randrange(1, 25) * 60_000
        who = f"v{number}"
        share = 0.5 if (at_ms - FIRST_MS) // (50 * MINUTE_MS) % 2 else 0.1
        orders = chance.random() < share
        if not of_carts:
            events.append(page(who, at_ms))
            visits.append(Visit(at_ms, later_ms if orders else None))
        if orders and not of_carts:
            events.append(order(number, later_ms, visitor_id=who, channel="online"))
        if of_carts:
            buyer, cart = f"c{number}", f"k{number}"
            product = {"product_id": "tea", "price": "10.00", "quantity": 1}
            events.append(
                {"topic": "carts", "type": "product_added", "cart_id": cart, "visitor_id": buyer,
                 "timestamp": at_ms, **product}
            )  # fmt: skip
            bought_ms = at_ms + chance.choice((10, 30, 50, 90)) * MINUTE_MS
            comes = chance.random() < (0.9 if (at_ms - FIRST_MS) // (80 * MINUTE_MS) % 2 else 0.3)
            carts.append(Cart(at_ms, bought_ms if comes else None))
            if comes:
                events.append(order(10_000 + number, bought_ms, cart_id=cart, visitor_id=buyer))
    chance.shuffle(events)
    return events, visits, carts


def _is_in(at_ms: int, end_ms: int, minutes: int) -> bool:
    return end_ms - minutes * MINUTE_MS <= at_ms < end_ms


def _visits_5m(visits: list[Visit], _carts: list[Cart], now_ms: int) -> tuple[float, float]:
    return sum(_is_in(each.at_ms, now_ms, 5) for each in visits), 1


def _conversion_1h(visits: list[Visit], _carts: list[Cart], now_ms: int) -> tuple[float, float]:
    """Ripe half an hour later: the visits have ended."""
    some = [each for each in visits if _is_in(each.at_ms, now_ms - HOUR_MS // 2, 60)]
    over = sum(each.ordered_ms is not None and each.ordered_ms <= now_ms for each in some)
    return over, len(some)


def _abandoned_1h(_visits: list[Visit], carts: list[Cart], now_ms: int) -> tuple[float, float]:
    """Ripe an hour later: then each cart of the window was either ordered or is abandoned."""
    some = [each for each in carts if _is_in(each.at_ms, now_ms - HOUR_MS, 60)]
    return sum(each.ordered_ms is None or each.ordered_ms > now_ms for each in some), len(some)


By = Callable[[list[Visit], list[Cart], int], tuple[float, float]]
BY_HAND: list[tuple[Threshold, By]] = [
    (Threshold("busy", "visits", above=9, window="5m", for_ms=2 * MINUTE_MS,
               keep_firing_for_ms=4 * MINUTE_MS), _visits_5m),
    (Threshold("quiet", "visits", below=3, window="5m", for_ms=0, keep_firing_for_ms=0,
               hysteresis=2), _visits_5m),
    (Threshold("poor", "conversion_rate", below=0.2, window="1h", min_volume=30,
               for_ms=7 * MINUTE_MS, keep_firing_for_ms=3 * MINUTE_MS), _conversion_1h),
    (Threshold("left", "cart_abandonment_rate", above=0.5, window="1h", min_volume=4,
               for_ms=5 * MINUTE_MS, keep_firing_for_ms=10 * MINUTE_MS), _abandoned_1h),
]  # fmt: skip


def _expected(
    threshold: Threshold, by: By, visits: list[Visit], carts: list[Cart], minutes: list[int]
) -> list[tuple[int, int, int | None, float]]:
    """(since, breach, recovery, worst), by looking back over runs of verdicts at each minute."""
    band = band_of(threshold, CATALOGUE[threshold.kpi])
    values: list[float | None] = []
    for now_ms in minutes:
        over, under = by(visits, carts, now_ms)
        enough = under > 0 and under >= threshold.min_volume
        values.append(over / under if enough else None)
    sign = 1 if threshold.below is None else -1
    bad = [v is not None and sign * (v - threshold.bound) > 0 for v in values]
    back = [v is not None and sign * (v - threshold.bound) <= -band for v in values]
    told: list[tuple[int, int, int | None, float]] = []
    begin, wait, keep = 0, threshold.for_ms // MINUTE_MS, threshold.keep_firing_for_ms // MINUTE_MS
    while True:
        starts = [n for n in range(begin + wait, len(bad)) if all(bad[n - wait : n + 1])]
        if not starts:
            return told
        breach = starts[0]
        since = breach - wait
        ends = [n for n in range(breach + 1 + keep, len(back)) if all(back[n - keep : n + 1])]
        end = ends[0] if ends else None
        during = [v for v in values[since:end] if v is not None]
        worst = max(during, key=lambda value: sign * value)
        recovery = None if end is None else minutes[end]
        told.append((minutes[since], minutes[breach], recovery, worst))
        if end is None:
            return told
        begin = end + 1


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("of_carts", [False, True], ids=["visits", "carts"])
def test_alerts_are_those_that_a_count_by_hand_finds(
    tmp_path: Path, seed: int, of_carts: bool
) -> None:
    events, visits, carts = _log(seed, of_carts=of_carts)
    by_hand = [each for each in BY_HAND if (each[0].name == "left") is of_carts]
    result = run(tmp_path, events, [threshold for threshold, _ in by_hand])
    minutes = list(range(result.first_ms, result.last_ms + 1, MINUTE_MS))
    assert len(minutes) > 250
    fired = 0
    for tested, (threshold, by) in zip(result.tested, by_hand, strict=True):
        told = [
            (each.since_ms, each.breached_ms, each.recovered_ms, each.worst)
            for each in tested.episodes
        ]
        assert told == _expected(threshold, by, visits, carts, minutes), threshold.name
        assert tested.fires_at(threshold.bound) == len(told)
        fired += len(told)
    assert fired >= (2 if of_carts else 6)


def run(
    folder: Path, events: list[dict[str, Any]], thresholds: list[Threshold], **more: Any
) -> BacktestResult:
    settings = Settings()
    log = survey([write_lines(folder / "log.jsonl", events)], settings.definitions, progress=False)
    return backtest(log, settings, thresholds, progress=False, **more)


# -- as live


def shop_log(folder: Path, hours: int) -> Path:
    shop = Shop(3, ShopOptions(visits_per_hour=30))
    messages = shop.events(NOON_MS, NOON_MS + hours * HOUR_MS)
    return write_lines(
        folder / "shop.jsonl", [{"topic": m.topic, **json.loads(m.value)} for m in messages]
    )


def test_values_from_memory_are_those_that_live_judgement_reads(tmp_path: Path) -> None:
    """All thresholds, and over more windows, as near to their values as can be."""
    settings = Settings()
    thresholds = [*DEFAULTS]
    for window in ("5m", "24h", "7d", "day", "month"):
        thresholds += [
            replace(each, name=f"{each.name}_{window}", window=window, min_volume=0, for_ms=0)
            for each in DEFAULTS
            if window in CATALOGUE[each.kpi].reading(each.definition).windows
        ]
    log = survey([shop_log(tmp_path, 3)], settings.definitions, progress=False)
    from_ms, to_ms = NOON_MS + 2 * HOUR_MS, NOON_MS + 3 * HOUR_MS
    told = backtest(log, settings, thresholds, from_ms=from_ms, to_ms=to_ms, progress=False)

    alerts: list[Alert] = []
    state = State()
    with ExitStack() as opened:
        history = History(settings, log.in_order(None, opened), ())
        for at_ms in range(from_ms, to_ms + 1, MINUTE_MS):
            history.bring_to(at_ms)
            state, more = judge(state, at_ms, history.whole.view, thresholds, CATALOGUE)
            alerts += more
    live = {
        (a.threshold.name, a.breached_ms, a.since_ms) for a in alerts if a.event is Event.BREACH
    }
    ends = {(a.threshold.name, a.breached_ms, a.at_ms) for a in alerts if a.event is Event.RECOVERY}
    assert len(live) > 5
    assert live == set(_told(told, "since_ms"))
    assert ends == {each for each in _told(told, "recovered_ms") if each[2] is not None}


def _told(result: BacktestResult, field: str) -> Iterator[tuple[str, int, Any]]:
    for tested in result.tested:
        for each in tested.episodes:
            yield tested.threshold.name, each.breached_ms, getattr(each, field)


# -- suggestions


def test_a_suggested_bound_fires_once_a_week_at_most_and_no_nearer_one_does() -> None:
    chance = random.Random(4)
    kpi = CATALOGUE["visits"]
    for above in (True, False):
        bound = {"above": 50.0} if above else {"below": 50.0}
        threshold = Threshold(
            "x", "visits", for_ms=0, keep_firing_for_ms=0, hysteresis=0, **bound  # type: ignore[arg-type]
        )  # fmt: skip
        tested = core.Trial(threshold, kpi, NOON_MS)
        weeks = 3
        # every spike is alone, so that fewer are beyond the further the bound is
        for spike in range(weeks * 7):
            height = 51 + spike * 2 + chance.random()
            tested.values.extend([50.0] * 720 + [height if above else 100 - height] + [50.0] * 719)
        tested.episodes = [core.Episode(0, 0, 0, 0, 0)] * tested.fires_at(50)
        assert len(tested.episodes) == weeks * 7
        assert tested.weeks == weeks
        found = tested.suggestion()
        assert found is not None
        assert tested.fires_at(found) == weeks
        nearer = sorted(value for value in tested.values if value != 50)
        nearest = nearer[-weeks - 1] if above else nearer[weeks]
        step = 1e-9 if above else -1e-9
        assert tested.fires_at(nearest - step) > weeks
        assert (found >= nearest) if above else (found <= nearest)


def test_what_fires_rarely_or_never_needs_no_other_bound(tmp_path: Path) -> None:
    threshold = Threshold("some", "visits", above=0, window="5m", for_ms=0)
    never = Threshold("never", "nps", below=0)
    events = [page("a", NOON_MS), page("b", NOON_MS + HOUR_MS)]
    once, none = run(tmp_path, events[:1], [threshold, never]).tested
    assert (len(once.episodes), once.suggestion()) == (1, None)
    assert (len(none.episodes), none.suggestion(), none.worst) == (0, None, None)
    again = run(tmp_path, events, [threshold]).tested[0]
    assert len(again.episodes) == 2
    assert again.suggestion() == 1


# -- the command


def test_the_command_tells_each_breach_as_a_table_and_as_json(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(
        '[thresholds.some]\nkpi = "visits"\nabove = 0\nwindow = "5m"\nfor = "0s"\n'
        'keep_firing_for = "2m"\n'
    )
    log = write_lines(tmp_path / "log.jsonl", [page("a", NOON_MS), page("b", NOON_MS + HOUR_MS)])
    command = ["backtest", str(log), "--thresholds", str(tmp_path / "shop.toml"), "--no-progress"]
    done = CliRunner().invoke(main, [*command, "--format", "json"])
    assert done.exit_code == 0, done.output
    (some,) = (t for t in json.loads(done.stdout)["thresholds"] if t["threshold"] == "some")
    assert some["fired"] == 2
    first = some["episodes"][0]
    assert first["breach"] == "2026-01-01T12:01:00+00:00"
    assert first["recovery"] == "2026-01-01T12:08:00+00:00"
    assert (first["seconds"], first["worst"]) == (7 * 60, 1.0)
    assert some["episodes"][1]["recovery"] is None
    table = CliRunner().invoke(main, command).stdout
    assert "2026-01-01T12:01:00+00:00 to 2026-01-01T12:08:00+00:00: 7m, at worst 1" in table
    assert "still firing" in table


def test_interrupted_it_tells_of_what_it_has_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write_lines(tmp_path / "log.jsonl", [page("a", NOON_MS), page("b", NOON_MS + HOUR_MS)])
    real = core.Backtest.judge

    def judge_some(self: core.Backtest, view: Any, at_ms: int) -> None:
        if at_ms > NOON_MS + 10 * MINUTE_MS:
            raise KeyboardInterrupt
        real(self, view, at_ms)

    monkeypatch.setattr(core.Backtest, "judge", judge_some)
    done = CliRunner().invoke(main, ["backtest", str(log), "--no-progress"])
    assert done.exit_code == 130
    assert "interrupted at 2026-01-01T12:10:00" in done.stderr
    assert "conversion_low" in done.stdout


def test_a_log_without_a_minute_to_judge_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BacktestError, match="no line is an event"):
        run(tmp_path, [{"x": 1}], [])
    with pytest.raises(BacktestError, match="no minute between"):
        run(tmp_path, [page("a", NOON_MS)], [], from_ms=NOON_MS + HOUR_MS)
