"""Feeding lines of JSON into Kafka: what is sent, what is refused, and where a cut run goes on."""

from __future__ import annotations

import gzip
import io
import json
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kpi_windows.events import TOPICS
from kpi_windows.keys import partition_of
from streams.broker import EmbeddedBroker
from streams.feed import FeedOptions, FeedResult, feed, look
from streams.intake.resume import Resume
from streams.intake.sources import RawLine, SourceError
from streams.producer import ProducerOptions, Sender, SendError
from streams.topics import RefusedError, UnreachableError
from tests.kafka.broker import KafkaBroker
from tests.streams.readback import everything

AT = 1_704_067_200_000


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


def view(number: int, **more: Any) -> dict[str, Any]:
    event = {"type": "page_viewed", "timestamp": AT + number, "visitor_id": f"v{number % 7}"}
    return {**event, **more}


def write(path: Path, *lines: Any) -> Path:
    told = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    path.write_bytes(b"".join(line + b"\n" for line in told))
    return path


def run(
    broker: EmbeddedBroker, file: Path | None, topic: str | None = "clickstream", **more: Any
) -> tuple[FeedResult, list[str]]:
    said: list[str] = []
    options = FeedOptions(file, topic, progress=False, **more)
    result = feed(options, ProducerOptions([broker.bootstrap]), report=said.append)
    return result, said


