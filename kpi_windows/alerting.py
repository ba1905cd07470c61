"""Breaches and recoveries: thresholds applied minute by minute, in event time.

It must not know where values come from, who is told, nor the clock: a minute is judged when the
watermark has passed it, so that the same values at the same minutes give the same alerts, whoever
judges them, and however often that is interrupted.

    value    fine   bad ...... bad          fine ............ fine
    state    quiet  pending    firing       firing, mending   quiet
                    |-- for -->| breach     |- keep firing -->| recovery

A firing value is fine again beyond the bound by the hysteresis; between the two it is neither.
Without a verdict (no value yet, too little volume) nothing begins, and what waits begins anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum

import msgspec

from kpi_windows.definitions import HOUR_MS, MINUTE_MS
from kpi_windows.kpi import Kpi, Unit
from kpi_windows.thresholds import Threshold
from kpi_windows.view import Value, View

STEP_MS = MINUTE_MS
"""Between two judgements."""
CATCH_UP_MS = 6 * HOUR_MS
"""Minutes longer ago than this are not judged any more: nobody can act on them."""
HYSTERESIS = 0.05
"""Of the bound, where a threshold says nothing else; see `band_of`."""


class Event(Enum):
    """What is told."""

    BREACH = "breach"
    RECOVERY = "recovery"


class Watch(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where one threshold stands.  The threshold is kept to see when a shop changes it."""

    threshold: Threshold
    bad_since_ms: int | None = None
    """Since when the value has been bad without a break; of a firing one, when that began."""
    breached_ms: int | None = None
    """When the breach was told; None: it isn't firing."""
    fine_since_ms: int | None = None
    """Of a firing one: since when the value has been fine without a break."""


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where all thresholds stand after a minute."""

    at_ms: int | None = None
    """The last minute that was judged."""
    watches: dict[str, Watch] = {}
    """By threshold: those that are firing or waiting."""
    told: dict[str, dict[str, int]] = {}
    """By threshold: how often which event was told, ever."""


class Alert(msgspec.Struct, frozen=True):
    """A breach, or the recovery from one."""

    event: Event
    threshold: Threshold
    since_ms: int
    """Since when it has held: the value bad, or fine again."""
    breached_ms: int
    """When the breach was told, also of its recovery."""
    at_ms: int
    value: Value | None
    """None: the threshold was removed or changed, so that it isn't watched any more."""

    def id_in(self, shop: str) -> str:
        """The same for a breach and its recovery, and for whoever judges it again."""
        subject = [shop, self.threshold.name, *_subject(self.threshold), self.breached_ms]
        return hashlib.sha256(msgspec.json.encode(subject)).hexdigest()[:16]


def due_ms(state: State, watermark_ms: int | None) -> int | None:
    """The next minute to judge; None while event time hasn't passed another one.

    The first ever is the present one; after a long pause, one that is `CATCH_UP_MS` ago.
    """
    if watermark_ms is None:
        return None
    latest_ms = watermark_ms - watermark_ms % STEP_MS
    if state.at_ms is None:
        return latest_ms
    next_ms = max(state.at_ms + STEP_MS, latest_ms - CATCH_UP_MS)
    return next_ms if next_ms <= latest_ms else None


def latest(view: View, threshold: Threshold, kpi: Kpi, at_ms: int) -> Value | None:
    """The value in the latest ripe window before a minute; None where it allows no verdict.

    That is while there is no value, or with a smaller denominator than the threshold asks for.
    """
    matures_ms = view.matures_ms(kpi)
    told = view.evaluate(
        kpi,
        threshold.window,
        at_ms=at_ms - matures_ms - 1,
        where=dict(threshold.where),
        definition=threshold.definition,
        slot=("judged", matures_ms),
    )
    value = next((each for each in told if each.ripe), None)
    if value is None or value.value is None:
        return None
    if threshold.min_volume and (value.denominator or 0) < threshold.min_volume:
        return None
    return value


Look = Callable[[View, Threshold, Kpi, int], Value | None]
"""`latest`, or who answers the same from memory."""


def judge(
    state: State,
    at_ms: int,
    view: View,
    thresholds: Iterable[Threshold],
    catalogue: Mapping[str, Kpi],
    look: Look = latest,
) -> tuple[State, list[Alert]]:
    """The state after a minute, and what is to be told of it."""
    whole = state.at_ms is None or at_ms == state.at_ms + STEP_MS
    before = {name: each if whole else _interrupted(each) for name, each in state.watches.items()}
    watches: dict[str, Watch] = {}
    alerts: list[Alert] = []
    for threshold in thresholds:
        kpi, name = catalogue[threshold.kpi], threshold.name
        watch = before.get(name)
        if watch is not None and _subject(watch.threshold) == _subject(threshold):
            del before[name]
        else:
            watch = None
        value = look(view, threshold, kpi, at_ms)
        moved, event = follow(watch, threshold, kpi, None if value is None else value.value, at_ms)
        if event is not None:
            alerts.append(_alert(event, moved, at_ms, value))
        if moved.bad_since_ms is not None and event is not Event.RECOVERY:
            watches[name] = moved
    gone = [_alert(Event.RECOVERY, each, at_ms, None) for each in before.values() if _fires(each)]
    alerts = gone + alerts
    return State(at_ms, watches, _counted(state.told, alerts)), alerts


