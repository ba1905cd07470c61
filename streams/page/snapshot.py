"""All that the page shows in one object: values, histories, goals, what fires, and the stream.

It must not know HTTP nor how any of it looks.  A snapshot is made for whoever asks first, shared
by all who ask soon after; making them takes a tenth of the process's time, or hardly more.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from kpi_windows.goals import Goal
from kpi_windows.kpi import Kpi, UnknownNameError
from kpi_windows.view import OTHER, Value
from kpi_windows.windows import WINDOWS
from streams.api import why_not_ready
from streams.follower import Whole
from streams.goals import told_of as goals_told
from streams.page.health import Health
from streams.page.history import Buckets, Histories, History, buckets_of
from streams.page.states import Verdict, told_of, unit_shown, verdicts, worst

_LEAST_S = 0.8
"""A snapshot is given again for so long."""
_SHARE, _MOST_S = 10, 2.5
"""And for so many times what it took to make, but never longer than this."""
_SLOW_S = 5.0
"""Goals and top lists are made anew at most this often: they look at many panes."""
_TOP = 6
_SMALL = 1_000
"""Bytes that aren't worth compressing."""

INSTEAD: dict[str, tuple[str, ...]] = {
    "5m": ("hour", "day"),
    "1h": ("hour", "day"),
    "hour": ("day",),
    "24h": ("day",),
    "7d": ("week",),
    "30d": ("month",),
}
"""The windows that come nearest, for KPIs that don't have one."""

FUNNEL = (
    ("visits", "visits", "default", "value"),
    ("carts", "cart_abandonment_rate", "same_visit", "denominator"),
    ("checkouts", "conversion_rate", "checkout", "denominator"),
    ("orders", "conversion_rate", "default", "numerator"),
)
"""Step, KPI, definition, and which number of it: visits, those with a cart, with a checkout and with
an order.  All are counted when the visit started."""
TOP = (("products", "sales", "product"), ("sources", "visits", "source"))


@dataclass(frozen=True)
class Snapshot:
    """JSON, and what it is recognised by."""

    body: bytes

    @cached_property
    def etag(self) -> str:
        """Another one for another body."""
        return etag_of(self.body)

    @cached_property
    def packed(self) -> bytes | None:
        """With gzip, made for whoever asks first; None: it isn't worth it."""
        return gzip.compress(self.body, 1, mtime=0) if len(self.body) > _SMALL else None


def etag_of(body: bytes) -> str:
    """What HTTP recognises a body by."""
    return f'"{hashlib.sha256(body).hexdigest()[:20]}"'


