"""Topics are there, equal in number, compacted where they hold state; else it is said what to do."""

from __future__ import annotations

import asyncio
import base64
import json
from types import SimpleNamespace

import pytest

from kpi_windows.events import TOPICS
from streams import topics
from streams.topics import RefusedError, UnreachableError, dead_letter
from tests.kafka.broker import KafkaBroker, free_ports
from tests.streams.settings import settings_for


def _ensure(settings: object, *, create: bool = False) -> topics.Cluster:
    return asyncio.run(topics.ensure(settings, create=create, patience_s=15))


@pytest.mark.kafka
def test_what_is_missing_is_created_and_then_found(kafka: KafkaBroker, app_id: str) -> None:
    settings = settings_for(kafka, app_id)
    assert len(_ensure(settings, create=True).created) == len(TOPICS) + 4
    assert _ensure(settings).created == []


@pytest.mark.kafka
def test_a_worker_creates_nothing_on_its_own(kafka: KafkaBroker, app_id: str) -> None:
    with pytest.raises(RefusedError, match=rf"Missing in Kafka: .*{app_id}-carts.*`kpi topics`"):
        _ensure(settings_for(kafka, app_id))


@pytest.mark.kafka
def test_unequal_partition_counts_are_refused_by_name(kafka: KafkaBroker, app_id: str) -> None:
    kafka.create_topics([f"{app_id}-orders"], partitions=3)
    with pytest.raises(RefusedError, match=rf"`partitions` is 2, but {app_id}-orders has 3"):
        _ensure(settings_for(kafka, app_id), create=True)


@pytest.mark.kafka
def test_a_changelog_that_deletes_is_refused(kafka: KafkaBroker, app_id: str) -> None:
    kafka.create_topics([f"{app_id}-state"], partitions=2)  # cleanup.policy is delete by default
    with pytest.raises(RefusedError, match=rf"{app_id}-state holds state and must be compacted"):
        _ensure(settings_for(kafka, app_id), create=True)


def test_a_broker_that_does_not_answer_is_named() -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(UnreachableError, match=address):
        _ensure(settings_for(None, "app", bootstrap_servers=[address]))


def test_inputs_may_have_other_names_in_kafka() -> None:
    names = topics.Names.of(settings_for(None, "shop", topics=dict.fromkeys(TOPICS, "events")))
    assert names.inputs["forwarded"] == names.forwarded == "shop-forwarded"
    assert names.inputs["carts"] == "events"


def test_a_dead_letter_of_a_huge_message_is_cut_and_says_so() -> None:
    letter = SimpleNamespace(
        topic="carts",
        offset=1,
        outcome="rejected",
        reason="…",
        timestamp_ms=2,
        key=None,
        value=b"x" * 2_000_000,
    )
    told = json.loads(raw := dead_letter(0, letter))
    assert told["value_bytes"] == 2_000_000
    assert told["key_base64"] is None
    assert len(raw) < 1_500_000


def test_a_dead_letter_holds_all_that_a_broker_takes_by_default_and_stays_below_its_own_limit() -> (
    None
):
    letter = SimpleNamespace(
        topic="carts",
        offset=1,
        outcome="rejected",
        reason="…",
        timestamp_ms=2,
        key=b"\x01" * (64 << 10),
        value=b"\x01" * 1_048_500,
    )
    told = json.loads(raw := dead_letter(0, letter))
    assert base64.b64decode(told["value_base64"]) == letter.value
    assert told["key_text"] == letter.key.decode()
    assert len(raw) < 4 << 20
