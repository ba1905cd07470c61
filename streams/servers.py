"""What can be set of what listens: a worker, an exporter, the intake; a section of the settings each.

It must not know what they serve.
"""

from __future__ import annotations

from dataclasses import dataclass

from kpi_windows.windows import WINDOWS
from streams import kinds
from streams.kinds import setting


@dataclass(frozen=True)
class Worker:
    """Where a worker tells how it does (`/metrics` of its own, and `/healthz`), and when it ends."""

    host: str = setting("127.0.0.1", kinds.TEXT)
    """The address to listen on."""
    port: int = setting(9_465, kinds.PORT)
    """The port to listen on; when it is taken, and with 0, any free one, which is logged."""
    stuck_after_ms: int = setting(60_000, kinds.DURATION)
    """A worker that for so long reads nothing of what Kafka has for it, or commits nothing of what
    it read, ends with exit code 1, and a fresh one begins; `0s`: never."""
    tokens: tuple[str, ...] = setting((), kinds.TOKENS, secret=True)
    """Each lets somebody ask for `/metrics`; none: whoever reaches it. Better by the variable."""
    certfile: str = setting("", kinds.TEXT)
    """Our certificate with its chain (PEM): with it, HTTPS is spoken, and nothing else."""
    keyfile: str = setting("", kinds.TEXT)
    """The key of `certfile`."""


@dataclass(frozen=True)
class Exporter:
    """What is served on the web: `/metrics`, the JSON API and the page."""

    host: str = setting("127.0.0.1", kinds.TEXT)
    """The address to listen on; `0.0.0.0` is every one that the machine has."""
    port: int = setting(9_464, kinds.PORT)
    """The port to listen on; 0 takes any free one."""
    url: str = setting("", kinds.TEXT)
    """Where `kpi query` asks; by default the host and port above."""
    hosts: tuple[str, ...] = setting((), kinds.WORDS)
    """Names under which it may be asked, beside localhost, as a proxy's `kpi.example.com`; without,
    any name where it listens to others, and only localhost where it doesn't."""
    tokens: tuple[str, ...] = setting((), kinds.TOKENS, secret=True)
    """Each lets somebody see page, API and `/metrics`; none: whoever reaches it. A browser asks for
    it as a password, with any name. Better by the variable."""
    token: str = setting("", kinds.SECRET, secret=True)
    """With which `kpi query` and the other commands ask; better by the variable."""
    certfile: str = setting("", kinds.TEXT)
    """Our certificate with its chain (PEM): with it, HTTPS is spoken, and nothing else."""
    keyfile: str = setting("", kinds.TEXT)
    """The key of `certfile`."""
    cafile: str = setting("", kinds.TEXT)
    """Certificates that `kpi query` trusts (PEM), when the system's don't do."""
    metrics_port: int = setting(0, kinds.PORT)
    """A port of its own for `/metrics`, so that it can be reached from elsewhere than page and
    API; 0: none."""
    metrics_host: str = setting("", kinds.TEXT)
    """The address that `metrics_port` listens on; empty: `host`."""
    metrics_tokens: tuple[str, ...] = setting((), kinds.TOKENS, secret=True)
    """Each lets Prometheus ask for `/metrics` and nothing else. With a `metrics_port`, nothing else
    is asked for there."""
    windows: tuple[str, ...] = setting(WINDOWS, kinds.WORDS)
    """Windows on `/metrics`; the API has all of them always."""
    breakdowns: bool = setting(True, kinds.FLAG)
    """Whether `/metrics` has the values by each label too, and not only the totals."""
    breakdown_windows: tuple[str, ...] = setting(("1h", "24h", "day", "week", "month"), kinds.WORDS)
    """Windows of those."""
    top_labels: int = setting(20, kinds.whole(1, 10_000))
    """Values of a label on `/metrics`, by size; the rest is summed under `__other__`."""
    max_series: int = setting(50_000, kinds.whole(100, 10_000_000))
    """Series on `/metrics`; breakdowns that don't fit are left out, and named."""
    stuck_after_ms: int = setting(60_000, kinds.DURATION)
    """An exporter that for so long reads nothing of what Kafka has for it, or answers nobody, ends
    with exit code 1: let it be started anew; `0s`: never."""

    @property
    def stuck_after_s(self) -> float:
        return self.stuck_after_ms / 1_000


@dataclass(frozen=True)
class Intake:
    """Events over HTTP into Kafka: who may send, how much, and how long it may take."""

    host: str = setting("127.0.0.1", kinds.TEXT)
    """The address to listen on; `0.0.0.0` is every one that the machine has."""
    port: int = setting(9_466, kinds.PORT)
    """The port to listen on; 0 takes any free one."""
    tokens: tuple[str, ...] = setting((), kinds.TOKENS, secret=True)
    """Each lets somebody send; several, to replace one without a pause. Better by the variable."""
    certfile: str = setting("", kinds.TEXT)
    """Our certificate with its chain (PEM): with it, HTTPS is spoken, and nothing else."""
    keyfile: str = setting("", kinds.TEXT)
    """The key of `certfile`."""
    max_body: int = setting(5_000_000, kinds.whole(1_000, 1_000_000_000))
    """Bytes of a request's body, unpacked."""
    max_events: int = setting(1_000, kinds.whole(1, 100_000))
    """Events of a request."""
    rate: int = setting(5_000, kinds.whole(1, 1_000_000))
    """Events a second that each token may send; beyond it the answer is 429."""
    burst: int = setting(20_000, kinds.whole(1, 10_000_000))
    """Events that a token may send at once, after a pause."""
    buffer: int = setting(64_000_000, kinds.whole(1_000_000, 100_000_000_000))
    """Bytes that may wait for Kafka at once, and a quarter of it more for webhooks; beyond it the
    answer is 503."""
    write_timeout_ms: int = setting(10_000, kinds.DURATION)
    """How long Kafka may take to acknowledge an event; beyond it the answer is 503."""
    body_timeout_ms: int = setting(20_000, kinds.DURATION)
    """How long a body may take to come in; beyond it the answer is 408."""
    remembered: int = setting(100_000, kinds.whole(0, 100_000_000))
    """Events acknowledged last, a copy of which isn't written again; some 150 bytes each."""
