"""`kpi intake` as it is run: its start, its end, and what Kafka has afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kpi_windows.definitions import Definitions
from kpi_windows.engine import Record, Shard
from kpi_windows.events import TOPICS
from kpi_windows.keys import partition_of
from streams.broker import PARTITIONS, EmbeddedBroker
from streams.doctor.findings import NOTE, ok
from streams.doctor.intake import intake
from streams.receiver.run import running
from streams.receiver.writer import KafkaWriter, connection
from streams.servers import Intake
from streams.settings import ConfigError, Kafka, Settings
from tests.kafka.broker import KafkaBroker, free_ports
from tests.streams.readback import Found, everything
from tests.streams.receiver.load import Load

TOKEN = "a-token-for-these-tests"
ROOT = Path(__file__).parents[3]


def page(number: int, at_ms: int) -> dict[str, Any]:
    return {
        "type": "page_viewed", "timestamp": at_ms, "visitor_id": f"v-{number % 500}", "page": "/",
        "event_id": f"e-{number}",
    }  # fmt: skip


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Process:
    """`kpi intake` in a process of its own, on a port that stays."""

    def __init__(self, folder: Path, bootstrap: str, **changes: str) -> None:
        self._folder = folder
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KPI_")}
        self._variables = {
            **kept,
            "PYTHONPATH": str(ROOT),
            "KPI_BOOTSTRAP_SERVERS": bootstrap,
            "KPI_INTAKE_TOKENS": TOKEN,
            "KPI_INTAKE_PORT": str(port),
            "KPI_INTAKE_RATE": "1000000",
            "KPI_INTAKE_BURST": "10000000",
            **changes,
        }
        self.log = folder / "intake.log"
        self.running: subprocess.Popen[str] | None = None

    def start(self) -> None:
        with self.log.open("a") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "intake"],
                cwd=self._folder,
                env=self._variables,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.running.stdout is not None
        assert self.running.stdout.readline().startswith("events"), self.log.read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.running is not None
        self.running.send_signal(number)
        return self.running.wait(30)


@pytest.fixture
def embedded() -> Iterator[str]:
    with EmbeddedBroker() as broker:
        yield broker.bootstrap


def settings_of(bootstrap: str, **changes: Any) -> Settings:
    return Settings(
        kafka=Kafka(bootstrap_servers=(bootstrap,)),
        intake=replace(Intake(tokens=(TOKEN,), port=0), **changes),
    )


async def post(url: str, body: Any, tls: ssl.SSLContext | None = None) -> tuple[int, Any]:
    def ask() -> tuple[int, Any]:
        request = urllib.request.Request(
            url,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30, context=tls) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return await asyncio.to_thread(ask)


def test_events_lie_in_kafka_where_the_worker_expects_their_keys(embedded: str) -> None:
    at_ms = now_ms()

    async def run() -> tuple[int, Any]:
        async with running(settings_of(embedded)) as site:
            events = [page(number, at_ms) for number in range(40)]
            return await post(f"{site.url}/v1/events/clickstream", events)

    status, told = asyncio.run(run())
    assert (status, told["accepted"]) == (200, 40)
    found = everything(embedded, "clickstream")
    assert sorted(each.event["event_id"] for each in found) == sorted(f"e-{n}" for n in range(40))
    for each in found:
        assert each.key == each.event["visitor_id"].encode()
        assert each.partition == partition_of(each.key, PARTITIONS)


def test_without_kafka_nothing_is_acknowledged_and_readiness_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.receiver.run._ASK_KAFKA_S", 0.2)
    (port,) = free_ports(1)
    away = settings_of(f"127.0.0.1:{port}", write_timeout_ms=100)

    async def run() -> Settings:
        async with running(away) as site:
            status, told = await post(f"{site.url}/v1/events/clickstream", page(1, now_ms()))
            assert (status, told["not_written"], told["accepted"]) == (503, 1, 0)
            assert "within 0.1 s" in told["events"][0]["reason"]
            with pytest.raises(urllib.error.HTTPError) as refused:
                await asyncio.to_thread(urllib.request.urlopen, f"{site.url}/readyz", timeout=30)
            assert "Kafka doesn't answer" in json.load(refused.value)["reason"]
            known = replace(away, intake=replace(away.intake, port=site.port))
            (found,) = await asyncio.to_thread(lambda: [*intake(known)])
            assert "can't take events: Kafka doesn't answer" in found.what
        return known

    known = asyncio.run(run())
    (found,) = intake(known)
    assert (found.state, found.todo) == (NOTE, "start one: kpi intake")
    assert not [*intake(Settings())], "a shop without tokens has no intake"
    open_one = replace(known, intake=replace(known.intake, host="0.0.0.0"))
    assert "in clear" in next(iter(intake(open_one))).what


def test_without_a_token_nobody_could_send_so_it_does_not_start(embedded: str) -> None:
    async def run() -> None:
        async with running(settings_of(embedded, tokens=())):
            pytest.fail("it runs")

    with pytest.raises(ConfigError, match="openssl rand"):
        asyncio.run(run())


def test_a_producer_that_cannot_go_on_ends_the_intake(embedded: str) -> None:
    """Whatever librdkafka calls fatal, such as messages missing from the middle of a partition."""

    class Fatal:
        def fatal(self) -> bool:
            return True

        def str(self) -> str:
            return "out of order"

    async def run() -> str:
        told = asyncio.get_running_loop().create_future()
        writer = KafkaWriter(
            settings_of(embedded).kafka, {}, write_timeout_s=1, failed=told.set_result
        )
        writer._trouble(Fatal())
        try:
            return str(await asyncio.wait_for(told, 20))
        finally:
            await writer.close()

    assert asyncio.run(run()) == "out of order"


def test_kafkas_settings_are_those_of_all_commands() -> None:
    kafka = Kafka(
        bootstrap_servers=("a:1", "b:2"), security_protocol="SASL_SSL", cafile="ca.pem",
        sasl_mechanism="SCRAM-SHA-512", sasl_username="kpi", sasl_password="secret",
        check_hostname=False,
    )  # fmt: skip
    assert connection(kafka) == {
        "bootstrap.servers": "a:1,b:2",
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": "ca.pem",
        "ssl.endpoint.identification.algorithm": "none",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "kpi",
        "sasl.password": "secret",
    }
    plain = {"bootstrap.servers": "127.0.0.1:9092", "security.protocol": "PLAINTEXT"}
    assert connection(Kafka()) == plain


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """A certificate of 127.0.0.1, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate, so HTTPS wasn't tried")
    names = (str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=intake", "-out", names[0], "-keyout", names[1]),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return names


def test_https_is_spoken_with_a_certificate_and_then_nothing_else(
    embedded: str, certificate: tuple[str, str]
) -> None:
    secured = settings_of(embedded, certfile=certificate[0], keyfile=certificate[1])
    trusting = ssl.create_default_context(cafile=certificate[0])

    async def run() -> None:
        async with running(secured) as site:
            assert site.url.startswith("https://")
            url = f"{site.url}/v1/events/clickstream"
            status, _ = await post(url, page(1, now_ms()), trusting)
            assert status == 200
            known = replace(secured, intake=replace(secured.intake, port=site.port))
            (found,) = await asyncio.to_thread(lambda: [*intake(known)])
            assert found == ok(f"the intake at {site.url} takes events")
            with pytest.raises(OSError, match=r".*"):
                await post(url.replace("https", "http"), page(2, now_ms()))

    asyncio.run(run())
    wrong = settings_of(embedded, certfile=certificate[1], keyfile=certificate[0])

    async def start() -> None:
        async with running(wrong):
            pytest.fail("it runs")

    with pytest.raises(ConfigError, match="certificate"):
        asyncio.run(start())


def test_the_end_is_orderly_and_says_no_secret(embedded: str, tmp_path: Path) -> None:
    process = Process(tmp_path, embedded, KPI_LOG_LEVEL="debug")
    process.start()
    load = Load(process.url, TOKEN, [json.dumps(page(n, now_ms())).encode() for n in range(50)])
    asyncio.run(load.run())
    assert process.end() == 0
    assert len(load.acknowledged) == len(everything(embedded, "clickstream")) == 50
    log = process.log.read_text()
    assert "stopped" in log
    assert TOKEN not in log


@pytest.mark.kafka
@pytest.mark.slow
def test_under_load_nothing_acknowledged_is_lost_and_nothing_counts_twice(
    own_kafka: KafkaBroker, tmp_path: Path
) -> None:
    """2,000 posts a second; Kafka is killed and comes back, then the intake is.

    The client sends again what wasn't acknowledged, under the same id, as clients do.
    """
    own_kafka.create_topics(TOPICS, partitions=4)
    # So short that messages run out of time while they are on their way.
    process = Process(tmp_path, own_kafka.bootstrap, KPI_INTAKE_WRITE_TIMEOUT="2s")
    process.start()
    at_ms = now_ms()
    bodies = [json.dumps(page(n, at_ms + n)).encode() for n in range(10_000)]
    load = Load(process.url, TOKEN, bodies, connections=128, rate=2_000)

    async def interrupted() -> None:
        async def reached(count: int) -> None:
            while len(load.acknowledged) < count:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.01)

        await reached(3_000)
        await asyncio.to_thread(own_kafka.restart, kill=True, down_s=2)
        await reached(6_500)
        await asyncio.to_thread(process.end, signal.SIGKILL)
        await asyncio.to_thread(process.start)

    async def run() -> list[Found]:
        async with asyncio.timeout(240):
            await asyncio.gather(load.run(), interrupted())
        # Here: the broker dies with the thread that started it, and that ends with the loop.
        return everything(own_kafka.bootstrap, "clickstream")

    try:
        found = asyncio.run(run())
    finally:
        code = process.end()
    assert code == 0, process.log.read_text()[-2_000:]
    written = Counter(each.event["event_id"] for each in found)
    lost = {f"e-{n}" for n in range(len(bodies))} - written.keys()
    assert not lost, f"{len(lost)} of {len(bodies)} that were acknowledged"
    assert load.statuses.keys() <= {200, 503, 0}
    assert load.statuses[503], "Kafka was never away"
    assert load.statuses[0], "the intake was never away"

    counts: Counter[str] = Counter()
    for partition in range(4):
        shard = Shard(Definitions(), partition, 4)
        mine = [each for each in found if each.partition == partition]
        records = [Record(n, at_ms, each.key, each.value) for n, each in enumerate(mine)]
        shard.ingest("clickstream", records)
        counts += Counter(shard.counts()["clickstream"])
    assert counts["in"] == len(found)
    assert counts["accepted"] == len(bodies)
    assert counts["duplicate"] == len(found) - len(bodies)
