"""What the engine relies on inside Faust, mode and aiokafka; each test names what to look at again.

The engine replaces commit, recovery and bookkeeping at Faust's plug-in points, so it depends on how
these libraries work inside. They are pinned; whoever moves a pin reads what has changed here first.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
from importlib.metadata import version
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.producer.transaction_manager import TransactionManager
from faust.transport.drivers import aiokafka as driver
from mode.services import ServiceTask

from streams import tables, transport

PINNED = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}

# Functions whose very steps matter, with the beginning of their source's SHA-256.
STEPS = {
    # who stops and resumes the flow, and who waits for commits in flight, in a rebalance
    "faust.app.base:App._on_partitions_revoked": "d5c895bbe57d",
    "faust.app.base:App._on_partitions_assigned": "de932b7927db",
    "faust.app.base:App._update_assignment": "39d9f315c122",
    "faust.app.base:App.on_rebalance_start": "5c1e23de3067",
    "faust.app.base:App.on_rebalance_end": "b7ff69e1e377",
    "faust.transport.consumer:Consumer.on_partitions_revoked": "d04b7ae72c6f",
    "faust.transport.consumer:Consumer.on_partitions_assigned": "29ce96596f05",
    "faust.transport.drivers.aiokafka:ConsumerRebalanceListener.on_partitions_revoked": "348c3aec879f",
    "faust.transport.drivers.aiokafka:ConsumerRebalanceListener.on_partitions_assigned": "1c1f8406ad36",
    "faust.tables.recovery:Recovery._resume_streams": "d986a6710c1a",  # ShardTables._go_on does the same
    "faust.tables.manager:TableManager.on_rebalance": "2d2c23a07bf5",
    "faust.tables.manager:TableManager._update_channels": "88e3941facc9",
    # how a message gets from the consumer to an agent
    "faust.transport.consumer:Consumer._drain_messages": "44a2500309e8",
    "faust.transport.consumer:Consumer._commit_handler": "4e5da5df0730",
    "faust.transport.conductor:ConductorCompiler.build": "837cf521368c",
    "faust.transport.conductor:Conductor._update_indices": "619b3247b96a",
    # how partitions of all topics stay together
    "faust.assignor.partition_assignor:PartitionAssignor._get_copartitioned_groups": "82b7a3764ad5",
    # what a crash calls
    "mode.services:Service.crash": "14980000465d",
    # where a batch comes from and what it covers
    "aiokafka.consumer.fetcher:FetchResult": "d7db13f06de8",
    "aiokafka.consumer.fetcher:PartitionRecords": "94aa0da0dbec",
    "aiokafka.consumer.fetcher:Fetcher.fetched_records": "be4348896b9b",
    "aiokafka.consumer.fetcher:Fetcher.seek_to": "f0ba6aba6c22",
    "aiokafka.consumer.group_coordinator:GroupCoordinator._on_join_complete": "0b0b3d204b40",
    # what a transaction's end means, and that errors come out
    "aiokafka.producer.sender:Sender._fail_all": "5a67e3b6f87b",
    "aiokafka.producer.sender:EndTxnHandler.handle_response": "89bd9721c28e",
    "aiokafka.producer.sender:InitPIDHandler.handle_response": "bdb0727aba5d",
    "aiokafka.producer.message_accumulator:MessageAccumulator.add_batch": "5ed1c5b1367a",
    "aiokafka.producer.producer:AIOKafkaProducer.commit_transaction": "c7f9677c8941",
}


def _named(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = inspect.getattr_static(found, part)
    return inspect.unwrap(found.fun) if isinstance(found, ServiceTask) else inspect.unwrap(found)


def digest(name: str) -> str:
    return hashlib.sha256(inspect.getsource(_named(name)).encode()).hexdigest()[:12]


@pytest.mark.parametrize(("package", "pinned"), PINNED.items())
def test_the_versions_are_those_that_the_engine_was_proven_with(package: str, pinned: str) -> None:
    assert version(package) == pinned, (
        "read STEPS below, then run `pytest -m chaos`, then move the pin"
    )


@pytest.mark.parametrize(("name", "pinned"), STEPS.items())
def test_the_steps_that_we_build_on_are_unchanged(name: str, pinned: str) -> None:
    assert digest(name) == pinned, f"{name} has changed: read what it does now, then pin it anew"


REPLACED = [
    (transport.Consumer, driver.Consumer),
    (transport.ConsumerThread, driver.AIOKafkaConsumerThread),
    (transport.RebalanceListener, driver.ConsumerRebalanceListener),
    (transport.Producer, driver.Producer),
    (tables.ShardTables, tables.TableManager),
    (tables.ShardTable, tables.Table),
    (tables.ShardStore, tables.Store),
]
OURS = {
    "thread", "run", "hold_all", "hold", "release", "fetch", "offsets", "reach", "counts", "topics_fit",
    "look", "_look", "is_ours",
    "names", "ingest", "tick", "rewind_stalled", "_go_on",
    "_complete", "_report", "_drop", "_forget", "_close", "_soon", "_settle", "_restore",
    "_untouched", "_reaches", "_seek", "_rewind", "settling",
}  # fmt: skip


@pytest.mark.parametrize(("own", "base"), REPLACED, ids=[own.__name__ for own, _ in REPLACED])
def test_what_we_override_still_exists(own: type, base: type) -> None:
    methods = {name for name, value in vars(own).items() if inspect.isfunction(value)}
    methods |= {name for name, value in vars(own).items() if isinstance(value, property)}
    gone = {name for name in methods - OURS if not hasattr(base, name)}
    assert not gone, f"{base.__qualname__} no longer has {gone}: who calls ours now?"


def test_a_fetched_record_is_made_where_we_put_ours() -> None:
    source = inspect.getsource(fetcher.PartitionRecords._unpack_records)
    assert "self._consumer_record(tp, record)" in source
    assert "_update_position" in inspect.getsource(fetcher.FetchResult.getall)


def test_only_a_fetch_error_can_raise_what_it_met() -> None:
    assert hasattr(fetcher.FetchError, "check_raise")
    assert not hasattr(fetcher.FetchResult, "check_raise")


def test_the_fetcher_has_what_we_drain() -> None:
    made = inspect.getsource(fetcher.Fetcher.__init__)
    for name in ("_records", "_subscriptions", "_wait_consume_future", "_closed"):
        assert f"self.{name} = " in made
    assert callable(fetcher.Fetcher._create_fetch_waiter)
    assert callable(fetcher.Fetcher._notify)


def test_a_producer_tells_whether_it_has_an_id() -> None:
    assert callable(TransactionManager.has_pid)


def test_topics_without_acks_are_left_out_of_fausts_bookkeeping() -> None:
    assert "if channel.acks:" in inspect.getsource(
        _named("faust.transport.conductor:Conductor._update_indices")
    )
