"""Every way in that bytes of strangers have, by name: a module each."""

from __future__ import annotations

from importlib import import_module

from tests.fuzz.target import Target

NAMES = ("events", "shard", "changelog", "files", "formulas", "intake", "vendors", "exporter")


def target(name: str) -> Target:
    """The target of a name; what it needs is imported now, so that only this is instrumented."""
    found: Target = import_module(f"tests.fuzz.targets.{name}").TARGET
    return found
