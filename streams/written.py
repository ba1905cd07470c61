"""Families as the text that Prometheus reads: written once, sent as often as they are asked for.

It must not know KPIs.  The lines of samples are the same in both formats, and are made here: the
client's own writer checks every name and label anew, which would take half of a scrape.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from functools import lru_cache

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

_EOF = b"# EOF\n"
"""Ends a page of OpenMetrics."""
_MOST = 50_000
"""More label values than this are forgotten and escaped anew."""


class _Escaped(dict[str, str]):
    """Label values as both formats write them; each is looked at once."""

    def __missing__(self, value: str) -> str:
        if len(self) >= _MOST:
            self.clear()
        text = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        self[value] = text
        return text


_escaped = _Escaped()


def label_texts(names: Sequence[str], values: Iterable[Sequence[str]]) -> list[str]:
    """The labels of samples, in braces and in order of their names.

    >>> label_texts(("window", "page"), [("1h", 'a "b"')])
    ['{page="a \\\\"b\\\\"",window="1h"}']
    """
    order = sorted(range(len(names)), key=names.__getitem__)
    form = "{" + ",".join(f'{names[place]}="%s"' for place in order) + "}"
    return [form % tuple([_escaped[each[place]] for place in order]) for each in values]


class Written(GaugeMetricFamily):
    """A gauge of which there is no sample to ask for, but the lines of all of them."""

    def __init__(self, name: str, documentation: str, lines: Sequence[str]) -> None:
        super().__init__(name, documentation)
        self.lines = "".join(lines).encode()


def lines_of(metric: Metric) -> bytes:
    """The lines of a gauge's samples, as they are scraped."""
    if isinstance(metric, Written):
        return metric.lines
    lines = _encoded(metric, choose_encoder("")[0]).split(b"\n")
    return b"".join(line + b"\n" for line in lines if line and not line.startswith(b"#"))


def head_of(metric: Metric) -> bytes:
    """What stands above a gauge's lines in OpenMetrics."""
    return _head(metric.name, metric.documentation, "application/openmetrics-text")


class _Only:
    """A registry of one family."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        """The family."""
        return [self._metric]


class Registry(CollectorRegistry):
    """Collectors, of which single families can be asked for.

    One that has `collect_named` is told the names, and needn't make all that it has.
    """

    def __init__(self) -> None:
        super().__init__(auto_describe=False)  # what there is depends on the state
        self._all: list[Collector] = []

    def register(self, collector: Collector) -> None:
        """Takes one more."""
        super().register(collector)
        self._all.append(collector)

    def collect_named(self, names: Set[str]) -> Iterator[Metric]:
        """Families that are called so, or have a series that is."""
        for collector in self._all:
            named = getattr(collector, "collect_named", None)
            for metric in named(names) if named else collector.collect():
                if metric.name in names or any(each.name in names for each in metric.samples):
                    yield metric


def scrape(made: Registry, accept: str = "", names: Collection[str] = ()) -> tuple[bytes, str]:
    """The page and its content type, in the format that was asked for; of `names` only, if any."""
    encoder, content_type = choose_encoder(accept)
    page: list[bytes] = []
    for metric in made.collect_named(frozenset(names)) if names else made.collect():
        if isinstance(metric, Written):
            page += (_head(metric.name, metric.documentation, accept), metric.lines)
        else:
            page.append(_encoded(metric, encoder))
    if "openmetrics" in content_type:
        page.append(_EOF)
    return b"".join(page), content_type


@lru_cache(maxsize=10_000)
def _head(name: str, documentation: str, accept: str) -> bytes:
    """What stands above the lines of a family."""
    return _encoded(GaugeMetricFamily(name, documentation), choose_encoder(accept)[0])


def _encoded(metric: Metric, encoder: Callable[..., bytes]) -> bytes:
    return encoder(_Only(metric)).removesuffix(_EOF)
