"""The engine's own rules, as transcripts: what comes in, what becomes of it, how far time has come.

Times are minutes after a Tuesday's midnight, as in `page(12)`; lateness is 10 minutes and the
skew into the future 5, as by default.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.codec import CHECKPOINT, FORMAT, Checkpoint, pack_checkpoint, unpack_checkpoint
from kpi_windows.compatibility import DefinitionsChanged, StateDamagedError
from kpi_windows.definitions import HOUR_MS, MINUTE_MS, Definitions, Rate
from kpi_windows.engine import FORWARDED, OUTCOMES, Cut, Record, Shard
from kpi_windows.events import LATEST_MS
from kpi_windows.keys import partition_of
from kpi_windows.routes import PLURALS
from kpi_windows.view import View
from tests.oracle.spoil import HOSTILE

MAIN = ("clickstream", "carts", "orders", "tickets")
"""The topics of a shop that sells and serves."""
T0 = 1_709_596_800_000
LATE_MS = 10 * MINUTE_MS
SKEW_MS = 5 * MINUTE_MS


def at(minute: float) -> int:
    return T0 + round(minute * MINUTE_MS)


def event(kind: str, minute: float, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": at(minute), **fields}


def page(minute: float, visitor: str = "v", **fields: Any) -> dict[str, Any]:
    return event("page_viewed", minute, visitor_id=visitor, **fields)


def add(minute: float, visitor: str = "v", **fields: Any) -> dict[str, Any]:
    return event("product_added", minute, visitor_id=visitor, **fields)


def order(minute: float, order_id: str = "o", **fields: Any) -> dict[str, Any]:
    line = {"product_id": "tea", "price": "10"}
    return event("order_completed", minute, order_id=order_id, products=[line], **fields)


def opened(minute: float, ticket: str = "t", **fields: Any) -> dict[str, Any]:
    return event("ticket_opened", minute, ticket_id=ticket, **fields)


def clock(minute: float) -> dict[str, Any]:
    return event("clock", minute)


class Talk:
    """One shard, told events one by one, and a view of what it commits."""

    def __init__(
        self, definitions: Definitions | None = None, partition: int = 0, partitions: int = 1
    ) -> None:
        self.definitions = definitions or Definitions()
        self.shard = Shard(self.definitions, partition, partitions, MAIN)
        self.view = View(self.definitions)

    def say(self, topic: str, *events: dict[str, Any] | bytes | None, stamp: float = 0) -> str:
        """One batch, `stamp` minutes after midnight by Kafka (0: as if none); what became of it."""
        before = {name: dict(counts) for name, counts in self.shard.counts().items()}
        offset = self.shard.positions.get(topic, 0)
        stamp_ms = at(stamp) if stamp else -1
        records = [Record(offset + n, stamp_ms, b"", _bytes(each)) for n, each in enumerate(events)]
        self.shard.ingest(topic, records)
        now = self.shard.counts()
        became = [f"{now[topic][o] - before[topic][o]} {o}" for o in OUTCOMES]
        sent_on = now[FORWARDED]["misrouted"] - before[FORWARDED]["misrouted"]
        became.append(f"{sent_on} misrouted")
        return ", ".join(each for each in became if not each.startswith("0 "))

    def clocks(self, minute: float) -> None:
        for topic in MAIN:
            self.say(topic, clock(minute))

    @property
    def minute(self) -> float | None:
        """The watermark."""
        at_ms = self.shard.watermark_ms
        return None if at_ms is None else (at_ms - T0) / MINUTE_MS

    def cut(self) -> Cut:
        cut = self.shard.cut()
        assert cut is not None
        self.view.apply(self.shard.partition, cut.panes, cut.checkpoint)
        return cut

    def value(self, kpi: str, name: str = "default") -> float | None:
        """Of the whole Tuesday, as of the last commit."""
        cut = self.shard.cut()
        if cut is not None:
            self.view.apply(self.shard.partition, cut.panes, cut.checkpoint)
        whole = at(24 * 60 - 1)
        [value] = self.view.evaluate(CATALOGUE[kpi], "day", at_ms=whole, definition=name)
        return value.value

    def reasons(self) -> list[tuple[str, str]]:
        return [(letter.outcome, letter.reason) for letter in self.cut().dead_letters]


def _bytes(each: dict[str, Any] | bytes | None) -> bytes | None:
    return json.dumps(each).encode() if isinstance(each, dict) else each


# ---------------------------------------------------------------------------- how far time has come


def test_time_has_come_as_far_as_the_slowest_input() -> None:
    talk = Talk()
    for topic, minute in (("clickstream", 30), ("carts", 25), ("orders", 20)):
        talk.say(topic, clock(minute))
        assert talk.minute is None  # nothing was heard of tickets yet
    talk.say("tickets", clock(40))
    assert talk.minute == 20
    talk.say("orders", clock(50))
    assert talk.minute == 25


def test_time_never_goes_back() -> None:
    talk = Talk()
    talk.clocks(30)
    talk.say("clickstream", page(25), clock(21))
    assert talk.minute == 30


def test_a_clock_record_is_accepted_and_counts_for_nothing_else() -> None:
    talk = Talk()
    talk.clocks(30)
    assert talk.say("clickstream", clock(31)) == "1 accepted"
    assert talk.value("visits") == 0


def test_an_input_without_events_holds_time_back_until_it_is_idle() -> None:
    talk = Talk()
    for topic in ("clickstream", "carts", "orders"):
        talk.say(topic, clock(30))
    talk.shard.tick(at(60), {"tickets"}, {"tickets": at(60) - 9_999})
    assert talk.minute is None
    talk.shard.tick(at(60), (), {"tickets": at(60) - 10_000})
    assert talk.minute is None  # not read to its end
    talk.shard.tick(at(60), {"tickets"}, {"tickets": at(60) - 10_000})
    assert talk.minute == 30


def test_an_idle_input_that_speaks_again_holds_time_back_again() -> None:
    talk = Talk()
    talk.clocks(30)
    idle = {"carts", "orders", "tickets"}
    talk.shard.tick(at(31), idle, dict.fromkeys(idle, at(30)))
    talk.say("clickstream", page(40))
    assert talk.minute == 40
    talk.say("carts", add(41))
    talk.say("clickstream", page(50))
    assert talk.minute == 41


def test_when_all_are_idle_the_clock_on_the_wall_carries_time_on() -> None:
    talk = Talk()
    talk.clocks(30)
    everything = set(MAIN)
    talk.shard.tick(at(60), everything, dict.fromkeys(MAIN, at(30)))
    assert talk.minute == 60 - 1 / 6  # less the ten seconds of idleness


def test_a_log_of_long_ago_stands_still() -> None:
    talk = Talk()
    talk.clocks(30)
    talk.shard.tick(at(30) + HOUR_MS, set(MAIN), dict.fromkeys(MAIN, 0))
    assert talk.minute == 30


# ---------------------------------------------------------------------------- late


#          lateness 10 min
#   20 |<------------------| 30
# late | accepted


@pytest.mark.parametrize(
    ("behind_ms", "became"), [(0, "1 accepted"), (LATE_MS, "1 accepted"), (LATE_MS + 1, "1 late")]
)
def test_an_event_is_late_when_it_is_behind_by_more_than_lateness(
    behind_ms: int, became: str
) -> None:
    talk = Talk()
    talk.clocks(30)
    late = page(30) | {"timestamp": at(30) - behind_ms}
    assert talk.say("clickstream", late) == became


def test_lateness_is_by_topic_and_by_the_watermark_of_the_partition() -> None:
    talk = Talk(Definitions(lateness_ms={"orders": HOUR_MS}))
    talk.clocks(100)
    assert talk.say("clickstream", page(60)) == "1 late"
    assert talk.say("orders", order(40)) == "1 accepted"
    assert talk.say("orders", order(39)) == "1 late"


def test_an_event_that_moves_time_judges_those_behind_it_in_the_same_batch() -> None:
    talk = Talk()
    talk.clocks(30)
    for topic in ("carts", "orders", "tickets"):
        talk.say(topic, clock(60))
    assert talk.say("clickstream", page(45), page(34), page(35)) == "2 accepted, 1 late"


def test_a_late_event_is_buried_whole_with_where_it_stood_and_why() -> None:
    talk = Talk()
    talk.clocks(30)
    talk.say("clickstream", page(29), page(19))
    [letter] = talk.cut().dead_letters
    assert (letter.topic, letter.offset, letter.outcome) == ("clickstream", 2, "late")
    assert letter.reason == "60000 ms older than what the topic's lateness allows"
    assert letter.value == _bytes(page(19))
    assert talk.value("visits") == 1


# ---------------------------------------------------------------------------- future


@pytest.mark.parametrize(
    ("ahead_ms", "became"), [(SKEW_MS, "1 accepted"), (SKEW_MS + 1, "1 future")]
)
def test_an_event_is_of_the_future_by_the_timestamp_of_its_record(
    ahead_ms: int, became: str
) -> None:
    talk = Talk()
    early = page(0) | {"timestamp": at(30) + ahead_ms}
    assert talk.say("clickstream", early, stamp=30) == became


def test_what_is_of_the_future_moves_no_time() -> None:
    talk = Talk()
    talk.clocks(30)
    assert talk.say("clickstream", page(300), stamp=31) == "1 future"
    assert talk.say("clickstream", page(31), stamp=31) == "1 accepted"
    for topic in ("carts", "orders", "tickets"):
        talk.say(topic, clock(90))
    assert talk.minute == 31


def test_it_is_of_the_future_whatever_was_heard_before() -> None:
    talk = Talk()
    talk.say("clickstream", page(100), stamp=100)
    assert talk.say("clickstream", page(90), stamp=80) == "1 future"


def test_records_without_a_timestamp_have_no_future() -> None:
    assert Talk().say("clickstream", page(10**6), stamp=0) == "1 accepted"


# ---------------------------------------------------------------------------- duplicates


def test_the_same_id_under_the_same_topic_and_key_counts_once() -> None:
    talk = Talk()
    talk.clocks(0)
    assert talk.say("clickstream", page(1, event_id="a"), page(1, event_id="a")) == (
        "1 accepted, 1 duplicate"
    )
    assert talk.say("clickstream", page(5, event_id="a", page="/other")) == "1 duplicate"
    assert talk.value("pages_per_visit", "page_views") == 1


@pytest.mark.parametrize(
    ("topic", "other"),
    [
        ("clickstream", page(2, "another", event_id="a")),
        ("carts", add(2, event_id="a")),
        ("orders", order(2, event_id="a")),
        ("tickets", opened(2, event_id="a")),
    ],
)
def test_the_same_id_under_another_topic_or_key_is_another_event(
    topic: str, other: dict[str, Any]
) -> None:
    talk = Talk()
    talk.say("clickstream", page(1, event_id="a"))
    assert talk.say(topic, other) == "1 accepted"


def test_an_event_without_an_id_is_never_a_duplicate() -> None:
    talk = Talk()
    talk.clocks(0)
    assert talk.say("clickstream", page(1), page(1)) == "2 accepted"
    assert talk.value("pages_per_visit", "page_views") == 2


def test_an_id_is_known_until_a_copy_would_be_too_late() -> None:
    talk = Talk()
    talk.clocks(0)
    talk.say("clickstream", page(20, event_id="a"))
    for minute in (25, 30):
        talk.clocks(minute)
        talk.cut()
        assert talk.say("clickstream", page(20, event_id="a")) == "1 duplicate"
    talk.clocks(31)
    talk.cut()
    assert talk.say("clickstream", page(20, event_id="a")) == "1 late"


def test_an_order_that_is_completed_twice_counts_once() -> None:
    talk = Talk()
    talk.clocks(0)
    assert talk.say("orders", order(1, event_id="a"), order(2, event_id="b")) == (
        "1 accepted, 1 duplicate"
    )
    for minute in range(10, 1_400, 300):  # also when its ids are long forgotten
        talk.clocks(minute)
        talk.cut()
        assert talk.say("orders", order(minute, event_id=f"c{minute}")) == "1 duplicate"
    assert talk.value("transactions") == 1


# ---------------------------------------------------------------------------- who and what counts


@pytest.mark.parametrize("mark", ["is_bot", "is_test"])
def test_bots_and_tests_are_accepted_and_kept_out(mark: str) -> None:
    talk = Talk()
    talk.clocks(0)
    marked = {mark: True}
    assert talk.say("clickstream", page(1, **marked), page(2)) == "2 accepted"
    assert talk.say("orders", order(2, visitor_id="v", customer_id="c", **marked)) == "1 accepted"
    assert talk.say("tickets", opened(3, visitor_id="v", **marked)) == "1 accepted"
    assert talk.value("pages_per_visit", "page_views") == 1
    assert [talk.value(kpi) for kpi in ("transactions", "conversion_rate")] == [0, 0]
    assert talk.value("concern_classification") == 0


def test_an_unknown_currency_is_rejected_and_says_which_are_known() -> None:
    rates = {"USD": (Rate(at(10), Fraction(9, 10)),)}
    talk = Talk(Definitions(rates=rates))
    talk.clocks(5)
    assert talk.say("orders", order(11, "a", currency="GBP")) == "1 rejected"
    assert talk.say("orders", order(9, "b", currency="USD")) == "1 rejected"  # no rate yet
    assert talk.say("orders", order(11, "c", currency="USD")) == "1 accepted"
    assert talk.say("carts", add(11, currency="GBP")) == "1 rejected"
    assert [outcome for outcome, _ in talk.reasons()] == ["rejected"] * 3
    assert talk.value("sales") == 9


def test_hostile_bytes_are_rejected_one_by_one_and_cost_their_neighbours_nothing() -> None:
    for topic, good in (
        ("clickstream", page(1)),
        ("carts", add(1)),
        ("orders", order(1)),
        ("tickets", opened(1)),
    ):
        talk = Talk()
        mixed = [each for bad in HOSTILE for each in (bad, good)]
        if topic == "orders":
            mixed = [*HOSTILE, good, *HOSTILE]
        became = talk.say(topic, *mixed)
        letters = talk.cut().dead_letters
        assert [letter.value for letter in letters] == [b for b in mixed if not isinstance(b, dict)]
        assert all(letter.outcome == "rejected" and letter.reason for letter in letters)
        count = len(mixed) - len(letters)
        assert became == f"{count} accepted, {len(letters)} rejected"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "null value: expected a JSON object"),
        (b"", "empty value: expected a JSON object"),
        (b"{", "not JSON"),
        (b'{"type": "page_viewed", "more": ' + b"[" * 20_000, "nested too deeply"),
        (b"[" * 20_000, "Expected `object`, got `array`"),
        (b'{"type": "clock", "timestamp": 5}', "between 1990 and 2100"),
        (b'{"type": "sale", "timestamp": 5}', "takes the types"),
        (_bytes(page(1) | {"visitor_id": 7}), "$.visitor_id"),
        (_bytes(page(1) | {"schema_version": 2}), "schema_version 1"),
    ],
)
def test_a_rejection_says_what_was_expected(value: bytes | None, said: str) -> None:
    talk = Talk()
    talk.say("clickstream", value)
    [(_, reason)] = talk.reasons()
    assert said in reason


# ---------------------------------------------------------------------------- other partitions


def keys_of(partition: int, partitions: int = 2) -> Iterable[str]:
    keys = (f"k{number}" for number in range(1000))
    return (key for key in keys if partition_of(key.encode(), partitions) == partition)


def test_an_event_under_a_key_of_another_partition_is_sent_there_and_counts_there() -> None:
    here, there = Talk(partition=0, partitions=2), Talk(partition=1, partitions=2)
    stray = next(iter(keys_of(1)))
    assert here.say("clickstream", page(1, stray)) == "1 misrouted"
    [forward] = [f for f in here.cut().forwards if f.key]
    assert (forward.partition, forward.key) == (1, stray.encode())
    there.clocks(0)
    there.shard.ingest(FORWARDED, [Record(0, 0, forward.key, forward.value)])
    assert there.shard.counts()[FORWARDED]["arrived"] == 1
    assert there.shard.counts()["clickstream"]["accepted"] == 5 - 4 + 1  # a clock, and the page
    assert there.value("visits") == 1


def test_what_is_sent_on_was_judged_where_it_came_in() -> None:
    """There, time has come further; it counts all the same."""
    here, there = Talk(partition=0, partitions=2), Talk(partition=1, partitions=2)
    here.say("clickstream", page(1, next(iter(keys_of(1)))))
    forwards = [f for f in here.cut().forwards if f.key]
    there.clocks(200)
    there.shard.ingest(FORWARDED, [Record(0, 0, f.key, f.value) for f in forwards])
    assert there.value("visits") == 1


def test_an_order_reaches_its_visitor_and_its_customer_in_other_partitions() -> None:
    here, there = Talk(partition=0, partitions=2), Talk(partition=1, partitions=2)
    order_id = next(iter(keys_of(0)))
    visitor, customer, *_ = keys_of(1)
    there.clocks(0)
    there.say("clickstream", page(1, visitor))
    here.say("orders", order(2, order_id, visitor_id=visitor, customer_id=customer))
    forwards = [f for f in here.cut().forwards if f.key]
    assert {(f.partition, f.key) for f in forwards} == {
        (1, visitor.encode()),
        (1, customer.encode()),
    }
    assert here.shard.counts()[FORWARDED]["sent"] == 2
    there.shard.ingest(FORWARDED, [Record(n, 0, f.key, f.value) for n, f in enumerate(forwards)])
    assert there.shard.counts()[FORWARDED]["applied"] == 2
    assert there.value("conversion_rate") == 1
    assert there.value("new_vs_returning_orders") == 1


# ---------------------------------------------------------------------------- cuts and restore


def restored(talk: Talk, cuts: list[Cut], definitions: Definitions | None = None) -> Talk:
    other = Talk(definitions or talk.definitions)
    for cut in cuts:
        for table, changes in (("state", cut.state), ("panes", cut.panes)):
            for key, value in [*changes, (CHECKPOINT, cut.checkpoint)]:
                other.shard.load(table, key, value)
    other.shard.loaded()
    return other


def test_nothing_is_cut_when_nothing_has_changed() -> None:
    talk = Talk()
    assert talk.shard.cut() is None
    talk.say("clickstream", page(1))
    assert talk.shard.cut() is not None
    assert talk.shard.cut() is None
    talk.shard.tick(at(5), (), {})
    assert talk.shard.cut() is None


def test_a_cut_says_from_where_to_go_on() -> None:
    talk = Talk()
    talk.say("clickstream", page(1), b"no event", page(2))
    assert talk.cut().positions == {"clickstream": 3}


def test_whoever_restores_knows_what_was_known() -> None:
    talk = Talk()
    talk.clocks(0)
    talk.say("clickstream", page(1, event_id="a"))
    talk.say("orders", order(2, event_id="b", visitor_id="v"))
    cuts = [talk.cut()]
    talk.clocks(5)
    cuts.append(talk.cut())
    other = restored(talk, cuts)
    assert other.shard.positions == talk.shard.positions
    assert other.minute == 5
    assert other.shard.counts() == talk.shard.counts()
    for each in (talk, other):
        assert each.say("clickstream", page(1, event_id="a")) == "1 duplicate"
        assert each.say("orders", order(6, event_id="c")) == "1 duplicate"
        assert each.say("clickstream", page(31.5)) == "1 accepted"
    mine, theirs = talk.cut(), other.cut()
    assert sorted(mine.panes) == sorted(theirs.panes)
    assert sorted(mine.state) == sorted(theirs.state)


def test_no_name_makes_the_key_of_the_checkpoint() -> None:
    name = CHECKPOINT[1:].decode()
    talk = Talk()
    talk.say("clickstream", page(1, name))
    talk.say("orders", order(1, name, customer_id=name), order(1, customer_id=name))
    talk.say("tickets", opened(1, name))
    cut = talk.cut()
    assert CHECKPOINT not in {key for key, _ in cut.state}
    assert CHECKPOINT[:1].decode() not in PLURALS
    other = restored(talk, [cut])
    assert other.shard.sizes()["customers"] == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"zone": "Asia/Kolkata"},
        {"visit_gap_ms": 60_000},
        {"currency": "USD"},
        {"holidays": ("2024-05-01",)},
    ],
)
def test_state_of_other_definitions_is_refused(changed: dict[str, Any]) -> None:
    talk = Talk()
    talk.say("clickstream", page(1))
    with pytest.raises(DefinitionsChanged, match="replay"):
        restored(talk, [talk.cut()], replace(talk.definitions, **changed))


def test_how_long_to_wait_may_change() -> None:
    talk = Talk()
    talk.say("clickstream", page(1))
    changed = replace(talk.definitions, idle_ms=1, default_lateness_ms=HOUR_MS)
    assert restored(talk, [talk.cut()], changed).shard.positions == {"clickstream": 1}


def test_a_checkpoint_of_an_unknown_format_is_refused() -> None:
    talk = Talk()
    talk.say("clickstream", page(1))
    checkpoint = unpack_checkpoint(talk.cut().checkpoint)
    later = msgspec.structs.replace(checkpoint, format=FORMAT + 1)
    with pytest.raises(DefinitionsChanged, match=f"has format {FORMAT + 1}"):
        Talk().shard.load("state", CHECKPOINT, pack_checkpoint(later))


def test_a_checkpoint_of_a_later_format_is_refused_even_when_it_has_other_fields() -> None:
    later = msgspec.msgpack.encode({"format": FORMAT + 1, "positions": "elsewhere"})
    with pytest.raises(DefinitionsChanged, match=f"has format {FORMAT + 1}"):
        Talk().shard.load("state", CHECKPOINT, later)


@pytest.mark.parametrize("at_ms", [-1, LATEST_MS + 1, 1 << 62])
def test_a_checkpoint_tells_no_time_that_an_event_can_not_have(at_ms: int) -> None:
    """Else who reads it would ask for the days of the year 146 million."""
    with pytest.raises(ValueError, match="watermark_ms"):
        unpack_checkpoint(pack_checkpoint(Checkpoint(watermark_ms=at_ms)))


def test_state_made_with_another_number_of_partitions_is_refused() -> None:
    talk = Talk()
    talk.say("clickstream", page(1))
    checkpoint = talk.cut().checkpoint
    with pytest.raises(DefinitionsChanged, match="made with 1 partitions, now there are 2"):
        Shard(talk.definitions, 0, 2).load("state", CHECKPOINT, checkpoint)


@pytest.mark.parametrize("table", ["state", "panes"])
def test_a_state_of_which_something_is_missing_is_refused(table: str) -> None:
    talk = Talk()
    talk.say("clickstream", page(1), page(2, "somebody-else"))
    cut = talk.cut()
    whole = {"state": cut.state, "panes": cut.panes}
    with pytest.raises(StateDamagedError, match=r"has \d+ \w+ of \d+: a changelog was deleted"):
        restored(talk, [cut._replace(**{table: whole[table][1:]})])


def test_an_earlier_checkpoint_that_tells_no_counts_is_taken_as_it_is() -> None:
    talk = Talk()
    talk.say("clickstream", page(1))
    cut = talk.cut()
    told = msgspec.msgpack.decode(cut.checkpoint)
    del told["kept"], told["partitions"]
    earlier = cut._replace(checkpoint=msgspec.msgpack.encode(told))
    assert restored(talk, [earlier]).shard.positions == {"clickstream": 1}


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("state", lambda key, value: (key, value[:-3])),
        ("state", lambda key, value: (key, b"\0" * 8 + value[8:])),
        ("state", lambda key, value: (b"~" + key[1:], value)),
        ("state", lambda _key, value: (b"v\xff", value)),
        ("state", lambda _key, value: (b"", value)),
        ("panes", lambda key, value: (key, value[:-1])),
        ("panes", lambda key, value: (key[:-1], value)),
        ("panes", lambda _key, value: (b"rubbish", value)),
        ("panes", lambda key, _value: (key, b"\x90")),
        ("panes", lambda key, value: (key, value.replace(b"\x01", b"\xc0", 1))),
    ],
)
def test_bytes_that_no_shard_wrote_are_not_taken(table: str, change: Any) -> None:
    talk = Talk()
    talk.say("clickstream", page(1), page(2))
    cut = talk.cut()
    changes = {"state": cut.state, "panes": cut.panes}[table]
    (key, value) = next((k, v) for k, v in changes if v is not None and b"\x01" in v)
    with pytest.raises((LookupError, TypeError, ValueError)):
        Talk().shard.load(table, *change(key, value))


def test_a_topic_that_is_switched_off_holds_no_time_back_and_keeps_its_place() -> None:
    talk = Talk()
    talk.say("tickets", opened(1), clock(2))
    cut = talk.cut()
    few = Shard(talk.definitions, 0, 1, ("clickstream", "orders"))
    for table, changes in (("state", cut.state), ("panes", cut.panes)):
        for key, value in changes:
            few.load(table, key, value)
    few.load("state", CHECKPOINT, cut.checkpoint)
    few.loaded()
    for topic in ("clickstream", "orders"):
        few.ingest(topic, [Record(0, -1, b"", _bytes(clock(5)))])
    assert few.watermark_ms == at(5)
    after = few.cut()
    assert after is not None
    assert after.positions == {"tickets": 2, "clickstream": 1, "orders": 1}