def test_events_arrive_once_under_their_keys_partition_and_in_order(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.jsonl", *(view(n, event_id=f"e{n}") for n in range(3_000)))
    result, said = run(broker, file)
    found = everything(broker.bootstrap, "clickstream")
    assert (result.lines, result.sent, result.bad, said) == (3_000, 3_000, 0, [])
    assert Counter(f.event["event_id"] for f in found) == {f"e{n}": 1 for n in range(3_000)}
    for record in found:
        assert record.key == record.event["visitor_id"].encode()
        assert record.partition == partition_of(record.key, 4)
    for partition in range(4):
        times = [f.event["timestamp"] for f in found if f.partition == partition]
        assert times == sorted(times)


def test_equal_lines_are_separate_events_with_ids_from_source_and_line(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.jsonl", view(1), view(1), view(1, event_id=None), view(1))
    result, _ = run(broker, file)
    ids = [f.event["event_id"] for f in everything(broker.bootstrap, "clickstream")]
    assert result.ids_derived == 4
    assert len(set(ids)) == 4
    assert [event_id.rpartition(":")[2] for event_id in ids] == ["1", "2", "3", "4"]
    run(broker, file, restart=True)
    again = [f.event["event_id"] for f in everything(broker.bootstrap, "clickstream")]
    assert again == ids * 2


def test_bad_lines_are_told_by_number_and_reason_and_not_sent(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "a.jsonl",
        view(1),
        b"{not json",
        b"",
        {"type": "page_viewed", "timestamp": AT},
        b'\xff\xfe{"type"',
        {"type": "clock", "timestamp": AT},
        view(2),
    )
    result, said = run(broker, file)
    assert (result.sent, result.bad) == (2, 4)
    assert [line.split(": ", 1)[0] for line in said] == [f"a.jsonl:{n}" for n in (2, 4, 5, 6)]
    assert "visitor_id" in said[1]
    assert len(everything(broker.bootstrap, "clickstream")) == 2


def test_bad_lines_are_sent_as_they_are_when_asked_for(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.jsonl", view(1), b"{not json")
    result, _ = run(broker, file, keep_bad=True)
    assert (result.sent, result.bad) == (2, 1)
    assert b"{not json" in [f.value for f in everything(broker.bootstrap, "clickstream")]


def test_only_some_bad_lines_are_told_one_by_one(broker: EmbeddedBroker, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", view(1), *[b"?"] * 50)
    result, said = run(broker, file, shown_bad=3)
    assert result.bad == 50
    assert said[3:] == ["… and 47 more bad lines"]


def test_a_huge_line_is_bad_and_the_next_one_is_not(broker: EmbeddedBroker, tmp_path: Path) -> None:
    huge = view(1, padding="x" * 9_000_000)
    large = view(2, padding="x" * 1_500_000)
    file = write(tmp_path / "a.jsonl", huge, large, view(3))
    result, said = run(broker, file)
    assert (result.sent, result.bad) == (1, 2)
    assert "a line of more than" in said[0]
    assert "larger than a message may be" in said[1]


def test_a_file_that_was_fed_is_not_fed_again_and_its_new_lines_are(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.jsonl", *map(view, range(10)))
    run(broker, file)
    result, said = run(broker, file)
    assert (result.sent, result.before) == (0, 10)
    assert "goes on after line 10" in said[0]
    with file.open("ab") as more:
        more.write(json.dumps(view(11)).encode() + b"\n")
    assert run(broker, file)[0].sent == 1
    assert len(everything(broker.bootstrap, "clickstream")) == 11


def test_a_last_line_that_is_still_being_written_is_read_again(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    whole = json.dumps(view(2)).encode()
    file = write(tmp_path / "a.jsonl", view(1))
    with file.open("ab") as more:
        more.write(whole[:20])
    assert run(broker, file)[0].bad == 1
    with file.open("ab") as more:
        more.write(whole[20:] + b"\n")
    assert (run(broker, file)[0].sent, run(broker, file)[0].sent) == (1, 0)


def test_another_cluster_has_seen_nothing_yet(broker: EmbeddedBroker, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", *map(view, range(10)))
    run(broker, file)
    with EmbeddedBroker() as other:
        assert run(other, file)[0].sent == 10


def test_a_run_that_was_cut_off_goes_on_and_nothing_is_lost(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a.jsonl", *map(view, range(12_000)))
    really = Sender.send

    def breaks(self: Sender, *args: Any, **more: Any) -> None:
        if self.sent == 9_000:
            raise SendError("cut")
        really(self, *args, **more)

    monkeypatch.setattr(Sender, "send", breaks)
    with pytest.raises(SendError):
        run(broker, file)
    monkeypatch.setattr(Sender, "send", really)
    result, _ = run(broker, file)
    assert 0 < result.before <= 9_000
    found = Counter(f.event["event_id"] for f in everything(broker.bootstrap, "clickstream"))
    assert len(found) == 12_000  # what came twice has the same id


def test_lines_may_name_their_own_topic_and_packed_files_are_read(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    opened = {"topic": "tickets", "type": "ticket_opened", "timestamp": AT, "ticket_id": "t1"}
    lines = [view(1, topic="clickstream"), opened, view(2), {**opened, "topic": "ticket"}]
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines)))
    result, said = run(broker, file, topic=None)
    assert (result.sent, result.bad) == (2, 2)
    assert "no topic given" in said[0]
    assert "did you mean tickets?" in said[1]
    assert [f.key for f in everything(broker.bootstrap, "tickets")] == [b"t1"]


def test_a_packed_file_that_ends_in_the_middle_gives_what_it_has(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    whole = gzip.compress(b"".join(json.dumps(view(n)).encode() + b"\n" for n in range(5_000)))
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(whole[: len(whole) // 2])
    result, said = run(broker, file)
    assert 0 < result.sent < 5_000
    assert any("ends in the middle" in line for line in said)


def test_standard_input_is_fed_too(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(json.dumps(view(1)).encode())

    monkeypatch.setattr("sys.stdin", Stdin)
    assert run(broker, None)[0].sent == 1


def test_the_end_is_told_to_every_partition(broker: EmbeddedBroker, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", view(1))
    result, _ = run(broker, file, end_at_ms=AT + 5)
    clocks = [f for f in everything(broker.bootstrap, "clickstream") if b"clock" in f.value]
    assert result.clocks == 4
    assert [f.partition for f in clocks] == [0, 1, 2, 3]
    assert all(f.event == {"type": "clock", "timestamp": AT + 5} for f in clocks)


def test_logical_topics_may_have_other_names_in_kafka(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.jsonl", view(1))
    options = ProducerOptions([broker.bootstrap], topics={"clickstream": "shop.clicks"})
    feed(FeedOptions(file, "clickstream", progress=False), options)
    assert len(everything(broker.bootstrap, "shop.clicks")) == 1


def test_an_unknown_topic_names_the_nearest(broker: EmbeddedBroker, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean clickstream"):
        run(broker, write(tmp_path / "a.jsonl"), topic="clickstreams")


def test_a_missing_file_and_a_missing_broker_are_said_plainly(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="No such file"):
        run(broker, tmp_path / "none.jsonl")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UnreachableError, match="no broker answers at 127"):
            Sender(ProducerOptions([address]))


@pytest.mark.kafka
def test_a_missing_topic_is_said_plainly_and_a_real_broker_takes_the_rest(
    kafka: KafkaBroker, app_id: str
) -> None:
    kafka.create_topics([f"{app_id}-orders"])
    topics = {name: f"{app_id}-{name}" for name in TOPICS}
    options = ProducerOptions([kafka.bootstrap], topics=topics, connect_timeout_s=2)
    with Sender(options) as sender:
        with pytest.raises(RefusedError, match=f"{app_id}-carts.*knows no such topic"):
            sender.send("carts", b"v", b"{}")
        sender.send("orders", b"o", b"{}")
    assert [f.value for f in everything(kafka.bootstrap, f"{app_id}-orders")] == [b"{}"]


def test_every_topic_takes_clocks(broker: EmbeddedBroker) -> None:
    with Sender(ProducerOptions([broker.bootstrap])) as sender:
        assert sender.send_clocks(TOPICS, AT) == 4 * len(TOPICS)
    assert sender.acknowledged == sender.sent == 4 * len(TOPICS)


def test_the_state_is_written_about_once_a_second_and_at_the_end(tmp_path: Path) -> None:
    clock = iter([0.0, 0.5, 1.2, 1.2, 1.3, 1.4, 1.5])
    resume = Resume(tmp_path / "state.json", monotonic=lambda: next(clock))
    resume.reached(5)
    assert not (tmp_path / "state.json").exists()
    resume.reached(7)
    assert Resume(tmp_path / "state.json").done == 7
    resume.reached(9)
    assert Resume(tmp_path / "state.json").done == 7
    resume.save()
    assert Resume(tmp_path / "state.json").done == 9
    assert Resume(tmp_path / "state.json", restart=True).done == 0


def test_a_line_of_a_topic_that_is_switched_off_is_bad() -> None:
    value = b'{"topic": "production", "type": "clock"}'
    (ready,) = look([RawLine(1, value, cut=False, ended=True)], None, "a.jsonl", ("orders",))
    assert ready.reason == "topic 'production' is switched off in [topics]"
