"""How the stream does: events a second, how far time has come, and what didn't count.

It must not know KPIs.  Speed is what came in between looks at the exporter's own state.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from kpi_windows.engine import OUTCOMES
from streams.follower import Whole

_OVER_MS = 15_000
"""Speed and delay are means over so long."""


class Health:
    """Looks at the exporter's state, and remembers for some seconds what it saw."""

    def __init__(self, whole: Whole) -> None:
        self._whole = whole
        self._seen: deque[tuple[int, int, float, float]] = deque()

    def told(self) -> dict[str, Any]:
        """As a plain object; numbers that can't be known yet are None."""
        whole = self._whole
        laws = whole.view.laws()
        counts = dict.fromkeys(OUTCOMES, 0)
        for law in laws:
            for outcome, count in law.outcomes.items():
                counts[outcome] = counts.get(outcome, 0) + count
        taken_in = sum(law.taken_in for law in laws)
        speed, delay_s = self._means(taken_in)
        return {
            "in": taken_in,
            **counts,
            "accounted_for": all(law.holds for law in laws),
            "events_per_second": speed,
            "delay_seconds": delay_s,
            "watermark_ms": whole.view.watermark_ms,
            "behind_ms": {str(p): ms for p, ms in sorted(whole.behind().items())},
            "partitions": whole.partitions,
        }

    def _means(self, taken_in: int) -> tuple[float | None, float | None]:
        whole, seen = self._whole, self._seen
        now_ms, delays = whole.now_ms(), whole.delays
        latest = (now_ms, taken_in, sum(delays.counts), delays.total_s)
        if seen and taken_in < seen[-1][1]:  # all is read anew
            seen.clear()
        if not seen or now_ms > seen[-1][0]:
            seen.append(latest)
        while len(seen) > 2 and now_ms - seen[1][0] > _OVER_MS:
            seen.popleft()
        first_ms, first_in, first_count, first_s = seen[0]
        took_ms, judged = now_ms - first_ms, latest[2] - first_count
        speed = (taken_in - first_in) * 1_000 / took_ms if took_ms > 0 else None
        return speed, (latest[3] - first_s) / judged if judged > 0 else None
