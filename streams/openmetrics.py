"""Samples of many moments as one page of OpenMetrics: by family, then by series, then by time.

It must not know what is measured.  https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import IO, NamedTuple

from prometheus_client.core import Metric

from streams.written import head_of, label_texts, lines_of


class _Series(NamedTuple):
    times_s: array[int]
    values: array[float]


class Page:
    """Collects what gauges say; 16 bytes a sample.  `labels` are those that a scrape adds."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.samples = 0
        added = label_texts(tuple(labels), [tuple(labels.values())])[0] if labels else "{}"
        self._labels = added[1:-1].encode()
        self._families: dict[str, tuple[bytes, dict[bytes, _Series]]] = {}

    def add(self, metric: Metric, at_s: int) -> None:
        """What a gauge says at a moment, in seconds since 1970; later than what it said before."""
        family = self._families.get(metric.name)
        if family is None:
            family = self._families[metric.name] = head_of(metric), {}
        _, by_name = family
        for line in lines_of(metric).removesuffix(b"\n").split(b"\n"):
            name, _, value = line.rpartition(b" ")
            series = by_name.get(name)
            if series is None:
                series = by_name[name] = _Series(array("q"), array("d"))
            series.times_s.append(at_s)
            series.values.append(float(value))
            self.samples += 1

    def write(self, file: IO[bytes]) -> None:
        """The page; to the last digit what scrapes say."""
        for head, by_name in self._families.values():
            file.write(head)
            for name, series in by_name.items():
                begin = _with_labels(name, self._labels)
                for at_s, value in zip(series.times_s, series.values, strict=True):
                    file.write(b"%s %s %d\n" % (begin, repr(value).encode(), at_s))
        file.write(b"# EOF\n")


def _with_labels(name: bytes, more: bytes) -> bytes:
    """A series with more labels.

    >>> _with_labels(b'a{b="c"}', b'd="e"'), _with_labels(b"a", b'd="e"')
    (b'a{b="c",d="e"}', b'a{d="e"}')
    """
    if not more:
        return name
    if name.endswith(b"}"):
        return name[:-1] + b"," + more + b"}"
    return name + b"{" + more + b"}"
