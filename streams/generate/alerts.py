"""An alert: its rule for Prometheus, its words for people, and the tests that hold it to them.

It must not know which alerts there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MINUTE_MS = 60_000
QUIET = 75
"""The minute until which nothing should fire where all is well; longer than any `for`."""


def duration(length_ms: int) -> str:
    """A length as Prometheus writes it.

    >>> duration(90_000), duration(1_800_000), duration(0)
    ('90s', '30m', '0s')
    """
    for name, unit_ms in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        if length_ms and length_ms % unit_ms == 0:
            return f"{length_ms // unit_ms}{name}"
    return f"{length_ms // 1_000}s"


def _long(seconds: float) -> str:
    """Seconds as Prometheus' humanizeDuration writes them, from a minute on.

    >>> _long(15_840.0), _long(90.0), _long(90_000.0)
    ('4h 24m 0s', '1m 30s', '1d 1h 0m 0s')
    """
    if abs(seconds) < 60:
        return f"{seconds:.4g}s"
    minutes, rest = divmod(int(abs(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    told = f"{minutes}m {rest}s"
    if hours or days:
        told = f"{hours}h {told}"
    sign = "-" if seconds < 0 else ""
    return f"{sign}{days}d {told}" if days else f"{sign}{told}"


@dataclass(frozen=True)
class Style:
    """How a number is written: by Prometheus, and by us."""

    template: str
    text: Callable[[float], str]


PERCENT = Style("{{ $value | humanizePercentage }}", lambda value: f"{value * 100:.4g}%")
DURATION = Style("{{ $value | humanizeDuration }}", _long)
COUNT = Style('{{ $value | printf "%.0f" }}', lambda value: f"{value:.0f}")
NUMBER = Style('{{ $value | printf "%.1f" }}', lambda value: f"{value:.1f}")


def money(currency: str) -> Style:
    """An amount in the shop's currency."""
    return Style(f'{{{{ $value | printf "%.2f" }}}} {currency}', lambda v: f"{v:.2f} {currency}")


@dataclass(frozen=True)
class Places:
    """Where people find Grafana and the runbooks."""

    grafana: str
    runbooks: str


@dataclass(frozen=True)
class Firing:
    """An alert that is expected to fire: labels beside the rule's own, and the value."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Case:
    """Series from minute 0 on, in promtool's notation, and what fires at which minute."""

    name: str
    series: Mapping[str, str]
    checks: Mapping[int, tuple[Firing, ...]]
    step: str = "1m"
    """Between two values of a series."""


@dataclass(frozen=True)
class Alert:
    """A rule for Prometheus.

    `summary` may name `{value}` and labels that the series carry (`{topic}`).
    """

    name: str
    expr: str
    summary: str
    style: Style
    labels: Mapping[str, str]
    page: str
    """Of the runbooks."""
    todo: str
    """What to do, in Markdown."""
    dashboard: str
    for_ms: int = 5 * MINUTE_MS
    keep_firing_for_ms: int = 0
    carried: tuple[str, ...] = ()
    """Labels of the series that the summary names."""
    cases: tuple[Case, ...] = field(default=(), compare=False)

    def rule(self, places: Places) -> dict[str, Any]:
        """As it stands in a rule file."""
        told: dict[str, Any] = {"alert": self.name, "expr": self.expr, "for": duration(self.for_ms)}
        if self.keep_firing_for_ms:
            told["keep_firing_for"] = duration(self.keep_firing_for_ms)
        carried = {label: f"{{{{ $labels.{label} }}}}" for label in self.carried}
        told["labels"] = dict(self.labels)
        told["annotations"] = self._annotations(places, self.style.template, carried)
        return told

    def _annotations(
        self, places: Places, value: str, carried: Mapping[str, str]
    ) -> dict[str, str]:
        return {
            "summary": self.summary.format(value=value, **carried),
            "runbook_url": f"{places.runbooks}/{self.page}.md#{self.name.lower()}",
            "dashboard_url": f"{places.grafana}{self.dashboard}",
        }

    def expected(self, firing: Firing, places: Places) -> dict[str, Any]:
        """As promtool expects it."""
        carried = {label: firing.labels[label] for label in self.carried}
        return {
            "exp_labels": {**self.labels, **firing.labels},
            "exp_annotations": self._annotations(places, self.style.text(firing.value), carried),
        }

    def tests(self, places: Places) -> list[dict[str, Any]]:
        """Its cases, and that nothing fires without data unless a case says so."""
        told = [self._test(case, places) for case in self.cases]
        if not any(not case.series for case in self.cases):
            told.append(
                self._test(Case("no data", {}, {600 if self._weekly else QUIET: ()}), places)
            )
        return told

    @property
    def _weekly(self) -> bool:
        return any(case.step != "1m" for case in self.cases)

    def _test(self, case: Case, places: Places) -> dict[str, Any]:
        checks = [
            {
                "eval_time": f"{minute}m",
                "alertname": self.name,
                "exp_alerts": [self.expected(firing, places) for firing in fires],
            }
            for minute, fires in case.checks.items()
        ]
        series = [{"series": name, "values": values} for name, values in case.series.items()]
        test: dict[str, Any] = {"name": case.name, "interval": case.step}
        if series:
            test["input_series"] = series
        return {**test, "alert_rule_test": checks}


def flat(value: float, minutes: int = QUIET) -> str:
    """A series that stays what it is."""
    return f"{value!r}+0x{minutes}"
