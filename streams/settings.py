"""Everything that can be set: one field a setting, its kind and default, and `Settings` as a whole.

It must not know where values come from; `config` reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import Definitions
from kpi_windows.events import TOPICS as EVENTS
from kpi_windows.goals import Goal
from kpi_windows.kpis import Catalogue
from kpi_windows.thresholds import DEFAULTS, Threshold
from streams import kinds
from streams.address import url_of
from streams.kinds import Kind, setting
from streams.servers import Exporter, Intake, Worker
from streams.vendors import Segment, Shopify, Zendesk


class ConfigError(Exception):
    """A setting is wrong; the message names the file, the key and what would be right."""


@dataclass(frozen=True)
class Kafka:
    """Where the brokers are, and how a worker behaves towards them."""

    bootstrap_servers: tuple[str, ...] = setting(("127.0.0.1:9092",), kinds.SERVERS)
    """Brokers to ask first; two or three of a cluster are enough."""
    app_id: str = setting("kpi", kinds.NAME)
    """Names the consumer group, the transactions and the internal topics: one a shop."""
    partitions: int = setting(4, kinds.whole(1, 1_000))
    """Of every topic, inputs included; it can't be changed later without a replay."""
    topics: Mapping[str, str] = field(default_factory=dict, metadata={"kind": kinds.TOPICS})
    """Names in Kafka of `clickstream`, `carts`, `orders` and `tickets`, where they differ."""
    security_protocol: str = setting(
        "PLAINTEXT", kinds.choice("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
    )
    """How to talk to the brokers."""
    sasl_mechanism: str = setting("PLAIN", kinds.choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"))
    """With a SASL protocol: how to log in."""
    sasl_username: str = setting("", kinds.TEXT)
    """With a SASL protocol: who."""
    sasl_password: str = setting("", kinds.SECRET, secret=True)
    """With a SASL protocol; better by its variable than in the file."""
    cafile: str = setting("", kinds.TEXT)
    """With an SSL protocol: certificates to trust (PEM), when the system's don't do."""
    certfile: str = setting("", kinds.TEXT)
    """With an SSL protocol: our own certificate (PEM), when the brokers ask for one."""
    keyfile: str = setting("", kinds.TEXT)
    """The key of `certfile`."""
    check_hostname: bool = setting(True, kinds.FLAG)
    """Whether the brokers' certificates must bear their names."""
    commit_interval_ms: int = setting(1_000, kinds.DURATION)
    """Between two transactions of a partition: the larger part of the delay that one sees.  Two of
    them while the partition is more than 50,000 events behind."""
    session_timeout_ms: int = setting(10_000, kinds.DURATION)
    """After this silence a worker is taken for dead, and others take its partitions."""
    heartbeat_ms: int = setting(2_000, kinds.DURATION)
    """Between two signs of life; at most a third of `session_timeout`."""
    transaction_timeout_ms: int = setting(15_000, kinds.DURATION)
    """After this the broker gives up a transaction whose worker is gone."""
    instance_id: str = setting("", kinds.TEXT)
    """Static membership: a name for this worker alone; it may be away for `session_timeout`."""


@dataclass(frozen=True)
class Topics:
    """Input topics that the shop uses: one that is off is neither created, read nor waited for."""

    clickstream: bool = setting(True, kinds.FLAG)
    """Pages, clicks and promotions."""
    carts: bool = setting(True, kinds.FLAG)
    """What is put into carts and taken out."""
    orders: bool = setting(True, kinds.FLAG)
    """Orders, refunds, cancellations and subscriptions."""
    tickets: bool = setting(True, kinds.FLAG)
    """Customer service."""
    marketing: bool = setting(True, kinds.FLAG)
    """Lists, messages, ads, social media, reviews and affiliates."""
    inventory: bool = setting(True, kinds.FLAG)
    """Stock and prices."""
    production: bool = setting(True, kinds.FLAG)
    """Machines, labour, units and incidents."""
    projects: bool = setting(True, kinds.FLAG)
    """Plans, hours, costs and income."""


@dataclass(frozen=True)
class Alerting:
    """Where alerts go: to a topic, without Prometheus, and by Alertmanager (for `kpi generate`)."""

    evaluate: bool = setting(True, kinds.FLAG)
    """Whether exporters watch the thresholds (one of them, elected) and write to `topic`."""
    topic: str = setting("kpi-alerts", kinds.NAME)
    """Gets each breach and each recovery once, as JSON."""

    webhook: str = setting("", kinds.TEXT)
    """An address that gets every alert as JSON."""
    slack_url_file: str = setting("", kinds.TEXT)
    """A file on Alertmanager's machine with the address of a Slack webhook, which is a secret."""
    slack_channel: str = setting("", kinds.TEXT)
    """The channel, when not the webhook's own."""
    email_to: str = setting("", kinds.TEXT)
    """Where alerts are mailed to."""
    email_from: str = setting("", kinds.TEXT)
    """The sender of those mails."""
    smarthost: str = setting("", kinds.TEXT)
    """The mail server, `host:port`."""
    smtp_username: str = setting("", kinds.TEXT)
    """Who logs in there."""
    smtp_password_file: str = setting("", kinds.TEXT)
    """A file on Alertmanager's machine with the password."""
    grafana: str = setting("http://127.0.0.1:3000", kinds.TEXT)
    """Where people find Grafana: links in alerts begin with it."""
    runbooks: str = setting("docs/runbooks", kinds.TEXT)
    """Where people find the runbooks, when these are published: links in alerts begin with it."""


@dataclass(frozen=True)
class Log:
    """What is said while it runs, on standard error."""

    level: str = setting("info", kinds.choice("debug", "info", "warning", "error"))
    """The least that is said."""
    format: str = setting("text", kinds.choice("text", "json"))
    """`text` for people, `json` (one object a line) for machines."""


_SHOP_KINDS: dict[str, Kind] = {
    "currency": kinds.CURRENCY,
    "zone": kinds.ZONE,
    "rates": kinds.RATES,
    "targets": kinds.TARGETS,
    "ticket_ages_ms": kinds.DURATIONS,
    "business_hours": kinds.HOURS,
    "holidays": kinds.DAYS,
    "lateness_ms": kinds.LATENESS,
}
INSIDE = {"default_targets": "targets", "default_lateness_ms": "lateness_ms"}
"""Fields of `Definitions` that are the key `default` of another one's table."""


class Setting(NamedTuple):
    """One thing that can be set."""

    section: str
    key: str
    attribute: str
    kind: Kind
    default: Any

    @property
    def variable(self) -> str:
        """The environment variable that overrides it."""
        section = "" if self.section == "kafka" else f"{self.section.upper()}_"
        return f"KPI_{section}{self.key.upper()}"


def _of(section: str, of: type) -> Iterator[Setting]:
    sample = of()
    for each in fields(of):
        kind = each.metadata["kind"]
        key = each.name.removesuffix("_ms")
        yield Setting(section, key, each.name, kind, getattr(sample, each.name))


def _of_shop() -> Iterator[Setting]:
    yield Setting("shop", "name", "name", kinds.TEXT, "Shop")
    sample = Definitions()
    for each in fields(Definitions):
        if each.name in INSIDE or each.name == "measures":  # these have tables of their own
            continue
        kind = _SHOP_KINDS.get(each.name)
        if kind is None:
            kind = kinds.DURATION if each.name.endswith("_ms") else kinds.whole(1, 10**9)
        key = each.name.removesuffix("_ms")
        yield Setting("shop", key, each.name, kind, getattr(sample, each.name))


SECTIONS: dict[str, tuple[Setting, ...]] = {
    "shop": tuple(_of_shop()),
    "kafka": tuple(_of("kafka", Kafka)),
    "topics": tuple(_of("topics", Topics)),
    "worker": tuple(_of("worker", Worker)),
    "exporter": tuple(_of("exporter", Exporter)),
    "intake": tuple(_of("intake", Intake)),
    "shopify": tuple(_of("shopify", Shopify)),
    "segment": tuple(_of("segment", Segment)),
    "zendesk": tuple(_of("zendesk", Zendesk)),
    "alerting": tuple(_of("alerting", Alerting)),
    "log": tuple(_of("log", Log)),
}
BY_VARIABLE = {one.variable: one for section in SECTIONS.values() for one in section}


@dataclass(frozen=True)
class Settings:
    """All settings, checked; also what the engine asks of the configuration."""

    shop_name: str = "Shop"
    definitions: Definitions = field(default_factory=Definitions)
    kafka: Kafka = field(default_factory=Kafka)
    used: Topics = field(default_factory=Topics)
    worker: Worker = field(default_factory=Worker)
    exporter: Exporter = field(default_factory=Exporter)
    intake: Intake = field(default_factory=Intake)
    shopify: Shopify = field(default_factory=Shopify)
    segment: Segment = field(default_factory=Segment)
    zendesk: Zendesk = field(default_factory=Zendesk)
    alerting: Alerting = field(default_factory=Alerting)
    log: Log = field(default_factory=Log)
    catalogue: Catalogue = field(default_factory=lambda: CATALOGUE)
    """All KPIs, the shop's own among them."""
    thresholds: tuple[Threshold, ...] = DEFAULTS
    """Those that come with this, and the shop's own."""
    goals: tuple[Goal, ...] = ()
    """In the file's order."""
    path: Path | None = None
    warnings: tuple[str, ...] = ()

    @property
    def app_id(self) -> str:
        return self.kafka.app_id

    @property
    def bootstrap_servers(self) -> tuple[str, ...]:
        return self.kafka.bootstrap_servers

    @property
    def partitions(self) -> int:
        return self.kafka.partitions

    @property
    def topics(self) -> dict[str, str]:
        """Kafka's name of each input topic that the shop uses."""
        used = (topic for topic in EVENTS if getattr(self.used, topic))
        return {topic: self.kafka.topics.get(topic, topic) for topic in used}

    @property
    def commit_interval_s(self) -> float:
        return self.kafka.commit_interval_ms / 1_000

    @property
    def session_timeout_s(self) -> float:
        return self.kafka.session_timeout_ms / 1_000

    @property
    def heartbeat_s(self) -> float:
        return self.kafka.heartbeat_ms / 1_000

    @property
    def transaction_timeout_ms(self) -> int:
        return self.kafka.transaction_timeout_ms

    @property
    def stuck_after_s(self) -> float:
        return self.worker.stuck_after_ms / 1_000

    @property
    def instance_id(self) -> str | None:
        return self.kafka.instance_id or None

    @property
    def web_port(self) -> int | None:
        """None: Faust's web server stays off, `[worker]` says where ours listens."""
        return None

    @property
    def kafka_options(self) -> dict[str, Any]:
        """How to connect, as aiokafka and kafka-python name it."""
        return _connection(self.kafka)

    @property
    def url(self) -> str:
        """Where the exporter is."""
        told = self.exporter
        return told.url or url_of(told.host, told.port, "https" if told.certfile else "http")


def _connection(kafka: Kafka) -> dict[str, Any]:
    from aiokafka.helpers import create_ssl_context

    protocol = kafka.security_protocol
    options: dict[str, Any] = {}
    if protocol != "PLAINTEXT":
        options["security_protocol"] = protocol
    if "SSL" in protocol:
        files = {"cafile": kafka.cafile, "certfile": kafka.certfile, "keyfile": kafka.keyfile}
        for key, file in files.items():
            if file and not Path(file).is_file():
                raise ConfigError(f"[kafka] {key}: there is no file {file!r}")
        try:
            context = create_ssl_context(**{k: v or None for k, v in files.items()})
        except OSError as error:
            raise ConfigError(f"[kafka] cafile, certfile or keyfile: {error}") from error
        context.check_hostname = kafka.check_hostname
        options["ssl_context"] = context
    if protocol.startswith("SASL"):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.sasl_username
        options["sasl_plain_password"] = kafka.sasl_password
    return options
