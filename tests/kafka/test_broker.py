from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import confluent_kafka
import kafka as kafka_python
import pytest

from tests.kafka.broker import KafkaBroker, free_ports

pytestmark = pytest.mark.kafka


def _read_committed(bootstrap: str, topic: str, wanted: int) -> list[bytes]:
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{topic}-reader",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": False,
        }
    )
    consumer.subscribe([topic])
    values: list[bytes] = []
    deadline = time.monotonic() + 30
    try:
        while len(values) < wanted and time.monotonic() < deadline:
            messages = consumer.consume(100, timeout=0.2)
            values += [message.value() for message in messages if message.error() is None]
    finally:
        consumer.close()
    return values


def _transact(bootstrap: str, topic: str, values: list[bytes], *, commit: bool) -> None:
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": bootstrap, "transactional.id": f"{topic}-writer"}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value)
    producer.flush(30)
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def test_what_kafka_python_writes_it_reads_back(kafka: KafkaBroker, app_id: str) -> None:
    kafka.create_topics([app_id], partitions=1)
    producer = kafka_python.KafkaProducer(bootstrap_servers=kafka.bootstrap)
    for number in range(10):
        producer.send(app_id, key=b"k", value=b"%d" % number)
    producer.flush(30)
    producer.close()

    consumer = kafka_python.KafkaConsumer(
        app_id,
        bootstrap_servers=kafka.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=20_000,
    )
    values = [message.value for _, message in zip(range(10), consumer, strict=False)]
    consumer.close()
    assert values == [b"%d" % number for number in range(10)]


def test_a_reader_of_committed_records_never_sees_an_aborted_transaction(
    kafka: KafkaBroker, app_id: str
) -> None:
    kafka.create_topics([app_id], partitions=1)
    _transact(kafka.bootstrap, app_id, [b"aborted"] * 3, commit=False)
    _transact(kafka.bootstrap, app_id, [b"one", b"two"], commit=True)
    assert _read_committed(kafka.bootstrap, app_id, 2) == [b"one", b"two"]


def test_topics_are_never_created_by_accident(kafka: KafkaBroker, app_id: str) -> None:
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": kafka.bootstrap, "message.timeout.ms": 3000, "log_level": 0}
    )
    errors: list[str] = []
    producer.produce(app_id, b"x", on_delivery=lambda error, _: errors.append(error.name()))
    producer.flush(30)
    assert errors
    assert errors[0] in {"_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART", "_MSG_TIMED_OUT"}


@pytest.mark.slow
@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_a_restarted_broker_has_its_data_at_the_same_address(
    own_kafka: KafkaBroker, app_id: str, kill: bool
) -> None:
    own_kafka.create_topics([app_id], partitions=1)
    before = own_kafka.bootstrap
    _transact(own_kafka.bootstrap, app_id, [b"before"], commit=True)
    own_kafka.restart(kill=kill)
    assert own_kafka.bootstrap == before
    _transact(own_kafka.bootstrap, app_id, [b"after"], commit=True)
    assert _read_committed(own_kafka.bootstrap, app_id, 2) == [b"before", b"after"]


@pytest.mark.slow
def test_a_broker_dies_with_the_process_that_started_it(kafka: KafkaBroker, tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-m", "tests.kafka.broker"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"TMPDIR": str(tmp_path)},  # what it can't remove any more, pytest does
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    line = owner.stdout.readline()
    broker = int(line.split("pid ")[1].split(",")[0])
    owner.kill()
    owner.wait()
    owner.stdout.close()
    deadline = time.monotonic() + 10
    while _runs(broker):
        assert time.monotonic() < deadline, f"the broker {broker} outlived its owner"
        time.sleep(0.05)


def test_a_broker_that_cannot_start_shows_its_log() -> None:
    impossible = KafkaBroker(extra_properties={"num.io.threads": "none"})
    with pytest.raises(RuntimeError, match=r"num\.io\.threads"), impossible:
        pass


def test_free_ports_are_different() -> None:
    assert len(set(free_ports(20))) == 20


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