class Snapshots:
    """The latest snapshot of each window that somebody looks at."""

    def __init__(
        self, whole: Whole, clock: Callable[[], float] = time.monotonic, *, demo: bool = False
    ) -> None:
        self._whole = whole
        self._demo = demo
        self._clock = clock
        self._health = Health(whole)
        self._histories = Histories(lambda: whole.view, clock)
        self._values: dict[tuple[str, str], tuple[object, dict[str, Any]]] = {}
        self._slow: dict[str, tuple[float, dict[str, Any]]] = {}
        self._made: dict[str, tuple[float, Snapshot]] = {}

    def of(self, window: str) -> Snapshot:
        """The snapshot of a window; an empty one is chosen.  Raises UnknownNameError."""
        window = window or self._chosen()
        if window not in WINDOWS:
            raise UnknownNameError(f"no window {window!r}: use one of {', '.join(WINDOWS)}")
        kept = self._made.get(window)
        began_s = self._clock()
        if kept is not None and began_s < kept[0]:
            return kept[1]
        made = Snapshot(msgspec.json.encode(self._told(window)))
        ended_s = self._clock()
        until_s = ended_s + min(_MOST_S, max(_LEAST_S, _SHARE * (ended_s - began_s)))
        self._made[window] = until_s, made
        return made

    def _chosen(self) -> str:
        """A day, once there is another to compare it with; until then an hour."""
        days = [kpi for kpi in self._whole.settings.catalogue.values() if "24h" in kpi.windows]
        evaluate = self._whole.view.evaluate
        is_known = (
            self._is_known(kpi, value)
            for kpi in days
            for value in evaluate(kpi, "24h", previous=True)
        )
        return "24h" if any(is_known) else "1h"

    def _is_known(self, kpi: Kpi, value: Value) -> bool:
        """Whether data reach back to a window's start."""
        began_ms = self._histories.began_ms(kpi)
        return began_ms is not None and began_ms <= value.start_ms

    def _told(self, window: str) -> dict[str, Any]:
        whole, settings = self._whole, self._whole.settings
        told: dict[str, Any] = {
            "shop": settings.shop_name,
            "demo": self._demo,
            "currency": settings.definitions.currency,
            "zone": settings.definitions.zone,
            "window": window,
            "windows": WINDOWS,
            "ready": whole.ready,
            "reason": "" if whole.ready else why_not_ready(whole),
            "trouble": whole.trouble,
            "health": self._health.told(),
        }
        if not whole.ready or whole.view.watermark_ms is None:
            return told
        judged = list(verdicts(whole.view, settings.thresholds, settings.catalogue))
        return {
            **told,
            "kpis": self._kpis(window, judged),
            "fires": [
                told_of(each, settings.catalogue[each.threshold.kpi])
                for each in sorted(judged, key=lambda one: one.threshold.severity != "critical")
                if each.bad
            ],
            "watched": sum(each.bad is not None for each in judged),
            "funnel": list(self._funnel(window)),
            **self._slowly(window),
        }

    # ------------------------------------------------------------------ values

    def _kpis(self, window: str, judged: list[Verdict]) -> list[dict[str, Any]]:
        settings = self._whole.settings
        shown = [(kpi, buckets_of(kpi, window)) for kpi in settings.catalogue.values()]
        histories = self._histories.of((kpi, buckets) for kpi, buckets in shown if buckets)
        goals = {goal.kpi.id: goal for goal in reversed(settings.goals)}
        by_kpi: dict[str, list[Verdict]] = {}
        for verdict in judged:
            by_kpi.setdefault(verdict.threshold.kpi, []).append(verdict)
        return [
            {
                **_of_catalogue(kpi),
                **self._value(kpi, _nearest(kpi, window)),
                **_of_history(buckets, histories.get(kpi.id)),
                "state": worst(by_kpi.get(kpi.id, ())),
                "thresholds": [told_of(each, kpi) for each in by_kpi.get(kpi.id, ())],
                "goal": _named(goals.get(kpi.id)),
            }
            for kpi, buckets in shown
        ]

    def _value(self, kpi: Kpi, window: str) -> dict[str, Any]:
        view = self._whole.view
        stand = view.stand(kpi)
        kept = self._values.get((kpi.id, window))
        if kept is not None and kept[0] == stand:
            return kept[1]
        now = next(iter(view.evaluate(kpi, window)), None)
        before = next(iter(view.evaluate(kpi, window, previous=True)), None)
        told = {
            "window": window,
            "value": now and now.value,
            "numerator": now and now.numerator,
            "denominator": now and now.denominator,
            "ripe": now is not None and now.ripe,
            "start_ms": now and now.start_ms,
            "end_ms": now and now.end_ms,
            "previous": before.value if before and self._is_known(kpi, before) else None,
        }
        self._values[(kpi.id, window)] = stand, told
        return told

    def _funnel(self, window: str) -> Iterator[dict[str, Any]]:
        catalogue = self._whole.settings.catalogue
        for step, name, definition, part in FUNNEL:
            kpi = catalogue.get(name)
            if kpi is None or window not in kpi.reading(definition).windows:
                continue
            view = self._whole.view
            values = view.evaluate(kpi, window, definition=definition)
            count = next((getattr(value, part) for value in values), None)
            if count:
                yield {"step": step, "kpi": kpi.id, "count": count}

    # ------------------------------------------------------------------ what takes longer

    def _slowly(self, window: str) -> dict[str, Any]:
        kept = self._slow.get(window)
        now_s = self._clock()
        if kept is not None and now_s - kept[0] < _SLOW_S:
            return kept[1]
        view = self._whole.view
        told: dict[str, Any] = {
            "goals": goals_told(self._whole.settings.goals, view),
            "top": {name: self._top(kpi, label, window) for name, kpi, label in TOP},
        }
        self._slow[window] = now_s, told
        return told

    def _top(self, name: str, label: str, window: str) -> list[dict[str, Any]]:
        kpi = self._whole.settings.catalogue.get(name)
        if kpi is None:
            return []
        values = self._whole.view.evaluate(kpi, _nearest(kpi, window), by=(label,), top=_TOP)
        rows = [
            {"name": value.labels[label], "value": value.value}
            for value in values
            if value.value and value.labels[label] != OTHER
        ]
        return sorted(rows, key=lambda row: (-float(row["value"] or 0), str(row["name"])))


def _nearest(kpi: Kpi, window: str) -> str:
    """The window, or the one nearest to it that the KPI has."""
    for each in (window, *INSTEAD.get(window, ())):
        if each in kpi.windows:
            return each
    return kpi.windows[0]


def _of_catalogue(kpi: Kpi) -> dict[str, Any]:
    spelled = [name for name in kpi.aliases if not name.isupper()]
    return {
        "id": kpi.id,
        "title": kpi.title,
        "guide": next(iter((*spelled, *kpi.aliases)), ""),
        "group": kpi.group,
        "unit": unit_shown(kpi, "default"),
        "better": kpi.better.value,
    }


def _of_history(buckets: Buckets | None, history: History | None) -> dict[str, Any]:
    """The points are empty as long as nobody had the time to read them."""
    window, count = buckets or (None, 0)
    return {"bucket": window, "buckets": count, "history": history.points if history else []}


def _named(goal: Goal | None) -> str | None:
    return goal.name if goal else None
