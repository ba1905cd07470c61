"""Playing a shop: as fast as it goes, or in step with a clock that is handed in.

It must not know where messages go: `send` takes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from streams.simulator.options import Message, ShopOptions
from streams.simulator.shop import Shop
from streams.simulator.truth import Truth

_NAP_SECONDS = 0.05
"""The longest sleep, so that `stop` is asked often enough."""


@dataclass(frozen=True)
class SimulateOptions:
    """A span of a shop's life and how to play it."""

    start_ms: int
    end_ms: int | None = None
    """Absent: for ever, so only with `live`."""
    seed: int = 1
    shop: ShopOptions = field(default_factory=ShopOptions)
    live: bool = False
    """What has arrived by now goes out at once, the rest when its time comes."""
    speed: float = 1.0
    """With `live`: how many seconds of the shop's life pass in one, counted from the first call."""
    truth_file: Path | None = None
    """Where the counts known by construction go, as JSON."""


def paced(
    messages: Iterator[Message],
    *,
    now_ms: Callable[[], int],
    sleep: Callable[[float], None],
    speed: float = 1.0,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Message]:
    """Each message no sooner than its arrival; what is overdue goes out at once.

    With a `speed` other than 1 the shop's clock starts at now and runs that much faster.
    """
    began_ms = now_ms()
    for message in messages:
        due_ms = began_ms + (message.arrival_ms - began_ms) / speed
        while (ahead_ms := due_ms - now_ms()) > 0:
            if stop():
                return
            sleep(min(ahead_ms / 1000, _NAP_SECONDS))
        if stop():
            return
        yield message


def simulate(
    options: SimulateOptions,
    *,
    send: Callable[[Message], None],
    now_ms: Callable[[], int],
    sleep: Callable[[float], None],
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[str], None] = lambda _: None,
) -> Truth:
    """Play a span through `send` and return (and perhaps write) what is true of it."""
    if options.end_ms is None and not options.live:
        raise ValueError("a shop that is played as fast as it goes needs an end")
    shop = Shop(options.seed, options.shop)
    messages = shop.events(options.start_ms, options.end_ms)
    if options.live:
        messages = paced(messages, now_ms=now_ms, sleep=sleep, speed=options.speed, stop=stop)
    sent = 0
    for message in messages:
        send(message)
        sent += 1
        if stop():
            break
    report(f"{sent:,} messages sent")
    if options.truth_file is not None:
        text = json.dumps(shop.truth.as_json(), indent=1)
        options.truth_file.write_text(text + "\n", encoding="utf-8")
        report(f"truth written to {options.truth_file}")
    return shop.truth


def line_of(message: Message) -> bytes:
    """The message as a line that `kpi compute` reads: the event with its topic.

    >>> line_of(Message("carts", b"v", b'{"type":"clock","timestamp":1}', 1, 1))
    b'{"topic":"carts","type":"clock","timestamp":1}'
    """
    return b'{"topic":"' + message.topic.encode() + b'",' + message.value[1:]
