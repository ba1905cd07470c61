"""A simulated shop whose events follow from a seed, with the truth that it made."""

from __future__ import annotations

from streams.simulator.options import Message, ShopOptions
from streams.simulator.play import SimulateOptions, line_of, paced, simulate
from streams.simulator.shop import Shop
from streams.simulator.truth import Truth

__all__ = [
    "Message",
    "Shop",
    "ShopOptions",
    "SimulateOptions",
    "Truth",
    "line_of",
    "paced",
    "simulate",
]
