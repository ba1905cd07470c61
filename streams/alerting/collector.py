"""What Prometheus sees of the evaluator: which alerts fire, and how many there were.

It must not know how they are judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from kpi_windows.alerting import Event, firing
from streams import metrics
from streams.alerting.evaluator import Evaluator
from streams.collectors import family
from streams.settings import Settings


class AlertCollector(Collector):
    """Alerts of the elected exporter; the others only say that they aren't."""

    def __init__(self, settings: Settings, evaluator: Evaluator) -> None:
        self._thresholds = settings.thresholds
        self._evaluator = evaluator

    def collect(self) -> Iterator[Metric]:
        """Reads the state as it was last written."""
        elected, state = self._evaluator.elected, self._evaluator.state
        yield family(metrics.ALERTS_ELECTED, [((), float(elected))])
        if not elected:
            return
        fires = {watch.threshold.name for watch in firing(state)}
        yield family(
            metrics.ALERTS_FIRING,
            (((each.name, each.severity), float(each.name in fires)) for each in self._thresholds),
        )
        names = dict.fromkeys([*(each.name for each in self._thresholds), *state.told])
        yield family(
            metrics.ALERTS,
            (
                ((name, event.value), state.told.get(name, {}).get(event.value, 0))
                for name in names
                for event in Event
            ),
        )
        if state.at_ms is not None:
            yield family(metrics.ALERTS_JUDGED, [((), state.at_ms / 1_000)])