def band_of(threshold: Threshold, kpi: Kpi) -> float:
    """How far beyond the bound a firing value must return, in the value's unit.

    By default 5 % of the bound; of a ratio between 0 and 1, 5 % of the way to the nearer of both,
    so that it can always be reached.

    >>> from kpi_windows.catalogue import CATALOGUE
    >>> round(band_of(Threshold("high", "bounce_rate", above=0.8), CATALOGUE["bounce_rate"]), 9)
    0.01
    """
    if threshold.hysteresis is not None:
        return threshold.hysteresis
    size = abs(threshold.bound)
    if kpi.reading(threshold.definition).unit is Unit.RATIO and 0 < threshold.bound < 1:
        size = min(size, 1 - size)
    return HYSTERESIS * size


def is_bad(threshold: Threshold, kpi: Kpi, value: float, *, firing: bool) -> bool | None:
    """Whether a value breaches the threshold; None: it doesn't, but hasn't returned either."""
    bound, band = threshold.bound, band_of(threshold, kpi) if firing else 0
    if threshold.above is not None:
        bad, back = value > bound, value <= bound - band
    else:
        bad, back = value < bound, value >= bound + band
    return True if bad else False if back else None


def follow(
    watch: Watch | None, threshold: Threshold, kpi: Kpi, value: float | None, at_ms: int
) -> tuple[Watch, Event | None]:
    """A threshold's watch after a minute's value (None: no verdict), and what is to be told."""
    is_firing = watch is not None and watch.breached_ms is not None
    bad = None if value is None else is_bad(threshold, kpi, value, firing=is_firing)
    return _moved(watch, threshold, bad, at_ms)


def _moved(
    watch: Watch | None, threshold: Threshold, bad: bool | None, at_ms: int
) -> tuple[Watch, Event | None]:
    """A threshold's watch after a verdict (None: there is none), and what is to be told."""
    if watch is not None and watch.breached_ms is not None:
        fine_since_ms = (watch.fine_since_ms or at_ms) if bad is False else None
        moved = Watch(threshold, watch.bad_since_ms, watch.breached_ms, fine_since_ms)
        waited_ms = -1 if fine_since_ms is None else at_ms - fine_since_ms
        return moved, Event.RECOVERY if waited_ms >= threshold.keep_firing_for_ms else None
    if not bad:
        return Watch(threshold), None
    since_ms = at_ms if watch is None or watch.bad_since_ms is None else watch.bad_since_ms
    if at_ms - since_ms < threshold.for_ms:
        return Watch(threshold, since_ms), None
    return Watch(threshold, since_ms, at_ms), Event.BREACH


def _fires(watch: Watch) -> bool:
    return watch.breached_ms is not None


def _interrupted(watch: Watch) -> Watch:
    """After minutes that nobody judged: what must hold without a break begins anew."""
    if not _fires(watch):
        return Watch(watch.threshold)
    return Watch(watch.threshold, watch.bad_since_ms, watch.breached_ms)


def _subject(threshold: Threshold) -> tuple[object, ...]:
    """What it is about: with another subject it is another threshold, whatever its name."""
    each = threshold
    return each.kpi, each.definition, each.window, each.where, each.direction


def _alert(event: Event, watch: Watch, at_ms: int, value: Value | None) -> Alert:
    assert watch.breached_ms is not None
    since_ms = watch.bad_since_ms if event is Event.BREACH else watch.fine_since_ms
    return Alert(
        event, watch.threshold, at_ms if since_ms is None else since_ms, watch.breached_ms,
        at_ms, value,
    )  # fmt: skip


def _counted(
    told: Mapping[str, Mapping[str, int]], alerts: Iterable[Alert]
) -> dict[str, dict[str, int]]:
    counts = {name: dict(events) for name, events in told.items()}
    for alert in alerts:
        events = counts.setdefault(alert.threshold.name, {})
        events[alert.event.value] = events.get(alert.event.value, 0) + 1
    return counts


def firing(state: State) -> Iterator[Watch]:
    """The watches that fire."""
    return (watch for watch in state.watches.values() if _fires(watch))


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(State).decode


def pack_state(state: State) -> bytes:
    """The state as bytes: JSON."""
    return _encode(state)


def unpack_state(packed: bytes) -> State:
    """The reverse of `pack_state`; ValueError for what isn't a state."""
    return _decode(packed)
