"""What the stories of a shop share: chance, numbers for ids, people, truth, and a place to start.

A *story* is a generator of moments in order of time; the shop plays all stories side by side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from random import Random
from typing import Any

from streams.simulator.books import Books
from streams.simulator.chance import Draw
from streams.simulator.options import ShopOptions
from streams.simulator.truth import Truth

Moment = tuple[int, str, bytes, dict[str, Any]]
"""When, and what is sent: topic, key, event.  An empty topic just waits."""
Story = Iterator[Moment]

_REGULARS = 0.35
"""The share of those who come again that bought before."""

_NOTHING: dict[str, Any] = {}


def until(at_ms: int) -> Moment:
    """Nothing, until a time: what follows in the story happens then."""
    return (at_ms, "", b"", _NOTHING)


class Person:
    """Somebody with a browser."""

    __slots__ = ("bought", "customer_id", "device", "free_ms", "visited", "visitor_id")

    def __init__(self, number: str, device: str) -> None:
        self.visitor_id = f"v-{number}"
        self.customer_id = f"c-{number}"
        self.device = device
        self.visited = False
        self.bought = False
        self.free_ms = 0


class Stage:
    """The shop's one world."""

    def __init__(self, seed: int, options: ShopOptions, run: str) -> None:
        self.draw: Draw = Random(f"{seed}/stories").random
        self.aside: Draw = Random(f"{seed}/aside").random
        """For what visits, orders and tickets don't depend on, so that these stay as they are."""
        self.books = Books()
        self.options = options
        self.run = run
        self.truth = Truth()
        self.begun: list[Story] = []
        self._number = 0
        self._waiting: deque[Person] = deque()
        self._idle: list[Person] = []
        self._regulars: list[Person] = []

    def begin(self, story: Story) -> None:
        """Let another story run beside this one, from now on."""
        self.begun.append(story)

    def number(self) -> str:
        """A number for an id, never given twice."""
        self._number += 1
        return f"{self.run}-{self._number}"

    def rest(self, person: Person, free_ms: int) -> None:
        """The person may come again from then on; the oldest are forgotten when there are many."""
        person.free_ms = free_ms
        self._waiting.append(person)
        if len(self._waiting) + len(self._idle) + len(self._regulars) > self.options.people:
            self._waiting.popleft()

    def comes_again(self, at_ms: int) -> Person | None:
        """Somebody who was here before and isn't now."""
        waiting, idle, regulars = self._waiting, self._idle, self._regulars
        while waiting and waiting[0].free_ms <= at_ms:
            person = waiting.popleft()
            (regulars if person.bought else idle).append(person)
        if regulars and self.draw() < _REGULARS:
            idle = regulars
        if not idle:
            return None
        chosen = int(self.draw() * len(idle))
        idle[chosen], idle[-1] = idle[-1], idle[chosen]
        return idle.pop()
