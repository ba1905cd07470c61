"""One contact with customer service, from the question to the rating."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from streams.simulator.chance import Choice, one_of, wait_ms
from streams.simulator.options import HOUR_MS, MINUTE_MS
from streams.simulator.stage import Moment, Person, Stage, Story

_AGENTS = {
    "first-line": ("Anouk", "Daan", "Mehmet", "Sofie"),
    "second-line": ("Ines", "Pieter"),
}
_CONCERNS = Choice({"delivery": 34, "return": 22, "product": 20, "payment": 12, "account": 12})
_PRIORITIES = Choice({"normal": 70, "high": 20, "urgent": 10})
_ANSWER_MS = {"chat": 3 * MINUTE_MS, "phone": MINUTE_MS, "email": 3 * HOUR_MS, "social": HOUR_MS}
_CSAT = Choice({5: 46, 4: 28, 3: 12, 2: 6, 1: 8})
_NPS = Choice({10: 30, 9: 22, 8: 16, 7: 12, 6: 6, 5: 5, 4: 3, 3: 2, 2: 1, 1: 1, 0: 2})


class Asked(NamedTuple):
    """Whose ticket, by which channel."""

    ticket_id: str
    key: bytes
    channel: str

    def says(self, kind: str, at_ms: int, **fields: Any) -> Moment:
        """An event of the ticket."""
        event = {"type": kind, "timestamp": at_ms, "ticket_id": self.ticket_id, **fields}
        return (at_ms, "tickets", self.key, event)


def ticket(
    stage: Stage,
    at_ms: int,
    channel: str,
    person: Person | None,
    product_id: str | None,
    *,
    known: bool,
) -> Story:
    """A ticket about a product or nothing special; `known` customers are named."""
    asked = _asked(stage, channel)
    fields: dict[str, Any] = {
        "channel": channel,
        "concern": _CONCERNS.of(stage.draw),
        "priority": _PRIORITIES.of(stage.draw),
    }
    if product_id is not None:
        fields["product_id"] = product_id
    if person is not None and known:
        fields["customer_id"] = person.customer_id
    if person is not None and person.device:
        fields["visitor_id"] = person.visitor_id
    yield asked.says("ticket_opened", at_ms, **fields)
    stage.truth.count("tickets_opened", at_ms)
    stage.truth.count(f"tickets_by_{channel}", at_ms)
    at_ms = yield from _is_handled(stage, asked, at_ms)
    while stage.draw() < 0.06:
        at_ms += wait_ms(stage.draw, 5 * HOUR_MS, 48 * HOUR_MS)
        yield asked.says("ticket_reopened", at_ms)
        stage.truth.count("tickets_reopened", at_ms)
        at_ms = yield from _is_solved(stage, asked, at_ms)
    yield from _is_rated(stage, asked, at_ms)


def _asked(stage: Stage, channel: str) -> Asked:
    ticket_id = f"t-{stage.number()}"
    return Asked(ticket_id, ticket_id.encode(), channel)


def _is_handled(stage: Stage, asked: Asked, at_ms: int) -> Generator[Moment, None, int]:
    draw, truth = stage.draw, stage.truth
    if asked.channel in ("email", "chat") and draw() < 0.3:
        yield asked.says("ticket_answered", at_ms + 2_000, author="bot")
    at_ms += 5_000 + wait_ms(draw, 20_000, MINUTE_MS)
    team = "first-line" if draw() < 0.85 else "second-line"
    agent = one_of(draw, _AGENTS[team])
    yield asked.says("ticket_reassigned", at_ms, team=team, employee=agent)
    mean_ms = _ANSWER_MS[asked.channel]
    if draw() < 0.2:
        at_ms += wait_ms(draw, mean_ms / 4, mean_ms)
        yield asked.says("ticket_answered", at_ms, author="person", public=False)
    at_ms += wait_ms(draw, mean_ms, 12 * mean_ms)
    yield asked.says("ticket_answered", at_ms, author="person", channel=asked.channel)
    truth.count("tickets_answered", at_ms)
    if draw() < 0.08:
        at_ms += wait_ms(draw, 20 * MINUTE_MS, 5 * HOUR_MS)
        yield asked.says("ticket_escalated", at_ms)
        truth.count("tickets_escalated", at_ms)
        agent = one_of(draw, _AGENTS["second-line"])
        yield asked.says("ticket_reassigned", at_ms + 1, team="second-line", employee=agent)
        at_ms += 1
    return (yield from _is_solved(stage, asked, at_ms))


def _is_solved(stage: Stage, asked: Asked, at_ms: int) -> Generator[Moment, None, int]:
    """Some words to and fro, perhaps on hold for a while, then resolved."""
    draw = stage.draw
    mean_ms = _ANSWER_MS[asked.channel]
    while draw() < 0.4:
        at_ms += wait_ms(draw, mean_ms, 20 * mean_ms)
        yield asked.says("ticket_answered", at_ms, author="customer", channel=asked.channel)
        stage.truth.count("customer_messages", at_ms)
        at_ms += wait_ms(draw, mean_ms, 20 * mean_ms)
        yield asked.says("ticket_answered", at_ms, author="person", channel=asked.channel)
    if draw() < 0.1:
        at_ms += 60_000
        yield asked.says("ticket_held", at_ms)
        at_ms += wait_ms(draw, 8 * HOUR_MS, 72 * HOUR_MS)
    at_ms += wait_ms(draw, 2 * mean_ms, 30 * mean_ms)
    yield asked.says("ticket_resolved", at_ms)
    stage.truth.count("resolutions", at_ms)
    return at_ms


def _is_rated(stage: Stage, asked: Asked, at_ms: int) -> Iterator[Moment]:
    draw, truth = stage.draw, stage.truth
    if draw() < 0.4:
        at_ms += wait_ms(draw, HOUR_MS, 20 * HOUR_MS)
        score = _CSAT.of(draw)
        yield asked.says("ticket_rated", at_ms, survey="csat", score=score)
        truth.count("csat_answers", at_ms)
        if draw() < 0.05:
            at_ms += wait_ms(draw, HOUR_MS, 20 * HOUR_MS)
            score = _CSAT.of(draw)
            yield asked.says("ticket_rated", at_ms, survey="csat", score=score)
    if draw() < 0.15:
        at_ms += wait_ms(draw, HOUR_MS, 20 * HOUR_MS)
        score = _NPS.of(draw)
        yield asked.says("ticket_rated", at_ms, survey="nps", score=score)
        truth.count("nps_answers", at_ms)
