"""On a Kafka that lets nobody do what it isn't told to let them do: with what docs/how-to/
kafka-security.md allows each user, and no more, the whole way of an event works; and without any one
of it, whoever lacks it says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.kafka.broker import KafkaBroker, why_not

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

KPI = (sys.executable, "-m", "streams.cli")
ADMIN, PASSWORD = "admin", "s3cret-tea-42"
PATIENCE_S = 120.0
INPUT = "orders"
TOPIC, GROUP, TRANSACTIONS = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID
READ, WRITE, CREATE, CONFIGS, DESCRIBE = (
    AclOperation.READ,
    AclOperation.WRITE,
    AclOperation.CREATE,
    AclOperation.DESCRIBE_CONFIGS,
    AclOperation.DESCRIBE,
)
ONE, PREFIX = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
Right = tuple[ResourceType, str, ResourcePatternType, AclOperation]
LEAST: dict[str, list[Right]] = {
    "topics": [
        *((TOPIC, INPUT, ONE, each) for each in (CREATE, DESCRIBE)),
        *((TOPIC, "kpi-", PREFIX, each) for each in (CREATE, DESCRIBE, CONFIGS)),
    ],
    "worker": [
        (TOPIC, INPUT, ONE, READ),
        *((TOPIC, name, ONE, READ) for name in ("kpi-forwarded", "kpi-state", "kpi-panes")),
        *((TOPIC, name, ONE, WRITE) for name in ("kpi-forwarded", "kpi-state", "kpi-panes")),
        (TOPIC, "kpi-dead-letters", ONE, WRITE),
        *((TOPIC, name, ONE, CONFIGS) for name in ("kpi-state", "kpi-panes")),
        (GROUP, "kpi", ONE, READ),
        (TRANSACTIONS, "kpi-", PREFIX, WRITE),
    ],
    "exporter": [
        (TOPIC, "kpi-panes", ONE, READ),
        (TOPIC, "kpi-alerts", ONE, WRITE),
        *((TOPIC, "kpi-alerts-state", ONE, each) for each in (READ, WRITE, CONFIGS)),
        (GROUP, "kpi-alerts", ONE, READ),
        (TRANSACTIONS, "kpi-alerts", ONE, WRITE),
    ],
    "feed": [(TOPIC, INPUT, ONE, WRITE)],
}


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    if missing := why_not():
        pytest.skip(missing)
    users = (ADMIN, *LEAST)
    listener = {
        "listener.security.protocol.map": (
            "CLIENT:SASL_PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
        ),
        "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.client.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{ADMIN}",
    }
    scram = (f"SCRAM-SHA-512=[name={user},password={PASSWORD}]" for user in users)
    with KafkaBroker(
        extra_properties=listener,
        client_config=_client(ADMIN),
        format_options=[word for each in scram for word in ("--add-scram", each)],
    ) as started:
        admin = AdminClient({"bootstrap.servers": started.bootstrap, **_client(ADMIN)})
        wanted = [_binding(user, *each) for user, them in LEAST.items() for each in them]
        for created in admin.create_acls(wanted).values():
            created.result(30)
        yield started


def _client(user: str) -> dict[str, str]:
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": PASSWORD,
    }


def _binding(
    user: str, kind: ResourceType, name: str, pattern: ResourcePatternType, operation: AclOperation
) -> AclBinding:
    allow = AclPermissionType.ALLOW
    return AclBinding(kind, name, pattern, f"User:{user}", "*", operation, allow)


def _only_orders(folder: Path) -> None:
    others = ("clickstream", "carts", "tickets", "marketing", "inventory")
    off = "".join(f"{topic} = false\n" for topic in (*others, "production", "projects"))
    (folder / "shop.toml").write_text(f"[topics]\n{off}")


def _variables(broker: KafkaBroker, user: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KPI_")}
    return {
        **kept,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "KPI_BOOTSTRAP_SERVERS": broker.bootstrap,
        "KPI_PARTITIONS": "2",
        "KPI_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KPI_SASL_MECHANISM": "SCRAM-SHA-512",
        "KPI_SASL_USERNAME": user,
        "KPI_SASL_PASSWORD": PASSWORD,
        "KPI_INTAKE_TOKENS": "a-token-of-the-test",
    }


def _kpi(
    broker: KafkaBroker, folder: Path, user: str, *args: str
) -> subprocess.CompletedProcess[str]:
    """A command of a user, to its end."""
    return subprocess.run(
        [*KPI, *args],
        cwd=folder, env=_variables(broker, user), capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def until(what: Callable[[], str], true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.5)


def test_with_what_each_may_the_whole_way_of_an_event_works(
    broker: KafkaBroker, tmp_path: Path
) -> None:
    _only_orders(tmp_path)
    event = '{"type":"order_completed","order_id":"1","timestamp":1772439120000,"products":[]}\n'
    (tmp_path / "orders.jsonl").write_text(event + "rubbish\n")
    running: list[subprocess.Popen[bytes]] = []

    kpi = partial(_kpi, broker, tmp_path)

    def start(user: str) -> Path:
        log = tmp_path / f"{user}.log"
        with log.open("w") as out:
            command = [*KPI, user, "--port", "0"]
            running.append(
                subprocess.Popen(
                    command, cwd=tmp_path, env=_variables(broker, user), stdout=out, stderr=out
                )
            )
        return log

    made = kpi("topics", "topics")
    assert made.returncode == 0, made.stdout + made.stderr
    try:
        logs = [start("worker"), start("exporter")]

        def said() -> str:
            return "\n".join(log.read_text() for log in logs)

        until(said, lambda: "page     http" in logs[1].read_text())
        url = logs[1].read_text().split("page     ")[1].split()[0]
        fed = kpi(
            "feed", "feed", "orders.jsonl", "--topic", INPUT, "--keep-bad",
            "--end-at", "2026-03-02T12:00",
        )  # fmt: skip
        assert "events sent" in fed.stderr, fed.stdout + fed.stderr
        asked = ("query", "transactions", "--url", url, "--at", "2026-03-02T12:00")
        until(said, lambda: " 1\n" in kpi("exporter", *asked, "--format", "table").stdout)
        until(said, lambda: "elected: this exporter" in logs[1].read_text())
        denied = kpi("feed", "dead-letters", "list")
        assert denied.returncode == 1
        assert PASSWORD not in denied.stdout + denied.stderr + said()
    finally:
        _end(running)


def _named(right: Right) -> str:
    kind, name, _, operation = right
    return f"{operation.name.lower()} {kind.name.lower()} {name}"


def _lack(name: str) -> str:
    """What is said by whoever lacks a right on it."""
    used = rf"use the (topic|group|transactional id) {name}"
    unseen = rf"No leader after 30 s: {name}.*, or this user may not see what is there"
    missing = rf"Missing in Kafka: {name}.*may not see what is there|{name} isn't there yet"
    return rf"{used}|{unseen}|{missing}|nobody checks that {name}\S* is"


@contextmanager
def _without(broker: KafkaBroker, user: str, right: Right) -> Iterator[None]:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, **_client(ADMIN)})
    binding = _binding(user, *right)
    names = ("restype", "name", "resource_pattern_type", "principal", "host", "operation")
    fields = [getattr(binding, name) for name in (*names, "permission_type")]
    for deleted in admin.delete_acls([AclBindingFilter(*fields)]).values():
        assert len(deleted.result(30)) == 1
    try:
        yield
    finally:
        for created in admin.create_acls([binding]).values():
            created.result(30)


@pytest.mark.parametrize(
    ("user", "right"),
    [(user, right) for user in ("worker", "exporter") for right in LEAST[user]],
    ids=lambda each: each if isinstance(each, str) else _named(each),
)
def test_whoever_lacks_one_right_says_which(
    user: str, right: Right, broker: KafkaBroker, tmp_path: Path
) -> None:
    """So each is needed: the ones that only checks need are asked for by these."""
    _only_orders(tmp_path)

    made = _kpi(broker, tmp_path, "topics", "topics")
    assert made.returncode == 0, made.stdout + made.stderr
    to = Producer({"bootstrap.servers": broker.bootstrap, **_client(ADMIN)})
    for name in (uuid4().hex for _ in range(20)):  # so many that some are forwarded
        told = f'"order_id":"{name}","customer_id":"{name}","timestamp":{time.time_ns() // 10**6}'
        to.produce(INPUT, f'{{"type":"order_completed",{told},"products":[]}}', name)
    assert to.flush(30) == 0
    log = tmp_path / "log"
    running: list[subprocess.Popen[bytes]] = []
    with _without(broker, user, right), log.open("w") as out:
        try:
            for who in {user, "worker"}:  # without a worker there is nothing to judge and to write
                once = ("--once",) if who == "worker" else ()
                running.append(
                    subprocess.Popen(
                        [*KPI, who, "--port", "0", *once], cwd=tmp_path,
                        env=_variables(broker, who), stdout=out, stderr=out,
                    )
                )  # fmt: skip
            until(log.read_text, lambda: bool(re.search(_lack(right[1]), log.read_text())))
        finally:
            _end(running)


@pytest.mark.parametrize("right", LEAST["topics"], ids=_named)
def test_who_makes_topics_without_one_right_says_which(
    right: Right, broker: KafkaBroker, tmp_path: Path
) -> None:
    _only_orders(tmp_path)
    _delete_all(broker)
    with _without(broker, "topics", right):
        made = _kpi(broker, tmp_path, "topics", "topics")
    assert made.returncode == (0 if right[3] == CONFIGS else 1), made.stdout
    assert re.search(_lack(right[1]), made.stderr), made.stderr


def test_feed_and_intake_say_that_they_may_not_write(broker: KafkaBroker, tmp_path: Path) -> None:
    _only_orders(tmp_path)
    assert _kpi(broker, tmp_path, "topics", "topics").returncode == 0
    event = '{"type":"order_completed","order_id":"1","timestamp":1772439120000,"products":[]}\n'
    (tmp_path / "orders.jsonl").write_text(event)
    with _without(broker, "feed", LEAST["feed"][0]):
        for command in (("feed", "orders.jsonl", "--topic", INPUT), ("intake", "--port", "0")):
            told = _kpi(broker, tmp_path, "feed", *command)
            assert told.returncode == 1, (command, told.stdout)
            assert re.search(f"^Error: .*({_lack(INPUT)})", told.stderr, re.M), told.stderr


def _delete_all(broker: KafkaBroker) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, **_client(ADMIN)})

    def there() -> list[str]:
        return [name for name in admin.list_topics(timeout=30).topics if name[:2] != "__"]

    if names := there():
        for deleted in admin.delete_topics(names).values():
            deleted.result(30)
    until(lambda: f"still there: {there()}", lambda: not there())


def _end(running: list[subprocess.Popen[bytes]]) -> None:
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
